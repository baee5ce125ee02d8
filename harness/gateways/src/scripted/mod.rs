//! Gateways that run a script in a Lua of their own, each arm's with the stream handle of Envoy: a thin layer of Lua
//! puts that handle on the gateway's own calls, `shim.lua` for what they share and a `handle.lua` for each.

mod bundle;
mod dialect;
mod launch;
mod port;
mod report;
mod running;

use tollgate_fixtures::Plugin;
use tollgate_hosts::Inspection;
use tollgate_record::{Failure, PluginKind};

pub(crate) use dialect::{Dialect, Plan, Site};

use crate::gateway::partition;
use crate::{Arm, Gateway, GatewayError, Options, Running};
use launch::launch;
use port::Port;
use report::{ArmReport, Report};
use running::RunningScripted;

/// A gateway that is run by its dialect.
#[derive(Debug)]
pub(crate) struct Scripted<D>(pub(crate) D);

impl<D: Dialect> Gateway for Scripted<D> {
    fn name(&self) -> &'static str {
        self.0.program().name
    }

    fn version(&self, _options: &Options) -> Result<String, GatewayError> {
        self.0.version(&self.0.program().find()?)
    }

    fn runs(&self, kind: PluginKind) -> bool {
        kind == PluginKind::Lua
    }

    fn objections(&self, plugin: &Plugin, found: &Inspection) -> Vec<String> {
        match found {
            Inspection::Lua(found) => self.objection(found.on_response).into_iter().collect(),
            _ => vec![format!("{} does not run {} plugins", self.name(), plugin.kind.name())],
        }
    }

    fn start(&self, arms: &[Arm], options: &Options) -> Result<Box<dyn Running>, GatewayError> {
        let binary = self.0.program().find()?;
        self.0.version(&binary)?;
        let (loaded, mut refused) = partition(self, arms);
        let ports = Port::for_arms(arms.len(), options)?;
        let start = |hooked: &[usize]| launch(&self.0, &binary, arms, &loaded, &ports, hooked, options);
        let mut launched = start(&[])?;
        refused.extend(loaded.iter().filter_map(|&arm| Some((arm, self.refusal(&arms[arm], &launched.first, arm)?))));
        // Only the script knows whether it wants responses, and where it does not, nobody shall pay for calling it.
        let is_refused = |arm: usize| refused.iter().any(|(refused, _)| *refused == arm);
        let wants = |arm: &usize| launched.first.of(*arm).is_some_and(|report| report.on_response) && !is_refused(*arm);
        let hooked: Vec<usize> = loaded.iter().copied().filter(wants).collect();
        if !hooked.is_empty() {
            drop(launched);
            launched = start(&hooked)?;
        }
        Ok(Box::new(RunningScripted::new(self.name(), launched, ports, refused)))
    }
}

impl<D: Dialect> Scripted<D> {
    /// Why it does not take a script that can be loaded.
    fn objection(&self, on_response: bool) -> Option<String> {
        self.0.response_objection().filter(|_| on_response).map(str::to_owned)
    }

    /// Why it does not run an arm's script, by what it said of it.
    fn refusal(&self, arm: &Arm, report: &Report, index: usize) -> Option<Failure> {
        let plugin = arm.plugin.as_ref()?;
        let name = self.name();
        let refused = |why: &str| {
            let message = format!("{name} refuses the plugin: {why}; `tollgate verify` shows what other hosts say");
            Some(Failure::plugin("start", message))
        };
        match report.of(index) {
            None => Some(Failure::environment("start", format!("{name} does not report on the arm; run again"))),
            Some(ArmReport { refusal: Some(why), .. }) => refused(why),
            Some(report) if !report.on_request && (plugin.workload_checked || !report.on_response) => {
                refused("it defines no function `envoy_on_request`, so it would do nothing and look fast; define it")
            }
            Some(report) => self.objection(report.on_response).and_then(|why| refused(&why)),
        }
    }
}
