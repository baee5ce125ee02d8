//! How the requests of some cells are spread: counted in the same bins, so that their shapes can be seen beside each other.

use tollgate_record::{Cell, Histogram};

use crate::curve::carries;
use crate::summary::merged;

/// Bins along the axis: each a little wider in the chart than a line.
const BINS: usize = 95;

/// With fewer requests than that in some cell, bins are so many only: else each would hold a handful.
const MANY: u64 = 1_000;
const WIDE_BINS: usize = 47;

/// With fewer requests a shape is chance.
const FEWEST: u64 = 100;

/// The axis begins a little before the point below which so few of the fastest cell's requests lie: single strays do not
/// stretch it.
const BEGIN: f64 = 0.001;
const MARGIN: f64 = 0.97;

/// It ends at the slowest cell's 99th percentile; where its requests do not carry that, at the 90th.
const ENDS: [f64; 2] = [0.99, 0.9];

/// The last end is at least so many times the first, so that no bin is as narrow as the 0.1 % to which values are kept.
const SHORTEST: f64 = 1.6;

/// Some cells' requests in the same bins.
#[derive(Debug, Clone, PartialEq)]
pub struct Distributions {
    /// Ends of the bins in nanoseconds, ascending, one more than there are bins; each as many times the one before as the others.
    pub edges_ns: Vec<f64>,
    /// One per cell that was asked for; none where it failed or has fewer than 100 requests timed one by one.
    pub cells: Vec<Option<Distribution>>,
}

/// The requests of a cell, all starts together.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Requests in each bin: from its lower end on, below its upper.
    pub counts: Vec<u64>,
    /// Requests below the first bin.
    pub faster: u64,
    /// Requests above the last bin.
    pub slower: u64,
    /// Quantiles 0.1, 0.25, 0.5, 0.75 and 0.9 in nanoseconds.
    pub quantiles_ns: [u64; 5],
}

/// What [`Distribution::quantiles_ns`] holds.
pub(crate) const QUANTILES: [f64; 5] = [0.1, 0.25, 0.5, 0.75, 0.9];

impl Distribution {
    /// All requests of the cell.
    pub fn requests(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.faster + self.slower
    }

    /// Share of the requests that are in no bin, 0 to 1.
    pub fn beyond(&self) -> f64 {
        (self.faster + self.slower) as f64 / self.requests().max(1) as f64
    }

    /// Median in nanoseconds.
    pub fn p50_ns(&self) -> u64 {
        self.quantiles_ns[2]
    }

    /// The first of the bins that hold most: its number and the share of all requests that is in it, 0 to 1.
    pub fn fullest(&self) -> (usize, f64) {
        let most = self.counts.iter().copied().max().unwrap_or(0);
        let at = self.counts.iter().position(|count| *count == most).unwrap_or(0);
        (at, most as f64 / self.requests().max(1) as f64)
    }
}

/// Counts the requests of cells that were timed one by one; none where no cell has enough of them.
pub fn distributions(cells: &[&Cell]) -> Option<Distributions> {
    let all: Vec<Histogram> = cells.iter().map(|cell| merged(cell)).collect();
    let enough = || all.iter().filter(|histogram| histogram.len() >= FEWEST);
    let end = |histogram: &Histogram| {
        let carried = ENDS.into_iter().find(|quantile| carries(histogram.len(), *quantile))?;
        histogram.value_at_quantile_ns(carried)
    };
    let low = enough().filter_map(|histogram| histogram.value_at_quantile_ns(BEGIN)).min()?.max(1) as f64 * MARGIN;
    // A hair more, so that the value itself is in the last bin.
    let high = (enough().filter_map(end).max()? as f64 * 1.001).max(low * SHORTEST);
    let bins = if enough().all(|histogram| histogram.len() >= MANY) { BINS } else { WIDE_BINS };
    let edge = |at: usize| low * (high / low).powf(at as f64 / bins as f64);
    let edges_ns: Vec<f64> = (0..=bins).map(edge).collect();
    let of = |histogram: &Histogram| (histogram.len() >= FEWEST).then(|| count(histogram, &edges_ns));
    let cells = all.iter().map(of).collect();
    Some(Distributions { edges_ns, cells })
}

fn count(histogram: &Histogram, edges_ns: &[f64]) -> Distribution {
    let (mut counts, mut faster, mut slower) = (vec![0; edges_ns.len() - 1], 0, 0);
    let (min_ns, max_ns) = (histogram.min_ns().unwrap_or(0), histogram.max_ns().unwrap_or(0));
    for (ns, requests) in histogram.buckets() {
        let ns = ns.clamp(min_ns, max_ns);
        match edges_ns.partition_point(|edge| *edge <= ns as f64).checked_sub(1) {
            None => faster += requests,
            Some(at) => *counts.get_mut(at).unwrap_or(&mut slower) += requests,
        }
    }
    let quantiles_ns = QUANTILES.map(|quantile| histogram.value_at_quantile_ns(quantile).unwrap_or(0));
    Distribution { counts, faster, slower, quantiles_ns }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tollgate_record::Failure;

    use super::*;
    use crate::of_starts::cell;

    proptest! {
        #[test]
        fn no_request_is_lost_and_each_is_in_its_bin(
            one in prop::collection::vec(1_000u64..1_000_000, 100..400), other in prop::collection::vec(10_000u64..20_000, 100..3_000),
        ) {
            let (one, other) = (cell(&[one[..50].to_vec(), one[50..].to_vec()]), cell(&[other]));
            let both = distributions(&[&one, &other]).unwrap();
            for (cell, of) in [&one, &other].into_iter().zip(&both.cells) {
                let of = of.as_ref().unwrap();
                let values: Vec<u64> = cell.series.iter().flat_map(|series| series.sample_blocks_ns.clone()).collect();
                prop_assert_eq!(of.requests(), values.len() as u64);
                // Values are kept to 0.1 %, so those that are nearer to an edge may be on its other side.
                for (at, ends) in both.edges_ns.windows(2).enumerate() {
                    let within = |low: f64, high: f64| values.iter().filter(|ns| (low..high).contains(&(**ns as f64))).count() as u64;
                    let (least, most) = (within(ends[0] * 1.001, ends[1] * 0.999), within(ends[0] * 0.999, ends[1] * 1.001));
                    prop_assert!((least..=most).contains(&of.counts[at]), "bin {}: {} of {} to {}", at, of.counts[at], least, most);
                }
                prop_assert!(of.slower as f64 <= 0.101 * values.len() as f64, "at most what lies above p90, or p99");
            }
        }
    }

    #[test]
    fn few_requests_and_failures_have_no_shape() {
        let values = |count: u64| (0..count).map(|at| 10_000 + at).collect::<Vec<u64>>();
        let (enough, few, mut failed) = (cell(&[values(100)]), cell(&[values(99)]), cell(&[values(500)]));
        failed.error = Some(Failure::environment("start", "it went away; start it again"));
        let all = distributions(&[&enough, &few, &failed]).unwrap();
        assert_eq!(all.cells.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(distributions(&[&few, &failed]), None);
        assert_eq!(distributions(&[]), None);
    }

    #[test]
    fn equal_requests_are_in_one_bin() {
        let same = cell(&[vec![5_000; 2_000]]);
        let all = distributions(&[&same]).unwrap();
        let of = all.cells[0].as_ref().unwrap();
        assert!((of.fullest().1 - 1.0).abs() < 1e-12, "{all:?}");
        assert_eq!((of.faster, of.slower, of.p50_ns()), (0, 0, 5_000));
    }
}
