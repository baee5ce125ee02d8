//! From a record to one figure per cell.

use std::collections::BTreeMap;

use serde::Serialize;
use tollgate_record::{
    Cell, Control, Counters, Environment, Histogram, Mode, Phase, Placement, PluginKind, Record, Series, TimeBudget,
    Variant,
};

use crate::cost_line::{CostLine, cost_lines};
use crate::curve::{CurvePoint, carries, curve};
use crate::estimate::{self, Estimate};
use crate::instruments;
use crate::lifecycle::{Lifecycle, lifecycles};
use crate::load::{LoadFigures, loads};
use crate::scenario::{ScenarioFigures, scenarios};

/// Name and version of the summary's JSON.
pub const SUMMARY_SCHEMA: &str = "tollgate/summary/1";

/// The figures of a run; serialised, the object of `tollgate summary --format json`.
///
/// Nanoseconds are floating point and never rounded. What is not known is null, never 0.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Always [`SUMMARY_SCHEMA`].
    pub schema: String,
    /// Where and how the run was made.
    pub environment: RunEnvironment,
    /// One per cell of the record, in its order, controls and failures among them.
    pub cells: Vec<SummaryCell>,
    /// One per plugin and host in process: phases, artifact, memory and soak.
    pub lifecycle: Vec<Lifecycle>,
    /// One per plugin and place that was measured at several amounts of work.
    pub cost_lines: Vec<CostLine>,
    /// One per gateway and rate; empty when no gateway was put under load.
    pub loads: Vec<LoadFigures>,
    /// One per scenario; empty when there was none.
    pub scenarios: Vec<ScenarioFigures>,
}

/// The machine and programs of a run, and what it set out to do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunEnvironment {
    /// Version of the tollgate that measured.
    pub tollgate_version: String,
    /// The command that repeats the run.
    pub command_line: Vec<String>,
    /// Seed of every shuffle.
    pub seed: u64,
    /// Chosen length of the run.
    pub time: TimeBudget,
    /// Fresh starts that were planned.
    pub starts: u32,
    /// Rounds in a block.
    pub rounds_per_block: u32,
    /// Requests in one timed batch in process.
    pub requests_per_batch: u64,
    /// Whether plugins were under limits (fuel, epochs, counted instructions) while they were timed; null when not known.
    pub timed_with_limits: Option<bool>,
    /// How long each arm in process was soaked, milliseconds; null when none was.
    pub soak_ms: Option<u64>,
    /// Operations in each of a workload's three loops, by its name; empty in records of before these were noted.
    pub operations: BTreeMap<String, u32>,
    /// Cores of the two ends, by mode or gateway.
    pub placement: BTreeMap<String, Placement>,
    /// When the run began, milliseconds since 1970.
    pub started_unix_ms: u64,
    /// When it ended; null when it did not end by itself.
    pub finished_unix_ms: Option<u64>,
    /// Whether it was stopped before it was done.
    pub interrupted: bool,
    /// Machine and programs.
    #[serde(flatten)]
    pub machine: Environment,
}

/// The figures of one cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SummaryCell {
    /// Name of the plugin, `A` or `A'` for a control.
    pub plugin: String,
    /// Its language; `none` for a control.
    pub language: String,
    /// Its kind; null for a control.
    pub kind: Option<PluginKind>,
    /// Bare ABI or SDK, where that is known.
    pub variant: Option<Variant>,
    /// In process or live.
    pub mode: Mode,
    /// Host or gateway.
    pub host: String,
    /// Version that the host or gateway gave of itself.
    pub host_version: String,
    /// Name of the workload.
    pub workload: String,
    /// Part of the plugin's life.
    pub phase: Phase,
    /// Rounds that count, over all starts.
    pub rounds: u64,
    /// Latency added to control A, nanoseconds per request; null when not known.
    pub added_ns: Option<Estimate>,
    /// The same by the gateway's own clock, from rounds of its own; null where the gateway does not time requests.
    pub gateway_added_ns: Option<Estimate>,
    /// Whether both are the same to 1.5 us or 15 %, whichever is more; null where one of them is not known.
    pub instruments_agree: Option<bool>,
    /// Latency as it is, control's share included, nanoseconds per request; null when not known.
    pub absolute_ns: Option<Absolute>,
    /// Exact figures of one request; null when the host cannot count.
    pub counters: Option<Counters>,
    /// Why there are no figures; null when there are.
    pub error: Option<String>,
    /// Which control this is, if one.
    #[serde(skip)]
    pub control: Option<Control>,
    /// Added latency of each start, for differences between cells of the same starts.
    #[serde(skip)]
    pub starts: Vec<StartEstimate>,
    /// Percentile curve of the requests timed one by one.
    #[serde(skip)]
    pub curve: Vec<CurvePoint>,
    /// How many requests or values were timed one by one.
    #[serde(skip)]
    pub values: u64,
}

