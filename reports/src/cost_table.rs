//! Cost against work in a terminal and in Markdown.

use crate::cost_line::CostLine;
use crate::estimate::Estimate;
use crate::grid::Grid;
use crate::life_table::Part;
use crate::number::{percent, significant};
use crate::text;

/// What the columns hold.
pub(crate) const WORDS: &str = "Per operation: the slope of added latency over operations on headers (set, get, remove). Called: the \
                                line at no operation. Off: how far a point is from the line at most.";

/// A table of lines; none without any.
pub(crate) fn costs(lines: &[CostLine], width: u16) -> Option<Part> {
    if lines.is_empty() {
        return None;
    }
    let row = |line: &CostLine| {
        let [per_operation, between, called, off] = figures(line);
        vec![text::name(&line.plugin, 24), line.place(), per_operation, between, called, off]
    };
    let columns = [("plugin", true), ("host", true), ("ns/operation", false), ("[low, high]", false)];
    let columns = columns.into_iter().chain([("called µs", false), ("off", false)]).collect();
    let grid = Grid { columns, rows: lines.iter().map(row).collect(), dispensable: vec![5, 3, 4, 1] };
    let words = text::wrap(WORDS, usize::from(width));
    let lines = grid.lines(width).into_iter().chain(words).collect();
    Some(Part { title: "Cost against work".to_owned(), lines, warnings: Vec::new() })
}

/// Price per operation in ns, its interval, price of being called in µs, distance from the line.
pub(crate) fn figures(line: &CostLine) -> [String; 4] {
    [
        significant(line.per_operation_ns.p50),
        interval(&line.per_operation_ns),
        significant(line.called_ns.p50 / 1_000.0),
        percent(line.off_line),
    ]
}

fn interval(estimate: &Estimate) -> String {
    let words = |(low, high)| format!("[{}, {}]", significant(low), significant(high));
    estimate.interval().map(words).unwrap_or_default()
}
