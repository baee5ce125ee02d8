//! Plugins in a row: added latency and resident memory over the length of the chain.

use super::canvas::About;
use super::lines::{Line, Point, Titles, lines};
use crate::number::{bytes, us};
use crate::scale_table::with_workers;
use crate::scaling::{ScaleFigures, ScaleLine, ScalePoint};

/// Along both charts.
const PLUGINS: &str = "plugins in a row";

/// Added latency, a line per plugin and number of workers; none without any. `id` must be unique on the page.
pub fn chain_latency(scale: &ScaleFigures, id: &str) -> Option<String> {
    let about = About {
        id,
        title: "Added latency by number of plugins in a row",
        description: "One line per plugin and number of workers through what was measured: how many times the plugin is in a row \
                      along the axis, added latency in microseconds upwards, both from zero. The figures are in the table below \
                      the chart.",
    };
    let added = |point: &ScalePoint| {
        let ns = point.added_ns?.p50;
        Some((ns / 1_000.0, ("data-added-ns", ns.to_string()), format!("{} µs", us(ns, 2))))
    };
    draw(scale, &about, "added µs", &added)
}

/// Resident memory, a line per plugin and number of workers; none without any. `id` must be unique on the page.
pub fn chain_memory(scale: &ScaleFigures, id: &str) -> Option<String> {
    let about = About {
        id,
        title: "Resident memory by number of plugins in a row",
        description: "One line per plugin and number of workers through what was measured: how many times the plugin is in a row \
                      along the axis, resident memory of the gateway after requests to each worker in MiB upwards, both from \
                      zero. The figures are in the table below the chart.",
    };
    let memory = |point: &ScalePoint| {
        let size = point.after_bytes?;
        Some((size as f64 / 1_048_576.0, ("data-after-bytes", size.to_string()), bytes(size)))
    };
    draw(scale, &about, "resident MiB", &memory)
}

/// Height, exact figure, and words of a point; none where it is not known.
type Height<'a> = &'a dyn Fn(&ScalePoint) -> Option<(f64, (&'static str, String), String)>;

fn draw(scale: &ScaleFigures, about: &About<'_>, y: &'static str, height: Height<'_>) -> Option<String> {
    let drawn = |line| drawn(line, height);
    let drawn: Vec<Line<'_>> = scale.lines.iter().map(drawn).filter(|line| !line.points.is_empty()).collect();
    lines(about, &Titles { x: PLUGINS, y, along: Vec::new() }, &drawn)
}

fn drawn<'a>(line: &'a ScaleLine, height: Height<'_>) -> Line<'a> {
    // In brackets, because a long name and the word would not fit.
    let name = format!("{} ({})", line.plugin, line.workers);
    let point = |point: &ScalePoint| {
        let (y, figure, words) = height(point)?;
        let data = vec![
            ("data-plugin", line.plugin.clone()),
            ("data-workers", line.workers.to_string()),
            ("data-length", point.length.to_string()),
            figure,
        ];
        Some(Point {
            x: f64::from(point.length),
            y,
            interval: None,
            data,
            tooltip: format!("{}, {}: {} in a row, {words}", line.plugin, with_workers(line.workers), point.length),
        })
    };
    let points = line.points.iter().filter_map(point).collect();
    Line { points, name, language: &line.language, class: "chain" }
}
