//! The shift function: what a plugin adds by quantile of the requests, a line per plugin over the band of the noise.

use super::canvas::About;
use super::lines::{Band, Line, Point, Titles, interval_data, lines_over};
use crate::number::us;
use crate::place::{Place, Row};
use crate::shift::ShiftPoint;

/// What was read of a plugin, or of A'.
pub(crate) struct Shifted<'p, 'a> {
    pub(crate) row: &'p Row<'a>,
    pub(crate) points: Vec<ShiftPoint>,
}

/// The lines of a place; none without any. `id` must be unique on the page.
pub(crate) fn shift(place: &Place<'_>, plugins: &[Shifted<'_, '_>], noise: &[ShiftPoint], id: &str) -> Option<String> {
    let title = format!("What plugins add by quantile of the requests, {}", place.title());
    let description = "One line per plugin: quantiles of the requests from the fast to the slow along the axis, the quantile with the \
                       plugin minus that without upwards, in microseconds from zero. The figures are in the table below the chart.";
    let longest = plugins.iter().map(|shifted| shifted.points.len()).max().unwrap_or(0);
    let along = plugins.iter().find(|shifted| shifted.points.len() == longest)?;
    let titles = Titles {
        x: "quantile of the requests",
        y: "difference, µs",
        along: along
            .points
            .iter()
            .enumerate()
            .map(|(at, point)| (at as f64, short_name(point.quantile, at + 1 == longest)))
            .collect(),
    };
    let ends = |point: &ShiftPoint| {
        point.difference_ns.interval().unwrap_or((point.difference_ns.p50, point.difference_ns.p50))
    };
    let band: Band = noise
        .iter()
        .take(longest)
        .enumerate()
        .map(|(at, point)| (at as f64, ends(point).0.min(0.0) / 1e3, ends(point).1.max(0.0) / 1e3))
        .collect();
    let drawn: Vec<Line<'_>> = plugins.iter().map(|shifted| line(place, shifted)).collect();
    lines_over(&About { id, title: &title, description }, &titles, &drawn, &band)
}

fn line<'a>(place: &Place<'_>, shifted: &Shifted<'_, 'a>) -> Line<'a> {
    let cell = shifted.row.cell;
    let label = place.label(shifted.row);
    let point = |(at, point): (usize, &ShiftPoint)| {
        let ns = point.difference_ns;
        let mut data = vec![
            ("data-plugin", cell.plugin.clone()),
            ("data-host", cell.host.clone()),
            ("data-quantile", point.quantile.to_string()),
            ("data-difference-ns", ns.p50.to_string()),
        ];
        data.extend(interval_data(&ns));
        Point {
            x: at as f64,
            y: ns.p50 / 1e3,
            interval: None,
            data,
            tooltip: format!("{label}, {}: {} µs", name(point.quantile), us(ns.p50, 2)),
        }
    };
    Line {
        name: label.clone(),
        language: &cell.language,
        class: "shift",
        points: shifted.points.iter().enumerate().map(point).collect(),
    }
}

/// `p90`.
pub(crate) fn name(quantile: f64) -> String {
    format!("p{}", (quantile * 100.0).round())
}

/// The same where eleven of them stand side by side: only every other one has its name, and the last.
fn short_name(quantile: f64, is_last: bool) -> String {
    match (quantile * 100.0).round() as u32 {
        20 | 40 | 60 | 80 | 95 if !is_last => String::new(),
        _ => name(quantile),
    }
}
