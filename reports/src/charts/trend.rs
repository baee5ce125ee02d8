//! Added latency over the time of records: a line per plugin of a place.

use super::canvas::About;
use super::lines::{Line, Point, Titles, interval_data, lines};
use crate::number::{date, us};
use crate::place::{Place, Row};
use crate::trend::Trend;

/// So many names stand along the axis at most.
const NAMES: usize = 4;
const HOUR_MS: u64 = 3_600_000;

/// The plugins of a place with their trends; none where no plugin has a figure. `id` must be unique on the page.
pub(crate) fn trend(place: &Place<'_>, tracks: &[(&Row<'_>, &Trend)], id: &str) -> Option<String> {
    let title = format!("Added latency over time, {}", place.title());
    let description = "One line per plugin: when each run began along the axis, added latency in microseconds upwards from zero, with \
                       a whisker for each interval. The figures are in the table below the charts.";
    let times = || tracks.iter().flat_map(|(_, trend)| &trend.points).map(|point| point.started_unix_ms);
    let (first, last) = (times().min()?, times().max()?);
    let titles = Titles { x: "when the run began, UTC", y: "added µs", along: along(first, last) };
    let drawn: Vec<Line<'_>> = tracks.iter().map(|(row, trend)| line(place, row, trend, first)).collect();
    lines(&About { id, title: &title, description }, &titles, &drawn)
}

/// From the first to the last time, in hours after the first.
fn along(first: u64, last: u64) -> Vec<(f64, String)> {
    let span = last - first;
    let name = |ms: u64| {
        let date = date(ms);
        // 2026-11-27 14:44 UTC
        let from_to = match span / HOUR_MS {
            0..=35 => 11..16,
            36..=8_000 => 5..10,
            _ => 2..7,
        };
        date.get(from_to).unwrap_or_default().to_owned()
    };
    let at = |index: u64| {
        let ms = span * index / (NAMES as u64 - 1);
        (hours(ms), name(first + ms))
    };
    match span {
        0 => vec![(0.0, name(first)), (1.0, String::new())],
        _ => (0..NAMES as u64).map(at).collect(),
    }
}

fn hours(ms: u64) -> f64 {
    ms as f64 / HOUR_MS as f64
}

fn line<'a>(place: &Place<'_>, row: &Row<'_>, trend: &'a Trend, first: u64) -> Line<'a> {
    let label = place.label(row);
    let points = trend.points.iter().map(|point| {
        let ns = point.added_ns;
        let mut data = vec![
            ("data-plugin", trend.plugin.clone()),
            ("data-host", trend.host.clone()),
            ("data-workload", trend.workload.clone()),
            ("data-started-unix-ms", point.started_unix_ms.to_string()),
            ("data-added-ns", ns.p50.to_string()),
        ];
        data.extend(interval_data(&ns));
        Point {
            x: hours(point.started_unix_ms - first),
            y: ns.p50 / 1e3,
            interval: ns.interval().map(|(low, high)| (low / 1e3, high / 1e3)),
            data,
            tooltip: format!("{label}, {}: {} µs", date(point.started_unix_ms), us(ns.p50, 2)),
        }
    });
    Line { points: points.collect(), name: label.clone(), language: &trend.language, class: "trend" }
}
