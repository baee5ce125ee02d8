use std::time::Duration;

/// Rounds in a block of the warm-up.
const BLOCK: usize = 11;
/// Blocks in a row whose medians must stand still.
const STILL_BLOCKS: u32 = 2;
/// How far a median may move from one block to the next, in parts per thousand.
const STILL_PER_MILLE: u64 = 20;

/// Decides when the arms are warm: compilers have compiled, caches are filled, and no median moves any more.
#[derive(Debug)]
pub(crate) struct WarmUp {
    /// After that long it is over in any case: a machine on which medians never stand still must be measured, too, and
    /// the spread of its blocks will tell.
    limit: Duration,
    block: Vec<Vec<u64>>,
    medians: Vec<Option<u64>>,
    still_blocks: u32,
    is_over: bool,
}

impl WarmUp {
    pub(crate) fn new(arms: usize, limit: Duration) -> Self {
        Self { limit, block: vec![Vec::new(); arms], medians: vec![None; arms], still_blocks: 0, is_over: false }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Adds a round, `elapsed` after the beginning.
    pub(crate) fn round(&mut self, samples_ns: &[Option<u64>], elapsed: Duration) {
        for (block, sample) in self.block.iter_mut().zip(samples_ns) {
            block.extend(sample);
        }
        if self.block.iter().any(|block| block.len() >= BLOCK) {
            let mut is_still = true;
            for (block, last) in self.block.iter_mut().zip(&mut self.medians) {
                let median = median(block);
                is_still &= match (median, *last) {
                    (Some(now), Some(before)) => now.abs_diff(before) * 1000 <= before * STILL_PER_MILLE,
                    // An arm that has failed does not move.
                    (None, None) => true,
                    _ => false,
                };
                *last = median;
                block.clear();
            }
            self.still_blocks = if is_still { self.still_blocks + 1 } else { 0 };
        }
        self.is_over = self.still_blocks >= STILL_BLOCKS || elapsed >= self.limit;
    }
}

fn median(values: &mut [u64]) -> Option<u64> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable(middle).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds_until_over(mut sample: impl FnMut(u64) -> Vec<Option<u64>>) -> u64 {
        let mut warm_up = WarmUp::new(sample(0).len(), Duration::from_millis(10_000));
        let mut round = 0;
        while !warm_up.is_over() {
            warm_up.round(&sample(round), Duration::from_millis(round));
            round += 1;
        }
        round
    }

    #[test]
    fn it_lasts_while_a_median_moves() {
        let steady = rounds_until_over(|_| vec![Some(100), Some(200)]);
        assert_eq!(steady, 33, "one block to compare with, two that stand still");
        let falling = rounds_until_over(|round| vec![Some(100), Some(1_000u64.saturating_sub(round * 5).max(200))]);
        assert!(falling > 160, "{falling}");
    }

    #[test]
    fn it_ends_when_time_is_up() {
        let restless = rounds_until_over(|round| vec![Some(100 + round / 11 % 2 * 100)]);
        assert_eq!(restless, 10_001);
    }

    #[test]
    fn one_slow_round_and_a_failed_arm_do_not_matter() {
        let rounds = rounds_until_over(|round| vec![Some(if round % 11 == 3 { 90_000 } else { 100 }), None]);
        assert_eq!(rounds, 33);
    }
}
