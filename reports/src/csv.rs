//! One line per cell, arm under load, and row of a scenario, for spreadsheets and data frames.

use tollgate_record::{Mode, Phase, Variant};

use crate::csv_scenario::{self, Named};
use crate::lifecycle::Lifecycle;
use crate::load::{LoadArm, LoadFigures};
use crate::summary::{Summary, SummaryCell};
use crate::text::visible;

const COLUMNS: [&str; 45] = [
    "plugin",
    "language",
    "kind",
    "variant",
    "mode",
    "host",
    "host_version",
    "workload",
    "phase",
    "rounds",
    "starts",
    "added_p50_ns",
    "added_low_ns",
    "added_high_ns",
    "confidence",
    "between_starts",
    "between_share",
    "gateway_added_p50_ns",
    "gateway_added_low_ns",
    "gateway_added_high_ns",
    "instruments_agree",
    "absolute_p50_ns",
    "absolute_p90_ns",
    "absolute_p99_ns",
    "absolute_p999_ns",
    "host_calls",
    "bytes_in",
    "bytes_out",
    "allocations",
    "fuel",
    "lua_instructions",
    "artifact_bytes",
    "memory_start_bytes",
    "memory_end_bytes",
    "memory_requests",
    "soak_bytes_per_request",
    "soak_verdict",
    "error",
    "load_rate_per_s",
    "load_capacity_per_s",
    "load_answered",
    "load_faults",
    "load_sent_p99_ns",
    "load_lateness_p99_ns",
    "load_invalid",
];

/// The cells as CSV with a header line; what is not known is an empty field.
///
/// Text that a spreadsheet would take for a formula (`=`, `+`, `-`, `@` first) gets an apostrophe before it; numbers
/// are left as they are.
pub fn csv(summary: &Summary) -> String {
    let mut text = [&COLUMNS[..], &csv_scenario::COLUMNS].concat().join(",");
    text.push('\n');
    for cell in &summary.cells {
        text.push_str(&line(cell, life(summary, cell)).join(","));
        text.push('\n');
    }
    for load in &summary.loads {
        for arm in &load.arms {
            text.push_str(&by_column(&load_line(summary, load, arm)).join(","));
            text.push('\n');
        }
    }
    for line in summary.scenarios.iter().flat_map(csv_scenario::lines) {
        text.push_str(&by_column(&line).join(","));
        text.push('\n');
    }
    text
}

/// Fields in the order of the columns.
fn by_column(named: &[(&'static str, String)]) -> Vec<String> {
    let of = |column: &&str| named.iter().find(|(name, _)| name == column).map(|(_, text)| text.clone());
    COLUMNS.iter().chain(&csv_scenario::COLUMNS).map(|column| of(column).unwrap_or_default()).collect()
}

/// The life whose requests the cell is.
fn life<'a>(summary: &'a Summary, cell: &SummaryCell) -> Option<&'a Lifecycle> {
    let is_request = (cell.mode, cell.phase) == (Mode::InProcess, Phase::Request);
    let same =
        |life: &&Lifecycle| (&life.plugin, &life.host, &life.workload) == (&cell.plugin, &cell.host, &cell.workload);
    summary.lifecycle.iter().filter(|_| is_request).find(same)
}

