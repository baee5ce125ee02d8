//! Two plugins against each other within one fresh process: what a gate's replicate is.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tollgate_record::{CellId, Failure};

use crate::measure::{Arm, Bench};
use crate::modules::Modules;
use crate::precompiled::Precompiled;
use crate::warm_up::WarmUp;

/// An arm with code of its own: even of one artifact each arm gets another copy, at another place in memory, because
/// that is how two builds differ when nothing was changed.
#[derive(Debug)]
pub struct Contender {
    /// What is measured.
    pub arm: Arm,
    /// Its code, where it was compiled before; the arm compiles it when there is none.
    pub code: Option<Precompiled>,
}

/// How long one process measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MirroredRounds {
    /// Blocks that are kept.
    pub blocks: u32,
    /// Rounds in a block, of which the median is kept; an even number is made odd by one more.
    pub rounds_per_block: u32,
    /// About how long the first arm's batch takes. A batch has at least one request.
    pub batch: Duration,
}

/// What one process measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirrored {
    /// Requests in one batch.
    pub requests_per_batch: u64,
    /// For each pair of arms that was asked for, and each block: nanoseconds of the first and of the second arm, two
    /// batches each, in the round whose ratio of the two is the block's median.
    pub pairs: Vec<Vec<[u64; 2]>>,
}

/// An arm, by its place among the contenders, and why it failed.
pub type Failed = (usize, Failure);

/// Longest warm-up. A process whose medians never stand still is measured all the same: its spread will tell.
const WARM_UP: Duration = Duration::from_millis(250);
/// Most requests in a batch.
const MOST_REQUESTS: u64 = 100_000;
/// Bytes of the heap that are taken, at most, before each arm comes to life, in a few pieces.
const PADDING: usize = 16 << 10;
const PIECES: usize = 8;

impl Bench {
    /// As [`Bench::prepare`], with code of its own for each arm, and pieces of memory of random size between them: how
    /// arms lie to each other in memory is what moves results from process to process, so each process must throw the
    /// dice anew.
    pub fn prepare_apart(contenders: Vec<Contender>, progress: &mut dyn FnMut(&CellId)) -> Self {
        let (arms, mut code): (Vec<Arm>, Vec<Option<Precompiled>>) =
            contenders.into_iter().map(|contender| (contender.arm, contender.code)).unzip();
        let mut padding = Vec::new();
        let mut bench = Self::prepare_with(
            arms,
            &mut |index, arm| {
                padding.extend((0..PIECES).map(|_| Vec::<u8>::with_capacity(fastrand::usize(1..PADDING))));
                let mut modules = Modules::default();
                if let (Some(code), Some(host), Some(plugin)) = (code[index].take(), arm.host, &arm.plugin) {
                    // Code that does not fit is found out when the arm compiles instead.
                    let begin = Instant::now();
                    if let Ok(module) = host.revive(plugin, &code) {
                        modules.put(host, plugin, module, begin.elapsed().as_nanos() as u64);
                    }
                }
                Rc::new(RefCell::new(modules))
            },
            progress,
        );
        bench.padding = padding;
        bench
    }

    /// Measures rounds in which every arm handles one batch in random order, and then one more in the reverse of that
    /// order (for two arms ABBA or BAAB): what drifts evenly over a round hits all arms alike. Per block the median of
    /// each pair's ratio is kept, which a few preempted rounds cannot move.
    ///
    /// # Errors
    /// The first arm that fails ends it: without it there is no pair.
    pub fn mirrored(
        mut self,
        seed: u64,
        rounds: MirroredRounds,
        pairs: &[(usize, usize)],
        progress: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Mirrored, Failed> {
        for arm in 0..self.arms() {
            if let Some(failure) = self.failure(arm) {
                return Err((arm, failure.clone()));
            }
        }
        let mut random = fastrand::Rng::with_seed(seed);
        let mut order: Vec<usize> = (0..self.arms()).collect();
        let requests = self.requests_for(rounds.batch)?;
        let begin = Instant::now();
        let mut warm_up = WarmUp::new(self.arms(), WARM_UP);
        while !warm_up.is_over() {
            random.shuffle(&mut order);
            let sums = self.mirrored_round(&order, requests)?;
            warm_up.round(&sums.iter().copied().map(Some).collect::<Vec<_>>(), begin.elapsed());
        }
        let rounds_per_block = (rounds.rounds_per_block | 1) as usize;
        let mut kept = vec![Vec::with_capacity(rounds.blocks as usize); pairs.len()];
        for _ in 0..rounds.blocks {
            let mut block = vec![Vec::with_capacity(rounds_per_block); pairs.len()];
            for _ in 0..rounds_per_block {
                random.shuffle(&mut order);
                let sums = self.mirrored_round(&order, requests)?;
                for (block, &(first, second)) in block.iter_mut().zip(pairs) {
                    block.push([sums[first], sums[second]]);
                }
            }
            for (kept, block) in kept.iter_mut().zip(&mut block) {
                kept.push(median_pair(block));
            }
            if progress().is_break() {
                break;
            }
        }
        Ok(Mirrored { requests_per_batch: requests, pairs: kept })
    }

    /// Nanoseconds of each arm's two batches.
    fn mirrored_round(&mut self, order: &[usize], requests: u64) -> Result<Vec<u64>, Failed> {
        let mut sums = vec![0; order.len()];
        for &arm in order.iter().chain(order.iter().rev()) {
            sums[arm] += self.batch_of(arm, requests)?;
        }
        Ok(sums)
    }

    /// How many requests of the first arm take about that long, by the fastest of a few batches: the others were cold or
    /// disturbed.
    fn requests_for(&mut self, batch: Duration) -> Result<u64, Failed> {
        let mut requests = 1;
        loop {
            let mut fastest = u64::MAX;
            for _ in 0..9 {
                fastest = fastest.min(self.batch_of(0, requests)?.max(1));
            }
            let wanted = batch.as_nanos() as u64;
            if fastest * 2 > wanted || requests >= MOST_REQUESTS {
                return Ok((requests * wanted).div_ceil(fastest).clamp(1, MOST_REQUESTS));
            }
            requests = (requests * wanted / fastest).clamp(requests + 1, requests * 8);
        }
    }

    fn batch_of(&mut self, arm: usize, requests: u64) -> Result<u64, Failed> {
        match self.batch(arm, requests) {
            Some(ns) => Ok(ns),
            None => {
                let unknown = || Failure::environment("measure", "gave no time for a batch; run again");
                Err((arm, self.failure(arm).cloned().unwrap_or_else(unknown)))
            }
        }
    }
}

/// The pair whose ratio is the median of an odd number of them, compared exactly.
fn median_pair(pairs: &mut [[u64; 2]]) -> [u64; 2] {
    let middle = pairs.len() / 2;
    let cross = |top: u64, bottom: u64| u128::from(top) * u128::from(bottom);
    *pairs.select_nth_unstable_by(middle, |x, y| cross(x[1], y[0]).cmp(&cross(y[1], x[0]))).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_that_of_ratios_and_not_of_durations() {
        let mut pairs = [[100, 101], [1_000_000, 1_020_000], [50, 500], [200, 190], [10, 9]];
        assert_eq!(median_pair(&mut pairs), [100, 101]);
    }
}
