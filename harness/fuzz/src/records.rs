//! Records and journals: whatever a file holds, reading it is a record or an error, and a record can be shown.

use std::collections::BTreeMap;
use std::path::Path;

use tollgate_record::{
    ArmLoad, Arrivals, Capacity, Cell, CellId, Control, Counters, Entry, Environment, Failure, LiveGate, Load, Mode,
    Phase, Placement, Plan, PluginKind, Record, SCHEMA, Series, Side, TimeBudget, Traffic, Variant,
};
use tollgate_reports::gate::{Conclusion, live, live_is_to_be_confirmed};
use tollgate_reports::{TableOptions, csv, html, json, markdown, summarize, table};

/// The first byte chooses between a record and a journal.
pub fn run(data: &[u8]) {
    let (name, text) = match data.split_first() {
        Some((kind, text)) if kind % 2 == 0 => ("record.json", text),
        Some((_, text)) => ("journal.jsonl", text),
        None => return,
    };
    match Record::parse(Path::new(name), text) {
        Ok(record) => shown(&record),
        Err(error) => assert!(error.to_string().contains(';'), "no remedy: {error}"),
    }
}

/// A record reads back as it was, and every renderer takes it.
fn shown(record: &Record) {
    let again = serde_json::to_vec(record).expect("a record can be written");
    assert_eq!(&Record::parse(Path::new("again.json"), &again).expect("it was just written"), record);
    let summary = summarize(record);
    for text in [json(&summary), csv(&summary), markdown(&summary), html(&[record.clone()])] {
        assert!(!text.is_empty());
    }
    table(&summary, TableOptions { width: 100, colour: false });
    let Some(plan) = &record.plan.live_gate else { return };
    live_is_to_be_confirmed(record);
    let outcome = live(record).expect("it is of a live gate");
    let is_whole = |arm: &String| {
        let cells = record.cells.iter().filter(|cell| cell.id.plugin == *arm);
        cells.map(|cell| cell.series.len()).max().unwrap_or_default() >= plan.starts as usize
    };
    let arms = [Side::Base, Side::Head].map(|side| plan.arms(side)).concat();
    assert!(outcome.conclusion != Conclusion::Pass || arms.iter().all(is_whole), "a pass for want of starts");
}

fn cell(plugin: &str, mode: Mode, host: &str) -> Cell {
    Cell {
        id: CellId {
            mode,
            host: host.into(),
            plugin: plugin.into(),
            workload: "headers".into(),
            phase: Phase::Request,
        },
        language: "Go".into(),
        kind: Some(PluginKind::ProxyWasm),
        variant: Some(Variant::Raw),
        control: (plugin == "A").then_some(Control::A),
        host_version: "1".into(),
        artifact: None,
        series: Vec::new(),
        counters: None,
        soak: None,
        proof: None,
        error: None,
    }
}

/// A gateway at one rate.
fn load(cell: &CellId) -> Load {
    let mut traffic = Traffic { planned: 2, sent: 2, answered: 1, last_sent_ns: Some(9), ..Traffic::default() };
    traffic.faults.status = 1;
    traffic.latency_from_intended_ns.record(1_234);
    traffic.lateness_ns.record(12);
    let capacity = Some(Capacity { answered: 9, duration_ms: 2, connections: 1 });
    Load {
        gateway: cell.host.clone(),
        rate_per_s: Some(1e3),
        share: Some(0.5),
        arrivals: Arrivals::Poisson,
        duration_ms: 2,
        connections: 1,
        seed: 7,
        placement: Placement::TwoCores { probe: 0, gateway: 1 },
        arms: vec![ArmLoad { cell: cell.clone(), capacity, traffic, proof: None, error: None }],
        error: None,
    }
}

