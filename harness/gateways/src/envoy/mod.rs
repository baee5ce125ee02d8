//! A real Envoy as a child process.

mod admin;
mod called;
mod config;
mod discovery;
mod external;
mod find;
mod launch;
mod module;
mod objections;
mod own_time;
mod refusal;
mod running;

use tollgate_fixtures::Plugin;
use tollgate_hosts::Inspection;
use tollgate_record::PluginKind;

pub(crate) use discovery::{FailurePolicy, Slot, SwappingEnvoy, Taken};
pub use external::serve_external;
pub use find::find_envoy;
pub(crate) use running::RunningEnvoy;

use crate::gateway::partition;
use crate::{Arm, Gateway, GatewayError, Options, Running};

/// Name of the gateway.
const NAME: &str = "envoy";

/// Envoy: Lua in its own LuaJIT, Proxy-Wasm in V8, native code as a dynamic module, and other processes over gRPC.
#[derive(Debug)]
pub(crate) struct Envoy;

impl Gateway for Envoy {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self, options: &Options) -> Result<String, GatewayError> {
        find::version_of(&find_envoy(options.envoy.as_deref())?)
    }

    fn runs(&self, kind: PluginKind) -> bool {
        match kind {
            PluginKind::Native | PluginKind::Lua | PluginKind::ProxyWasm | PluginKind::External => true,
        }
    }

    fn runs_scenarios(&self) -> bool {
        true
    }

    fn runs_chains(&self) -> bool {
        true
    }

    fn objections(&self, plugin: &Plugin, found: &Inspection) -> Vec<String> {
        match found {
            Inspection::Wasm(found) => objections::to_wasm(found),
            Inspection::Lua(_) | Inspection::External => Vec::new(),
            Inspection::Native => module::objection(&plugin.bytes).into_iter().collect(),
        }
    }

    fn start(&self, arms: &[Arm], options: &Options) -> Result<Box<dyn Running>, GatewayError> {
        Ok(Box::new(start(arms, options)?))
    }
}

/// Starts it, with what only Envoy can tell.
pub(crate) fn start(arms: &[Arm], options: &Options) -> Result<RunningEnvoy, GatewayError> {
    let binary = find_envoy(options.envoy.as_deref())?;
    find::version_of(&binary)?;
    let (mut loaded, mut refused) = partition(&Envoy, arms);
    refused.extend(module::refuse(arms, &mut loaded));
    // Envoy stops at the first plugin that it refuses, so this ends after as many turns as there are such plugins.
    loop {
        let ended = match launch::launch(&binary, arms, &loaded, options) {
            Ok(started) => return Ok(RunningEnvoy::new(started, arms, refused)),
            Err(launch::LaunchError::Ended(ended)) => ended,
            Err(launch::LaunchError::Failed(error)) => return Err(error),
        };
        let culprits = refusal::culprits(&binary, arms, &loaded, &ended, options)?;
        if culprits.is_empty() {
            return Err(ended.into_error());
        }
        loaded.retain(|arm| culprits.iter().all(|(culprit, _)| culprit != arm));
        refused.extend(culprits);
    }
}
