//! Rounds over time, per place: whether a run stood still, and what strayed.

use crate::charts::{self, Track};
use crate::number::{decimals, grouped, us};
use crate::place::Place;
use crate::rounds::course;

use super::View;
use super::parts::{Cell, TableRow, figure, place_heading, plugin_in, side_by_side_few, table};

pub(super) fn body(view: &View<'_>) -> String {
    let html =
        side_by_side_few(view.places.iter().enumerate().filter_map(|(index, place)| of_place(view, index, place)));
    if html.is_empty() { html } else { format!("<p class=\"quiet\">{INTRO}</p>{html}") }
}

const INTRO: &str = "Whether the run stood still: each plugin’s blocks of rounds in the order in which they were measured, its starts \
                     beside each other, each a fresh process. A row that slopes drifts; steps between starts are what fresh processes of \
                     the same code differ by, and why a start is the replicate.";

const CAPTION: &str = "A line goes through medians of neighbouring blocks; a red dot at the edge is the row’s farthest single block, outside of it. \
                       The last rows are A', a second arm without a plugin, and control A’s own latency.";

fn of_place(view: &View<'_>, index: usize, place: &Place<'_>) -> Option<String> {
    let track = |label: String, cell| Some(Track { label, cell, course: course(view.source(cell)?)? });
    let rows = place.rows.iter().map(|row| (place.label(row), row.cell));
    let controls = [(place.noise, "A' (no plugin)"), (place.control, "A, its latency")];
    let controls = controls.into_iter().filter_map(|(cell, label)| Some((label.to_owned(), cell?)));
    let tracks: Vec<Track<'_>> = rows.chain(controls).filter_map(|(label, cell)| track(label, cell)).collect();
    tracks.iter().find(|track| track.cell.control.is_none())?;
    let svg = charts::rounds(&place.title(), &tracks, &view.id(&format!("rounds{index}")))?;
    let name = format!("Chart: rounds over time, {}", place.caption());
    Some(view.heading(&place_heading(place)) + &figure(&name, &svg, CAPTION, &behind(place, &tracks)))
}

fn behind(place: &Place<'_>, tracks: &[Track<'_>]) -> String {
    let digits = decimals(place.largest_ns());
    let starts = tracks.iter().map(|track| track.course.starts.len()).max().unwrap_or(0);
    let titles: Vec<String> = (1..=starts).map(|number| format!(">start {number}")).collect();
    let columns: Vec<&str> = ["Plugin", ">blocks", ">second half − first", ">lowest block", ">highest block"]
        .into_iter()
        .chain(titles.iter().map(String::as_str))
        .collect();
    let rows: Vec<TableRow> = tracks
        .iter()
        .map(|track| {
            let figure = |ns: Option<f64>| Cell::Number(ns.map_or_else(|| "–".to_owned(), |ns| us(ns, digits)));
            let of_start = |at: usize| figure(track.course.starts.get(at).map(|start| start.median_ns));
            let blocks = track.course.starts.iter().map(|start| start.blocks).sum();
            let head = [
                plugin_in(place, track.cell),
                Cell::Number(grouped(blocks)),
                figure(track.course.drift_ns()),
                figure(track.course.farthest(false).map(|(.., ns)| ns)),
                figure(track.course.farthest(true).map(|(.., ns)| ns)),
            ];
            TableRow {
                class: if track.cell.control.is_some() { "control" } else { "" },
                cells: head.into_iter().chain((0..starts).map(of_start)).collect(),
            }
        })
        .collect();
    table(&format!("Medians of starts, {}, µs per request", place.caption()), &columns, &rows)
}
