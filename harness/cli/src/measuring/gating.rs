//! Base and head as arms of one gateway, for the live gate.

use std::ops::Range;
use std::time::Duration;

use tollgate_record::{Mode, Record, Side};
use tollgate_reports::gate::live_is_to_be_confirmed;

use super::Measuring;
use crate::machine::CpuTicks;
use crate::select::Selection;
use crate::{interrupt, plan};

impl Measuring<'_> {
    /// Measures the starts of a live gate, and as many more when they show a change: never again until they show none.
    pub(crate) fn gate(mut self, selection: &Selection) -> anyhow::Result<(Record, Duration)> {
        let ticks = CpuTicks::now();
        self.declare(selection)?;
        self.verify(selection)?;
        let starts = self.schedule.starts;
        self.gate_starts(0..starts, selection)?;
        if live_is_to_be_confirmed(self.journal.record()) && !interrupt::requested() {
            self.progress.remark("a change was seen; as many starts again are to confirm it");
            self.schedule.starts = 2 * starts;
            self.gate_starts(starts..2 * starts, selection)?;
        }
        plan::end(&mut self.journal, ticks)?;
        Ok((self.journal.record().clone(), self.progress.finish()))
    }

    fn gate_starts(&mut self, starts: Range<u32>, selection: &Selection) -> anyhow::Result<()> {
        let plan = self.journal.record().plan.live_gate.clone();
        let sides: Vec<String> =
            plan.iter().flat_map(|plan| [Side::Base, Side::Head].map(|side| plan.arms(side))).flatten().collect();
        for start in starts {
            for (place, (gateway, arms)) in selection.live.iter().enumerate() {
                // With a side gone there is nothing to compare.
                if !interrupt::requested()
                    && !self.failed.iter().any(|cell| cell.mode == Mode::Live && sides.contains(&cell.plugin))
                {
                    self.live(start, place as u64 + 1, *gateway, arms)?;
                }
            }
        }
        Ok(())
    }
}
