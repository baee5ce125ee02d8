//! The percentile curve of a histogram, on a log-percentile axis and only as far as the data carry it.

use tollgate_record::Histogram;

/// Values that must lie above a quantile before it is reported: N (1 - q) >= 10, so p90 needs 100 values, p99 1,000
/// and p99.9 10,000. With fewer the figure is a few single requests and moves by tens of percent from run to run.
const ABOVE: f64 = 10.0;

/// Steps of the curve per factor of ten in 1 - q.
const STEPS: u32 = 20;

/// Where curves end: p99.9.
const LAST_STEP: u32 = 3 * STEPS;

/// A point of a percentile curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// Share of requests at most that slow, 0 to 1.
    pub quantile: f64,
    /// Latency in nanoseconds.
    pub latency_ns: f64,
}

/// Whether so many values say something about the quantile. The median is always given.
pub(crate) fn carries(count: u64, quantile: f64) -> bool {
    // A little less than 10, because 1 - 0.9 in floating point times 100 is.
    count > 0 && (quantile <= 0.5 || count as f64 * (1.0 - quantile) >= ABOVE - 1e-6)
}

/// The curve from the smallest value up to p99.9, or to where fewer than ten values lie above.
pub(crate) fn curve(histogram: &Histogram) -> Vec<CurvePoint> {
    let (Some(min_ns), Some(max_ns)) = (histogram.min_ns(), histogram.max_ns()) else { return Vec::new() };
    let count = histogram.len();
    let mut points = vec![CurvePoint { quantile: 0.0, latency_ns: min_ns as f64 }];
    let mut buckets = histogram.buckets();
    let (mut seen, mut value_ns) = (0, min_ns);
    for step in 1..=LAST_STEP {
        let quantile = 1.0 - 10f64.powf(-f64::from(step) / f64::from(STEPS));
        if !carries(count, quantile) {
            break;
        }
        let wanted = (quantile * count as f64).ceil() as u64;
        while seen < wanted {
            let Some((bucket_ns, in_bucket)) = buckets.next() else { break };
            seen += in_bucket;
            value_ns = bucket_ns.clamp(min_ns, max_ns);
        }
        points.push(CurvePoint { quantile, latency_ns: value_ns as f64 });
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_needs_ten_values_above_it() {
        for (quantile, enough) in [(0.9, 100), (0.99, 1_000), (0.999, 10_000)] {
            assert!(carries(enough, quantile), "{enough} values carry {quantile}");
            assert!(!carries(enough - 1, quantile), "{} values do not carry {quantile}", enough - 1);
        }
        assert!(carries(1, 0.5) && !carries(0, 0.5));
    }

    #[test]
    fn the_curve_follows_the_values_and_ends_where_they_do() {
        let mut histogram = Histogram::new();
        for value in 1..=2_000 {
            histogram.record(value * 1_000);
        }
        let points = curve(&histogram);
        for point in &points {
            let exact = point.quantile * 2_000_000.0;
            assert!((point.latency_ns - exact).abs() <= 1_000.0 + exact * 0.001, "{point:?}");
        }
        let last = points.last().unwrap().quantile;
        assert!((0.99..0.999).contains(&last), "2,000 values carry p99 and not p99.9: {last}");
        assert!(curve(&Histogram::new()).is_empty());
    }
}
