use crate::{Histogram, Series};

/// Gathers the samples of one start, round by round, and keeps block medians.
///
/// A round gives one sample per arm, taken in random order; a sample is paired with control A's sample of the *same*
/// round, so that drift and neighbours hit both. The median over a block of rounds is what is kept: a preempted round
/// cannot move it.
#[derive(Debug)]
pub struct Collector {
    start: u32,
    requests_per_sample: u64,
    rounds_per_block: usize,
    /// Index of control A among the arms.
    control: usize,
    rounds: u64,
    rounds_dropped: u64,
    arms: Vec<Arm>,
}

#[derive(Debug, Default)]
struct Arm {
    block: Vec<u64>,
    sample_blocks_ns: Vec<u64>,
    added_blocks_ns: Vec<i64>,
    latency_ns: Histogram,
    lost: bool,
}

impl Collector {
    /// A collector for `arms` arms, of which number `control` is A. An even block is made odd by one more round, so
    /// that its median is a value that was measured.
    pub fn new(start: u32, arms: usize, control: usize, rounds_per_block: u32, requests_per_sample: u64) -> Self {
        assert!(control < arms, "the control is one of the arms");
        Self {
            start,
            requests_per_sample,
            rounds_per_block: (rounds_per_block | 1) as usize,
            control,
            rounds: 0,
            rounds_dropped: 0,
            arms: (0..arms).map(|_| Arm::default()).collect(),
        }
    }

    /// Adds a round: for each arm the duration of its sample in nanoseconds, `None` once the arm has failed. An arm
    /// that misses one round is lost for this start: its later rounds would be paired with other conditions.
    pub fn round(&mut self, samples_ns: &[Option<u64>]) {
        assert_eq!(samples_ns.len(), self.arms.len(), "one sample per arm");
        self.rounds += 1;
        for (arm, sample) in self.arms.iter_mut().zip(samples_ns) {
            match sample {
                Some(ns) if !arm.lost => arm.block.push(*ns),
                _ => arm.lost = true,
            }
        }
        if self.rounds.is_multiple_of(self.rounds_per_block as u64) {
            self.close_block();
        }
    }

    /// Adds one request of an arm, timed alone, in nanoseconds.
    pub fn request(&mut self, arm: usize, latency_ns: u64) {
        self.arms[arm].latency_ns.record(latency_ns);
    }

    /// Notes a round that was run and not counted (warm-up).
    pub fn dropped(&mut self) {
        self.rounds_dropped += 1;
    }

    /// Blocks finished so far.
    pub fn blocks(&self) -> usize {
        self.arms[self.control].sample_blocks_ns.len()
    }

    /// Latest block median of an arm's added latency, in nanoseconds per request: for progress display only.
    pub fn latest_added_ns(&self, arm: usize) -> Option<f64> {
        self.arms[arm].added_blocks_ns.last().map(|&ns| ns as f64 / self.requests_per_sample as f64)
    }

    /// The series of each arm, in the order of the arms. An unfinished block is left out, and counted as dropped.
    pub fn finish(self) -> Vec<Series> {
        let whole = self.rounds / self.rounds_per_block as u64 * self.rounds_per_block as u64;
        let series = |arm: Arm| Series {
            start: self.start,
            requests_per_sample: self.requests_per_sample,
            rounds: arm.sample_blocks_ns.len() as u64 * self.rounds_per_block as u64,
            rounds_dropped: self.rounds_dropped + (self.rounds - whole),
            rounds_per_block: self.rounds_per_block as u32,
            sample_blocks_ns: arm.sample_blocks_ns,
            added_blocks_ns: arm.added_blocks_ns,
            gateway_added_blocks_ns: None,
            latency_ns: arm.latency_ns,
            memory: None,
        };
        self.arms.into_iter().map(series).collect()
    }

    fn close_block(&mut self) {
        let control = std::mem::take(&mut self.arms[self.control].block);
        if self.arms[self.control].lost {
            // Nothing can be paired any more: this block and all later ones are left out for every arm.
            self.arms.iter_mut().for_each(|arm| arm.lost = true);
            return;
        }
        for (index, arm) in self.arms.iter_mut().enumerate() {
            if index == self.control || arm.lost {
                continue;
            }
            let mut added: Vec<i64> = arm.block.iter().zip(&control).map(|(&b, &a)| b as i64 - a as i64).collect();
            arm.added_blocks_ns.push(median(&mut added));
            arm.sample_blocks_ns.push(median(&mut arm.block));
            arm.block.clear();
        }
        let mut control = control;
        self.arms[self.control].sample_blocks_ns.push(median(&mut control));
    }
}

/// The middle one of an odd number of values.
fn median<T: Ord + Copy>(values: &mut [T]) -> T {
    let middle = values.len() / 2;
    *values.select_nth_unstable(middle).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_within_a_round_and_not_across() {
        // Both arms drift together by far more than their difference: pairing must see exactly the difference.
        let mut collector = Collector::new(0, 2, 0, 3, 1);
        for round in 0..6u64 {
            let drift = round * 1_000;
            collector.round(&[Some(100 + drift), Some(107 + drift)]);
        }
        let series = collector.finish();
        assert_eq!(series[1].added_blocks_ns, [7, 7]);
        assert!(series[0].added_blocks_ns.is_empty());
        assert_eq!(series[0].sample_blocks_ns, [1_100, 4_100]);
    }

    #[test]
    fn one_preempted_round_does_not_move_a_block() {
        let mut collector = Collector::new(0, 2, 0, 5, 1);
        for round in 0..5 {
            let hit = if round == 2 { 1_000_000 } else { 0 };
            collector.round(&[Some(100), Some(110 + hit)]);
        }
        assert_eq!(collector.finish()[1].added_blocks_ns, [10]);
    }

    #[test]
    fn a_lost_arm_keeps_its_finished_blocks_and_the_others_go_on() {
        let mut collector = Collector::new(0, 3, 0, 1, 1);
        collector.round(&[Some(1), Some(3), Some(5)]);
        collector.round(&[Some(1), None, Some(5)]);
        collector.round(&[Some(1), Some(3), Some(5)]);
        let series = collector.finish();
        assert_eq!(series[1].added_blocks_ns, [2]);
        assert_eq!(series[2].added_blocks_ns, [4, 4, 4]);
    }

    #[test]
    fn without_the_control_nothing_more_is_kept() {
        let mut collector = Collector::new(0, 2, 0, 1, 1);
        collector.round(&[Some(1), Some(3)]);
        collector.round(&[None, Some(3)]);
        collector.round(&[Some(1), Some(3)]);
        assert_eq!(collector.finish()[1].added_blocks_ns, [2]);
    }

    #[test]
    fn an_unfinished_block_is_dropped_and_said() {
        let mut collector = Collector::new(0, 1, 0, 3, 1);
        for _ in 0..5 {
            collector.round(&[Some(1)]);
        }
        let series = collector.finish();
        assert_eq!((series[0].rounds, series[0].rounds_dropped), (3, 2));
    }
}
