//! How the tail goes, per place.

use crate::charts::percentiles;
use crate::number::{grouped, significant};
use crate::place::Place;

use super::View;
use super::parts::{Cell, TableRow, figure, place_heading, plugin_in, side_by_side_few, table};

pub(super) fn body(view: &View<'_>) -> String {
    let html = side_by_side_few(view.places.iter().enumerate().filter_map(|(index, place)| {
        let svg = percentiles(place, &view.id(&format!("curves{index}")))?;
        let name = format!("Chart: percentiles, {}", place.caption());
        Some(view.heading(&place_heading(place)) + &figure(&name, &svg, CAPTION, &behind(place)))
    }));
    if html.is_empty() { html } else { format!("<p class=\"quiet\">{INTRO}</p>{html}") }
}

const INTRO: &str = "Whole requests timed one by one, the gateway’s or host’s own share included. They show the shape of \
                     the tail; for the price of a plugin read the added latency above, because these are not paired. Each factor \
                     of ten towards 100 % takes the same room. Solid: bare ABI or no SDK; dashed: through an SDK; dotted: no plugin; a \
                     plugin whose line would look like another’s has one of its own.";

const CAPTION: &str =
    "Names are in the order in which the curves end: where fewer than ten requests lie above, at the latest at p99.9.";

fn behind(place: &Place<'_>) -> String {
    let cells = place.rows.iter().map(|row| row.cell).chain(place.control);
    let rows: Vec<TableRow> = cells
        .filter_map(|cell| {
            let at = cell.absolute_ns?;
            let figure =
                |ns: Option<f64>| Cell::Number(ns.map_or_else(|| "–".to_owned(), |ns| significant(ns / 1_000.0)));
            Some(TableRow {
                class: if cell.control.is_some() { "control" } else { "" },
                cells: vec![
                    plugin_in(place, cell),
                    figure(at.p50),
                    figure(at.p90),
                    figure(at.p99),
                    figure(at.p999),
                    Cell::Number(grouped(cell.values)),
                ],
            })
        })
        .collect();
    let caption = format!("Latency of requests, {}, µs", place.caption());
    table(&caption, &["Plugin", ">p50", ">p90", ">p99", ">p99.9", ">requests"], &rows)
}
