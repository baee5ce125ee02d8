use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::file::{check_schema, parse_versioned, write_atomically};
use crate::{Environment, GatePlan, Placement, RecordError};

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
    /// The plan of each run but for its seed.
    pub plan: GatePlan,
    /// The runs, in the order in which they were.
    pub runs: Vec<ProveRun>,
}

/// One run of the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProveRun {
    /// How much slower head was asked to be, in parts per million of a request; 0 for two sides alike.
    pub asked_ppm: u32,
    /// How long it took, in milliseconds, confirmations and controls with it.
    pub took_ms: u64,
    /// What each cell came to.
    pub cells: Vec<ProvedCell>,
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

impl ProveRecord {
    /// Reads such a record.
    ///
    /// # Errors
    /// It is none, of another version, or damaged.
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        let text = std::fs::read(path).map_err(|source| RecordError::Read { path: path.to_owned(), source })?;
        let record: Self = parse_versioned(path, &text, PROVE_SCHEMA)?;
        check_schema(path, &record.schema, PROVE_SCHEMA)?;
        Ok(record)
    }

    /// Writes the record, all or nothing.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), RecordError> {
        let text = serde_json::to_vec(self).map_err(|source| RecordError::Parse { path: path.to_owned(), source })?;
        write_atomically(path, &text)
    }
}
