//! Many plugins in one gateway: what each one more adds to a request, and what it takes of memory.

use serde::Serialize;
use tollgate_record::{Chain, Footprint, Scale, Series, VmUse};

use crate::estimate::{Estimate, added_ns, gateway_added_ns, start_added_ns};
use crate::line::{line, line_over_starts};

/// Chains of all plugins. Nanoseconds and bytes, never rounded; what is not known is null, never 0.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScaleFigures {
    /// Whether the members of a chain had Wasm VMs of their own.
    pub vms: VmUse,
    /// Fresh starts that were planned for each plugin and number of workers.
    pub starts: u32,
    /// One per plugin and number of workers.
    pub lines: Vec<ScaleLine>,
}

/// A plugin's chains with one number of workers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScaleLine {
    /// Name of the plugin.
    pub plugin: String,
    /// Its language.
    pub language: String,
    /// Workers of the gateway.
    pub workers: u32,
    /// From no plugin to the longest chain.
    pub points: Vec<ScalePoint>,
    /// What one plugin more in the chain adds to a request, nanoseconds: the slope of added latency over the length, in
    /// each start by itself. Null for fewer than three lengths.
    pub per_plugin_ns: Option<Estimate>,
    /// Resident memory that one plugin more takes, bytes: the slope over the length, after requests to each worker.
    pub bytes_per_plugin: Option<f64>,
    /// Resident memory of a Wasm VM, bytes: the slope over the number of VMs, after requests to each worker. Null where
    /// the number is not known, or is the same for all lengths.
    pub bytes_per_vm: Option<f64>,
}

/// One length of a chain.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScalePoint {
    /// How many times the plugin is in a row; 0 is the gateway without it, measured like a plugin.
    pub length: u32,
    /// Added latency, nanoseconds per request.
    pub added_ns: Option<Estimate>,
    /// The same by the gateway's own clock.
    pub gateway_added_ns: Option<Estimate>,
    /// Wasm VMs in all threads of the gateway.
    pub vms: Option<u64>,
    /// Resident memory before any request, bytes.
    pub ready_bytes: Option<u64>,
    /// Resident memory after requests to each worker, bytes.
    pub after_bytes: Option<u64>,
    /// Why there is no added latency; null when there is.
    pub error: Option<String>,
    /// Why memory is not known; null when it is.
    pub memory_error: Option<String>,
}

impl ScaleLine {
    /// The longest chain.
    pub(crate) fn longest(&self) -> Option<&ScalePoint> {
        self.points.iter().filter(|point| point.length > 0).max_by_key(|point| point.length)
    }
}

/// Works out the figures.
pub(crate) fn scale_figures(scale: &Scale) -> ScaleFigures {
    let mut groups: Vec<Vec<&Chain>> = Vec::new();
    for chain in &scale.chains {
        let same = |group: &&mut Vec<&Chain>| (&group[0].plugin, group[0].workers) == (&chain.plugin, chain.workers);
        match groups.iter_mut().find(same) {
            Some(group) => group.push(chain),
            None => groups.push(vec![chain]),
        }
    }
    let lines = groups.iter().map(|group| scale_line(group, &scale.footprints)).collect();
    ScaleFigures { vms: scale.vms, starts: scale.starts, lines }
}

/// Figures of a failed chain must not be used, so they do not leave the record.
fn series(chain: &Chain) -> &[Series] {
    if chain.error.is_some() { &[] } else { &chain.series }
}

fn scale_line(chains: &[&Chain], footprints: &[Footprint]) -> ScaleLine {
    let mut chains = chains.to_vec();
    chains.sort_by_key(|chain| chain.length);
    let of = chains[0];
    let points: Vec<ScalePoint> = chains.iter().map(|chain| point(chain, footprints)).collect();
    let starts = chains.iter().filter(|chain| chain.length > 0).flat_map(|chain| {
        let start = |series: &Series| Some((series.start, f64::from(chain.length), start_added_ns(series)?));
        series(chain).iter().filter_map(start)
    });
    let memory = |over: &dyn Fn(&ScalePoint) -> Option<f64>| {
        let with = points.iter().filter(|point| point.length > 0);
        let points: Vec<(f64, f64)> =
            with.filter_map(|point| Some((over(point)?, point.after_bytes? as f64))).collect();
        line(&points).map(|(slope, _)| slope)
    };
    ScaleLine {
        plugin: of.plugin.clone(),
        language: of.language.clone(),
        workers: of.workers,
        per_plugin_ns: line_over_starts(starts).map(|lines| lines.slope),
        bytes_per_plugin: memory(&|point| Some(f64::from(point.length))),
        bytes_per_vm: memory(&|point| point.vms.map(|vms| vms as f64)),
        points,
    }
}

fn point(chain: &Chain, footprints: &[Footprint]) -> ScalePoint {
    // Without a plugin a gateway is the same for all of them.
    let plugin = (chain.length > 0).then_some(&chain.plugin);
    let footprint = footprints.iter().find(|footprint| {
        (footprint.plugin.as_ref(), footprint.length, footprint.workers) == (plugin, chain.length, chain.workers)
    });
    let known = footprint.filter(|footprint| footprint.error.is_none());
    let error = |failure: &tollgate_record::Failure| format!("{}: {}", failure.stage, failure.message);
    ScalePoint {
        length: chain.length,
        added_ns: added_ns(series(chain)),
        gateway_added_ns: gateway_added_ns(series(chain)),
        vms: known.and_then(|footprint| footprint.vms),
        ready_bytes: known.and_then(|footprint| footprint.ready_bytes),
        after_bytes: known.and_then(|footprint| footprint.after_bytes),
        error: chain.error.as_ref().map(error),
        memory_error: footprint.and_then(|footprint| footprint.error.as_ref()).map(error),
    }
}
