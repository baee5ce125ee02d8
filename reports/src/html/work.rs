//! The exact figures of a request: what explains the latency and does not depend on the machine.

use std::collections::BTreeSet;

use tollgate_record::{Counters, Phase};

use crate::number::grouped;
use crate::summary::{Summary, SummaryCell};
use crate::text::{escape, name};

use super::View;
use super::parts::{Cell, TableRow, plugin, table};

/// What calls mean, whatever an API names them: by Proxy-Wasm, by Envoy's Lua, by the plugin in Rust.
const MEANINGS: [(&str, [&str; 3]); 5] = [
    ("add", ["proxy_add_header_map_value", "headers:add", "add"]),
    ("replace", ["proxy_replace_header_map_value", "headers:replace", "replace"]),
    ("get", ["proxy_get_header_map_value", "headers:get", "get"]),
    ("remove", ["proxy_remove_header_map_value", "headers:remove", "remove"]),
    ("pairs", ["proxy_get_header_map_pairs", "headers:pairs", "pairs"]),
];

/// Calls of other names that get a column each; beyond, the table would be all columns.
const MOST_OTHERS: usize = 3;

/// A column of calls.
struct Calls<'a> {
    title: String,
    names: Vec<&'a str>,
}

/// A plugin's figures at a workload, with all hosts that counted the same.
struct Counted<'a> {
    cell: &'a SummaryCell,
    counters: &'a Counters,
    hosts: Vec<String>,
}

pub(super) fn body(view: &View<'_>) -> String {
    let counted = counted(view.summary);
    if counted.is_empty() {
        return String::new();
    }
    let workloads: BTreeSet<&str> = counted.iter().map(|counted| counted.cell.workload.as_str()).collect();
    let tables: String = workloads.iter().map(|workload| of_workload(&counted, workload)).collect();
    format!(
        "<p class=\"quiet\">Counted in a pass of its own, never while timing, and the same in every request, on every machine. Bytes in are \
         copied into the guest, bytes out read from it; calls that mean the same stand in one column, whatever the API \
         names them; allocations are the host’s calls of the guest’s allocator; fuel \
         is about one unit per instruction; Lua instructions are those of the script itself, interpreted. What is not the same in \
         each request (fuel, where a guest collects garbage; calls that a language’s runtime makes now and then) is given as its \
         least and most, and does the same in every run all the same.</p>{tables}"
    )
}

fn of_workload(counted: &[Counted<'_>], workload: &str) -> String {
    let counted: Vec<&Counted<'_>> = counted.iter().filter(|counted| counted.cell.workload == workload).collect();
    let calls = calls(&counted);
    let mut columns = vec!["Plugin", "counted by", ">host calls"];
    columns.extend(calls.iter().map(|calls| calls.title.as_str()));
    columns.extend([">bytes in", ">bytes out", ">allocations", ">fuel"]);
    let lua = counted.iter().any(|counted| counted.counters.lua_instructions.is_some());
    let varies = counted.iter().any(|counted| !varying(counted.counters).is_empty());
    columns.extend(lua.then_some(">Lua instructions"));
    columns.extend(varies.then_some("not in each request"));
    let rows: Vec<TableRow> = counted.iter().map(|counted| row(counted, &calls, lua, varies)).collect();
    table(&format!("Exact figures of one request, workload {}", name(workload, 40)), &columns, &rows)
}

/// Calls that mean the same in one column, then others by name, then the rest in one.
fn calls<'a>(counted: &[&'a Counted<'_>]) -> Vec<Calls<'a>> {
    let mut names: BTreeSet<&str> =
        counted.iter().flat_map(|counted| counted.counters.host_calls.keys()).map(String::as_str).collect();
    let mut columns = Vec::new();
    for (meaning, same) in MEANINGS {
        let same: Vec<&str> = same.iter().filter_map(|name| names.take(name)).collect();
        if !same.is_empty() {
            columns.push(Calls { title: format!(">{meaning}"), names: same });
        }
    }
    let mut others: Vec<&str> = names.into_iter().collect();
    let rest = if others.len() > MOST_OTHERS { others.split_off(MOST_OTHERS - 1) } else { Vec::new() };
    columns.extend(others.into_iter().map(|call| Calls { title: format!(">_{}", name(call, 60)), names: vec![call] }));
    if !rest.is_empty() {
        columns.push(Calls { title: format!(">{} others", rest.len()), names: rest });
    }
    columns
}

fn counted(summary: &Summary) -> Vec<Counted<'_>> {
    let mut all: Vec<Counted<'_>> = Vec::new();
    for cell in summary.cells.iter().filter(|cell| cell.phase == Phase::Request) {
        let Some(counters) = cell.counters.as_ref() else { continue };
        let host = name(&cell.host, 40);
        let same = |other: &&mut Counted<'_>| {
            other.counters == counters && (&other.cell.plugin, &other.cell.workload) == (&cell.plugin, &cell.workload)
        };
        match all.iter_mut().find(same) {
            Some(other) if other.hosts.contains(&host) => {}
            Some(other) => other.hosts.push(host),
            None => all.push(Counted { cell, counters, hosts: vec![host] }),
        }
    }
    all
}

/// A figure, or its least and most where requests do not share it.
fn figure(counters: &Counters, name: &str, exact: Option<u64>) -> Cell {
    Cell::Number(match (counters.varying.get(name), exact) {
        (Some(spread), _) => format!("{} to {}", grouped(spread.least), grouped(spread.most)),
        (None, Some(exact)) => grouped(exact),
        (None, None) => "–".to_owned(),
    })
}

/// Host calls that are not the same in each request.
fn varying(counters: &Counters) -> String {
    let own = ["bytes_in", "bytes_out", "allocations", "fuel", "lua_instructions"];
    let calls = counters.varying.iter().filter(|(call, _)| !own.contains(&call.as_str()));
    let words =
        calls.map(|(call, spread)| format!("{} {} to {}", name(call, 60), grouped(spread.least), grouped(spread.most)));
    words.collect::<Vec<_>>().join(", ")
}

fn row(counted: &Counted<'_>, calls: &[Calls<'_>], lua: bool, varies: bool) -> TableRow {
    let Counted { cell, counters, hosts } = counted;
    let mut cells = vec![
        plugin(&cell.plugin, &cell.language),
        Cell::Html(format!("<span class=\"nowrap\">{}</span>", escape(&hosts.join(", ")))),
        Cell::Main(grouped(counters.host_calls.values().sum())),
    ];
    let times = |call: &&str| counters.host_calls.get(*call).copied().unwrap_or(0);
    cells.extend(calls.iter().map(|calls| Cell::Number(grouped(calls.names.iter().map(times).sum()))));
    cells.extend([
        figure(counters, "bytes_in", Some(counters.bytes_in)),
        figure(counters, "bytes_out", Some(counters.bytes_out)),
        figure(counters, "allocations", Some(counters.allocations)),
        figure(counters, "fuel", counters.fuel),
    ]);
    cells.extend(lua.then(|| figure(counters, "lua_instructions", counters.lua_instructions)));
    cells.extend(varies.then(|| Cell::Text(varying(counters))));
    TableRow::new(cells)
}
