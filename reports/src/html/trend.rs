//! Cells over the time of several records.

use std::collections::BTreeSet;

use tollgate_record::PluginKind;

use crate::charts;
use crate::number::{date, decimals, us};
use crate::place::{Place, Row};
use crate::text::{escape, name};
use crate::trend::{Trend, confidence, csv, trends, words};

use super::View;
use super::answer::interval;
use super::data::link;
use super::parts::{Cell, TableRow, figure, place_heading, plugin, side_by_side, table};

/// The section: newest record's places, with the figures of all.
pub(super) fn section(views: &[View<'_>], newest: &View<'_>) -> String {
    let trends = trends(views.iter().map(|view| view.summary));
    let charts = newest.places.iter().enumerate().filter_map(|(index, place)| of_place(place, index, &trends));
    let sure =
        confidence(&trends).map(|least| format!(" Whiskers are intervals of {least} or more.")).unwrap_or_default();
    let json = serde_json::to_string(&trends).expect("trends have string keys and nothing that can fail");
    format!(
        "<section id=\"trend\" aria-labelledby=\"trend-h\"><h2 id=\"trend-h\">Over time</h2><p>{}</p>\
         <p class=\"quiet\">Added latency of each run, oldest first.{sure} Plugins and places are those of the newest run.</p>{}{}\
         <ul class=\"downloads\">{}{}</ul></section>",
        escape(&words(&trends)),
        side_by_side(charts),
        all(&trends),
        link("trend.json", "application/json", &json),
        link("trend.csv", "text/csv", &csv(&trends)),
    )
}

const CAPTION: &str = "A line for each plugin, dashed through an SDK; each point is a run. What changes between two runs may be the \
                       plugin, the host, or the machine.";

fn of_place(place: &Place<'_>, index: usize, trends: &[Trend]) -> Option<String> {
    let of_row = |row: &Row<'_>| {
        let cell = row.cell;
        trends.iter().find(|trend| {
            (trend.mode, &trend.host, &trend.workload, &trend.plugin)
                == (cell.mode, &cell.host, &cell.workload, &cell.plugin)
        })
    };
    let tracks: Vec<(&Row<'_>, &Trend)> = place.rows.iter().filter_map(|row| Some((row, of_row(row)?))).collect();
    // What is asked over a network is so far above the others that they would be one line.
    let is_external = |(row, _): &(&Row<'_>, &Trend)| row.cell.kind == Some(PluginKind::External);
    let (external, inside): (Vec<_>, Vec<_>) = tracks.iter().copied().partition(is_external);
    let (drawn, left_out) = if inside.is_empty() { (external, Vec::new()) } else { (inside, external) };
    let also = if left_out.is_empty() { "" } else { " What runs in a process of its own is in the table only." };
    let svg = charts::trend(place, &drawn, &format!("trend{index}"))?;
    let name = format!("Chart: added latency over time, {}", place.caption());
    let behind = runs(&format!("Added latency over the runs, {}, µs per request", place.caption()), place, &tracks);
    Some(format!(
        "<h3>{}</h3>{}",
        escape(&place_heading(place)),
        figure(&name, &svg, &format!("{CAPTION}{also}"), &behind)
    ))
}

/// The table behind a chart: a row per run, a column per plugin.
fn runs(caption: &str, place: &Place<'_>, tracks: &[(&Row<'_>, &Trend)]) -> String {
    let points = || tracks.iter().flat_map(|(_, trend)| &trend.points);
    let digits = decimals(points().map(|point| point.added_ns.high.unwrap_or(point.added_ns.p50)).fold(0.0, f64::max));
    let times: BTreeSet<u64> = points().map(|point| point.started_unix_ms).collect();
    let titles: Vec<String> = tracks.iter().map(|(row, _)| format!(">{}", place.label(row))).collect();
    let columns: Vec<&str> = std::iter::once("Run").chain(titles.iter().map(String::as_str)).collect();
    let of_run = |time: &u64| {
        let figure = |(_, trend): &(&Row<'_>, &Trend)| {
            let point = trend.points.iter().find(|point| point.started_unix_ms == *time);
            Cell::Number(point.map_or_else(
                || "–".to_owned(),
                |point| {
                    let ns = point.added_ns;
                    let ends = ns.interval().map(|(low, high)| format!(" {}", interval(low, high, digits)));
                    format!("{}{}", us(ns.p50, digits), ends.unwrap_or_default())
                },
            ))
        };
        let head = Cell::Html(format!("<span class=\"nowrap\">{}</span>", date(*time)));
        TableRow::new(std::iter::once(head).chain(tracks.iter().map(figure)).collect())
    };
    table(caption, &columns, &times.iter().map(of_run).collect::<Vec<_>>())
}

/// Every cell of any record in one row.
fn all(trends: &[Trend]) -> String {
    let figure = |ns: f64| Cell::Number(us(ns, 2));
    let rows: Vec<TableRow> = trends
        .iter()
        .filter_map(|trend| {
            let (first, last) = (trend.points.first()?, trend.points.last()?);
            let figures = || trend.points.iter().map(|point| point.added_ns.p50);
            let change = match (trend.ends(), trend.change()) {
                (_, Some(share)) => format!("{} %", crate::number::signed_percent(share)),
                (Some(_), None) => "within intervals".to_owned(),
                (None, None) => "–".to_owned(),
            };
            Some(TableRow {
                class: if trend.language == "none" { "control" } else { "" },
                cells: vec![
                    plugin(&trend.plugin, &trend.language),
                    Cell::Text(name(&trend.host, 40)),
                    Cell::Text(name(&trend.workload, 40)),
                    Cell::Number(trend.points.len().to_string()),
                    figure(first.added_ns.p50),
                    figure(last.added_ns.p50),
                    figure(figures().fold(f64::INFINITY, f64::min)),
                    figure(figures().fold(f64::NEG_INFINITY, f64::max)),
                    Cell::Number(change),
                ],
            })
        })
        .collect();
    let columns =
        ["Plugin", "host", "workload", ">runs", ">oldest", ">newest", ">least", ">most", ">newest against oldest"];
    format!(
        "<details><summary>All figures over time</summary>{}</details>",
        table("Added latency over time, µs per request", &columns, &rows)
    )
}
