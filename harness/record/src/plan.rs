use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{LiveGate, Placement};

/// How long a run takes, as chosen on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeBudget {
    /// About 20 seconds for the default set: a first look.
    Quick,
    /// About two minutes for the default set.
    Standard,
    /// About 15 minutes for the default set: for figures to cite.
    Thorough,
}

/// What a run set out to do, fixed before anything was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Seed of every shuffle.
    pub seed: u64,
    /// How long the run takes.
    pub time: TimeBudget,
    /// Fresh starts (of a process in process, of the gateway live): the replicates.
    pub starts: u32,
    /// Rounds that make a block; odd, so that a median is a value that was measured.
    pub rounds_per_block: u32,
    /// Requests in one timed batch in process; live every request is timed alone.
    pub requests_per_batch: u64,
    /// Whether plugins were under limits (fuel, epochs, counted instructions) while they were timed; none when not known.
    #[serde(default)]
    pub timed_with_limits: Option<bool>,
    /// How long each arm in process was soaked, milliseconds; none when none was.
    #[serde(default)]
    pub soak_ms: Option<u64>,
    /// Workloads by name.
    pub workloads: Vec<String>,
    /// Operations in each of a workload's three loops (set, get, remove), by its name; none for one that is not of these
    /// loops.
    #[serde(default)]
    pub operations: BTreeMap<String, u32>,
    /// Where the ends of each mode or gateway ran (`in_process`, `embedded`, `envoy`).
    pub placement: BTreeMap<String, Placement>,
    /// What a live gate set out to do; none for a run that only measures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_gate: Option<LiveGate>,
}
