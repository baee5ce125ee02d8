use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::file::{parse_record, read_file, write_record};
use crate::proved::ProveRun;
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

/// How each run of a live gate measured. Its base is a plugin that spins for a known time, its head spins longer; or both are
/// one plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LivePlan {
    /// Name of the gateway.
    pub gateway: String,
    /// What a run set out to do.
    pub gate: LiveGate,
    /// How long one start measures, in milliseconds.
    pub start_ms: u64,
    /// Rounds in a block; 1 where it is not said.
    #[serde(default = "one")]
    pub rounds_per_block: u32,
    /// What base spins, in nanoseconds per request; 0 where both sides are one plugin that does not.
    pub spin_ns: u64,
    /// Seed that all runs have theirs from.
    pub seed: u64,
}

impl LivePlan {
    /// Whether both sides are one plugin, which does not spin: the record names it.
    pub fn is_of_one_plugin(&self) -> bool {
        self.spin_ns == 0
    }
}

/// Of records that do not say it.
fn one() -> u32 {
    1
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
            (None, Some(live), None) => live.gate.check()?,
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
