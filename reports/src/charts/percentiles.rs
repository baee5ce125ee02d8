//! Latency over percentile in one place: how the tail goes, on an axis that gives each nine the same room.

use tollgate_record::Variant;

use super::bars::trimmed;
use super::canvas::{About, Anchor, Canvas, INK, MUTED, Mark, RULE, draw};
use super::scale::Scale;
use crate::csv::variant_name;
use crate::language;
use crate::place::{Place, Row};

const WIDTH: i32 = 700;
const HEIGHT: i32 = 430;
const LEFT: i32 = 56;
/// Room for the names at the ends of the curves.
const RIGHT: i32 = WIDTH - 168;
const TOP: i32 = 30;
const BOTTOM: i32 = HEIGHT - 40;
/// Least distance between two names, in pixels.
const LINE: i32 = 16;

/// The curves of a place, none when no request was timed alone. `id` must be unique on the page.
pub fn percentiles(place: &Place<'_>, id: &str) -> Option<String> {
    let control = place.control.map(|cell| Row { cell, noop: None, sdk_adds: None });
    let rows: Vec<Row<'_>> = place.rows.iter().cloned().chain(control).filter(|row| row.cell.curve.len() > 1).collect();
    let values = || rows.iter().flat_map(|row| &row.cell.curve).filter(|point| point.quantile >= 0.0);
    let low = values().map(|point| point.latency_ns).fold(f64::INFINITY, f64::min);
    let high = values().map(|point| point.latency_ns).fold(0.0, f64::max);
    if rows.is_empty() || high <= 0.0 {
        return None;
    }
    let title = format!("Latency of requests by percentile, {}", place.title());
    let description = "One curve per plugin and one for no plugin; percentile on a logarithmic axis from the fastest \
                       request to at most the 99.9th, latency in microseconds on a logarithmic axis. The figures are \
                       in the table below the chart.";
    Some(draw((WIDTH as u32, HEIGHT as u32), &About { id, title: &title, description }, |canvas| {
        let x = Scale::linear((0.0, 3.0), (LEFT, RIGHT));
        let y = Scale::log((low.max(1.0) * 0.95, high * 1.05), (BOTTOM, TOP));
        axes(canvas, &x, &y);
        let mut names = Vec::new();
        for row in &rows {
            names.push(curve(canvas, place, row, &x, &y));
        }
        label(canvas, names);
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
        canvas.text(&trimmed(tick / 1_000.0), (LEFT - 8, at), Anchor::End, 12.0, Mark::new(MUTED));
    }
    for (quantile, name) in [(0.0, "fastest"), (0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9")] {
        let at = x.px(nines(quantile));
        canvas.line(&[(at, TOP), (at, BOTTOM)], 1, Mark::new(RULE));
        canvas.text(name, (at, BOTTOM + 16), Anchor::Middle, 12.0, Mark::new(MUTED));
    }
    canvas.text("µs per request", (LEFT - 44, 12), Anchor::Start, 12.0, Mark::new(MUTED));
}

/// A name that belongs at the end of a curve.
struct Name {
    text: String,
    end: (i32, i32),
    colour: &'static str,
}

fn curve(canvas: &mut Canvas<'_>, place: &Place<'_>, row: &Row<'_>, x: &Scale, y: &Scale) -> Name {
    let cell = row.cell;
    let points: Vec<(i32, i32)> =
        cell.curve.iter().map(|point| (x.px(nines(point.quantile)), y.px(point.latency_ns))).collect();
    let text = if cell.control.is_some() { "no plugin (A)".to_owned() } else { place.label(row) };
    let colour = if cell.control.is_some() { INK } else { language::colour(&cell.language) };
    let dash = match (cell.control, cell.variant) {
        (Some(_), _) => "1 4",
        (None, Some(Variant::Sdk)) => "7 4",
        _ => "none",
    };
    let absolute = cell.absolute_ns;
    let mark = Mark::new(colour)
        .with("class", "curve")
        .with("stroke-dasharray", dash)
        .with("stroke-linejoin", "round")
        .with("stroke-linecap", "round")
        .with("data-plugin", &cell.plugin)
        .with("data-host", &cell.host)
        .with("data-workload", &cell.workload)
        .with("data-variant", cell.variant.map(variant_name).unwrap_or_default())
        .with_figure("data-p50-ns", absolute.and_then(|absolute| absolute.p50))
        .with_figure("data-p99-ns", absolute.and_then(|absolute| absolute.p99))
        .with_figure("data-p999-ns", absolute.and_then(|absolute| absolute.p999))
        .tooltip(text.clone());
    canvas.line(&points, 2, mark);
    Name { text, end: *points.last().expect("curves have points"), colour }
}

/// Names from top to bottom at the right, pushed apart where curves end close together.
fn label(canvas: &mut Canvas<'_>, mut names: Vec<Name>) {
    names.sort_by_key(|name| name.end.1);
    let mut heights: Vec<i32> = Vec::new();
    for name in &names {
        let free = heights.last().map_or(TOP, |last| last + LINE);
        heights.push(name.end.1.max(free));
    }
    // What was pushed below the edge goes up again, and pushes those above it.
    let mut limit = BOTTOM + 4;
    for height in heights.iter_mut().rev() {
        *height = (*height).min(limit);
        limit = *height - LINE;
    }
    for (name, height) in names.iter().zip(heights) {
        let start = RIGHT + 8;
        canvas.line(
            &[name.end, (start, height), (start + 14, height)],
            1,
            Mark::new(name.colour).with("opacity", ".6"),
        );
        canvas.text(&name.text, (start + 19, height), Anchor::Start, 13.0, Mark::new(INK));
    }
}
