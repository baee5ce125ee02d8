//! The shift function: what a plugin adds to the fast requests, the usual ones and the slow ones.
//!
//! The difference of two distributions at each of their quantiles (K. Doksum, Ann. Statist. 2 (1974) 267; R. Wilcox,
//! "Introduction to Robust Estimation and Hypothesis Testing", section 5.1). A plugin that costs every request the same is a flat line;
//! one that now and then does more, as collecting garbage is, rises towards the slow end.

use tollgate_record::{Cell, Series};

use crate::curve::carries;
use crate::estimate::{Estimate, over_starts};

/// Where both distributions are read: deciles, then towards the tail.
const QUANTILES: [f64; 11] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99];

/// A quantile of the requests with the plugin minus the same quantile of those without.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShiftPoint {
    /// Share of requests at most that slow, 0 to 1.
    pub quantile: f64,
    /// Difference of both quantiles within a start, nanoseconds: median over starts.
    pub difference_ns: Estimate,
}

/// A cell against the control that it shared starts with. A quantile is left out where some start has not ten requests above
/// it on both sides; all are where the cell failed, or no start is in both.
pub fn shift(cell: &Cell, control: &Cell) -> Vec<ShiftPoint> {
    if cell.error.is_some() || control.error.is_some() {
        return Vec::new();
    }
    let of_start = |start: u32| control.series.iter().find(|other| other.start == start);
    let starts: Vec<(Vec<f64>, Vec<f64>)> = cell
        .series
        .iter()
        .filter_map(|series| Some((quantiles_ns(series), quantiles_ns(of_start(series.start)?))))
        .filter(|(with, without)| !with.is_empty() && !without.is_empty())
        .collect();
    let point = |(index, &quantile): (usize, &f64)| {
        let difference = |(with, without): &(Vec<f64>, Vec<f64>)| Some(with.get(index)? - without.get(index)?);
        let differences: Vec<f64> = starts.iter().map(difference).collect::<Option<_>>()?;
        Some(ShiftPoint { quantile, difference_ns: over_starts(&differences)? })
    };
    QUANTILES.iter().enumerate().map_while(point).collect()
}

/// The quantiles that the requests of a start carry, from the lowest up; in one pass over the buckets.
fn quantiles_ns(series: &Series) -> Vec<f64> {
    let requests = &series.latency_ns;
    let (Some(min_ns), Some(max_ns)) = (requests.min_ns(), requests.max_ns()) else { return Vec::new() };
    let mut buckets = requests.buckets();
    let (mut seen, mut value_ns) = (0, min_ns);
    let mut at = |quantile: f64| {
        let wanted = (quantile * requests.len() as f64).ceil() as u64;
        while seen < wanted {
            let Some((bucket_ns, count)) = buckets.next() else { break };
            seen += count;
            value_ns = bucket_ns.clamp(min_ns, max_ns);
        }
        value_ns as f64
    };
    QUANTILES.iter().take_while(|quantile| carries(requests.len(), **quantile)).map(|quantile| at(*quantile)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::of_starts::cell;

    proptest! {
        #[test]
        fn what_is_added_to_every_request_is_the_same_at_every_quantile(
            starts in prop::collection::vec(prop::collection::vec(1_000u64..1_000_000, 1..400), 1..5), added in 0u64..500_000,
        ) {
            let with: Vec<Vec<u64>> =
                starts.iter().map(|values| values.iter().map(|value| value + added).collect()).collect();
            let points = shift(&cell(&with), &cell(&starts));
            prop_assert!(points.len() >= 5 && points.len() <= QUANTILES.len(), "the median is always there");
            for point in points {
                // Values are kept to 0.1 % on both sides.
                let off = (point.difference_ns.p50 - added as f64).abs();
                prop_assert!(off <= 0.001 * 2.0 * 1.5e6 + 2.0, "{point:?} for {added}");
            }
        }
    }

    #[test]
    fn a_slow_tail_shows_at_its_end_only() {
        let without: Vec<u64> = (0..2_000).map(|index| 10_000 + index).collect();
        let with: Vec<u64> = without.iter().map(|ns| if *ns >= 11_960 { ns + 50_000 } else { ns + 1_000 }).collect();
        let points = shift(&cell(&[with]), &cell(&[without]));
        assert_eq!(points.len(), QUANTILES.len());
        assert!(points[..10].iter().all(|point| (point.difference_ns.p50 - 1_000.0).abs() < 50.0), "{points:?}");
        assert!((points[10].difference_ns.p50 - 50_000.0).abs() < 200.0, "{points:?}");
    }

    #[test]
    fn a_tail_that_one_start_does_not_carry_is_left_out() {
        let values = |count: u64| (0..count).map(|index| 10_000 + index).collect::<Vec<u64>>();
        let both = cell(&[values(2_000), values(150)]);
        let last = shift(&both, &both).last().map(|point| point.quantile);
        assert_eq!(last, Some(0.9), "150 values carry p90 and not p95");
        assert!(shift(&both, &cell(&[])).is_empty());
    }
}
