//! Latency over percentile in one place: how the tail goes, on an axis that gives each nine the same room.

use tollgate_record::Variant;

use super::bars::trimmed;
use super::canvas::{About, Anchor, Canvas, INK, MUTED, Mark, RULE, draw};
use super::scale::Scale;
use super::{FONT, WIDTH};
use crate::csv::variant_name;
use crate::language;
use crate::place::{Place, Row};

const LEFT: i32 = 46;
/// Room for half of the last percentile's name.
const RIGHT: i32 = WIDTH - 22;
const TOP: i32 = 30;
const BOTTOM: i32 = 300;
/// Where the names of the curves begin.
const LEGEND: i32 = BOTTOM + 52;
/// Names stand in so many columns.
const COLUMNS: usize = 2;
const LINE: i32 = 22;
/// What tells curves apart that would look the same.
const MORE_DASHES: [&str; 4] = ["12 4 2 4", "3 3", "16 5", "8 3 2 3 2 3"];

/// The curves of a place, none when no request was timed alone. `id` must be unique on the page.
pub fn percentiles(place: &Place<'_>, id: &str) -> Option<String> {
    let control = place.control.map(|cell| Row { cell, noop: None, sdk_adds: None });
    let rows: Vec<Row<'_>> = place.rows.iter().cloned().chain(control).filter(|row| row.cell.curve.len() > 1).collect();
    let values = || rows.iter().flat_map(|row| &row.cell.curve).filter(|point| point.quantile >= 0.0);
    let low = values().map(|point| point.latency_ns).fold(f64::INFINITY, f64::min);
    let high = values().map(|point| point.latency_ns).fold(0.0, f64::max);
    if rows.iter().all(|row| row.cell.control.is_some()) || high <= 0.0 {
        return None;
    }
    let title = format!("Latency of requests by percentile, {}", place.title());
    let description = "One curve per plugin and one for no plugin; percentile on a logarithmic axis from the fastest \
                       request to at most the 99.9th, latency in microseconds on a logarithmic axis. The figures are \
                       in the table below the chart.";
    let height = LEGEND + LINE * rows.len().div_ceil(COLUMNS) as i32;
    Some(draw((WIDTH as u32, height as u32), &About { id, title: &title, description }, |canvas| {
        let x = Scale::linear((0.0, 3.0), (LEFT, RIGHT));
        let y = Scale::log((low.max(1.0) * 0.95, high * 1.05), (BOTTOM, TOP));
        axes(canvas, &x, &y);
        let mut names: Vec<Name> = Vec::new();
        for row in &rows {
            let dash = dash(row, &names);
            names.push(curve(canvas, place, row, dash, (&x, &y)));
        }
        legend(canvas, names);
    }))
}

/// Where a quantile stands: each factor of ten in what is left takes the same room.
fn nines(quantile: f64) -> f64 {
    -(1.0 - quantile).log10()
}

fn axes(canvas: &mut Canvas<'_>, x: &Scale, y: &Scale) {
    for tick in y.ticks(9) {
        let at = y.px(tick);
        canvas.line(&[(LEFT, at), (RIGHT, at)], 1, Mark::new(RULE));
        canvas.text(&trimmed(tick / 1_000.0), (LEFT - 8, at), Anchor::End, FONT, Mark::new(MUTED));
    }
    for (quantile, name) in [(0.0, "min"), (0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9")] {
        let at = x.px(nines(quantile));
        canvas.line(&[(at, TOP), (at, BOTTOM)], 1, Mark::new(RULE));
        canvas.text(name, (at, BOTTOM + 18), Anchor::Middle, FONT, Mark::new(MUTED));
    }
    canvas.text("µs per request", (0, 13), Anchor::Start, FONT, Mark::new(MUTED));
}

/// A curve as the legend shows it.
struct Name {
    text: String,
    end_ns: f64,
    colour: &'static str,
    dash: &'static str,
}

fn colour(row: &Row<'_>) -> &'static str {
    if row.cell.control.is_some() { INK } else { language::colour(&row.cell.language) }
}

/// Dotted without a plugin, dashed through an SDK, solid otherwise, and something else when that is taken.
fn dash(row: &Row<'_>, taken: &[Name]) -> &'static str {
    let usual = match (row.cell.control, row.cell.variant) {
        (Some(_), _) => "1 4",
        (None, Some(Variant::Sdk)) => "7 4",
        _ => "none",
    };
    let free = |dash: &&str| !taken.iter().any(|name| name.colour == colour(row) && name.dash == *dash);
    std::iter::once(usual).chain(MORE_DASHES).find(free).unwrap_or(usual)
}

fn curve(
    canvas: &mut Canvas<'_>,
    place: &Place<'_>,
    row: &Row<'_>,
    dash: &'static str,
    axes: (&Scale, &Scale),
) -> Name {
    let cell = row.cell;
    let (x, y) = axes;
    let points: Vec<(i32, i32)> =
        cell.curve.iter().map(|point| (x.px(nines(point.quantile)), y.px(point.latency_ns))).collect();
    let text = if cell.control.is_some() { "no plugin (A)".to_owned() } else { place.label(row) };
    let colour = colour(row);
    let absolute = cell.absolute_ns;
    let mark = line_mark(colour, dash)
        .with("class", "curve")
        .with("data-plugin", &cell.plugin)
        .with("data-host", &cell.host)
        .with("data-workload", &cell.workload)
        .with("data-variant", cell.variant.map(variant_name).unwrap_or_default())
        .with_figure("data-p50-ns", absolute.and_then(|absolute| absolute.p50))
        .with_figure("data-p99-ns", absolute.and_then(|absolute| absolute.p99))
        .with_figure("data-p999-ns", absolute.and_then(|absolute| absolute.p999))
        .tooltip(text.clone());
    canvas.line(&points, 2, mark);
    Name { text, end_ns: cell.curve.last().map_or(0.0, |point| point.latency_ns), colour, dash }
}

fn line_mark(colour: &str, dash: &str) -> Mark {
    Mark::new(colour).with("stroke-dasharray", dash).with("stroke-linejoin", "round").with("stroke-linecap", "round")
}

/// Names below the plot in columns, in the order in which the curves end from top to bottom.
fn legend(canvas: &mut Canvas<'_>, mut names: Vec<Name>) {
    names.sort_by(|a, b| b.end_ns.total_cmp(&a.end_ns));
    let lines = names.len().div_ceil(COLUMNS);
    for (index, name) in names.iter().enumerate() {
        let x = WIDTH / COLUMNS as i32 * (index / lines) as i32 + 8;
        let y = LEGEND + LINE * (index % lines) as i32;
        canvas.line(&[(x, y), (x + 34, y)], 2, line_mark(name.colour, name.dash).with("class", "key-line"));
        canvas.text(&name.text, (x + 44, y), Anchor::Start, FONT, Mark::new(INK).with("class", "name"));
    }
}
