use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::file::{parse_record, read_file, write_record};
use crate::{Environment, GatePlan, Journaled, LiveGate, Placement, RecordError};

/// Name and version of the format of what a gate was proved by. A reader refuses any other.
pub const PROVE_SCHEMA: &str = "tollgate/prove/1";

/// Full runs of a gate whose right answer was known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProveRecord {
    /// Always [`PROVE_SCHEMA`].
    pub schema: String,
    /// Version of the program that wrote it.
    pub tollgate_version: String,
    /// The command that repeats the runs.
    pub command_line: Vec<String>,
    /// When they began, milliseconds since 1970.
    pub started_unix_ms: u64,
    /// When they ended.
    pub finished_unix_ms: u64,
    /// Whether they were stopped before they were done.
    pub interrupted: bool,
    /// The machine and the programs.
    pub environment: Environment,
    /// Where processes ran.
    pub placement: Placement,
    /// What was to be proved: `aa`, `power`, `bias`, `coverage`, `hogs`.
    pub what: String,
    /// The plugin.
    pub plugin: String,
    /// Busy neighbours, one for each core; 0 for none of ours.
    pub hogs: u32,
    /// The plan of each run of the in-process gate but for its seed; none where it was another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<GatePlan>,
    /// The plan of each run of the live gate; none where it was another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LivePlan>,
    /// The plan of each run of the counters gate; none where it was another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<CountersPlan>,
    /// How many runs were asked for; none in records that do not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<u32>,
    /// What every run judged, cell by cell; empty in records that do not know. Runs of another time are only added to those
    /// of the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<ProveSubject>,
    /// Times after the first at which runs were added; the first is that of the fields above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sittings: Vec<Sitting>,
    /// The runs, in the order in which they were.
    pub runs: Vec<ProveRun>,
}

/// How each run of a live gate measured. Its base is a plugin that spins for a known time, its head spins longer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LivePlan {
    /// Name of the gateway.
    pub gateway: String,
    /// What a run set out to do.
    pub gate: LiveGate,
    /// How long one start measures, in milliseconds.
    pub start_ms: u64,
    /// What base spins, in nanoseconds per request.
    pub spin_ns: u64,
    /// Seed that all runs have theirs from.
    pub seed: u64,
}

/// How each run of the counters gate counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountersPlan {
    /// Fresh processes, each of which counts both sides.
    pub processes: u32,
}

/// A cell that every run judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProveSubject {
    /// Name of the host or gateway.
    pub host: String,
    /// Version that it gave of itself.
    pub host_version: String,
    /// Name of the workload.
    pub workload: String,
    /// SHA-256 of the plugin's bytes.
    pub sha256: String,
    /// A digest of what it is given: its root id, configuration, headers and bodies.
    pub request_sha256: String,
}

/// A time at which runs were added to those of before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sitting {
    /// Version of the program that added them.
    pub tollgate_version: String,
    /// The command that did.
    pub command_line: Vec<String>,
    /// When it began, milliseconds since 1970.
    pub started_unix_ms: u64,
    /// The machine, which is the same, and how busy it was.
    pub environment: Environment,
    /// How many runs there were before.
    pub first_run: u32,
}

/// One run of the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProveRun {
    /// How much slower head was asked to be, in parts per million of a request; 0 for two sides alike.
    pub asked_ppm: u32,
    /// How long it took, in milliseconds, confirmations and controls with it.
    pub took_ms: u64,
    /// When it was done, milliseconds since 1970; none in records that do not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_unix_ms: Option<u64>,
    /// What each cell came to; empty where it was not the in-process gate.
    pub cells: Vec<ProvedCell>,
    /// What a live gate came to; none of another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<ProvedLive>,
    /// What a counters gate came to; none of another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<ProvedCounters>,
}

/// What head of a counters gate was made to do more than base, in each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PutIn {
    /// Nothing: both sides are the artifact as it is.
    Nothing,
    /// One host call, which hands over nothing.
    HostCall,
    /// One byte that a host call hands over.
    Byte,
}

impl PutIn {
    /// All of them, by their numbers.
    pub const ALL: [Self; 3] = [Self::Nothing, Self::HostCall, Self::Byte];
}