/// What one start says of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StartEstimate {
    /// Number of the start.
    pub start: u32,
    /// Added latency in nanoseconds per request.
    pub added_ns: f64,
}

/// Percentiles over all starts, in nanoseconds. A percentile is null when fewer than ten values lie above it: p90
/// needs 100 values, p99 1,000, p99.9 10,000.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Absolute {
    /// Median.
    pub p50: Option<f64>,
    /// 90 % of requests were at most that slow.
    pub p90: Option<f64>,
    /// 99 % of requests were at most that slow.
    pub p99: Option<f64>,
    /// 99.9 % of requests were at most that slow.
    pub p999: Option<f64>,
}

/// Works out the figures of a record.
pub fn summarize(record: &Record) -> Summary {
    let Record { plan, .. } = record;
    let cells: Vec<SummaryCell> = record.cells.iter().map(summarize_cell).collect();
    Summary {
        schema: SUMMARY_SCHEMA.to_owned(),
        environment: RunEnvironment {
            tollgate_version: record.tollgate_version.clone(),
            command_line: record.command_line.clone(),
            seed: plan.seed,
            time: plan.time,
            starts: plan.starts,
            rounds_per_block: plan.rounds_per_block,
            requests_per_batch: plan.requests_per_batch,
            timed_with_limits: plan.timed_with_limits,
            soak_ms: plan.soak_ms,
            operations: plan.operations.clone(),
            placement: plan.placement.clone(),
            started_unix_ms: record.started_unix_ms,
            finished_unix_ms: record.finished_unix_ms,
            interrupted: record.interrupted,
            machine: record.environment.clone(),
        },
        lifecycle: lifecycles(record, &cells),
        cost_lines: cost_lines(plan, &cells),
        loads: loads(record),
        scenarios: scenarios(record),
        cells,
    }
}

/// Latencies of all starts of a cell together; none of one that failed.
pub(crate) fn merged(cell: &Cell) -> Histogram {
    let mut merged = Histogram::new();
    let series = cell.series.iter().filter(|_| cell.error.is_none());
    series.for_each(|series| merged.merge(&series.latency_ns));
    merged
}

fn summarize_cell(cell: &Cell) -> SummaryCell {
    // Figures of a failed cell must not be used, so they do not leave the record.
    let series: &[Series] = if cell.error.is_some() { &[] } else { &cell.series };
    let pairs = |series: &Series| {
        estimate::start_added_ns(series).map(|added_ns| StartEstimate { start: series.start, added_ns })
    };
    let merged = merged(cell);
    let (added_ns, gateway_added_ns) = (estimate::added_ns(series), estimate::gateway_added_ns(series));
    let both = added_ns.zip(gateway_added_ns);
    SummaryCell {
        plugin: cell.id.plugin.clone(),
        language: cell.language.clone(),
        kind: cell.kind,
        variant: cell.variant,
        mode: cell.id.mode,
        host: cell.id.host.clone(),
        host_version: cell.host_version.clone(),
        workload: cell.id.workload.clone(),
        phase: cell.id.phase,
        rounds: series.iter().map(|series| series.rounds).sum(),
        added_ns,
        gateway_added_ns,
        instruments_agree: both.map(|(probe, gateway)| instruments::agree(probe.p50, gateway.p50)),
        absolute_ns: absolute_ns(cell.id.phase, series, &merged),
        counters: cell.counters.clone(),
        error: cell.error.as_ref().map(|failure| format!("{}: {}", failure.stage, failure.message)),
        control: cell.control,
        starts: series.iter().filter_map(pairs).collect(),
        curve: curve(&merged),
        values: merged.len(),
    }
}

/// Requests are in histograms (0.1 %); compile and start times are few and kept as they were, so they are exact.
fn absolute_ns(phase: Phase, series: &[Series], merged: &Histogram) -> Option<Absolute> {
    let count = merged.len();
    let mut values: Vec<u64> = series.iter().flat_map(|series| series.sample_blocks_ns.iter().copied()).collect();
    values.sort_unstable();
    let exact = phase != Phase::Request && values.len() as u64 == count;
    let at = |quantile: f64| {
        if !carries(count, quantile) {
            return None;
        }
        if exact {
            let rank = (quantile * count as f64).ceil().max(1.0) as usize;
            return values.get(rank - 1).map(|&ns| ns as f64);
        }
        merged.value_at_quantile_ns(quantile).map(|ns| ns as f64)
    };
    (count > 0).then(|| Absolute { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999) })
}
