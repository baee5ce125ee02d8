//! The centre of a few replicates and how sure it is, without assuming a shape for their spread.
//!
//! A fresh start (of a process or a gateway) is the replicate: within one process repeated rounds agree to 0.04 %
//! where fresh processes of the same code differ by 1.8 % (memory layout), so an interval from rounds would be far
//! too narrow. A start's estimate is the median of its block medians, a cell's is the median over starts.

use serde::Serialize;
use tollgate_record::Series;

/// Confidence that an interval must reach when there are enough replicates for it.
const TARGET: f64 = 0.95;

/// A median with its interval, in the unit of the values that went in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// Median over the replicates.
    pub p50: f64,
    /// Lower end of the interval; none when one value is all there is.
    pub low: Option<f64>,
    /// Upper end of the interval; none when one value is all there is.
    pub high: Option<f64>,
    /// Probability, 0 to 1, that such an interval covers the true median; none without an interval.
    pub confidence: Option<f64>,
    /// Whether the replicates are fresh starts. When false there was one start, the replicates are its blocks, and
    /// the interval does not know how starts differ: it is too narrow.
    pub between_starts: bool,
    /// Share, 0 to 1, of the variance of the starts' figures that the blocks within them do not explain: how far starts
    /// differ beyond the noise of each. None for fewer than two starts.
    pub between_share: Option<f64>,
    /// Starts that gave a figure.
    pub starts: u32,
}

impl Estimate {
    /// Both ends of the interval, when there is one.
    pub fn interval(&self) -> Option<(f64, f64)> {
        self.low.zip(self.high)
    }

    /// Whether two intervals share a value; none when one of them is not known.
    pub fn overlaps(&self, other: &Self) -> Option<bool> {
        let ((low, high), (other_low, other_high)) = (self.interval()?, other.interval()?);
        Some(low <= other_high && other_low <= high)
    }
}

