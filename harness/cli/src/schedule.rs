//! How a time budget is spent.

use std::time::Duration;

use tollgate_record::TimeBudget;

/// What one start measures, and how many starts there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    /// Fresh processes in process, fresh gateways live. Six make the range of their estimates an interval of 96.9 %.
    pub(crate) starts: u32,
    /// Measuring time of one start in process, all arms together.
    pub(crate) in_process: Duration,
    /// Measuring time of one start of a gateway, all arms together.
    pub(crate) live: Duration,
    /// Odd, so that a block's median is a value that was measured.
    pub(crate) rounds_per_block: u32,
    /// Long enough that the clock (tens of nanoseconds) is below a thousandth of the cheapest plugin's batch.
    pub(crate) requests_per_batch: u64,
}

impl Schedule {
    /// The schedule of a time budget.
    pub(crate) fn of(time: TimeBudget) -> Self {
        let (starts, in_process_ms, live_ms) = match time {
            TimeBudget::Quick => (3, 700, 800),
            TimeBudget::Standard => (6, 4_000, 5_000),
            TimeBudget::Thorough => (12, 25_000, 35_000),
        };
        Self {
            starts,
            in_process: Duration::from_millis(in_process_ms),
            live: Duration::from_millis(live_ms),
            rounds_per_block: 15,
            requests_per_batch: 64,
        }
    }
}