/// How a small journal begins.
fn begin() -> Record {
    Record {
        schema: SCHEMA.into(),
        tollgate_version: "0.1.0".into(),
        command_line: vec!["tollgate".into()],
        started_unix_ms: 1,
        finished_unix_ms: None,
        interrupted: false,
        environment: Environment { cores: 2, ..Environment::default() },
        plan: Plan {
            seed: 7,
            time: TimeBudget::Quick,
            starts: 2,
            rounds_per_block: 15,
            requests_per_batch: 64,
            timed_with_limits: Some(false),
            soak_ms: None,
            operations: [("headers".to_owned(), 20)].into(),
            workloads: vec!["headers".into()],
            placement: BTreeMap::from([("in_process".into(), Placement::SameCore { core: 1 })]),
            live_gate: None,
        },
        cells: Vec::new(),
        loads: Vec::new(),
        scenarios: Vec::new(),
    }
}

/// The lines of a small journal.
fn entries() -> Vec<Entry> {
    let mut entries = vec![Entry::Begin(Box::new(begin()))];
    for (mode, host) in [(Mode::InProcess, "wasmtime"), (Mode::Live, "envoy")] {
        for plugin in ["A", "go-raw"] {
            let cell = cell(plugin, mode, host);
            let id = cell.id.clone();
            entries.push(Entry::Cell(Box::new(cell)));
            for start in 0..2 {
                let mut series = Series::of_values(start, &[10, 20 + u64::from(start)]);
                series.added_blocks_ns = vec![3, -1];
                entries.push(Entry::Series { cell: id.clone(), series });
            }
            if mode == Mode::Live {
                let loads = [1e3, 2e3].map(|rate| Load { rate_per_s: Some(rate), ..load(&id) });
                entries.extend(loads.map(|load| Entry::Load(Box::new(load))));
            }
            entries.push(Entry::Counters { cell: id.clone(), counters: Counters::default() });
            entries.push(Entry::Failure { cell: id, failure: Failure::plugin("verify", "a reason; a remedy") });
        }
    }
    let environment = Box::new(Environment::default());
    entries.push(Entry::End { finished_unix_ms: 9, interrupted: false, environment });
    entries
}

/// The lines of a journal of a small live gate, whose sides are alike.
fn gate_entries() -> Vec<Entry> {
    let gate = LiveGate {
        base: "old.lua".into(),
        head: "new.lua".into(),
        margin_ns: 500,
        margin_share: 0.02,
        starts: 5,
        copies: 2,
        longer_ns: 2_000,
    };
    let mut begin = begin();
    begin.plan.live_gate = Some(gate);
    let mut entries = vec![Entry::Begin(Box::new(begin))];
    let sides = ["base 1", "base 2", "head 1", "head 2"].map(|name| (name, 9_000));
    for (name, added) in sides.into_iter().chain([(LiveGate::SPIN, 9_000), (LiveGate::LONGER_SPIN, 11_000)]) {
        let cell = cell(name, Mode::Live, "envoy");
        let id = cell.id.clone();
        entries.push(Entry::Cell(Box::new(cell)));
        for start in 0..5 {
            let added_blocks_ns = vec![added, added + 1 + i64::from(start)];
            let blocks = Series { rounds_per_block: 25, ..Series::of_values(start, &[50_000, 50_001]) };
            let series = Series { added_blocks_ns, ..blocks };
            entries.push(Entry::Series { cell: id.clone(), series });
        }
    }
    entries
}

/// A small journal, its beginning, and the record that it adds up to; a journal and a record of a live gate.
pub fn seeds() -> Vec<Vec<u8>> {
    let (journal, gate) = (lines(&entries()), lines(&gate_entries()));
    let seed = |kind: u8, text: &[u8]| [&[kind], text].concat();
    let half = seed(1, &journal[..journal.len() / 2]);
    vec![seed(0, &record(&journal)), seed(1, &journal), half, seed(0, &record(&gate)), seed(1, &gate)]
}

fn lines(entries: &[Entry]) -> Vec<u8> {
    let lines = entries.iter().map(|entry| serde_json::to_string(entry).expect("it can be written"));
    lines.collect::<Vec<_>>().join("\n").into_bytes()
}

/// What a journal adds up to.
fn record(journal: &[u8]) -> Vec<u8> {
    let record = Record::parse(Path::new("journal.jsonl"), journal).expect("a good journal");
    serde_json::to_vec(&record).expect("it can be written")
}