/// What a run of a counters gate came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvedCounters {
    /// What head does more: the truth.
    pub put_in: PutIn,
    /// What each cell came to.
    pub cells: Vec<ProvedCount>,
}

/// What a cell of such a run came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvedCount {
    /// Name of the host.
    pub host: String,
    /// Name of the workload.
    pub workload: String,
    /// The verdict.
    pub verdict: String,
    /// Figures that differ, as the gate named them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ChangedFigure>,
    /// What failed, in words, where nothing was counted; none otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl ProvedCount {
    /// Whether a figure whose name begins so is larger in head.
    pub fn has_more(&self, name: &str) -> bool {
        self.changes.iter().any(|change| change.what.starts_with(name) && change.head > change.base)
    }
}

/// A figure that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangedFigure {
    /// What was counted, in the gate's words: `host call proxy_log`, `bytes out`.
    pub what: String,
    /// Of base; none where it was not counted.
    pub base: Option<u64>,
    /// Of head; none where it was not counted.
    pub head: Option<u64>,
}

/// What a run of a live gate came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvedLive {
    /// How much longer head spins than base, in nanoseconds per request: the truth.
    pub truth_ns: u64,
    /// The verdict.
    pub verdict: String,
    /// Whether the verdict is one for want of a control that held.
    pub control_failed: bool,
    /// What was no change in this run, in picoseconds per request: the margin depends on what base adds. None where nothing
    /// was measured.
    pub margin_ps: Option<i64>,
    /// The estimate, and the ends of its interval, in picoseconds per request; none where there is none.
    pub estimate_ps: Option<i64>,
    /// Lower end.
    pub low_ps: Option<i64>,
    /// Upper end.
    pub high_ps: Option<i64>,
    /// The smallest slowdown that the run could have found, in picoseconds per request.
    pub smallest_ps: Option<i64>,
}

/// What a cell of such a run came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvedCell {
    /// Name of the host.
    pub host: String,
    /// Name of the workload.
    pub workload: String,
    /// Turns of the loop in head beyond those in base.
    pub turns: u32,
    /// What they cost by calibration, in parts per billion of a request: the truth.
    pub truth_ppb: i64,
    /// Fuel or Lua instructions of a request that head spends more than base; none where nothing is counted.
    pub spent_more: Option<u64>,
    /// The verdict.
    pub verdict: String,
    /// Whether the verdict is one for want of a control that held.
    pub control_failed: bool,
    /// The estimate, and the ends of its interval, in parts per billion of a request; none where there is none.
    pub estimate_ppb: Option<i64>,
    /// Lower end.
    pub low_ppb: Option<i64>,
    /// Upper end.
    pub high_ppb: Option<i64>,
    /// The smallest slowdown that the run could have found, in parts per billion.
    pub smallest_ppb: Option<i64>,
}

/// One line of a proof's journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProveEntry {
    /// What is to be proved, and the runs that there were already.
    Begin(Box<ProveRecord>),
    /// A run that is done.
    Run(ProveRun),
    /// The runs are over.
    End {
        /// When, milliseconds since 1970.
        finished_unix_ms: u64,
        /// Whether they were stopped before they were done.
        interrupted: bool,
    },
}

impl Journaled for ProveRecord {
    type Entry = ProveEntry;

    const SCHEMA: &'static str = PROVE_SCHEMA;

    fn schema(&self) -> &str {
        &self.schema
    }

    fn started_unix_ms(&self) -> u64 {
        self.sittings.last().map_or(self.started_unix_ms, |sitting| sitting.started_unix_ms)
    }

    fn begin(self) -> ProveEntry {
        ProveEntry::Begin(Box::new(self))
    }

    fn begun(entry: ProveEntry) -> Option<Self> {
        match entry {
            ProveEntry::Begin(begin) => Some(Self { interrupted: true, ..*begin }),
            _ => None,
        }
    }

