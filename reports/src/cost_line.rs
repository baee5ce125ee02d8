//! What a plugin costs as its work grows: the price of one operation and that of being called at all.

use serde::Serialize;
use tollgate_record::{Mode, Phase, Plan};

use crate::estimate::Estimate;
use crate::line::{LEAST_POINTS, StartLines, line_over_starts};
use crate::summary::{Summary, SummaryCell};
use crate::text;
use crate::workload::{is_on_response, is_sized};

/// Loops of each workload: set, get, remove.
const LOOPS: u32 = 3;

/// The added latency of one plugin in one place at several amounts of work, and the line through it.
///
/// The line is fitted in each start by itself, so its interval is one over starts as every other here.
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
    /// Whether the operations are on headers of the response.
    pub on_response: bool,
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

impl CostLine {
    /// Host or gateway, and the path where it is not the usual one.
    pub(crate) fn place(&self) -> String {
        let host = text::name(&self.host, 17);
        if self.on_response { format!("{host}, response") } else { host }
    }
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
        let place = |cell: &SummaryCell| (cell.mode, is_on_response(&cell.workload));
        let same =
            |other: &SummaryCell| (place(other), &other.host, &other.plugin) == (place(cell), &cell.host, &cell.plugin);
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
    let of = points.iter().flat_map(|(operations, cell)| {
        cell.starts.iter().map(|start| (start.start, f64::from(*operations), start.added_ns))
    });
    let StartLines { slope: per_operation_ns, intercept: called_ns } = line_over_starts(of)?;
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
        on_response: is_on_response(&of.workload),
        off_line: off.fold(0.0, f64::max),
        points: measured,
        per_operation_ns,
        called_ns,
    })
}

/// Whether a workload is only there for the lines: it has no table of its own.
pub(crate) fn is_only_a_point(summary: &Summary, workload: &str) -> bool {
    let operations = &summary.environment.operations;
    let points = operations.keys().filter(|other| is_on_response(other) == is_on_response(workload));
    points.count() >= LEAST_POINTS && is_sized(workload) && operations.contains_key(workload)
}
