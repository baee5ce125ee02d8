//! What a plugin costs before it has served anything.

use tollgate_record::{Phase, Record};

use crate::number::{bytes, duration};
use crate::summary::{Summary, SummaryCell};
use crate::text::name;

use super::View;
use super::parts::{Cell, TableRow, plugin, table};

const PHASES: [Phase; 3] = [Phase::Compile, Phase::Instantiate, Phase::FirstRequest];

pub(super) fn body(view: &View<'_>) -> String {
    let rows: Vec<TableRow> = plugins(view.summary).iter().map(|cell| row(view.record, view.summary, cell)).collect();
    if rows.is_empty() {
        return String::new();
    }
    let columns = ["Plugin", "host", ">artifact", ">compile", ">instantiate", ">first request", ">times each"];
    format!(
        "<p class=\"quiet\">Compile: from the artifact’s bytes to a loaded module. Instantiate: to a configured instance. \
         First request: of a fresh instance. There is no control for these; they are medians as measured.</p>{}",
        table("Compile, instantiate and first request", &columns, &rows)
    )
}

/// One cell per plugin and host that has any of the phases.
fn plugins(summary: &Summary) -> Vec<&SummaryCell> {
    let mut firsts: Vec<&SummaryCell> = Vec::new();
    for cell in summary.cells.iter().filter(|cell| PHASES.contains(&cell.phase)) {
        if !firsts.iter().any(|first| same(first, cell)) {
            firsts.push(cell);
        }
    }
    firsts
}

fn same(a: &SummaryCell, b: &SummaryCell) -> bool {
    (a.mode, &a.host, &a.plugin) == (b.mode, &b.host, &b.plugin)
}

fn row(record: &Record, summary: &Summary, first: &SummaryCell) -> TableRow {
    let of = |phase: Phase| summary.cells.iter().find(|cell| cell.phase == phase && same(cell, first));
    let figure = |phase: Phase| {
        let text = match of(phase) {
            Some(cell) if cell.error.is_some() => "failed".to_owned(),
            Some(cell) => cell.absolute_ns.and_then(|at| at.p50).map_or_else(|| "–".to_owned(), duration),
            None => "–".to_owned(),
        };
        Cell::Number(text)
    };
    let artifact =
        record.cells.iter().filter(|cell| cell.id.plugin == first.plugin).find_map(|cell| cell.artifact.as_ref());
    let times = PHASES.iter().filter_map(|&phase| of(phase)).map(|cell| cell.values).max().unwrap_or(0);
    TableRow::new(vec![
        plugin(&first.plugin, &first.language),
        Cell::Text(name(&first.host, 40)),
        Cell::Number(artifact.map_or_else(|| "–".to_owned(), |artifact| bytes(artifact.size_bytes))),
        figure(Phase::Compile),
        figure(Phase::Instantiate),
        figure(Phase::FirstRequest),
        Cell::Number(times.to_string()),
    ])
}
