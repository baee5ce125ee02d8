//! When each request is due, and to whom: fixed before the run by rate, duration and seed.

use std::time::Duration;

use fastrand::Rng;
use tollgate_record::Arrivals;

/// A request that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// When, nanoseconds from the begin.
    pub at_ns: u64,
    /// Index of the target.
    pub target: usize,
}

/// The arrivals of a run, in the order of their times. Targets take turns, in an order of its own in each round, so that
/// whatever happens meanwhile happens to all of them.
#[derive(Debug)]
pub struct Schedule {
    arrivals: Arrivals,
    per_ns: f64,
    duration_ns: f64,
    /// A stream of its own: whether times are drawn must not change the order.
    gaps: Rng,
    order: Rng,
    round: Vec<usize>,
    turn: usize,
    /// Arrivals before this one.
    number: u64,
    poisson_ns: f64,
}

impl Schedule {
    /// A schedule of `rate` requests a second to `targets` targets together. The rate is above zero.
    pub fn new(arrivals: Arrivals, rate: f64, duration: Duration, targets: usize, seed: u64) -> Self {
        assert!(rate.is_finite() && rate > 0.0, "a rate is above zero");
        assert!(targets > 0, "somebody must be asked");
        let mut seeds = Rng::with_seed(seed);
        Self {
            arrivals,
            per_ns: rate / 1e9,
            duration_ns: duration.as_nanos() as f64,
            gaps: seeds.fork(),
            order: seeds.fork(),
            round: (0..targets).collect(),
            turn: targets,
            number: 0,
            poisson_ns: 0.0,
        }
    }

    fn next_time_ns(&mut self) -> f64 {
        match self.arrivals {
            // Not a sum of gaps: their rounding errors would add up to another rate.
            Arrivals::Fixed => self.number as f64 / self.per_ns,
            Arrivals::Poisson => {
                // 1 - u is never 0, for u is below 1.
                self.poisson_ns -= (1.0 - self.gaps.f64()).ln() / self.per_ns;
                self.poisson_ns
            }
        }
    }
}

impl Iterator for Schedule {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let at_ns = self.next_time_ns();
        if at_ns >= self.duration_ns {
            return None;
        }
        self.number += 1;
        if self.turn == self.round.len() {
            self.order.shuffle(&mut self.round);
            self.turn = 0;
        }
        let target = self.round[self.turn];
        self.turn += 1;
        Some(Arrival { at_ns: at_ns as u64, target })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arrivals() -> impl Strategy<Value = Arrivals> {
        prop_oneof![Just(Arrivals::Fixed), Just(Arrivals::Poisson)]
    }

    proptest! {
        #[test]
        fn times_ascend_and_targets_take_turns(
            arrivals in arrivals(), rate in 0.5..200_000.0, ms in 1..300u64, targets in 1..9usize, seed: u64,
        ) {
            let duration = Duration::from_millis(ms);
            let all: Vec<Arrival> = Schedule::new(arrivals, rate, duration, targets, seed).collect();
            prop_assert!(all.is_sorted_by_key(|arrival| arrival.at_ns));
            prop_assert!(all.iter().all(|arrival| u128::from(arrival.at_ns) < duration.as_nanos()));
            for round in all.chunks_exact(targets) {
                let mut turn: Vec<usize> = round.iter().map(|arrival| arrival.target).collect();
                turn.sort_unstable();
                prop_assert!(turn.into_iter().eq(0..targets));
            }
            let again: Vec<Arrival> = Schedule::new(arrivals, rate, duration, targets, seed).collect();
            prop_assert_eq!(&all, &again, "a seed says it all");
            let other = if arrivals == Arrivals::Fixed { Arrivals::Poisson } else { Arrivals::Fixed };
            let order = Schedule::new(other, rate, duration, targets, seed).map(|arrival| arrival.target);
            prop_assert!(order.zip(&all).all(|(target, arrival)| target == arrival.target), "times change no order");
        }

        #[test]
        fn a_fixed_rate_is_exact(rate in 0.5..200_000.0, ms in 1..300u64, seed: u64) {
            let all: Vec<Arrival> = Schedule::new(Arrivals::Fixed, rate, Duration::from_millis(ms), 3, seed).collect();
            prop_assert!((all.len() as f64 - rate * ms as f64 / 1e3).abs() <= 1.0, "{}", all.len());
            for (number, arrival) in all.iter().enumerate() {
                prop_assert!((arrival.at_ns as f64 - number as f64 * 1e9 / rate).abs() <= 1.0);
            }
        }
    }

    #[test]
    fn poisson_gaps_are_exponential_and_know_nothing_of_each_other_or_of_another_seed() {
        let rate = 2_000.0;
        let gaps = |seed| {
            let times: Vec<u64> =
                Schedule::new(Arrivals::Poisson, rate, Duration::from_secs(100), 1, seed).map(|a| a.at_ns).collect();
            times.windows(2).map(|pair| (pair[1] - pair[0]) as f64 * rate / 1e9).collect::<Vec<f64>>()
        };
        let (one, other) = (gaps(1), gaps(2));
        let count = one.len() as f64;
        // Bounds of five standard errors. In units of the mean gap, mean and variance are 1, and a share 1/e is longer.
        let error = 5.0 / count.sqrt();
        let mean = one.iter().sum::<f64>() / count;
        assert!((mean - 1.0).abs() < error, "{mean}");
        let variance = one.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count;
        // The fourth central moment is 9, so the variance of the estimate is 8.
        assert!((variance - 1.0).abs() < error * 8f64.sqrt(), "{variance}");
        let longer = one.iter().filter(|&&gap| gap > 1.0).count() as f64 / count;
        assert!((longer - (-1f64).exp()).abs() < error, "{longer}");
        let covariance = |pairs: &mut dyn Iterator<Item = (f64, f64)>| {
            pairs.map(|(a, b)| (a - 1.0) * (b - 1.0)).sum::<f64>() / count
        };
        let next = covariance(&mut one.windows(2).map(|pair| (pair[0], pair[1])));
        let across = covariance(&mut one.iter().copied().zip(other.iter().copied()));
        assert!(next.abs() < error && across.abs() < error, "{next} {across}");
    }
}