    fn apply(&mut self, entry: ProveEntry) {
        match entry {
            ProveEntry::Begin(_) => {}
            ProveEntry::Run(run) => {
                self.finished_unix_ms = run.finished_unix_ms.unwrap_or(self.finished_unix_ms);
                self.runs.push(run);
            }
            ProveEntry::End { finished_unix_ms, interrupted } => {
                self.finished_unix_ms = finished_unix_ms;
                self.interrupted = interrupted;
            }
        }
    }
}

/// The verdicts that a run can have.
const VERDICTS: [&str; 4] = ["regression", "improvement", "equivalent", "inconclusive"];

impl ProveRecord {
    /// Reads such a record; a journal (`*.jsonl`) is read as the record that it adds up to.
    ///
    /// # Errors
    /// It is none, of another version, damaged, or cannot have come from runs of a gate.
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        Self::parse(path, &read_file(path)?)
    }

    /// Understands what the file at `path` holds.
    ///
    /// # Errors
    /// As [`ProveRecord::read`].
    pub fn parse(path: &Path, text: &[u8]) -> Result<Self, RecordError> {
        let record: Self = parse_record(path, text)?;
        record.check().map_err(|what| RecordError::Unsound { path: path.to_owned(), what })?;
        Ok(record)
    }

    /// Writes the record, all or nothing.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), RecordError> {
        write_record(path, serde_json::to_vec(self))
    }

    /// Whether runs of a gate can have given this.
    fn check(&self) -> Result<(), String> {
        match (&self.plan, &self.live, &self.counters) {
            (Some(plan), None, None) => plan.check()?,
            (None, Some(live), None) => live.check()?,
            (None, None, Some(CountersPlan { processes: 2.. })) => {}
            (None, None, Some(_)) => return Err("its plan is none: one process tells nothing of another".to_owned()),
            _ => return Err("it is of no gate, or of several".to_owned()),
        }
        let runs = self.runs.len() as u64;
        let first_runs = self.sittings.iter().map(|sitting| u64::from(sitting.first_run));
        if !first_runs.clone().is_sorted() || first_runs.max().is_some_and(|first| first > runs) {
            return Err("its sittings are not in order".to_owned());
        }
        for (number, run) in self.runs.iter().enumerate() {
            run.check(self.live.is_some(), self.counters.is_some()).map_err(|what| format!("run {number} {what}"))?;
        }
        Ok(())
    }
}

impl ProveRun {
    /// What head was asked to cost more, 0 for two sides alike: parts per million of a request in process, nanoseconds live,
    /// the number of what was put in of counters.
    pub fn asked(&self) -> u64 {
        match (&self.live, &self.counters) {
            (Some(live), _) => live.truth_ns,
            (None, Some(counters)) => counters.put_in as u64,
            (None, None) => u64::from(self.asked_ppm),
        }
    }
}

impl LivePlan {
    fn check(&self) -> Result<(), String> {
        let LiveGate { margin_ns, margin_share, starts, copies, .. } = self.gate;
        if starts == 0 || copies < 2 || margin_ns == 0 || !(0.0..1.0).contains(&margin_share) {
            return Err("its plan is none: no starts, no copies or no margin".to_owned());
        }
        Ok(())
    }
}

impl ProveRun {
    fn check(&self, is_live: bool, is_counters: bool) -> Result<(), &'static str> {
        let is_in_process = !is_live && !is_counters;
        if (self.live.is_some(), self.counters.is_some()) != (is_live, is_counters)
            || !(is_in_process || self.cells.is_empty())
        {
            return Err("is of another gate");
        }
        let of_cells = self.cells.iter().map(|cell| (&cell.verdict, cell.low_ppb, cell.high_ppb));
        let of_live = self.live.iter().map(|live| (&live.verdict, live.low_ps, live.high_ps));
        let of_counters = self.counters.iter().flat_map(|of| &of.cells).map(|cell| (&cell.verdict, None, None));
        for (verdict, low, high) in of_cells.chain(of_live).chain(of_counters) {
            if !VERDICTS.contains(&verdict.as_str()) {
                return Err("has a verdict that there is not");
            }
            if low.zip(high).is_some_and(|(low, high)| low > high) {
                return Err("has an interval that ends before it begins");
            }
        }
        Ok(())
    }
}