/// Median of the values: the mean of the two middle ones when their number is even. None when there are none.
pub fn median(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

/// Exact distribution-free interval for the median: `(low, high, confidence)`, none for fewer than two values.
///
/// Inverts the sign test: of `n` independent values the number below the true median is binomial(n, 1/2), so the
/// k-th smallest and k-th largest enclose it with probability 1 - 2 P(binomial(n, 1/2) < k). Taken is the largest k
/// that keeps 95 %; with fewer than six values no pair does, and smallest and largest are taken with the confidence
/// that they have, 1 - 2^(1-n). Source: H. A. David and H. N. Nagaraja, "Order Statistics", 3rd edition (2003),
/// section 7.1. With ties the true coverage is higher, never lower.
pub fn median_interval(values: &[f64]) -> Option<(f64, f64, f64)> {
    median_interval_of(values, TARGET)
}

/// The same with another confidence to reach than 95 %.
pub(crate) fn median_interval_of(values: &[f64], target: f64) -> Option<(f64, f64, f64)> {
    let sorted = sorted(values);
    if sorted.len() < 2 {
        return None;
    }
    let (rank, confidence) = rank(sorted.len(), target);
    Some((sorted[rank - 1], sorted[sorted.len() - rank], confidence))
}

/// Rank (from 1) of the order statistic at each end, and the confidence of the pair.
fn rank(count: usize, target: f64) -> (usize, f64) {
    let n = count as f64;
    // In logarithms, because 2^-n is 0 in floating point for the block counts of a long run.
    let mut ln_probability = -n * std::f64::consts::LN_2;
    let mut below = ln_probability.exp();
    let mut best = (1, 1.0 - 2.0 * below);
    for rank in 2..=count / 2 {
        let taken = (rank - 1) as f64;
        ln_probability += ((n - taken + 1.0) / taken).ln();
        below += ln_probability.exp();
        let confidence = 1.0 - 2.0 * below;
        if confidence < target {
            break;
        }
        best = (rank, confidence);
    }
    best
}

/// A start's estimate of added latency in nanoseconds per request; none without blocks.
pub(crate) fn start_added_ns(series: &Series) -> Option<f64> {
    median(&added_per_request_ns(series))
}

/// A start's blocks by the gateway's own clock, nanoseconds per request; empty without one.
fn gateway_added_ns_of(series: &Series) -> Vec<f64> {
    series.gateway_added_blocks_ns.iter().flatten().map(|&ns| ns as f64).collect()
}

fn added_per_request_ns(series: &Series) -> Vec<f64> {
    let requests = series.requests_per_sample.max(1) as f64;
    series.added_blocks_ns.iter().map(|&ns| ns as f64 / requests).collect()
}

/// Estimate over replicates that are starts.
pub(crate) fn over_starts(estimates: &[f64]) -> Option<Estimate> {
    let interval = median_interval(estimates);
    Some(Estimate {
        p50: median(estimates)?,
        low: interval.map(|(low, _, _)| low),
        high: interval.map(|(_, high, _)| high),
        confidence: interval.map(|(_, _, confidence)| confidence),
        between_starts: true,
        between_share: None,
        starts: estimates.len() as u32,
    })
}

/// Added latency of a cell in nanoseconds per request; none when nothing was paired with a control.
pub(crate) fn added_ns(series: &[Series]) -> Option<Estimate> {
    over_blocks(series.iter().map(added_per_request_ns))
}

/// The same by the gateway's own clock; none where it has none.
pub(crate) fn gateway_added_ns(series: &[Series]) -> Option<Estimate> {
    over_blocks(series.iter().map(gateway_added_ns_of))
}

/// Estimate from the blocks of each start; of one start alone, over its blocks.
fn over_blocks(starts: impl Iterator<Item = Vec<f64>>) -> Option<Estimate> {
    let measured: Vec<Vec<f64>> = starts.filter(|blocks| !blocks.is_empty()).collect();
    match measured.as_slice() {
        [only] => Some(Estimate { between_starts: false, starts: 1, ..over_starts(only)? }),
        many => {
            let estimates: Vec<f64> = many.iter().filter_map(|blocks| median(blocks)).collect();
            let within = many.iter().map(|blocks| variance_of_median(blocks)).sum::<f64>() / many.len().max(1) as f64;
            Some(Estimate { between_share: between_share(&estimates, within), ..over_starts(&estimates)? })
        }
    }
}

/// Variance of the values around their mean, without bias; 0 for fewer than two.
pub(crate) fn variance(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64
}

/// Variance of the median of so many values as they tell it themselves: pi/2 times that of their mean, for as many values
/// of a normal distribution.
pub(crate) fn variance_of_median(values: &[f64]) -> f64 {
    variance(values) / values.len().max(1) as f64 * std::f64::consts::FRAC_PI_2
}

/// Share, 0 to 1, of the variance of replicates' estimates that their own values do not explain, of which `within` is the
/// mean variance. None for fewer than two replicates, or alike ones. Source: S. R. Searle, G. Casella and C. E. McCulloch,
/// "Variance Components" (1992), chapter 3: by the analysis of variance, cut off at 0.
pub(crate) fn between_share(estimates: &[f64], within: f64) -> Option<f64> {
    let total = variance(estimates);
    (estimates.len() > 1 && total > 0.0).then(|| (1.0 - within / total).clamp(0.0, 1.0))
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Coverage by counting: each of the 2^n ways in which values can fall below or above the median is as likely.
    fn coverage_by_counting(count: usize, rank: usize) -> f64 {
        let covered = (0u32..1 << count)
            .filter(|signs| {
                let below = signs.count_ones() as usize;
                below >= rank && count - below >= rank
            })
            .count();
        covered as f64 / f64::from(1u32 << count)
    }

    #[test]
    fn confidence_is_that_of_counting_all_cases_and_no_tighter_pair_keeps_the_target() {
        // From so many values on, the target can be reached: 1 - 2^(1-n).
        for (target, enough) in [(TARGET, 6), (0.99, 8)] {
            for count in 2..=16 {
                let (rank, confidence) = rank(count, target);
                assert!((confidence - coverage_by_counting(count, rank)).abs() < 1e-12, "n = {count}");
                assert!(count < enough || confidence >= target, "n = {count} has {confidence}");
                let tighter = rank < count / 2 && coverage_by_counting(count, rank + 1) >= target;
                assert!(!tighter, "n = {count} can be tighter");
            }
        }
    }

    #[test]
    fn known_cases() {
        let cases = [(2, 1, 0.5), (3, 1, 0.75), (5, 1, 0.9375), (6, 1, 0.96875), (9, 2, 0.9609375), (20, 6, 0.958_610)];
        for (count, expected_rank, expected) in cases {
            let (rank, confidence) = rank(count, TARGET);
            assert_eq!(rank, expected_rank, "n = {count}");
            assert!((confidence - expected).abs() < 1e-6, "n = {count}: {confidence}");
        }
        assert_eq!(median_interval(&[1.0]), None);
        // Where 2^-n underflows, the normal approximation gives k = n/2 - 0.98 sqrt(n).
        let (rank, confidence) = rank(10_000, TARGET);
        assert!((4_900..=4_903).contains(&rank) && (TARGET..0.952).contains(&confidence), "{rank} {confidence}");
    }

    #[test]
    fn intervals_cover_the_true_median_as_often_as_they_say() {
        let mut random = fastrand::Rng::with_seed(20_260_101);
        // Exponential: as skewed as latencies are; its true median is ln 2.
        for count in [3, 6, 10, 25] {
            let trials = 8_000;
            let mut covered = 0;
            let mut nominal = 0.0;
            for _ in 0..trials {
                let values: Vec<f64> = (0..count).map(|_| -(1.0 - random.f64()).ln()).collect();
                let (low, high, confidence) = median_interval(&values).expect("more than one value");
                covered += u32::from((low..=high).contains(&std::f64::consts::LN_2));
                nominal = confidence;
            }
            let share = f64::from(covered) / f64::from(trials);
            let sigma = (nominal * (1.0 - nominal) / f64::from(trials)).sqrt();
            assert!((share - nominal).abs() < 4.0 * sigma, "n = {count}: {share} for {nominal}");
        }
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_median_and_both_ends_are_values(values in prop::collection::vec(-1e9..1e9f64, 2..60)) {
            let (low, high, confidence) = median_interval(&values).unwrap();
            let middle = median(&values).unwrap();
            prop_assert!(low <= middle && middle <= high);
            prop_assert!(values.contains(&low) && values.contains(&high));
            prop_assert!((0.0..1.0).contains(&confidence));
            // Symmetric: as many values below the low end as above the high end (no ties in random values).
            let below = values.iter().filter(|&&value| value < low).count();
            let above = values.iter().filter(|&&value| value > high).count();
            prop_assert_eq!(below, above);
        }

        #[test]
        fn shifting_and_scaling_the_values_does_the_same_to_the_estimate(
            values in prop::collection::vec(-1000i32..1000, 1..30), shift in -1000i32..1000,
        ) {
            let plain: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
            let moved: Vec<f64> = plain.iter().map(|value| value * 4.0 + f64::from(shift)).collect();
            let (plain, moved) = (over_starts(&plain).unwrap(), over_starts(&moved).unwrap());
            prop_assert_eq!(moved.p50, plain.p50 * 4.0 + f64::from(shift));
            prop_assert_eq!(moved.low, plain.low.map(|low| low * 4.0 + f64::from(shift)));
            prop_assert_eq!(moved.high, plain.high.map(|high| high * 4.0 + f64::from(shift)));
        }
    }

    #[test]
    fn one_start_is_flagged_and_batches_are_divided() {
        let mut series = Series::of_values(0, &[]);
        series.requests_per_sample = 10;
        series.added_blocks_ns = vec![100, 120, 140];
        let one = added_ns(std::slice::from_ref(&series)).unwrap();
        assert_eq!((one.p50, one.low, one.high, one.between_starts), (12.0, Some(10.0), Some(14.0), false));
        let mut other = series.clone();
        other.requests_per_sample = 1;
        other.added_blocks_ns = vec![20];
        let two = added_ns(&[series, other]).unwrap();
        assert_eq!((two.p50, two.low, two.high), (16.0, Some(12.0), Some(20.0)));
        assert_eq!((two.between_starts, two.starts, two.confidence), (true, 2, Some(0.5)));
        // Blocks of 10, 12 and 14: 4 / 3 pi / 2 within the one start, nothing within the other; 32 between 12 and 20.
        let within = 4.0 / 3.0 * std::f64::consts::FRAC_PI_2 / 2.0;
        assert!((two.between_share.unwrap() - (1.0 - within / 32.0)).abs() < 1e-12, "{two:?}");
        assert_eq!(one.between_share, None);
        assert_eq!(added_ns(&[]), None);
        assert_eq!(added_ns(&[Series::of_values(0, &[5])]), None);
    }
}
