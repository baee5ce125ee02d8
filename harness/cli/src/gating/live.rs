//! What a live gate measures, whether of two artifacts or of plugins whose difference is known.

use std::time::Duration;

use tollgate_record::{Journal, LiveGate, Placement, Record, TimeBudget};

use crate::args::Selectors;
use crate::args::gate::live::Starts;
use crate::measuring::Measuring;
use crate::plan;
use crate::progress::Progress;
use crate::schedule::Schedule;
use crate::select::Selection;

/// How much longer than the margin the known slowdown is, and how long at least, nanoseconds: single arms scatter more
/// than what is judged.
const LONGER: (u64, u64) = (4, 2_000);

/// All arms, and how they are measured.
pub(crate) struct LiveGating {
    pub(crate) selection: Selection,
    pub(crate) selectors: Selectors,
    pub(crate) gate: LiveGate,
    pub(crate) placement: Placement,
    pub(crate) schedule: Schedule,
}

impl LiveGating {
    /// The record of a run that has not begun.
    pub(crate) fn begin(&self, seed: u64) -> Record {
        let time = (TimeBudget::Standard, self.schedule);
        let mut begin = plan::begin(&self.selectors, &self.selection, time, &self.placement, seed);
        begin.plan.live_gate = Some(self.gate.clone());
        begin
    }

    /// Measures what the journal has not got yet.
    pub(crate) fn measure(&self, journal: Journal, progress: Progress) -> anyhow::Result<Record> {
        let measuring = Measuring::new(journal, progress, self.schedule, &self.selectors);
        Ok(measuring.gate(&self.selection)?.0)
    }

    /// About how long a run takes, for the progress bar.
    pub(crate) fn planned(&self) -> Duration {
        self.schedule.live * self.schedule.starts
    }
}

/// What the gate sets out to do.
pub(crate) fn gate((base, head): (String, String), margin: Duration, margin_share: f64, starts: &Starts) -> LiveGate {
    let margin_ns = margin.as_nanos() as u64;
    let longer_ns = u64::max(LONGER.0 * margin_ns, LONGER.1);
    LiveGate { base, head, margin_ns, margin_share, starts: starts.starts, copies: starts.copies, longer_ns }
}

/// How one start measures. Each round is a block, for the judge takes differences within a round: those of blocks of
/// fifteen scatter a little more (`cargo bench --bench shift`).
pub(crate) fn schedule(starts: &Starts) -> Schedule {
    let (starts, live) = (starts.starts, starts.time);
    Schedule { starts, live, rounds_per_block: 1, ..Schedule::of(TimeBudget::Standard) }
}
