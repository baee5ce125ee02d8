//! What each start of a gateway says of a live gate's arms.

use tollgate_record::{Cell, LiveGate, Mode, Record, Series, Side};

use super::paired::shift;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Instrument {
    Probe,
    Gateway,
}

/// One start and a figure of it, nanoseconds per request.
pub(super) type Start = (u32, f64);

/// Figures of starts, without their numbers.
pub(super) fn figures(starts: &[Start]) -> Vec<f64> {
    starts.iter().map(|&(_, ns)| ns).collect()
}

/// The starts of a record of a live gate.
#[derive(Clone, Copy)]
pub(super) struct Starts<'a> {
    pub(super) record: &'a Record,
    pub(super) plan: &'a LiveGate,
}

impl<'a> Starts<'a> {
    pub(super) fn cell(self, plugin: &str) -> Option<&'a Cell> {
        self.record.cells.iter().find(|cell| cell.id.plugin == plugin && cell.id.mode == Mode::Live)
    }

    /// How far arms are beyond others (none: control A) in each start in which enough of all was measured, in order.
    pub(super) fn between(self, instrument: Instrument, arms: &[String], others: &[String]) -> Vec<Start> {
        let end = self.plan.starts * 2;
        let of = |start| {
            let blocks = |arms: &[String]| {
                arms.iter().map(|arm| self.blocks(arm, start, instrument)).collect::<Option<Vec<Vec<f64>>>>()
            };
            Some((start, shift(&blocks(arms)?, &blocks(others)?)?))
        };
        (0..end).filter_map(of).collect()
    }

    /// An arm of a side of which there is nothing.
    pub(super) fn missing(self) -> Option<String> {
        let arms = [Side::Base, Side::Head].into_iter().flat_map(|side| self.plan.arms(side));
        arms.into_iter().find(|arm| self.cell(arm).is_none_or(|cell| cell.series.is_empty()))
    }

    /// Whether the gateway timed a request of one of these arms: then it is to have timed all.
    pub(super) fn are_timed(self, arms: &[String]) -> bool {
        let series = arms.iter().filter_map(|arm| self.cell(arm)).flat_map(|cell| &cell.series);
        series.into_iter().any(|series| series.gateway_added_blocks_ns.is_some())
    }

    /// The starts of a batch among those of a figure; fewer where starts are missing.
    pub(super) fn batch(self, starts: &[Start], batch: u32) -> &[Start] {
        let first = starts.partition_point(|&(start, _)| start < self.plan.starts * batch);
        let end = starts.partition_point(|&(start, _)| start < self.plan.starts * (batch + 1));
        &starts[first..end]
    }

    /// Added latency of an arm in a start, by block, nanoseconds per request; none where there is too little.
    fn blocks(self, arm: &str, start: u32, instrument: Instrument) -> Option<Vec<f64>> {
        let series = self.cell(arm)?.series.iter().find(|series| series.start == start)?;
        let Series { added_blocks_ns, gateway_added_blocks_ns, requests_per_sample, rounds_per_block, .. } = series;
        let rounds = added_blocks_ns.len() as u64 * u64::from(*rounds_per_block);
        let (blocks, requests) = match instrument {
            Instrument::Probe if rounds < LiveGate::LEAST_ROUNDS.into() => return None,
            Instrument::Probe => (added_blocks_ns, (*requests_per_sample).max(1)),
            Instrument::Gateway => (gateway_added_blocks_ns.as_ref()?, 1),
        };
        Some(blocks.iter().map(|&ns| ns as f64 / requests as f64).collect())
    }
}
