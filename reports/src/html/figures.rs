//! Every figure of a request, one table per place.

use crate::instruments;
use crate::number::{decimals, grouped, significant, us};
use crate::place::Row;
use crate::text::name;

use super::View;
use super::answer::{interval, prose};
use super::parts::{Cell, TableRow, place_heading, plugin, table};

/// Columns; the host has one only where there are several, the gateway's own clock only where it has one.
fn columns(several: bool, own: bool) -> Vec<&'static str> {
    let host = several.then_some("host");
    ["Plugin", "language"]
        .into_iter()
        .chain(host)
        .chain([">added", ">interval"])
        .chain(own.then_some(">own clock"))
        .chain([">SDK adds", ">noop", ">p50", ">p90", ">p99", ">p99.9", ">rounds"])
        .collect()
}

pub(super) fn body(view: &View<'_>) -> String {
    if view.places.is_empty() {
        return String::new();
    }
    let mut html = "<p class=\"quiet\"><b>added</b>: above control A, paired by round, median over starts. <b>SDK adds</b>: \
                    to the same language’s raw plugin, paired by start. <b>noop</b>: added by the same plugin when it does \
                    nothing. <b>own clock</b>: added by the gateway’s own clock, in other rounds of the same starts. <b>p50 to p99.9</b>: \
                    whole requests. A dash is not known or not enough data.</p>"
        .to_owned();
    for place in &view.places {
        let digits = decimals(place.largest_ns());
        let (several, own) = (place.hosts.len() > 1, place.has_own_clock());
        let mut rows: Vec<TableRow> = place.rows.iter().map(|row| table_row(row, digits, several, own)).collect();
        for cell in place.noise.into_iter().chain(place.control) {
            rows.push(table_row(&Row { cell, noop: None, sdk_adds: None }, digits, several, own));
        }
        let caption = format!("{}, all figures in µs per request", place.versions());
        html.push_str(&view.heading(&place_heading(place)));
        html.push_str(&table(&caption, &columns(several, own), &rows));
        let note = instruments::note(place);
        if !note.is_empty() {
            html.push_str(&format!("<p class=\"note\">{}</p>", prose(&note)));
        }
    }
    html
}

fn table_row(row: &Row<'_>, digits: usize, several: bool, own: bool) -> TableRow {
    let cell = row.cell;
    let missing = || "–".to_owned();
    let absolute = |at: Option<f64>| Cell::Number(at.map_or_else(missing, |ns| significant(ns / 1_000.0)));
    let at = cell.absolute_ns;
    let added = match (&cell.error, cell.added_ns) {
        (Some(_), _) => "failed".to_owned(),
        (None, Some(added)) => us(added.p50, digits),
        (None, None) => missing(),
    };
    let ends = cell.added_ns.and_then(|added| added.interval());
    let class = match (&cell.error, cell.control) {
        (Some(_), _) => "failed",
        (None, Some(_)) => "control",
        _ => "",
    };
    let language = if cell.control.is_some() { "no plugin".to_owned() } else { name(&cell.language, 40) };
    let mut cells = vec![
        plugin(&cell.plugin, &cell.language),
        Cell::Text(language),
        Cell::Text(name(&cell.host, 40)),
        Cell::Main(added),
        Cell::Number(ends.map_or_else(missing, |(low, high)| interval(low, high, digits))),
        Cell::Number(instruments::figure(cell, digits).unwrap_or_else(missing)),
        Cell::Number(row.sdk_adds.map_or_else(missing, |adds| us(adds.p50, digits))),
        Cell::Number(row.noop.and_then(|noop| noop.added_ns).map_or_else(missing, |added| us(added.p50, digits))),
        absolute(at.and_then(|at| at.p50)),
        absolute(at.and_then(|at| at.p90)),
        absolute(at.and_then(|at| at.p99)),
        absolute(at.and_then(|at| at.p999)),
        Cell::Number(grouped(cell.rounds)),
    ];
    if !own {
        cells.remove(5);
    }
    if !several {
        cells.remove(2);
    }
    TableRow { class, cells }
}
