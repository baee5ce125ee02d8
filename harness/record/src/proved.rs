use serde::{Deserialize, Serialize};

/// The verdicts that a run can have.
const VERDICTS: [&str; 4] = ["regression", "improvement", "equivalent", "inconclusive"];
/// No run takes a year.
const MOST_MS: u64 = 366 * 24 * 3_600_000;
/// No gate measures a difference of a thousand seconds (picoseconds), or of a million requests (parts per billion), and what
/// is less can be subtracted and printed.
const MOST: u64 = 1_000_000_000_000_000;

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

    /// Whether a run of such a gate can have given this.
    pub(crate) fn check(&self, is_live: bool, is_counters: bool) -> Result<(), &'static str> {
        let is_in_process = !is_live && !is_counters;
        if (self.live.is_some(), self.counters.is_some()) != (is_live, is_counters)
            || !(is_in_process || self.cells.is_empty())
        {
            return Err("is of another gate");
        }
        let of_cells = self
            .cells
            .iter()
            .flat_map(|cell| [Some(cell.truth_ppb), cell.estimate_ppb, cell.low_ppb, cell.high_ppb, cell.smallest_ppb]);
        let of_live = self.live.iter().flat_map(|live| {
            let truth_ps = i64::try_from(live.truth_ns).unwrap_or(i64::MAX).saturating_mul(1_000);
            [Some(truth_ps), live.margin_ps, live.estimate_ps, live.low_ps, live.high_ps, live.smallest_ps]
        });
        if self.took_ms > MOST_MS || of_cells.chain(of_live).flatten().any(|figure| figure.unsigned_abs() > MOST) {
            return Err("has a figure that cannot have been measured");
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
