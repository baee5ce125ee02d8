//! Gateways that run a script in a Lua of their own, each arm's with the stream handle of Envoy: a thin layer of Lua
//! puts that handle on the gateway's own calls, `shim.lua` for what they share and a `handle.lua` for each.

mod bundle;
mod dialect;
mod launch;
mod port;
mod report;
mod running;

use tollgate_fixtures::{HeaderPath, Plugin};
use tollgate_hosts::Inspection;
use tollgate_record::{Failure, PluginKind};

pub(crate) use dialect::{Dialect, Plan, Site};

use crate::gateway::partition;
use crate::{Arm, Gateway, GatewayError, Options, Running};
use launch::{Hooked, launch};
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
            Inspection::Lua(_) => Vec::new(),
            _ => vec![format!("{} does not run {} plugins", self.name(), plugin.kind.name())],
        }
    }

    fn start(&self, arms: &[Arm], options: &Options) -> Result<Box<dyn Running>, GatewayError> {
        let binary = self.0.program().find()?;
        self.0.version(&binary)?;
        let (loaded, mut refused) = partition(self, arms);
        let ports = Port::for_arms(arms.len(), options)?;
        let start = |hooked: &Hooked| launch(&self.0, &binary, arms, &loaded, &ports, hooked, options);
        let scripts = loaded.iter().copied().filter(|&arm| arms[arm].plugin.is_some());
        let mut launched = start(&Hooked { on_request: scripts.collect(), on_response: Vec::new() })?;
        refused.extend(loaded.iter().filter_map(|&arm| Some((arm, self.refusal(&arms[arm], &launched.first, arm)?))));
        // Only the script knows what it wants, and where it does not, nobody shall pay for calling it.
        let is_refused = |arm: usize| refused.iter().any(|(refused, _)| *refused == arm);
        let wanting = |wants: fn(&ArmReport) -> bool| -> Vec<usize> {
            let wants = |arm: &usize| launched.first.of(*arm).is_some_and(wants) && !is_refused(*arm);
            loaded.iter().copied().filter(wants).collect()
        };
        let hooked = Hooked {
            on_request: wanting(|report| report.on_request),
            on_response: wanting(|report| report.on_response),
        };
        if !hooked.on_response.is_empty() {
            drop(launched);
            launched = start(&hooked)?;
        }
        Ok(Box::new(RunningScripted::new(self.name(), launched, ports, refused)))
    }
}

impl<D: Dialect> Scripted<D> {
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
            Some(report) => {
                let (works, missing) = match plugin.on {
                    _ if !plugin.workload_checked => (report.on_request || report.on_response, "envoy_on_request"),
                    HeaderPath::Request => (report.on_request, "envoy_on_request"),
                    HeaderPath::Response => (report.on_response, "envoy_on_response"),
                };
                let what =
                    || format!("it defines no function `{missing}`, so it would do nothing and look fast; define it");
                if works { None } else { refused(&what()) }
            }
        }
    }
}
