//! The binomial distribution: how often a coin falls on one side, which is all that a gate's rule assumes.

/// Probability that of `n` independent trials, each with probability `p`, at least `k` succeed: exact, in floating point.
pub fn at_least(n: u32, k: u32, p: f64) -> f64 {
    if k == 0 {
        return 1.0;
    }
    if k > n {
        return 0.0;
    }
    if p <= 0.0 || p >= 1.0 {
        return f64::from(u8::from(p >= 1.0));
    }
    // The shorter tail is summed, from the end nearer to the middle on, each term from the one before.
    let odds = p / (1.0 - p);
    if f64::from(k) > f64::from(n) * p {
        let next = |i: u32, term: f64| term * f64::from(n - i) / f64::from(i + 1) * odds;
        sum(k..=n, probability(n, k, p), next).min(1.0)
    } else {
        let next = |i: u32, term: f64| term * f64::from(i) / f64::from(n - i + 1) / odds;
        (1.0 - sum((0..k).rev(), probability(n, k - 1, p), next)).max(0.0)
    }
}

/// The sum of as many terms as there are numbers, of which `next` makes each from its predecessor's number and value.
fn sum(numbers: impl Iterator<Item = u32>, first: f64, next: impl Fn(u32, f64) -> f64) -> f64 {
    let (mut term, mut sum) = (first, 0.0);
    for number in numbers {
        sum += term;
        term = next(number, term);
    }
    sum
}

/// Probability of exactly `k` successes. In logarithms, because 2^-n is 0 in floating point for a large `n`.
fn probability(n: u32, k: u32, p: f64) -> f64 {
    let fewer = k.min(n - k);
    let choose: f64 = (1..=fewer).map(|i| (f64::from(n - fewer + i) / f64::from(i)).ln()).sum();
    (choose + f64::from(k) * p.ln() + f64::from(n - k) * (-p).ln_1p()).exp()
}

/// The smallest number of successes that `n` trials of a fair coin reach with a probability of at most `alpha`, below one
/// half: so many of the processes must lie beyond a margin before it is said that their median does. None when not even
/// all `n` are enough.
///
/// The sign test; source: W. J. Conover, "Practical Nonparametric Statistics", 3rd edition (1999), section 3.4.
pub fn least_successes(n: u32, alpha: f64) -> Option<u32> {
    let (mut ln_term, mut tail, mut least) = (-f64::from(n) * std::f64::consts::LN_2, 0.0, None);
    for k in (n / 2..=n).rev() {
        tail += ln_term.exp();
        if tail > alpha {
            break;
        }
        least = Some(k);
        ln_term += (f64::from(k) / f64::from(n - k + 1)).ln();
    }
    least
}

/// Exact interval for the probability behind `k` successes in `n` trials, which covers it with at least `confidence`.
///
/// Source: C. J. Clopper and E. S. Pearson, Biometrika 26 (1934) 404; the ends are found by halving.
pub fn clopper_pearson(k: u32, n: u32, confidence: f64) -> (f64, f64) {
    let tail = (1.0 - confidence) / 2.0;
    // The chance of k or more grows with p, that of k or fewer falls.
    let low = if k == 0 { 0.0 } else { first(|p| at_least(n, k, p) >= tail) };
    let high = if k >= n { 1.0 } else { first(|p| 1.0 - at_least(n, k + 1, p) <= tail) };
    (low, high)
}

/// The smallest probability for which something that stays true once it is holds.
pub(super) fn first(is_true: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if is_true(middle) { high = middle } else { low = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By going through all outcomes of `n` trials.
    fn by_counting(n: u32, k: u32, p: f64) -> f64 {
        let outcomes = (0u32..1 << n).filter(|outcome| outcome.count_ones() >= k);
        outcomes
            .map(|outcome| {
                p.powi(outcome.count_ones() as i32) * (1.0 - p).powi(outcome.count_zeros() as i32 - (32 - n as i32))
            })
            .sum()
    }

    proptest! {
        #[test]
        fn tails_are_those_of_counting(n in 1u32..13, k in 0u32..14, p in 0.0..=1.0f64) {
            prop_assert!((at_least(n, k, p) - by_counting(n, k, p)).abs() < 1e-12);
        }

        #[test]
        fn tails_fall_with_k_and_grow_with_p(n in 1u32..500, k in 0u32..500, p in 0.001..0.999f64) {
            prop_assert!(at_least(n, k, p) >= at_least(n, k + 1, p));
            prop_assert!(at_least(n, k, p) <= at_least(n, k, p + 0.001) + 1e-12);
        }

        #[test]
        fn no_smaller_number_of_successes_keeps_alpha(n in 1u32..200, alpha in 1e-9..0.4f64) {
            match least_successes(n, alpha) {
                Some(k) => {
                    prop_assert!(at_least(n, k, 0.5) <= alpha);
                    prop_assert!(k == n / 2 || at_least(n, k - 1, 0.5) > alpha);
                }
                None => prop_assert!(0.5f64.powi(n as i32) > alpha),
            }
        }

        #[test]
        fn the_interval_of_a_probability_covers_it(n in 1u32..60, p in 0.0..=1.0f64, confidence in 0.5..0.999f64) {
            let covered: f64 = (0..=n)
                .filter(|&k| { let (low, high) = clopper_pearson(k, n, confidence); (low - 1e-9..=high + 1e-9).contains(&p) })
                .map(|k| at_least(n, k, p) - at_least(n, k + 1, p))
                .sum();
            prop_assert!(covered >= confidence - 1e-9, "{covered}");
        }
    }

    #[test]
    fn known_values() {
        assert_eq!(least_successes(40, 0.001), Some(31));
        assert_eq!(least_successes(40, 0.0001), Some(32));
        assert!((at_least(40, 32, 0.5) - 9.1e-5).abs() < 1e-6 && (at_least(40, 34, 0.5) - 4.2e-6).abs() < 1e-7);
        assert_eq!(least_successes(5, 0.001), None);
        // The rule of three, exactly: none in 300 is below 1 % with 95 % on one side.
        let (low, high) = clopper_pearson(0, 300, 0.9);
        assert_eq!(low, 0.0);
        assert!((high - 0.009_936).abs() < 1e-5, "{high}");
        let (low, high) = clopper_pearson(8, 10, 0.95);
        assert!((low - 0.443_904).abs() < 1e-5 && (high - 0.974_789).abs() < 1e-5, "{low} {high}");
    }
}
