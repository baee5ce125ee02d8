//! What a plugin costs before it has served anything, and what it holds in memory.

use crate::charts;
use crate::life_table::slope;
use crate::lifecycle::Lifecycle;
use crate::number::{bytes, duration, grouped, significant};
use crate::text::name;

use super::View;
use super::parts::{Cell, TableRow, captioned, plugin, side_by_side, table};

pub(super) fn body(view: &View<'_>) -> String {
    let lives = &view.summary.lifecycle;
    if lives.is_empty() {
        return String::new();
    }
    let times = charts::life_times(lives, &view.id("times"));
    let times = times.map(|svg| captioned("Chart: what it takes to bring plugins to life", &svg, TIMES));
    let memory = charts::life_memory(lives, &view.id("memory"));
    let memory = memory.map(|svg| captioned("Chart: memory that plugins hold", &svg, MEMORY));
    let columns = [
        "Plugin",
        "host",
        ">artifact",
        ">compile",
        ">instantiate",
        ">first request",
        ">request p50",
        ">times each",
        ">memory at start",
        ">memory",
        ">after requests",
    ];
    let rows: Vec<TableRow> = lives.iter().map(row).collect();
    format!(
        "<p class=\"quiet\">Compile: from the artifact’s bytes to a loaded module. Instantiate: to a configured instance. \
         First request: of a fresh instance. There is no control for these; they are medians as measured. Memory: the \
         linear memory of a Wasm guest, or what a Lua VM has allocated, when it was instantiated and after that many \
         requests.</p>{}{}{}",
        side_by_side([times, memory].into_iter().flatten()),
        table("A plugin’s life in process", &columns, &rows),
        soaks(lives)
    )
}

const TIMES: &str = "Each time is a median as measured, on a logarithmic axis; those of later requests have the host’s own share in them. \
                     The figures are in the table below.";

const MEMORY: &str =
    "Bar: memory after requests. Upright line: when it was instantiated. The figures are in the table below.";

fn row(life: &Lifecycle) -> TableRow {
    let missing = || "–".to_owned();
    let ns = |ns: Option<f64>| Cell::Number(ns.map_or_else(missing, duration));
    let memory = life.memory;
    TableRow::new(vec![
        plugin(&life.plugin, &life.language),
        Cell::Text(name(&life.host, 40)),
        Cell::Number(life.artifact_bytes.map_or_else(missing, bytes)),
        ns(life.compile_ns),
        ns(life.instantiate_ns),
        ns(life.first_request_ns),
        ns(life.request_ns),
        Cell::Number(life.values.to_string()),
        Cell::Number(memory.map_or_else(missing, |memory| bytes(memory.start_bytes))),
        Cell::Number(memory.map_or_else(missing, |memory| bytes(memory.end_bytes))),
        Cell::Number(memory.map_or_else(missing, |memory| grouped(memory.requests))),
    ])
}

fn soaks(lives: &[Lifecycle]) -> String {
    let rows: Vec<TableRow> = lives.iter().filter_map(soak_row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let columns = ["Plugin", "host", ">time", ">requests", ">memory", ">slope", ">at most", "verdict"];
    format!(
        "<p class=\"quiet\">Soak: alone in a fresh process. Slope and the most that it can leak are bytes per request; the \
         slope is the median over all pairs of samples (Theil and Sen). A <b>leak</b> is memory that is not given back and \
         grew again in each doubling of the number of requests, or reached the limit. What grew in one place and not again is \
         none. All that leaks stays, so no request leaks more than the memory at the end over the requests; where that is 16 \
         bytes or more, a flat curve proves nothing.</p>{}",
        table("Memory in a soak", &columns, &rows)
    )
}

fn soak_row(life: &Lifecycle) -> Option<TableRow> {
    let soak = life.soak.as_ref()?;
    let missing = || "–".to_owned();
    let error = soak.error.as_deref().map(|error| format!(" ({})", name(error, 600))).unwrap_or_default();
    Some(TableRow {
        class: if soak.error.is_some() { "failed" } else { "" },
        cells: vec![
            plugin(&life.plugin, &life.language),
            Cell::Text(name(&life.host, 40)),
            Cell::Number(format!("{} s", soak.duration_ms as f64 / 1_000.0)),
            Cell::Number(grouped(soak.requests)),
            Cell::Number(soak.end_bytes.map_or_else(missing, bytes)),
            Cell::Number(slope(soak).unwrap_or_else(missing)),
            Cell::Number(soak.at_most_bytes_per_request.map_or_else(missing, significant)),
            Cell::Long(format!("{}: {}{error}", soak.verdict.name(), soak.reason)),
        ],
    })
}
