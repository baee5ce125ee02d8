//! Where the time goes, per place.

use crate::breakdown::{Bound, Breakdown, Part, bound, breakdowns};
use crate::charts::stack;
use crate::number::{decimals, us};
use crate::place::Place;

use super::View;
use super::parts::{Cell, TableRow, figure, place_heading, plugin_in, side_by_side_few, table};

pub(super) fn body(view: &View<'_>) -> String {
    let html = side_by_side_few(view.places.iter().enumerate().filter_map(|(index, place)| {
        let parts = breakdowns(place);
        let svg = stack(place, &parts, &view.id(&format!("parts{index}")))?;
        let name = format!("Chart: where the time goes, {}", place.caption());
        Some(view.heading(&place_heading(place)) + &figure(&name, &svg, &caption(place), &behind(place, &parts)))
    }));
    if html.is_empty() { html } else { format!("<p class=\"quiet\">{INTRO}</p>{html}") }
}

const INTRO: &str = "The added latency taken apart by arms of the same rounds; each part is the median over starts of a difference \
                     within each start. <b>Host floor</b>: being called at all, <i>boundary</i> at noop (for Lua and native, their own \
                     noop). <b>Crossings and header work</b>: the same calls with constant strings, boundary minus its noop. <b>Guest \
                     code</b>: the raw plugin minus boundary. <b>SDK</b>: minus the raw plugin. <b>Rest</b>: what does not add up, as \
                     medians of differences do not quite, and for Lua and native all their work, which no arm takes apart.";

/// How the calls were taken apart here, or why not.
fn caption(place: &Place<'_>) -> String {
    let how = match bound(place) {
        Some(Bound::Native) => {
            "Header work is what native, which has no crossings, takes: at most that, because native builds its strings too. Crossings \
             are what is left of boundary’s calls."
                .to_owned()
        }
        Some(Bound::TooHigh { native_ns, calls_ns }) => format!(
            "Crossings and header work stay together: the one arm without crossings, native, builds its strings, and so takes {} µs for \
             the work where boundary’s calls with constant strings take {} µs in all. In process <code>cargo bench --bench \
             overhead</code> takes them apart.",
            us(native_ns, 2),
            us(calls_ns, 2)
        ),
        Some(Bound::Missing) | None => {
            "Crossings and header work stay together: native, the one arm without crossings, was not measured beside these."
                .to_owned()
        }
    };
    format!("{how} Upright line: what was measured of the whole. A part below zero is in the table only.")
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
            let head = [plugin_in(place, of.row.cell), Cell::Main(us(of.added_ns, digits))];
            TableRow::new(head.into_iter().chain(parts.iter().map(figure)).collect())
        })
        .collect();
    table(&format!("Parts of the added latency, {}, µs per request", place.caption()), &columns, &rows)
}