fn line(cell: &SummaryCell, life: Option<&Lifecycle>) -> Vec<String> {
    let added = cell.added_ns;
    let absolute = cell.absolute_ns;
    let counters = cell.counters.as_ref();
    let mut fields = vec![
        field(&cell.plugin),
        field(&cell.language),
        cell.kind.map(|kind| kind.name().to_owned()).unwrap_or_default(),
        cell.variant.map(|variant| variant_name(variant).to_owned()).unwrap_or_default(),
        mode_name(cell.mode).to_owned(),
        field(&cell.host),
        field(&cell.host_version),
        field(&cell.workload),
        phase_name(cell.phase).to_owned(),
        cell.rounds.to_string(),
    ];
    fields.push(number(added.map(|added| added.starts)));
    fields.push(number(added.map(|added| added.p50)));
    fields.push(number(added.and_then(|added| added.low)));
    fields.push(number(added.and_then(|added| added.high)));
    fields.push(number(added.and_then(|added| added.confidence)));
    fields.push(number(added.map(|added| added.between_starts)));
    fields.push(number(added.and_then(|added| added.between_share)));
    let gateway = cell.gateway_added_ns;
    fields.push(number(gateway.map(|added| added.p50)));
    fields.push(number(gateway.and_then(|added| added.low)));
    fields.push(number(gateway.and_then(|added| added.high)));
    fields.push(number(cell.instruments_agree));
    fields.push(number(absolute.and_then(|absolute| absolute.p50)));
    fields.push(number(absolute.and_then(|absolute| absolute.p90)));
    fields.push(number(absolute.and_then(|absolute| absolute.p99)));
    fields.push(number(absolute.and_then(|absolute| absolute.p999)));
    fields.push(number(counters.map(|counters| counters.host_calls.values().sum::<u64>())));
    fields.push(number(counters.map(|counters| counters.bytes_in)));
    fields.push(number(counters.map(|counters| counters.bytes_out)));
    fields.push(number(counters.map(|counters| counters.allocations)));
    fields.push(number(counters.and_then(|counters| counters.fuel)));
    fields.push(number(counters.and_then(|counters| counters.lua_instructions)));
    let (memory, soak) = (life.and_then(|life| life.memory), life.and_then(|life| life.soak.as_ref()));
    fields.push(number(life.and_then(|life| life.artifact_bytes)));
    fields.push(number(memory.map(|memory| memory.start_bytes)));
    fields.push(number(memory.map(|memory| memory.end_bytes)));
    fields.push(number(memory.map(|memory| memory.requests)));
    fields.push(number(soak.and_then(|soak| soak.bytes_per_request)));
    fields.push(soak.map(|soak| field(soak.verdict.name())).unwrap_or_default());
    fields.push(cell.error.as_deref().map(field).unwrap_or_default());
    fields.resize(COLUMNS.len() + csv_scenario::COLUMNS.len(), String::new());
    fields
}

/// An arm at a rate: a line of the phase `load`, with latency from the planned time.
fn load_line(summary: &Summary, load: &LoadFigures, arm: &LoadArm) -> Named {
    let cell = summary.cells.iter().find(|cell| {
        let is_it = (cell.mode, cell.phase) == (Mode::Live, Phase::Request);
        is_it && (&cell.host, &cell.plugin, &cell.workload) == (&load.gateway, &arm.plugin, &arm.workload)
    });
    let (intended, sent) = (arm.from_intended_ns, arm.from_sent_ns);
    vec![
        ("plugin", field(&arm.plugin)),
        ("language", field(&arm.language)),
        ("kind", cell.and_then(|cell| cell.kind).map(|kind| kind.name().to_owned()).unwrap_or_default()),
        ("variant", arm.variant.map(|variant| variant_name(variant).to_owned()).unwrap_or_default()),
        ("mode", mode_name(Mode::Live).to_owned()),
        ("host", field(&load.gateway)),
        ("host_version", cell.map(|cell| field(&cell.host_version)).unwrap_or_default()),
        ("workload", field(&arm.workload)),
        ("phase", "load".to_owned()),
        ("absolute_p50_ns", number(intended.and_then(|at| at.p50))),
        ("absolute_p90_ns", number(intended.and_then(|at| at.p90))),
        ("absolute_p99_ns", number(intended.and_then(|at| at.p99))),
        ("absolute_p999_ns", number(intended.and_then(|at| at.p999))),
        ("error", arm.error.as_deref().map(field).unwrap_or_default()),
        ("load_rate_per_s", number(load.rate_per_s)),
        ("load_capacity_per_s", number(arm.capacity_per_s)),
        ("load_answered", arm.answered.to_string()),
        ("load_faults", arm.faults.total().to_string()),
        ("load_sent_p99_ns", number(sent.and_then(|at| at.p99))),
        ("load_lateness_p99_ns", number(load.lateness_p99_ns)),
        ("load_invalid", load.invalid.as_deref().map(field).unwrap_or_default()),
    ]
}

pub(crate) fn number<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

pub(crate) fn field(text: &str) -> String {
    let mut text = visible(text);
    if text.trim_start().starts_with(['=', '+', '-', '@']) {
        text.insert(0, '\'');
    }
    if text.contains([',', '"', '\'', ';', ' ']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// Names as in the record's JSON.
pub(crate) fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::InProcess => "in_process",
        Mode::Live => "live",
    }
}

/// Names as in the record's JSON.
pub(crate) fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Compile => "compile",
        Phase::Instantiate => "instantiate",
        Phase::FirstRequest => "first_request",
        Phase::Request => "request",
    }
}

/// Names as in the record's JSON.
pub(crate) fn variant_name(variant: Variant) -> &'static str {
    match variant {
        Variant::Raw => "raw",
        Variant::Sdk => "sdk",
    }
}
