//! How requests are spread, per place.

use tollgate_record::Mode;

use crate::charts::{self, Ridge};
use crate::distribution::{Distributions, distributions};
use crate::number::{grouped, percent, significant};
use crate::place::Place;
use crate::summary::SummaryCell;

use super::View;
use super::answer::interval;
use super::parts::{Cell, TableRow, figure, place_heading, plugin_in, side_by_side_few, table};

pub(super) fn body(view: &View<'_>) -> String {
    let html =
        side_by_side_few(view.places.iter().enumerate().filter_map(|(index, place)| of_place(view, index, place)));
    if html.is_empty() { html } else { format!("<p class=\"quiet\">{INTRO}</p>{html}") }
}

const INTRO: &str = "Every request that was timed by itself, all starts together, the gateway’s or host’s own share included, counted in \
                     bins of equal width on a logarithmic axis. One narrow hill is a plugin whose requests cost the same; two hills are \
                     two ways that requests go, or starts that differ; a long right side is a tail. Heights are roots of counts, so that \
                     tails are seen, and each row is as high as its fullest bin: compare shapes and places, not areas. Solid: bare ABI or no \
                     SDK; outlined: through an SDK. Not paired: for the price of a plugin read the added latency.";

/// How far the axis goes: see [`crate::distribution`].
const CAPTION: &str =
    "Upright lines: medians. The axis ends at the slowest row’s 99th percentile, with few requests at its 90th.";

fn of_place(view: &View<'_>, index: usize, place: &Place<'_>) -> Option<String> {
    // In process no plugin is an empty call: a few steps of the clock, which have no shape.
    let control = place.control.filter(|_| place.mode == Mode::Live);
    let cells: Vec<&SummaryCell> = control.into_iter().chain(place.rows.iter().map(|row| row.cell)).collect();
    let sources: Vec<_> = cells.iter().map(|cell| view.source(cell)).collect::<Option<_>>()?;
    let all = distributions(&sources)?;
    let labels = control.map(|_| "no plugin (A)".to_owned()).into_iter();
    let labels = labels.chain(place.rows.iter().map(|row| place.label(row)));
    let rows = labels.zip(cells).zip(&all.cells);
    let rows: Vec<Ridge<'_>> =
        rows.filter_map(|((label, cell), of)| Some(Ridge { label, cell, of: of.as_ref()? })).collect();
    rows.iter().find(|row| row.cell.control.is_none())?;
    let svg = charts::distribution(&place.title(), &rows, &all.edges_ns, &view.id(&format!("spread{index}")))?;
    let also = match control {
        Some(_) => " Dotted: the one without a plugin.",
        None => " No plugin is an empty call here, a few steps of the clock, and has no row.",
    };
    let name = format!("Chart: distributions, {}", place.caption());
    let behind = behind(place, &all, &rows);
    Some(view.heading(&place_heading(place)) + &figure(&name, &svg, &format!("{CAPTION}{also}"), &behind))
}

fn behind(place: &Place<'_>, all: &Distributions, rows: &[Ridge<'_>]) -> String {
    let us = |ns: f64| significant(ns / 1e3);
    let row = |row: &Ridge<'_>| {
        let Ridge { cell, of, .. } = row;
        let (at, share) = of.fullest();
        let mut cells = vec![plugin_in(place, cell)];
        cells.extend(of.quantiles_ns.map(|ns| Cell::Number(us(ns as f64))));
        cells.extend([
            Cell::Number(interval(all.edges_ns[at], all.edges_ns[at + 1], 2)),
            Cell::Number(percent(share)),
            Cell::Number(percent(of.beyond())),
            Cell::Number(grouped(of.requests())),
        ]);
        TableRow { class: if cell.control.is_some() { "control" } else { "" }, cells }
    };
    let caption = format!("How requests are spread, {}, µs", place.caption());
    let columns =
        ["Plugin", ">p10", ">p25", ">p50", ">p75", ">p90", ">fullest bin", ">in it", ">beyond the axis", ">requests"];
    table(&caption, &columns, &rows.iter().map(row).collect::<Vec<_>>())
}
