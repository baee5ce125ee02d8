//! Added latency over work: a line per plugin, whose slope is the price of an operation.

use tollgate_record::Mode;

use super::canvas::About;
use super::lines::{Line, Point, Titles, lines};
use crate::cost_line::{CostLine, CostPoint};
use crate::csv::mode_name;
use crate::number::us;

/// The lines of one place, none without any. `id` must be unique on the page.
pub fn cost(title: &str, of: &[&CostLine], id: &str) -> Option<String> {
    let title = format!("Added latency by number of operations on headers, {title}");
    let description = "One line per plugin through what was measured: operations on headers in one request along the axis, added \
                       latency in microseconds upwards, both from zero. The figures are in the table below the chart.";
    let titles = Titles { x: "operations in one request", y: "added µs", along: Vec::new() };
    let drawn: Vec<Line<'_>> = of.iter().map(|line| drawn(line)).collect();
    lines(&About { id, title: &title, description }, &titles, &drawn)
}

fn drawn(line: &CostLine) -> Line<'_> {
    let point = |point: &CostPoint| {
        let ns = point.added_ns.p50;
        Point {
            x: f64::from(point.operations),
            y: ns / 1_000.0,
            interval: None,
            data: vec![
                ("data-plugin", line.plugin.clone()),
                ("data-host", line.host.clone()),
                ("data-mode", mode_name(line.mode).to_owned()),
                ("data-operations", point.operations.to_string()),
                ("data-added-ns", ns.to_string()),
            ],
            tooltip: format!("{}: {} operations, {} µs", label(line), point.operations, us(ns, 2)),
        }
    };
    Line { name: label(line), language: &line.language, class: "cost", points: line.points.iter().map(point).collect() }
}

/// The plugin; in process, where hosts share a chart, the host too, unless it goes without saying.
fn label(line: &CostLine) -> String {
    match (line.mode, line.host.as_str()) {
        (Mode::Live, _) | (_, "wasmtime" | "luajit" | "native") => line.plugin.clone(),
        (Mode::InProcess, host) => format!("{} {host}", line.plugin),
    }
}
