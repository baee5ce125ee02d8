//! The second instrument: rounds in which the gateway itself times each request.
//!
//! They are turns of their own, one after so many timed ones: what it takes to write a time down is then in no figure
//! of the probe, and whatever moves the machine moves both instruments.

use tollgate_record::Collector;

use crate::OwnTime;

/// A turn of the gateway comes after the first timed one, and again after as many: a sixth of the time.
const EVERY: u32 = 5;

/// What is asked of the gateway, and what it says.
#[derive(Debug)]
pub(crate) struct OwnRounds {
    rounds_per_block: u32,
    rounds_per_turn: u32,
    rounds: u32,
    sent: usize,
}

impl OwnRounds {
    /// Rounds of a block, which is made odd as the collector's are, and of a turn.
    pub(crate) fn new(rounds_per_block: u32, rounds_per_turn: u32) -> Self {
        Self { rounds_per_block: rounds_per_block | 1, rounds_per_turn, rounds: 0, sent: 0 }
    }

    /// Whether it is theirs after so many timed turns.
    pub(crate) fn is_turn(turns: u32) -> bool {
        turns % EVERY == 1
    }

    /// Numbers of the next turn's rounds.
    pub(crate) fn next_turn(&mut self) -> std::ops::Range<u32> {
        let begin = self.rounds;
        self.rounds += self.rounds_per_turn;
        begin..self.rounds
    }

    /// Notes a request that was answered.
    pub(crate) fn sent(&mut self) {
        self.sent += 1;
    }

    /// How many requests the gateway was to time.
    pub(crate) fn requests(&self) -> usize {
        self.sent
    }

    /// Median, per block, of each arm's time minus the control's of the same round, in nanoseconds; none for the
    /// control, and where nothing was told.
    pub(crate) fn added_blocks_ns(&self, times: &[OwnTime], arms: usize, control: usize) -> Vec<Option<Vec<i64>>> {
        let mut rounds = vec![vec![None; arms]; self.rounds as usize];
        for time in times {
            // A plugin may have written over the number.
            if let Some(sample) = rounds.get_mut(time.round as usize).and_then(|round| round.get_mut(time.arm)) {
                *sample = Some(time.ns);
            }
        }
        let mut collector = Collector::new(0, arms, control, self.rounds_per_block, 1);
        rounds.iter().for_each(|round| collector.round(round));
        let blocks = collector.finish().into_iter().map(|series| series.added_blocks_ns);
        blocks.map(|blocks| Some(blocks).filter(|blocks| !blocks.is_empty())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_paired_by_the_number_of_their_round() {
        let mut own = OwnRounds::new(2, 3);
        assert_eq!((own.next_turn(), own.next_turn()), (0..3, 3..6));
        let time = |round: u32, arm: usize, ns: u64| OwnTime { arm, round, ns };
        let drift = |round: u32| u64::from(round) * 1_000;
        // Told in any order; the last arm misses a round of its second block.
        let times: Vec<OwnTime> = (0..6)
            .rev()
            .flat_map(|round| {
                [time(round, 1, 100 + drift(round)), time(round, 0, 40 + drift(round)), time(round, 2, 0)]
            })
            .filter(|time| (time.arm, time.round) != (2, 4))
            .chain([time(6, 1, 1), time(0, 3, 1)])
            .collect();
        let blocks = own.added_blocks_ns(&times, 3, 0);
        assert_eq!(blocks, [None, Some(vec![60, 60]), Some(vec![-1_040])]);
        assert_eq!(own.added_blocks_ns(&[], 3, 0), [None, None, None]);
    }

    #[test]
    fn the_first_turn_comes_early() {
        let turns: Vec<u32> = (0..13).filter(|&turns| OwnRounds::is_turn(turns)).collect();
        assert_eq!(turns, [1, 6, 11]);
    }
}
