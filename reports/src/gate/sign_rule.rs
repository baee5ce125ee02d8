//! The rule over starts of a gateway: how many of them must lie beyond the margin, without assuming a shape for their spread.

use super::binomial::{at_least, first, least_successes};

/// A batch of starts, and of how many it takes to say something: see [`least_successes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SignRule {
    /// Replicates in a batch.
    pub(super) replicates: u32,
    /// Of these must be beyond.
    pub(super) least: u32,
}

impl SignRule {
    /// For an error of at most `alpha`; none when there are too few replicates for any.
    pub(super) fn new(replicates: u32, alpha: f64) -> Option<Self> {
        Some(Self { replicates, least: least_successes(replicates, alpha)? })
    }

    /// Whether as many of these values are above the limit; false when there are other than a batch of them.
    pub(super) fn above(self, values: &[f64], limit: f64) -> bool {
        values.len() == self.replicates as usize
            && values.iter().filter(|&&value| value > limit).count() >= self.least as usize
    }

    /// The smallest shift that is found in `batches` batches, one after the other, with probability `power`, when replicates
    /// scatter around it with that standard deviation: above the limit, in the unit of the deviation.
    ///
    /// For their spread a logistic distribution is assumed, whose tails are heavier than the normal's.
    pub(super) fn smallest_shift(self, deviation: f64, batches: u32, power: f64) -> f64 {
        let wanted = power.powf(1.0 / f64::from(batches));
        // Of one replicate to be beyond.
        let probability = first(|one| at_least(self.replicates, self.least, one) >= wanted);
        let scale = deviation * 3.0_f64.sqrt() / std::f64::consts::PI;
        scale * (probability / (1.0 - probability)).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_said_to_be_found_is_found(count in 3u32..12, batches in 1u32..3, seed in any::<u64>()) {
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
