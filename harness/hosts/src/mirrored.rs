//! Two plugins against each other within one fresh process: what a gate's replicate is.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tollgate_record::Failure;

use crate::measure::{Arm, Bench};
use crate::modules::Modules;
use crate::precompiled::Precompiled;
use crate::warm_up::WarmUp;

/// An arm with code of its own: even of one artifact each arm gets another copy, at another place in memory, because
/// that is how two builds differ when nothing was changed.
#[derive(Debug, Clone)]
pub struct Contender {
    /// What is measured.
    pub arm: Arm,
    /// Its code, where it was compiled before; the arm compiles it when there is none.
    pub code: Option<Precompiled>,
}

/// How long one process measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MirroredRounds {
    /// How often all arms are made anew, each time elsewhere in memory.
    pub layouts: u32,
    /// Time after which they are not made anew any more: some plugins take long to come to life. What is left is then
    /// measured with the last of them.
    pub longest: Duration,
    /// Blocks that are kept of each layout.
    pub blocks_per_layout: u32,
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

/// Longest warm-up of the first layout. One whose medians never stand still is measured all the same: its spread will
/// tell.
const WARM_UP: Duration = Duration::from_millis(100);
/// Rounds that warm up each further one: code and caches are warm, and compilers of scripts have had what they wait for
/// (LuaJIT 56 turns of a loop).
pub(crate) const FURTHER_ROUNDS: u32 = 30;
/// Batches of the warm-up are so much shorter.
pub(crate) const WARM_UP_PART: u64 = 4;
/// Most requests in a batch.
const MOST_REQUESTS: u64 = 100_000;
/// Bytes of the heap that are taken, at most, before each arm comes to life, in a few pieces.
const PADDING: usize = 16 << 10;
const PIECES: usize = 8;

/// Measures arms against each other, in rounds in which every arm handles one batch in random order, and then one more
/// in the reverse of that order (for two arms ABBA or BAAB): what drifts evenly over a round hits all arms alike. Per
/// block the median of each pair's ratio is kept, which a few preempted rounds cannot move.
///
/// How arms lie to each other in memory moves their ratio by percents, for as long as they lie there. So they are made
/// anew several times.
///
/// # Errors
/// The first arm that fails ends it: without it there is no pair.
pub fn mirrored(
    contenders: &[Contender],
    seed: u64,
    rounds: MirroredRounds,
    pairs: &[(usize, usize)],
    progress: &mut dyn FnMut(),
) -> Result<Mirrored, Failed> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut kept = vec![Vec::new(); pairs.len()];
    let begin = Instant::now();
    let mut requests = None;
    let mut bench: Option<Bench> = None;
    for layout in 0..rounds.layouts {
        // The last ones go when the next are there, so that those lie elsewhere.
        let mut current = match bench.take() {
            Some(last) if begin.elapsed() > rounds.longest => last,
            last => {
                let made = prepare(contenders, &mut random)?;
                drop(last);
                made
            }
        };
        let requests = match requests {
            Some(requests) => requests,
            None => *requests.insert(current.requests_for(rounds.batch)?),
        };
        let warm_up = (layout > 0).then_some(FURTHER_ROUNDS);
        current.warm(requests.div_ceil(WARM_UP_PART), warm_up, &mut random)?;
        for _ in 0..rounds.blocks_per_layout {
            current.block(requests, rounds.rounds_per_block, pairs, &mut kept, &mut random)?;
            progress();
        }
        bench = Some(current);
    }
    Ok(Mirrored { requests_per_batch: requests.unwrap_or(1), pairs: kept })
}

/// All arms come to life, with code of their own for each and pieces of memory of random size between them.
pub(crate) fn prepare(contenders: &[Contender], random: &mut fastrand::Rng) -> Result<Bench, Failed> {
    let arms: Vec<Arm> = contenders.iter().map(|contender| contender.arm.clone()).collect();
    let mut padding = Vec::new();
    // `prepare_with` shuffles the arms.
    fastrand::seed(random.u64(..));
    let mut bench = Bench::prepare_with(
        arms,
        &mut |index, arm| {
            padding.extend((0..PIECES).map(|_| Vec::<u8>::with_capacity(random.usize(1..PADDING))));
            let mut modules = Modules::default();
            if let (Some(code), Some(host), Some(plugin)) = (&contenders[index].code, arm.host, &arm.plugin) {
                let begin = Instant::now();
                // Code that does not fit is compiled instead.
                if let Ok(module) = host.revive(plugin, code) {
                    modules.put(host, plugin, module, begin.elapsed().as_nanos() as u64);
                }
            }
            Rc::new(RefCell::new(modules))
        },
        &mut |_| {},
    );
    bench.padding = padding;
    match (0..bench.arms()).find_map(|arm| Some((arm, bench.failure(arm)?.clone()))) {
        Some(failed) => Err(failed),
        None => Ok(bench),
    }
}

impl Bench {
    /// So many rounds, or as many as it takes until no median moves any more.
    pub(crate) fn warm(
        &mut self,
        requests: u64,
        rounds: Option<u32>,
        random: &mut fastrand::Rng,
    ) -> Result<(), Failed> {
        let mut order: Vec<usize> = (0..self.arms()).collect();
        let begin = Instant::now();
        let mut warm_up = WarmUp::new(self.arms(), WARM_UP);
        let mut done = 0;
        while rounds.map_or(!warm_up.is_over(), |rounds| done < rounds) {
            random.shuffle(&mut order);
            let sums = self.mirrored_round(&order, requests)?;
            warm_up.round(&sums.into_iter().map(Some).collect::<Vec<_>>(), begin.elapsed());
            done += 1;
        }
        Ok(())
    }

    /// One block, whose medians are added to those kept of each pair.
    fn block(
        &mut self,
        requests: u64,
        rounds: u32,
        pairs: &[(usize, usize)],
        kept: &mut [Vec<[u64; 2]>],
        random: &mut fastrand::Rng,
    ) -> Result<(), Failed> {
        let mut order: Vec<usize> = (0..self.arms()).collect();
        let mut block = vec![Vec::new(); pairs.len()];
        for _ in 0..rounds | 1 {
            random.shuffle(&mut order);
            let sums = self.mirrored_round(&order, requests)?;
            for (block, &(first, second)) in block.iter_mut().zip(pairs) {
                block.push([sums[first], sums[second]]);
            }
        }
        for (kept, block) in kept.iter_mut().zip(&mut block) {
            kept.push(median_pair(block));
        }
        Ok(())
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
    pub(crate) fn requests_for(&mut self, batch: Duration) -> Result<u64, Failed> {
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

    pub(crate) fn batch_of(&mut self, arm: usize, requests: u64) -> Result<u64, Failed> {
        match self.batch(arm, requests) {
            // The clock of some machines stands still for that long.
            Some(ns) => Ok(ns.max(1)),
            None => {
                let unknown = || Failure::environment("measure", "gave no time for a batch; run again");
                Err((arm, self.failure(arm).cloned().unwrap_or_else(unknown)))
            }
        }
    }
}

/// The pair whose ratio is the median of an odd number of them, compared exactly. There must be one at least.
pub fn median_pair(pairs: &mut [[u64; 2]]) -> [u64; 2] {
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
