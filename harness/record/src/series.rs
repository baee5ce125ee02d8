use serde::{Deserialize, Serialize};

use crate::{Histogram, Memory};

/// What one start (a fresh process or gateway) measured of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// Number of the start; arms of one start shared a process and its rounds.
    pub start: u32,
    /// Requests in one sample: a batch in process, 1 live.
    pub requests_per_sample: u64,
    /// Rounds that count.
    pub rounds: u64,
    /// Rounds that were run first and not counted, while the medians still moved.
    pub rounds_dropped: u64,
    /// Rounds in one block.
    pub rounds_per_block: u32,
    /// Median duration of a sample, per block, in nanoseconds *per sample*.
    pub sample_blocks_ns: Vec<u64>,
    /// Median, per block, of a sample minus control A's sample of the same round, in nanoseconds *per sample*.
    /// Empty for control A itself and for phases that have no control.
    pub added_blocks_ns: Vec<i64>,
    /// The same by a second instrument: median, per block, of the time that the gateway itself took for a request minus
    /// what it took for control A's of the same round, in nanoseconds per request. These are blocks of their own, among
    /// the others. None for control A, in process, and where the gateway does not time requests.
    #[serde(default)]
    pub gateway_added_blocks_ns: Option<Vec<i64>>,
    /// Requests timed one by one.
    pub latency_ns: Histogram,
    /// Memory of the instance that was measured; none where the host does not know it.
    #[serde(default)]
    pub memory: Option<Memory>,
}

impl Series {
    /// A series of values that have no control and no rounds, such as compile times: each value is a block.
    pub fn of_values(start: u32, values_ns: &[u64]) -> Self {
        let mut latency_ns = Histogram::new();
        for &value in values_ns {
            latency_ns.record(value);
        }
        Self {
            start,
            requests_per_sample: 1,
            rounds: values_ns.len() as u64,
            rounds_dropped: 0,
            rounds_per_block: 1,
            sample_blocks_ns: values_ns.to_vec(),
            added_blocks_ns: Vec::new(),
            gateway_added_blocks_ns: None,
            latency_ns,
            memory: None,
        }
    }
}
