//! Records of proofs: whatever a file holds, reading it is a record or an error, and a record is counted and shown.

use std::path::Path;

use tollgate_record::{
    ChangedFigure, CountersPlan, Environment, GatePlan, LiveGate, LivePlan, PROVE_SCHEMA, Placement, ProveEntry,
    ProveRecord, ProveRun, ProveSubject, ProvedCell, ProvedCount, ProvedCounters, ProvedLive, PutIn, Sitting,
};
use tollgate_reports::gate::{proof_table, proof_text, proved};

/// The first byte chooses between a record and a journal.
pub fn run(data: &[u8]) {
    let (name, text) = match data.split_first() {
        Some((kind, text)) if kind % 2 == 0 => ("prove.json", text),
        Some((_, text)) => ("prove-journal.jsonl", text),
        None => return,
    };
    match ProveRecord::parse(Path::new(name), text) {
        Ok(record) => counted(record),
        Err(error) => assert!(error.to_string().contains(';'), "no remedy: {error}"),
    }
}

fn counted(record: ProveRecord) {
    let again = serde_json::to_vec(&record).expect("a record can be written");
    assert_eq!(ProveRecord::parse(Path::new("again.json"), &again).expect("it was just written"), record);
    let proofs = proved(&record);
    let runs: u32 = proofs.iter().map(|proved| proved.right.of).sum();
    assert_eq!(runs as usize, record.runs.len(), "each run counts once");
    for proved in &proofs {
        assert!(proved.right.count + proved.wrong.count <= proved.right.of, "right or wrong: {proved:?}");
    }
    assert!(!proof_text(&record).is_empty());
    assert!(proof_table(&[record.clone(), record]).starts_with("| command |"));
}

fn in_process() -> ProveRecord {
    let cell = ProvedCell {
        host: "wasmtime".into(),
        workload: "headers".into(),
        turns: 200,
        truth_ppb: 10_000_000,
        spent_more: Some(1_000),
        verdict: "regression".into(),
        control_failed: false,
        estimate_ppb: Some(10_100_000),
        low_ppb: Some(9_000_000),
        high_ppb: Some(11_000_000),
        smallest_ppb: Some(8_000_000),
    };
    let run = ProveRun {
        asked_ppm: 10_000,
        took_ms: 9,
        finished_unix_ms: Some(4),
        cells: vec![cell],
        live: None,
        counters: None,
    };
    ProveRecord {
        schema: PROVE_SCHEMA.into(),
        tollgate_version: "0.1.0".into(),
        command_line: ["tollgate", "prove", "power", "--runs", "2"].map(Into::into).into(),
        started_unix_ms: 1,
        finished_unix_ms: 2,
        interrupted: false,
        environment: Environment::default(),
        placement: Placement::Unpinned,
        what: "power".into(),
        plugin: "rust-sdk".into(),
        hogs: 0,
        plan: Some(GatePlan {
            seed: 7,
            processes: 40,
            confirm_processes: None,
            layouts: 40,
            blocks_per_layout: 1,
            rounds_per_block: 5,
            batch_ns: 20_000,
            margin_ppm: 5_000,
            alpha_ppm: 1_000,
            confirm_alpha_ppm: 10_000,
            equivalence_alpha_ppm: 50_000,
            apart: false,
        }),
        live: None,
        counters: None,
        wanted: Some(2),
        subjects: vec![ProveSubject {
            host: "wasmtime".into(),
            host_version: "1".into(),
            workload: "headers".into(),
            sha256: "0".into(),
            request_sha256: "1".into(),
        }],
        sittings: vec![Sitting {
            tollgate_version: "0.1.0".into(),
            command_line: vec!["tollgate".into()],
            started_unix_ms: 3,
            environment: Environment::default(),
            first_run: 1,
        }],
        runs: vec![run.clone(), ProveRun { asked_ppm: 0, ..run }],
    }
}

fn live() -> ProveRecord {
    let gate = LiveGate {
        base: "base".into(),
        head: "head".into(),
        margin_ns: 500,
        margin_share: 0.02,
        starts: 5,
        copies: 4,
        longer_ns: 2_000,
    };
    let live = ProvedLive {
        truth_ns: 1_000,
        verdict: "equivalent".into(),
        control_failed: true,
        margin_ps: Some(500_000),
        estimate_ps: Some(900_000),
        low_ps: Some(800_000),
        high_ps: Some(1_000_000),
        smallest_ps: None,
    };
    let run = ProveRun {
        asked_ppm: 0,
        took_ms: 9,
        finished_unix_ms: None,
        cells: Vec::new(),
        live: Some(live),
        counters: None,
    };
    ProveRecord {
        plan: None,
        live: Some(LivePlan {
            gateway: "envoy".into(),
            gate,
            start_ms: 2_000,
            rounds_per_block: 1,
            spin_ns: 10_000,
            seed: 7,
        }),
        wanted: None,
        sittings: Vec::new(),
        runs: vec![run.clone(), run],
        ..in_process()
    }
}

fn counters() -> ProveRecord {
    let change = ChangedFigure { what: "bytes out".into(), base: Some(7), head: None };
    let cell = ProvedCount {
        host: "wasmtime".into(),
        workload: "headers".into(),
        verdict: "regression".into(),
        changes: vec![change],
        failure: Some("x".into()),
    };
    let counters = Some(ProvedCounters { put_in: PutIn::Byte, cells: vec![cell] });
    let run = ProveRun { asked_ppm: 0, took_ms: 9, finished_unix_ms: None, cells: Vec::new(), live: None, counters };
    ProveRecord {
        plan: None,
        counters: Some(CountersPlan { processes: 2 }),
        runs: vec![run],
        sittings: Vec::new(),
        ..in_process()
    }
}

/// Small records of all gates, a journal of each, and half of it.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for record in [in_process(), live(), counters()] {
        let begin = ProveRecord { runs: Vec::new(), sittings: Vec::new(), ..record.clone() };
        let mut entries = vec![ProveEntry::Begin(Box::new(begin))];
        entries.extend(record.runs.iter().cloned().map(ProveEntry::Run));
        entries.push(ProveEntry::End { finished_unix_ms: 9, interrupted: true });
        let lines = entries.iter().map(|entry| serde_json::to_string(entry).expect("it can be written"));
        let journal = lines.collect::<Vec<_>>().join("\n").into_bytes();
        let record = serde_json::to_vec(&record).expect("it can be written");
        seeds.extend([[&[0], &*record].concat(), [&[1], &*journal].concat()]);
        seeds.push([&[1], &journal[..journal.len() / 2]].concat());
    }
    seeds
}
