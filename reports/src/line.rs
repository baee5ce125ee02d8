//! A line through points that one stray point does not move.

use std::collections::BTreeMap;

use crate::estimate::{Estimate, median, over_starts};

/// Two points always lie on a line, so they say nothing about whether it is one.
pub(crate) const LEAST_POINTS: usize = 3;

/// Lines of several starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct StartLines {
    pub(crate) slope: Estimate,
    pub(crate) intercept: Estimate,
}

/// A line through the points `(start, x, y)` of each start by itself. None when no start has three points.
pub(crate) fn line_over_starts(points: impl Iterator<Item = (u32, f64, f64)>) -> Option<StartLines> {
    let mut starts: BTreeMap<u32, Vec<(f64, f64)>> = BTreeMap::new();
    points.for_each(|(start, x, y)| starts.entry(start).or_default().push((x, y)));
    let lines: Vec<(f64, f64)> = starts.values().filter_map(|points| line(points)).collect();
    let slope = over_starts(&lines.iter().map(|(slope, _)| *slope).collect::<Vec<_>>())?;
    let intercept = over_starts(&lines.iter().map(|(_, intercept)| *intercept).collect::<Vec<_>>())?;
    Some(StartLines { slope, intercept })
}

/// Slope and intercept of Theil and Sen: the median of the slopes between all pairs of points, then the median of what is
/// left (P. K. Sen, J. Am. Stat. Assoc. 63 (1968) 1379). None for fewer than three points, or all at one place.
pub(crate) fn line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    if points.len() < LEAST_POINTS {
        return None;
    }
    let pairs = points.iter().enumerate().flat_map(|(at, a)| points[at + 1..].iter().map(move |b| (a, b)));
    let slopes: Vec<f64> = pairs.filter(|(a, b)| a.0 != b.0).map(|(a, b)| (b.1 - a.1) / (b.0 - a.0)).collect();
    let slope = median(&slopes)?;
    let intercept = median(&points.iter().map(|(x, y)| y - slope * x).collect::<Vec<_>>())?;
    Some((slope, intercept))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_line_is_found_whatever_one_point_does(
            slope in -50.0..500.0f64, intercept in -100.0..10_000.0f64, stray in 1e4..1e6f64, at in 0usize..7,
        ) {
            let mut points: Vec<(f64, f64)> =
                [0, 15, 30, 60, 120, 240, 480].map(|x| (f64::from(x), intercept + slope * f64::from(x))).into();
            points[at].1 += stray;
            let (found, called) = line(&points).unwrap();
            // Of 21 pairs six have the stray point.
            prop_assert!((found - slope).abs() < 1e-6, "{found} for {slope}");
            prop_assert!((called - intercept).abs() < 1e-3, "{called} for {intercept}");
        }
    }

    proptest! {
        #[test]
        fn a_line_does_not_depend_on_the_order_of_its_points(
            points in prop::collection::vec((0u32..50, -1e6..1e6f64), 3..12), seed in any::<u64>(),
        ) {
            let points: Vec<(f64, f64)> = points.iter().map(|&(x, y)| (f64::from(x), y)).collect();
            let mut shuffled = points.clone();
            fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
            match (line(&points), line(&shuffled)) {
                (Some((slope, intercept)), Some((other_slope, other_intercept))) => {
                    prop_assert!((slope - other_slope).abs() <= 1e-9 * slope.abs().max(1.0));
                    prop_assert!((intercept - other_intercept).abs() <= 1e-6 * intercept.abs().max(1.0));
                }
                (one, other) => prop_assert!(one.is_none() && other.is_none()),
            }
        }

        #[test]
        fn each_start_has_its_own_line(slopes in prop::collection::vec(0.0..100.0f64, 1..9), apart in 0.0..1e5f64) {
            // Starts lie far apart, which a line through all points together would take for noise.
            let points = slopes.iter().enumerate().flat_map(|(start, slope)| {
                [1.0, 2.0, 4.0, 8.0, 16.0].map(|x| (start as u32, x, start as f64 * apart + slope * x))
            });
            let lines = line_over_starts(points).unwrap();
            let expected = median(&slopes).unwrap();
            prop_assert!((lines.slope.p50 - expected).abs() < 1e-6, "{} for {expected}", lines.slope.p50);
            prop_assert_eq!(lines.slope.starts as usize, slopes.len());
        }
    }

    #[test]
    fn two_points_are_no_line() {
        assert_eq!(line(&[(0.0, 1.0), (60.0, 2.0)]), None);
        assert_eq!(line(&[(0.0, 1.0), (60.0, 2.0), (120.0, 3.0)]), Some((1.0 / 60.0, 1.0)));
        assert_eq!(line(&[(5.0, 1.0), (5.0, 2.0), (5.0, 3.0)]), None, "all at one place");
        assert_eq!(line_over_starts([(0, 1.0, 1.0), (0, 2.0, 2.0), (1, 4.0, 4.0)].into_iter()), None);
    }
}
