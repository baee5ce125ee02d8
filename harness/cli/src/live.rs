//! One start of a gateway with all its arms.

use std::ops::ControlFlow;
use std::time::Duration;

use tollgate_gateways::{Gateway, Measured, Options};
use tollgate_record::{CellId, Collector};

use crate::args::Selectors;
use crate::select::Arm;

/// What one start is to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    pub(crate) number: u32,
    pub(crate) seed: u64,
    pub(crate) duration: Duration,
    pub(crate) rounds_per_block: u32,
}

/// The gateway's options of the command line; `core` is where its worker is pinned.
pub(crate) fn options(selectors: &Selectors, core: Option<u32>) -> Options {
    Options { envoy: selectors.envoy.clone(), base_port: selectors.base_port, gateway_core: core, ..Options::default() }
}

/// Starts the gateway, measures all arms and stops it. A gateway that does not start is a failure of each arm.
pub(crate) fn measure(
    gateway: &dyn Gateway,
    arms: &[Arm],
    options: &Options,
    start: Start,
    progress: &mut dyn FnMut(&CellId, &Collector) -> ControlFlow<()>,
) -> Vec<Measured> {
    let gateway_arms: Vec<tollgate_gateways::Arm> = arms
        .iter()
        .map(|arm| tollgate_gateways::Arm {
            id: arm.id.clone(),
            plugin: arm.plugin.clone(),
            workload: arm.workload.clone(),
        })
        .collect();
    match gateway.start(&gateway_arms, options) {
        Ok(mut running) => tollgate_gateways::measure(
            running.as_mut(),
            &gateway_arms,
            start.number,
            start.seed,
            start.duration,
            start.rounds_per_block,
            progress,
        ),
        Err(error) => {
            let failure = error.into_failure();
            arms.iter().map(|arm| Measured::failed(&arm.id, failure.clone())).collect()
        }
    }
}
