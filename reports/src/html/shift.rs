//! What plugins add to fast and to slow requests, per place.

use tollgate_record::PluginKind;

use crate::charts;
use crate::charts::{Shifted, quantile_name};
use crate::number::{decimals, us};
use crate::place::{Place, Row};
use crate::shift::{ShiftPoint, shift};

use super::View;
use super::answer::interval;
use super::parts::{Cell, TableRow, figure, place_heading, plugin_in, side_by_side_few, table};

pub(super) fn body(view: &View<'_>) -> String {
    let html =
        side_by_side_few(view.places.iter().enumerate().filter_map(|(index, place)| of_place(view, index, place)));
    if html.is_empty() { html } else { format!("<p class=\"quiet\">{INTRO}</p>{html}") }
}

const INTRO: &str = "The shift function: a quantile of the requests with the plugin minus the same quantile of those without, median over \
                     starts. A flat line is a price that each request pays; one that rises to the right is paid by slow requests above \
                     all, as collecting garbage is. Requests timed one by one, which are not paired: for the price of a plugin read \
                     the added latency.";

const CAPTION: &str = "From fast requests to slow ones. The grey band is what A', a second arm without a plugin, reads. A line ends where \
                       a start has fewer than ten requests above the quantile.";

fn of_place(view: &View<'_>, index: usize, place: &Place<'_>) -> Option<String> {
    let control = view.source(place.control?)?;
    let read = |row: &Row<'_>| view.source(row.cell).map(|cell| shift(cell, control)).unwrap_or_default();
    let plugins: Vec<Shifted<'_, '_>> = place
        .rows
        .iter()
        .map(|row| Shifted { row, points: read(row) })
        .filter(|shifted| !shifted.points.is_empty())
        .collect();
    let noise = place.noise.and_then(|cell| Some(shift(view.source(cell)?, control))).unwrap_or_default();
    let behind = behind(place, &plugins, &noise);
    // What is asked over a network is so far above the others that they would be one line.
    let is_external = |shifted: &Shifted<'_, '_>| shifted.row.cell.kind == Some(PluginKind::External);
    let (external, inside): (Vec<_>, Vec<_>) = plugins.into_iter().partition(is_external);
    let (drawn, left_out) = if inside.is_empty() { (external, Vec::new()) } else { (inside, external) };
    let svg = charts::shift(place, &drawn, &noise, &view.id(&format!("shift{index}")))?;
    let name = format!("Chart: shift function, {}", place.caption());
    let also = if left_out.is_empty() { "" } else { " What runs in a process of its own is in the table only." };
    Some(view.heading(&place_heading(place)) + &figure(&name, &svg, &format!("{CAPTION}{also}"), &behind))
}

fn behind(place: &Place<'_>, plugins: &[Shifted<'_, '_>], noise: &[ShiftPoint]) -> String {
    let all = || plugins.iter().map(|shifted| shifted.points.as_slice()).chain([noise]);
    let Some(longest) = all().max_by_key(|points| points.len()) else { return String::new() };
    let titles: Vec<String> = longest.iter().map(|point| format!(">{}", quantile_name(point.quantile))).collect();
    let columns: Vec<&str> = std::iter::once("Plugin").chain(titles.iter().map(String::as_str)).collect();
    let largest = all().flatten().map(|point| point.difference_ns.p50.abs()).fold(0.0, f64::max);
    let digits = decimals(largest);
    let row = |class, head, points: &[ShiftPoint]| {
        let figure = |at: usize| {
            Cell::Number(points.get(at).map_or_else(
                || "–".to_owned(),
                |point| {
                    let ns = point.difference_ns;
                    let ends = ns.interval().map(|(low, high)| format!(" {}", interval(low, high, digits)));
                    format!("{}{}", us(ns.p50, digits), ends.unwrap_or_default())
                },
            ))
        };
        TableRow { class, cells: std::iter::once(head).chain((0..longest.len()).map(figure)).collect() }
    };
    let head = |row: &Row<'_>| plugin_in(place, row.cell);
    let mut rows: Vec<TableRow> = plugins.iter().map(|shifted| row("", head(shifted.row), &shifted.points)).collect();
    rows.extend(place.noise.map(|cell| row("control", plugin_in(place, cell), noise)));
    table(&format!("Quantile with the plugin minus quantile without, {}, µs", place.caption()), &columns, &rows)
}
