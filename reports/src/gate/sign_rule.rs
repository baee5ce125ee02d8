//! The rule over replicates: how many of them must lie beyond the margin, without assuming a shape for their spread.

/// Confidence in a batch of replicates is that of the sign test: when the true median is at the margin, each replicate is
/// beyond it with probability 1/2, so the number of those beyond is binomial(n, 1/2). Source: W. J. Conover, "Practical
/// Nonparametric Statistics", 3rd edition (1999), section 3.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SignRule {
    /// Replicates in a batch.
    pub(super) replicates: usize,
    /// Of these must be beyond.
    pub(super) least: usize,
}

impl SignRule {
    /// The fewest of `replicates` whose being beyond has at most probability `alpha` when the true median is not; none when
    /// there are too few replicates for any.
    pub(super) fn new(replicates: usize, alpha: f64) -> Option<Self> {
        let least = (0..=replicates).find(|&least| at_least(replicates, least, 0.5) <= alpha)?;
        Some(Self { replicates, least })
    }

    /// Whether as many of these values are above the limit; false when there are other than a batch of them.
    pub(super) fn above(self, values: &[f64], limit: f64) -> bool {
        values.len() == self.replicates && values.iter().filter(|&&value| value > limit).count() >= self.least
    }

    /// The smallest shift that is found in `batches` batches, one after the other, with probability `power`, when replicates
    /// scatter around it with that standard deviation: above the limit, in the unit of the deviation.
    ///
    /// For their spread a logistic distribution is assumed, whose tails are heavier than the normal's.
    pub(super) fn smallest_shift(self, deviation: f64, batches: u32, power: f64) -> f64 {
        let wanted = power.powf(1.0 / f64::from(batches));
        // The least probability of one replicate to be beyond for which a batch is; the tail grows with it.
        let (mut low, mut high) = (0.5, 1.0);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if at_least(self.replicates, self.least, middle) < wanted { low = middle } else { high = middle }
        }
        let scale = deviation * 3.0_f64.sqrt() / std::f64::consts::PI;
        scale * (high / (1.0 - high)).ln()
    }
}

/// Probability that of `count` independent trials, each a success with `probability`, at least `least` are.
pub(super) fn at_least(count: usize, least: usize, probability: f64) -> f64 {
    let (p, q) = (probability, 1.0 - probability);
    let mut choose = 1.0;
    let mut sum = 0.0;
    // From all successes down, so that the smallest terms are added first.
    for failures in 0..=count.saturating_sub(least) {
        if least > count {
            break;
        }
        sum += choose * p.powi((count - failures) as i32) * q.powi(failures as i32);
        choose = choose * (count - failures) as f64 / (failures + 1) as f64;
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By counting: each of the 2^n outcomes has the product of its trials' probabilities.
    fn by_counting(count: usize, least: usize, p: f64) -> f64 {
        (0u32..1 << count)
            .filter(|outcome| outcome.count_ones() as usize >= least)
            .map(|outcome| {
                let successes = outcome.count_ones() as i32;
                p.powi(successes) * (1.0 - p).powi(count as i32 - successes)
            })
            .sum()
    }

    proptest! {
        #[test]
        fn the_tail_is_that_of_counting_all_cases(count in 0usize..12, least in 0usize..14, p in 0.0..=1.0f64) {
            prop_assert!((at_least(count, least, p) - by_counting(count, least, p)).abs() < 1e-12);
        }

        #[test]
        fn one_fewer_would_not_do_and_none_is_enough_when_there_are_too_few(count in 1usize..40, alpha in 1e-6..0.5f64) {
            match SignRule::new(count, alpha) {
                Some(rule) => {
                    prop_assert!(at_least(count, rule.least, 0.5) <= alpha);
                    prop_assert!(at_least(count, rule.least - 1, 0.5) > alpha);
                }
                None => prop_assert!(0.5f64.powi(count as i32) > alpha),
            }
        }

        #[test]
        fn what_is_said_to_be_found_is_found(count in 3usize..12, batches in 1u32..3, seed in any::<u64>()) {
            let Some(rule) = SignRule::new(count, 0.2) else { return Ok(()) };
            let shift = rule.smallest_shift(1.0, batches, 0.9);
            let mut random = fastrand::Rng::with_seed(seed);
            // A logistic value of deviation 1 from a uniform one.
            let scale = 3.0_f64.sqrt() / std::f64::consts::PI;
            let mut value = || {
                let uniform = random.f64().clamp(1e-12, 1.0 - 1e-12);
                shift + scale * (uniform / (1.0 - uniform)).ln()
            };
            let trials = 2_000;
            let found = (0..trials)
                .filter(|_| (0..batches).all(|_| rule.above(&(0..count).map(|_| value()).collect::<Vec<_>>(), 0.0)))
                .count();
            let share = found as f64 / f64::from(trials);
            prop_assert!((share - 0.9).abs() < 0.035, "{share} for {rule:?} and a shift of {shift}");
        }
    }

    #[test]
    fn known_cases() {
        for (replicates, alpha, least) in
            [(5, 0.0316, Some(5)), (10, 0.0316, Some(9)), (40, 0.001, Some(31)), (3, 0.0316, None)]
        {
            assert_eq!(SignRule::new(replicates, alpha).map(|rule| rule.least), least, "{replicates} at {alpha}");
        }
        let rule = SignRule { replicates: 3, least: 2 };
        assert!(rule.above(&[1.0, 2.0, -1.0], 0.0));
        assert!(!rule.above(&[1.0, f64::NAN, -1.0], 0.0), "what is no number is not above");
        assert!(!rule.above(&[1.0, 2.0], 0.0), "a start is missing");
    }
}
