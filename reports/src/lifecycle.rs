//! One row per plugin and host in process: what it costs to bring to life, and what it holds in memory.

use serde::Serialize;
use tollgate_record::{Memory, Mode, Phase, PluginKind, Record};

use crate::soak::{SoakFigures, judge};
use crate::summary::SummaryCell;

/// A plugin's life on a host, at the first of its workloads there. Nanoseconds and bytes, never rounded; what is not
/// known is null, never 0.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lifecycle {
    /// Name of the plugin.
    pub plugin: String,
    /// Its language.
    pub language: String,
    /// Its kind.
    pub kind: PluginKind,
    /// The host.
    pub host: String,
    /// Version that the host gave of itself.
    pub host_version: String,
    /// Name of the workload.
    pub workload: String,
    /// Size of the artifact; null for a native plugin.
    pub artifact_bytes: Option<u64>,
    /// Artifact to loaded module: median over starts.
    pub compile_ns: Option<f64>,
    /// Module to configured instance: median over starts.
    pub instantiate_ns: Option<f64>,
    /// The first request of a fresh instance: median over starts.
    pub first_request_ns: Option<f64>,
    /// A request of a warm instance, control's share included: median over all requests timed one by one.
    pub request_ns: Option<f64>,
    /// Memory of the instance that answered most requests; null where the host does not know it.
    pub memory: Option<Memory>,
    /// What became of its memory in a soak; null without one.
    pub soak: Option<SoakFigures>,
    /// Values behind each median of a phase before the first warm request.
    #[serde(skip)]
    pub values: u64,
}

/// The lives of a run, in the order of its record.
pub(crate) fn lifecycles(record: &Record, cells: &[SummaryCell]) -> Vec<Lifecycle> {
    let mut lives: Vec<Lifecycle> = Vec::new();
    for (cell, source) in cells.iter().zip(&record.cells) {
        let Some(kind) = cell.kind.filter(|_| cell.mode == Mode::InProcess && cell.phase == Phase::Request) else {
            continue;
        };
        if lives.iter().any(|life| (&life.host, &life.plugin) == (&cell.host, &cell.plugin)) {
            continue;
        }
        let of = |phase: Phase| {
            cells.iter().find(|other| {
                other.phase == phase
                    && other.mode == cell.mode
                    && (&other.host, &other.plugin, &other.workload) == (&cell.host, &cell.plugin, &cell.workload)
            })
        };
        let median = |phase: Phase| of(phase).and_then(|cell| cell.absolute_ns).and_then(|at| at.p50);
        let series = source.series.iter().filter(|_| source.error.is_none());
        let life = Lifecycle {
            plugin: cell.plugin.clone(),
            language: cell.language.clone(),
            kind,
            host: cell.host.clone(),
            host_version: cell.host_version.clone(),
            workload: cell.workload.clone(),
            artifact_bytes: source.artifact.as_ref().map(|artifact| artifact.size_bytes),
            compile_ns: median(Phase::Compile),
            instantiate_ns: median(Phase::Instantiate),
            first_request_ns: median(Phase::FirstRequest),
            request_ns: median(Phase::Request),
            memory: series.filter_map(|series| series.memory).max_by_key(|memory| memory.requests),
            soak: source.soak.as_ref().map(judge),
            values: of(Phase::Compile).map_or(0, |cell| cell.values),
        };
        if life.says_something() {
            lives.push(life);
        }
    }
    lives
}

impl Lifecycle {
    fn says_something(&self) -> bool {
        let times = [self.compile_ns, self.instantiate_ns, self.first_request_ns];
        times.iter().any(Option::is_some) || self.memory.is_some() || self.soak.is_some()
    }
}

/// After how many requests memory was read, in words: all arms of a start answer as many.
pub(crate) fn requests_words(lives: &[Lifecycle]) -> Option<String> {
    let requests = || lives.iter().filter_map(|life| life.memory).map(|memory| memory.requests);
    let (least, most) = (requests().min()?, requests().max()?);
    let grouped = crate::number::grouped;
    Some(if least == most { grouped(least) } else { format!("{} to {}", grouped(least), grouped(most)) })
}
