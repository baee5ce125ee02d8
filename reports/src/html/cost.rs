//! Cost against work: a chart and a table per place.

use tollgate_record::Mode;

use crate::charts::cost;
use crate::cost_line::CostLine;
use crate::cost_table;
use crate::number::{grouped, us};
use crate::text::name;

use super::View;
use super::parts::{Cell, TableRow, figure, plugin, table};

const CAPTION: &str = "Each point was measured, in the same rounds as all others of its start. Where the line is straight, its slope is \
                       the price of one more operation; where it starts is the price of being called at all.";

pub(super) fn body(view: &View<'_>) -> String {
    let lines = &view.summary.cost_lines;
    let mut html = String::new();
    for (index, (title, lines)) in places(lines).iter().enumerate() {
        let Some(svg) = cost(title, lines, &view.id(&format!("cost{index}"))) else { continue };
        html.push_str(&view.heading(title));
        html.push_str(&figure(&format!("Chart: cost against work, {title}"), &svg, CAPTION, &points(title, lines)));
    }
    if lines.is_empty() {
        return html;
    }
    let columns = ["Plugin", "host", ">ns per operation", ">interval", ">called, µs", ">off the line"];
    let rows: Vec<TableRow> = lines.iter().map(row).collect();
    format!("{html}<p class=\"quiet\">{}</p>{}", cost_table::WORDS, table("Cost against work", &columns, &rows))
}

/// In process all hosts share a chart; live each gateway has one.
fn places(lines: &[CostLine]) -> Vec<(String, Vec<&CostLine>)> {
    let mut places: Vec<(String, Vec<&CostLine>)> = Vec::new();
    for line in lines {
        let title = match line.mode {
            Mode::InProcess => "in process".to_owned(),
            Mode::Live => format!("{}, live", name(&line.host, 40)),
        };
        let title = if line.on_response { format!("{title}, response headers") } else { title };
        match places.iter_mut().find(|(other, _)| other == &title) {
            Some((_, lines)) => lines.push(line),
            None => places.push((title, vec![line])),
        }
    }
    places
}

fn row(line: &CostLine) -> TableRow {
    let [per_operation, between, called, off] = cost_table::figures(line);
    TableRow::new(vec![
        plugin(&line.plugin, &line.language),
        Cell::Text(line.place()),
        Cell::Main(per_operation),
        Cell::Number(between),
        Cell::Number(called),
        Cell::Number(off),
    ])
}

/// The table behind a chart.
fn points(title: &str, lines: &[&CostLine]) -> String {
    let rows: Vec<TableRow> = lines
        .iter()
        .flat_map(|line| line.points.iter().map(move |point| (line, point)))
        .map(|(line, point)| {
            let end = |ns: Option<f64>| Cell::Number(ns.map_or_else(|| "–".to_owned(), |ns| us(ns, 2)));
            TableRow::new(vec![
                plugin(&line.plugin, &line.language),
                Cell::Text(line.place()),
                Cell::Number(grouped(u64::from(point.operations))),
                Cell::Number(us(point.added_ns.p50, 2)),
                end(point.added_ns.low),
                end(point.added_ns.high),
            ])
        })
        .collect();
    let columns = ["Plugin", "host", ">operations", ">added µs", ">low", ">high"];
    table(&format!("Added latency by number of operations, {title}"), &columns, &rows)
}
