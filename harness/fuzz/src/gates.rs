//! Records of the in-process gate: whatever a file holds, reading it is a record or an error, a record is judged alike each
//! time, and none passes for want of processes.

use std::path::Path;

use tollgate_record::{
    Artifact, Batch, CellId, Environment, Failure, GATE_RECORD_SCHEMA, GateCell, GateEntry, GatePlan, GateProcess,
    GateRecord, Mode, Phase, Placement, Slowdown,
};
use tollgate_reports::TableOptions;
use tollgate_reports::gate::{Conclusion, flagged, github, in_process, json, junit, markdown, table};

/// The first byte chooses between a record, a record whose digest is made to fit (no fuzzer would find one), and a journal.
pub fn run(data: &[u8]) {
    let Some((kind, text)) = data.split_first() else { return };
    let read = match kind % 3 {
        0 => GateRecord::parse(Path::new("gate-record.json"), text),
        1 => match serde_json::from_slice::<GateRecord>(text) {
            Ok(record) => {
                let signed = record.to_vec().expect("it was just read");
                GateRecord::parse(Path::new("gate-record.json"), &signed)
            }
            Err(_) => return,
        },
        _ => GateRecord::parse(Path::new("gate-journal.jsonl"), text),
    };
    match read {
        Ok(record) => judged(&record),
        Err(error) => assert!(error.to_string().contains(';'), "no remedy: {error}"),
    }
}

fn judged(record: &GateRecord) {
    let again = record.to_vec().expect("a record can be written");
    let again = GateRecord::parse(Path::new("again.json"), &again).expect("it was just written");
    assert_eq!(&again, record);
    let outcome = in_process(record);
    assert_eq!(json(&in_process(&again)), json(&outcome), "one record, one outcome");
    if outcome.conclusion == Conclusion::Pass {
        let is_whole = |cell: &GateCell| cell.error.is_none() && cell.processes.len() >= record.plan.processes as usize;
        assert!(!record.cells.is_empty() && record.cells.iter().all(is_whole), "a pass for want of processes");
    }
    for cell in &record.cells {
        flagged(&record.plan, record.cells.len(), cell);
    }
    for text in [markdown(&outcome), junit(&outcome), table(&outcome, TableOptions { width: 80, colour: false })] {
        assert!(!text.is_empty());
    }
    // Nothing differs where nothing is to be annotated.
    github(&outcome);
}

fn process(number: u32) -> GateProcess {
    let pairs = |head: u64| vec![[1_000, head], [1_001, head + 1]];
    let (change, same, slowed) = (pairs(1_000 + u64::from(number % 3)), pairs(1_000), pairs(1_020));
    GateProcess { number, requests_per_batch: 3, took_ms: 100, change, same, slowed }
}

fn begin() -> GateRecord {
    let [host, plugin, workload] = ["wasmtime", "boundary", "headers"].map(str::to_owned);
    let artifact = Artifact { sha256: "0".repeat(64), size_bytes: 1, toolchain: None, sdk: None };
    let cell = GateCell {
        id: CellId { mode: Mode::InProcess, host, plugin, workload, phase: Phase::Request },
        base: artifact.clone(),
        head: artifact,
        slowdown: Some(Slowdown { turns: 9, expected_ppm: 20_000, head_spent: Some(5), slowed_spent: Some(50) }),
        processes: Vec::new(),
        confirmation: Vec::new(),
        error: None,
    };
    GateRecord {
        schema: GATE_RECORD_SCHEMA.into(),
        tollgate_version: "0.1.0".into(),
        command_line: vec!["tollgate".into()],
        started_unix_ms: 1,
        finished_unix_ms: None,
        interrupted: false,
        environment: Environment::default(),
        placement: Placement::SameCore { core: 1 },
        base: "old.wasm".into(),
        head: "new.wasm".into(),
        plan: GatePlan {
            seed: 7,
            processes: 12,
            confirm_processes: None,
            layouts: 2,
            blocks_per_layout: 1,
            rounds_per_block: 5,
            batch_ns: 20_000,
            margin_ppm: 5_000,
            alpha_ppm: 1_000,
            confirm_alpha_ppm: 10_000,
            equivalence_alpha_ppm: 50_000,
            apart: false,
        },
        cells: vec![cell],
        digest: String::new(),
    }
}

/// A small journal, its beginning, and the record that it adds up to, with and without its digest.
pub fn seeds() -> Vec<Vec<u8>> {
    let begin = begin();
    let cell = begin.cells[0].id.clone();
    let mut entries = vec![GateEntry::Begin(Box::new(begin))];
    let done = |number| (cell.clone(), process(number));
    entries.extend((0..12).map(done).map(|(cell, process)| GateEntry::Process { cell, batch: Batch::First, process }));
    let (again, process) = done(3);
    entries.push(GateEntry::Process { cell: again, batch: Batch::Confirmation, process });
    entries.push(GateEntry::End { finished_unix_ms: 9, interrupted: false, environment: Box::default() });
    let lines = |entries: &[GateEntry]| {
        let lines = entries.iter().map(|entry| serde_json::to_string(entry).expect("it can be written"));
        lines.collect::<Vec<_>>().join("\n").into_bytes()
    };
    let journal = lines(&entries);
    entries.push(GateEntry::Failure { cell, failure: Failure::plugin("measure", "a reason; a remedy") });
    let record = GateRecord::parse(Path::new("gate-journal.jsonl"), &journal).expect("a good journal");
    let (signed, unsigned) = (record.to_vec().expect("it can be written"), serde_json::to_vec(&record));
    let unsigned = unsigned.expect("it can be written");
    let seed = |kind: u8, text: &[u8]| [&[kind], text].concat();
    vec![
        seed(0, &signed),
        seed(1, &unsigned),
        seed(2, &journal),
        seed(2, &lines(&entries)),
        seed(2, &journal[..journal.len() / 2]),
    ]
}
