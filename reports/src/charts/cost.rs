//! Added latency over work: a line per plugin, whose slope is the price of an operation.

use tollgate_record::Mode;

use super::bars::trimmed;
use super::canvas::{About, Anchor, Canvas, INK, MUTED, Mark, RULE, draw};
use super::scale::Scale;
use super::{FONT, WIDTH};
use crate::cost_line::CostLine;
use crate::csv::mode_name;
use crate::language;
use crate::number::{grouped, us};
use crate::text;

const LEFT: i32 = 46;
const RIGHT: i32 = WIDTH - 16;
const TOP: i32 = 30;
const BOTTOM: i32 = 280;
const LEGEND: i32 = BOTTOM + 62;
const LINE: i32 = 22;
const COLUMNS: usize = 2;
/// For lines of one colour, one after the other.
const DASHES: [&str; 4] = ["none", "7 4", "2 4", "12 4 2 4"];

/// The lines of one place, none without any. `id` must be unique on the page.
pub fn cost(title: &str, lines: &[&CostLine], id: &str) -> Option<String> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let most = points().map(|point| point.operations).max()?;
    let highest = points().map(|point| point.added_ns.p50).fold(0.0, f64::max);
    let title = format!("Added latency by number of operations on headers, {title}");
    let description = "One line per plugin through what was measured: operations on headers in one request along the axis, added \
                       latency in microseconds upwards, both from zero. The figures are in the table below the chart.";
    let height = LEGEND + LINE * lines.len().div_ceil(COLUMNS) as i32;
    Some(draw((WIDTH as u32, height as u32), &About { id, title: &title, description }, |canvas| {
        let x = Scale::linear_beyond((0.0, f64::from(most)), (LEFT, RIGHT), 6);
        let y = Scale::linear_beyond((0.0, highest / 1_000.0), (BOTTOM, TOP), 6);
        axes(canvas, &x, &y);
        for (index, line) in lines.iter().enumerate() {
            draw_line(canvas, line, dash(lines, index), (&x, &y));
            name(canvas, line, dash(lines, index), index, lines.len());
        }
    }))
}

fn axes(canvas: &mut Canvas<'_>, x: &Scale, y: &Scale) {
    for tick in y.ticks(6) {
        let at = y.px(tick);
        canvas.line(&[(LEFT, at), (RIGHT, at)], 1, Mark::new(RULE));
        canvas.text(&trimmed(tick), (LEFT - 8, at), Anchor::End, FONT, Mark::new(MUTED));
    }
    for tick in x.ticks(6) {
        let at = x.px(tick);
        canvas.line(&[(at, TOP), (at, BOTTOM)], 1, Mark::new(RULE));
        canvas.text(&grouped(tick as u64), (at, BOTTOM + 16), Anchor::Middle, FONT, Mark::new(MUTED));
    }
    canvas.text("added µs", (0, 13), Anchor::Start, FONT, Mark::new(MUTED));
    let middle = (LEFT + RIGHT) / 2;
    canvas.text("operations in one request", (middle, BOTTOM + 36), Anchor::Middle, FONT, Mark::new(MUTED));
}

/// Lines of one language have one colour, so each after the first is dashed in its own way.
fn dash(lines: &[&CostLine], index: usize) -> &'static str {
    let before = lines[..index].iter().filter(|line| line.language == lines[index].language).count();
    DASHES[before % DASHES.len()]
}

fn mark(line: &CostLine, dash: &str) -> Mark {
    Mark::new(language::colour(&line.language)).with("stroke-dasharray", dash).with("stroke-linejoin", "round")
}

fn draw_line(canvas: &mut Canvas<'_>, line: &CostLine, dash: &str, (x, y): (&Scale, &Scale)) {
    let at = |operations: u32, ns: f64| (x.px(f64::from(operations)), y.px(ns / 1_000.0));
    let through: Vec<(i32, i32)> = line.points.iter().map(|point| at(point.operations, point.added_ns.p50)).collect();
    canvas.line(&through, 2, mark(line, dash).with("class", "cost"));
    for point in &line.points {
        let ns = point.added_ns;
        let of = |mark: Mark| {
            mark.with("data-plugin", &line.plugin)
                .with("data-host", &line.host)
                .with("data-mode", mode_name(line.mode))
                .with_figure("data-operations", Some(f64::from(point.operations)))
                .with_figure("data-added-ns", Some(ns.p50))
                .tooltip(format!("{}: {} operations, {} µs", label(line), point.operations, us(ns.p50, 2)))
        };
        canvas.circle(at(point.operations, ns.p50), 3, of(Mark::new(language::colour(&line.language))));
    }
}

/// A line's name below the plot.
fn name(canvas: &mut Canvas<'_>, line: &CostLine, dash: &str, index: usize, of: usize) {
    let rows = of.div_ceil(COLUMNS);
    let x = WIDTH / COLUMNS as i32 * (index / rows) as i32 + 8;
    let y = LEGEND + LINE * (index % rows) as i32;
    canvas.line(&[(x, y), (x + 34, y)], 2, mark(line, dash).with("class", "key-line"));
    canvas.text(&text::name(&label(line), 22), (x + 44, y), Anchor::Start, FONT, Mark::new(INK).with("class", "name"));
}

/// The plugin; in process, where hosts share a chart, the host too, unless it goes without saying.
fn label(line: &CostLine) -> String {
    match (line.mode, line.host.as_str()) {
        (Mode::Live, _) | (_, "wasmtime" | "luajit" | "native") => line.plugin.clone(),
        (Mode::InProcess, host) => format!("{} {host}", line.plugin),
    }
}
