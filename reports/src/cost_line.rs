//! What a plugin costs as its work grows: the price of one operation and that of being called at all.

use std::collections::BTreeMap;

use serde::Serialize;
use tollgate_record::{Mode, Phase, Plan};

use crate::estimate::{Estimate, median, over_starts};
use crate::summary::{Summary, SummaryCell};

/// Two points always lie on a line, so they say nothing about whether it is one.
const LEAST_POINTS: usize = 3;
/// Loops of each workload: set, get, remove.
const LOOPS: u32 = 3;

/// The added latency of one plugin in one place at several amounts of work, and the line through it.
///
/// The line is fitted in each start by itself (Theil and Sen: the median of the slopes between all pairs of points, then
/// the median of what is left; P. K. Sen, J. Am. Stat. Assoc. 63 (1968) 1379), so its interval is one over starts as every
/// other here.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CostLine {
    /// In process or live.
    pub mode: Mode,
    /// Host or gateway.
    pub host: String,
    /// Name of the plugin.
    pub plugin: String,
    /// Its language.
    pub language: String,
    /// From the least to the most work.
    pub points: Vec<CostPoint>,
    /// Price of one operation on a header, nanoseconds: the slope.
    pub per_operation_ns: Estimate,
    /// Price of being called without work, nanoseconds: the intercept. It need not be that of the workload without
    /// operations, where the cost is no line.
    pub called_ns: Estimate,
    /// Largest distance of a point from the line, as a share of the point's added latency, 0 to 1; points below a tenth of the largest
    /// are left out.
    pub off_line: f64,
}

/// A plugin at one amount of work.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CostPoint {
    /// Operations on headers in one request: as many to set, to get and to remove.
    pub operations: u32,
    /// Added latency, nanoseconds per request.
    pub added_ns: Estimate,
}

/// The lines of a run: of each plugin in each place that was measured at three amounts of work or more.
pub(crate) fn cost_lines(plan: &Plan, cells: &[SummaryCell]) -> Vec<CostLine> {
    let mut places: Vec<Vec<(u32, &SummaryCell)>> = Vec::new();
    for cell in cells.iter().filter(|cell| cell.phase == Phase::Request && cell.control.is_none()) {
        let Some(&loops) = plan.operations.get(&cell.workload) else { continue };
        let same =
            |other: &SummaryCell| (other.mode, &other.host, &other.plugin) == (cell.mode, &cell.host, &cell.plugin);
        match places.iter_mut().find(|points| same(points[0].1)) {
            Some(points) => points.push((loops * LOOPS, cell)),
            None => places.push(vec![(loops * LOOPS, cell)]),
        }
    }
    places.iter_mut().filter_map(|points| line(points)).collect()
}

fn line(points: &mut [(u32, &SummaryCell)]) -> Option<CostLine> {
    points.sort_by_key(|(operations, _)| *operations);
    let measured: Vec<CostPoint> = points
        .iter()
        .filter_map(|(operations, cell)| Some(CostPoint { operations: *operations, added_ns: cell.added_ns? }))
        .collect();
    if measured.len() < LEAST_POINTS {
        return None;
    }
    let fits: Vec<(f64, f64)> = by_start(points).values().filter_map(|points| fit(points)).collect();
    let per_operation_ns = over_starts(&fits.iter().map(|(slope, _)| *slope).collect::<Vec<_>>())?;
    let called_ns = over_starts(&fits.iter().map(|(_, intercept)| *intercept).collect::<Vec<_>>())?;
    let on_line = |point: &CostPoint| called_ns.p50 + per_operation_ns.p50 * f64::from(point.operations);
    let largest = measured.iter().map(|point| point.added_ns.p50).fold(0.0, f64::max);
    let off = measured.iter().filter(|point| point.added_ns.p50 > largest / 10.0);
    let off = off.map(|point| (point.added_ns.p50 - on_line(point)).abs() / point.added_ns.p50);
    let of = points[0].1;
    Some(CostLine {
        mode: of.mode,
        host: of.host.clone(),
        plugin: of.plugin.clone(),
        language: of.language.clone(),
        off_line: off.fold(0.0, f64::max),
        points: measured,
        per_operation_ns,
        called_ns,
    })
}

/// Of each start its points.
fn by_start(points: &[(u32, &SummaryCell)]) -> BTreeMap<u32, Vec<(f64, f64)>> {
    let mut starts: BTreeMap<u32, Vec<(f64, f64)>> = BTreeMap::new();
    for (operations, cell) in points {
        for start in &cell.starts {
            starts.entry(start.start).or_default().push((f64::from(*operations), start.added_ns));
        }
    }
    starts
}

/// Slope and intercept of Theil and Sen; none for fewer than three points.
fn fit(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    if points.len() < LEAST_POINTS {
        return None;
    }
    let pairs = points.iter().enumerate().flat_map(|(at, a)| points[at + 1..].iter().map(move |b| (a, b)));
    let slopes: Vec<f64> = pairs.filter(|(a, b)| a.0 != b.0).map(|(a, b)| (b.1 - a.1) / (b.0 - a.0)).collect();
    let slope = median(&slopes)?;
    let intercept = median(&points.iter().map(|(x, y)| y - slope * x).collect::<Vec<_>>())?;
    Some((slope, intercept))
}

/// Whether a workload is only there for the lines: it has no table of its own.
pub(crate) fn is_only_a_point(summary: &Summary, workload: &str) -> bool {
    let operations = &summary.environment.operations;
    operations.len() >= LEAST_POINTS && workload.starts_with("headers-") && operations.contains_key(workload)
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
            let (found, called) = fit(&points).unwrap();
            // Of 21 pairs six have the stray point.
            prop_assert!((found - slope).abs() < 1e-6, "{found} for {slope}");
            prop_assert!((called - intercept).abs() < 1e-3, "{called} for {intercept}");
        }
    }

    #[test]
    fn two_points_are_no_line() {
        assert_eq!(fit(&[(0.0, 1.0), (60.0, 2.0)]), None);
        assert_eq!(fit(&[(0.0, 1.0), (60.0, 2.0), (120.0, 3.0)]), Some((1.0 / 60.0, 1.0)));
    }
}
