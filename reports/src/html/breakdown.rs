//! Where the time goes, per place.

use crate::breakdown::{Breakdown, Part, breakdowns};
use crate::charts::stack;
use crate::number::{decimals, us};
use crate::place::Place;

use super::View;
use super::parts::{Cell, TableRow, figure, place_heading, plugin, side_by_side_few, table};

pub(super) fn body(view: &View<'_>) -> String {
    let html = side_by_side_few(view.places.iter().enumerate().filter_map(|(index, place)| {
        let parts = breakdowns(place);
        let svg = stack(place, &parts, &view.id(&format!("parts{index}")))?;
        let name = format!("Chart: where the time goes, {}", place.caption());
        Some(view.heading(&place_heading(place)) + &figure(&name, &svg, &caption(&parts), &behind(place, &parts)))
    }));
    if html.is_empty() { html } else { format!("<p class=\"quiet\">{INTRO}</p>{html}") }
}

const INTRO: &str = "The added latency taken apart by arms of the same rounds; each part is the median over starts of a difference \
                     within each start. <b>Host floor</b>: being called at all, <i>boundary</i> at noop (for Lua and native, their own \
                     noop). <b>Crossings and header work</b>: the same calls with constant strings, boundary minus its noop. <b>Guest \
                     code</b>: the raw plugin minus boundary. <b>SDK</b>: minus the raw plugin. <b>Rest</b>: what does not add up, as \
                     medians of differences do not quite, and for Lua and native all their work, which no arm takes apart.";

/// How the calls were taken apart here, or why not.
fn caption(parts: &[Breakdown<'_>]) -> String {
    let is_split = parts.iter().any(|of| of.parts.iter().any(|(part, _)| *part == Part::Crossings));
    let how = match is_split {
        true => {
            "Header work is native minus its noop, an upper bound because it builds its strings; crossings are what is left of \
             boundary’s calls."
        }
        false => {
            "Crossings and header work stay together: native, which has no crossings, builds its strings, and that costs more than \
             boundary’s calls, so no arm bounds the header work alone."
        }
    };
    format!("{how} The upright line is what was measured of the whole; a part below zero is in the table only.")
}

fn behind(place: &Place<'_>, breakdowns: &[Breakdown<'_>]) -> String {
    let there = |part: &Part| breakdowns.iter().any(|of| of.parts.iter().any(|(other, _)| other == part));
    let parts: Vec<Part> = Part::ALL.into_iter().filter(there).collect();
    let titles: Vec<String> = parts.iter().map(|part| format!(">{}", part.name())).collect();
    let columns: Vec<&str> = ["Plugin", ">added"].into_iter().chain(titles.iter().map(String::as_str)).collect();
    let digits = decimals(place.largest_ns());
    let rows: Vec<TableRow> = breakdowns
        .iter()
        .map(|of| {
            let figure = |part: &Part| {
                let ns = of.parts.iter().find(|(other, _)| other == part);
                Cell::Number(ns.map_or_else(|| "–".to_owned(), |(_, ns)| us(*ns, digits)))
            };
            let head = [plugin(&of.row.cell.plugin, &of.row.cell.language), Cell::Main(us(of.added_ns, digits))];
            TableRow::new(head.into_iter().chain(parts.iter().map(figure)).collect())
        })
        .collect();
    table(&format!("Parts of the added latency, {}, µs per request", place.caption()), &columns, &rows)
}
