//! Proofs: counts with exact intervals, of both gates, and the table of a page.

use std::path::Path;

use proptest::prelude::*;
use tollgate_record::{
    ChangedFigure, CountersPlan, Environment, LiveGate, LivePlan, PROVE_SCHEMA, ProveEntry, ProveRecord, ProveRun,
    ProveSubject, ProvedCell, ProvedCount, ProvedCounters, ProvedLive, PutIn, Sitting,
};
use tollgate_reports::gate::{Unit, proof_table, proof_text, proved};

use crate::in_process::confirmed;

/// A cell with that verdict, estimate and truth; its interval goes a thousandth both ways.
fn cell(verdict: &str, truth_ppb: i64, estimate_ppb: i64) -> ProvedCell {
    ProvedCell {
        host: "wasmtime".to_owned(),
        workload: "headers".to_owned(),
        turns: if truth_ppb > 0 { 200 } else { 0 },
        truth_ppb,
        spent_more: Some(1_000),
        verdict: verdict.to_owned(),
        control_failed: false,
        estimate_ppb: Some(estimate_ppb),
        low_ppb: Some(estimate_ppb - 1_000_000),
        high_ppb: Some(estimate_ppb + 1_000_000),
        smallest_ppb: None,
    }
}

fn run(asked_ppm: u32, cells: Vec<ProvedCell>) -> ProveRun {
    ProveRun { asked_ppm, took_ms: 15_000, finished_unix_ms: Some(3), cells, live: None, counters: None }
}

/// A proof of the gate in process, gone on with once.
pub(crate) fn in_process() -> ProveRecord {
    let gate = confirmed();
    ProveRecord {
        schema: PROVE_SCHEMA.to_owned(),
        tollgate_version: "0".to_owned(),
        command_line: ["tollgate", "prove", "power", "--runs", "9", "-q", "--seed", "7", "--out=x", "--workload", "h"]
            .map(str::to_owned)
            .to_vec(),
        started_unix_ms: 1,
        finished_unix_ms: 2,
        interrupted: false,
        environment: gate.environment.clone(),
        placement: gate.placement,
        what: "power".to_owned(),
        plugin: "rust-sdk".to_owned(),
        hogs: 2,
        plan: Some(gate.plan),
        live: None,
        counters: None,
        wanted: Some(3),
        subjects: vec![ProveSubject {
            host: "wasmtime".to_owned(),
            host_version: "1".to_owned(),
            workload: "headers".to_owned(),
            sha256: "0".repeat(64),
            request_sha256: "1".repeat(64),
        }],
        sittings: vec![Sitting {
            tollgate_version: "1".to_owned(),
            command_line: vec!["tollgate".to_owned()],
            started_unix_ms: 2,
            environment: Environment::default(),
            first_run: 1,
        }],
        runs: vec![
            run(10_000, vec![cell("regression", 10_000_000, 10_100_000)]),
            run(10_000, vec![cell("equivalent", 10_000_000, 4_000_000)]),
            run(10_000, vec![cell("inconclusive", 10_000_000, 10_200_000)]),
        ],
    }
}

/// A proof of the live gate, of which there is to be more.
pub(crate) fn live() -> ProveRecord {
    let gate = LiveGate {
        base: "base".to_owned(),
        head: "head".to_owned(),
        margin_ns: 500,
        margin_share: 0.02,
        starts: 5,
        copies: 4,
        longer_ns: 2_000,
    };
    let plan =
        LivePlan { gateway: "envoy".to_owned(), gate, start_ms: 2_000, rounds_per_block: 1, spin_ns: 10_000, seed: 7 };
    let run = |truth_ns: u64, verdict: &str, estimate_ps: i64| ProveRun {
        asked_ppm: 0,
        took_ms: 20_000,
        finished_unix_ms: Some(3),
        cells: Vec::new(),
        live: Some(ProvedLive {
            truth_ns,
            verdict: verdict.to_owned(),
            control_failed: false,
            margin_ps: Some(1_200_000),
            estimate_ps: Some(estimate_ps),
            low_ps: Some(estimate_ps - 200_000),
            high_ps: Some(estimate_ps + 200_000),
            smallest_ps: Some(900_000),
        }),
        counters: None,
    };
    ProveRecord {
        what: "hogs".to_owned(),
        plugin: "spin".to_owned(),
        plan: None,
        live: Some(plan),
        wanted: Some(40),
        sittings: Vec::new(),
        runs: vec![run(0, "equivalent", 50_000), run(1_000, "equivalent", 900_000), run(0, "regression", 700_000)],
        ..in_process()
    }
}

/// A run of the counters gate with that put in, its verdict, and what it named as changed.
fn counted(put_in: PutIn, verdict: &str, changes: &[(&str, u64, u64)]) -> ProveRun {
    let change = |&(what, base, head): &(&str, u64, u64)| ChangedFigure {
        what: what.to_owned(),
        base: Some(base),
        head: Some(head),
    };
    let cell = ProvedCount {
        host: "wasmtime".to_owned(),
        workload: "headers".to_owned(),
        verdict: verdict.to_owned(),
        changes: changes.iter().map(change).collect(),
        failure: None,
    };
    let counters = Some(ProvedCounters { put_in, cells: vec![cell] });
    ProveRun { took_ms: 90, counters, ..run(0, Vec::new()) }
}

/// A proof of the counters gate, with a run of each kind.
pub(crate) fn counters() -> ProveRecord {
    let mut failed = counted(PutIn::Nothing, "inconclusive", &[]);
    failed.counters.as_mut().unwrap().cells[0].failure = Some("verify: gave no answer".to_owned());
    ProveRecord {
        what: "hogs".to_owned(),
        command_line: ["tollgate", "prove", "hogs", "--counters", "--runs", "2"].map(str::to_owned).to_vec(),
        hogs: 0,
        plan: None,
        counters: Some(CountersPlan { processes: 2 }),
        wanted: Some(6),
        sittings: Vec::new(),
        runs: vec![
            counted(PutIn::Nothing, "equivalent", &[]),
            counted(PutIn::HostCall, "regression", &[("host call proxy_log", 0, 1), ("fuel", 9, 23)]),
            counted(PutIn::Byte, "regression", &[("bytes out", 7, 8)]),
            failed,
            // Red, but not for what was put in.
            counted(PutIn::HostCall, "regression", &[("artifact bytes", 7, 8), ("host call proxy_log", 2, 1)]),
            // What was put in did nothing.
            counted(PutIn::Byte, "equivalent", &[]),
        ],
        ..in_process()
    }
}

#[test]
fn one_more_is_found_when_it_is_named_and_a_failure_is_a_false_alarm() {
    let proofs = proved(&counters());
    let [alike, call, byte] = proofs.as_slice() else { panic!("{proofs:#?}") };
    assert_eq!([alike, call, byte].map(|proved| proved.put_in.unwrap()), PutIn::ALL);
    for proved in [alike, call, byte] {
        assert_eq!((proved.unit, proved.right.count, proved.wrong.count, proved.right.of), (Unit::Count, 1, 1, 2));
        assert_eq!((proved.bias, proved.covered.of), (None, 0));
    }
    assert_eq!((alike.asked, call.asked, byte.asked), (0.0, 1.0, 1.0));

    let table = proof_table(&[counters()]);
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(
        rows[0],
        "| `tollgate prove hogs --counters --runs 2`, alike | 1 of 2 equivalent | 1 (1.3 % to 98.7 %) | 0 | 0.09 s | exact \
         | none |"
    );
    assert!(rows[1].contains(", one host call more | 1 of 2 |") && rows[2].contains(", one byte more |"), "{table}");
    assert!(table.contains("Counters, 6 runs on wasmtime with `rust-sdk`"), "{table}");
    assert!(table.contains("3 of 6 runs had a wrong verdict") && !table.contains("Estimates"), "{table}");

    let text = proof_text(&counters());
    assert!(text.contains("hogs of the counters gate on rust-sdk: both sides counted in 2 fresh processes"), "{text}");
    assert!(text.contains("head does one byte more, 0.09 s a run"), "{text}");
    assert!(!text.contains("interval holds"), "{text}");
}

#[test]
fn right_wrong_and_inconclusive_are_told_apart() {
    let proofs = proved(&in_process());
    let [power] = proofs.as_slice() else { panic!("{proofs:#?}") };
    assert_eq!((power.right.count, power.wrong.count, power.inconclusive.count), (1, 1, 1));
    assert_eq!((power.covered.count, power.covered.of), (2, 3));
    assert!((power.bias.unwrap() - 0.0001).abs() < 1e-12, "{power:#?}");
    // Clopper and Pearson's for one of three.
    assert!((power.wrong.low - 0.0084).abs() < 1e-4 && (power.wrong.high - 0.9057).abs() < 1e-4, "{power:#?}");

    let proofs = proved(&live());
    let [alike, slower] = proofs.as_slice() else { panic!("{proofs:#?}") };
    assert_eq!((alike.unit, alike.asked, slower.asked), (Unit::Nanoseconds, 0.0, 1_000.0));
    assert_eq!((alike.right.count, alike.wrong.count, alike.right.of), (1, 1, 2));
    // Within the margin of that run, a slowdown is no change.
    assert_eq!((slower.right.count, slower.wrong.count), (1, 0));
    assert_eq!((alike.covered.count, slower.covered.count, slower.bias), (1, 1, Some(-100.0)));
}

#[test]
fn the_table_has_a_row_for_each_slowdown_and_says_what_few_runs_say() {
    let table = proof_table(&[in_process(), live()]);
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(rows.len(), 3, "{table}");
    assert_eq!(
        rows[0],
        "| `tollgate prove power --workload h --runs 3` | 1 of 3 found | 1 (0.8 % to 90.6 %) | 1 | 15.0 s | +0.01 points \
         | 2 of 3 |"
    );
    assert!(rows[1].contains(", alike (3 of 40 runs are done) | 1 of 2 equivalent | 1 ("), "{table}");
    assert!(rows[2].contains(", +1.000 µs (3 of 40 runs are done) |"), "{table}");
    assert!(
        table.contains("In process, 3 runs on wasmtime with `rust-sdk`") && table.contains("Live, 3 runs on envoy")
    );
    assert!(table.contains("1 of 3 runs had a wrong verdict"), "{table}");
    // Five starts, smallest to largest; ten, from the second on.
    assert!(table.contains("intervals over starts (93.8 % or 97.9 %) held the truth"), "{table}");
    let mut right = in_process();
    right.runs.truncate(1);
    assert!(proof_table(&[right]).contains("does not exclude an error in up to 95 % of runs"));

    let text = proof_text(&live());
    assert!(text.contains("live gate on envoy") && text.contains("3 of 40 runs are done"), "{text}");
    assert!(text.contains("head +1.000 µs slower") && text.contains("base spins 10.0 µs"), "{text}");
    let mut own = live();
    (own.plugin, own.live.as_mut().unwrap().spin_ns) = ("mine.wasm".to_owned(), 0);
    assert!(proof_text(&own).contains("4 arms of each side; both are mine.wasm"), "{}", proof_text(&own));
    assert!(proof_table(&[own]).contains("Live, 3 runs on envoy with `mine.wasm`"));
    assert!(proof_text(&in_process()).contains("in 2 sittings"));
}

#[test]
fn a_journal_adds_up_to_its_record_and_a_cut_line_is_left_out() {
    for record in [in_process(), live(), counters()] {
        let begin = ProveRecord { runs: record.runs[..1].to_vec(), sittings: Vec::new(), ..record.clone() };
        let mut lines = vec![ProveEntry::Begin(Box::new(begin.clone()))];
        lines.extend(record.runs[1..].iter().cloned().map(ProveEntry::Run));
        let text = |lines: &[ProveEntry]| {
            lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect::<String>()
        };
        let path = Path::new("prove-journal.jsonl");
        let whole = ProveRecord::parse(path, text(&lines).as_bytes()).unwrap();
        assert_eq!((&whole.runs, whole.interrupted, whole.finished_unix_ms), (&record.runs, true, 3));
        let cut = text(&lines);
        let cut = ProveRecord::parse(path, &cut.as_bytes()[..cut.len() - 9]).unwrap();
        assert_eq!(cut.runs, record.runs[..record.runs.len() - 1]);
        lines.push(ProveEntry::End { finished_unix_ms: 9, interrupted: false });
        let ended = ProveRecord::parse(path, text(&lines).as_bytes()).unwrap();
        assert_eq!((ended.interrupted, ended.finished_unix_ms), (false, 9));
    }
}

#[test]
fn what_no_gate_can_have_given_is_refused() {
    type Edit = fn(&mut ProveRecord);
    let edits: [(Edit, &str); 13] = [
        (|record| record.plan = None, "of no gate"),
        (|record| record.live = live().live, "or of several"),
        (|record| record.counters = counters().counters, "or of several"),
        (|record| (record.plan, record.counters) = (None, Some(CountersPlan { processes: 1 })), "one process"),
        (|record| record.plan.as_mut().unwrap().margin_ppm = 0, "no margin"),
        (|record| record.runs[0].cells[0].verdict = "fine".to_owned(), "a verdict that there is not"),
        (
            |record| record.runs[1].cells[0].low_ppb = record.runs[1].cells[0].high_ppb.map(|ppb| ppb + 1),
            "before it begins",
        ),
        (|record| record.runs[1].cells[0].estimate_ppb = Some(i64::MIN), "cannot have been measured"),
        (|record| record.runs[1].cells[0].truth_ppb = i64::MAX, "cannot have been measured"),
        (|record| record.runs[1].took_ms = u64::MAX, "cannot have been measured"),
        (|record| record.runs[2].live = live().runs[0].live.clone(), "of another gate"),
        (|record| record.runs[2] = counters().runs[0].clone(), "of another gate"),
        (|record| record.sittings[0].first_run = 4, "not in order"),
    ];
    for (edit, said) in edits {
        let mut record = in_process();
        edit(&mut record);
        let error = ProveRecord::parse(Path::new("p.json"), &serde_json::to_vec(&record).unwrap()).unwrap_err();
        assert!(error.to_string().contains(said), "{said}: {error}");
    }
}

proptest! {
    #[test]
    fn every_run_is_one_of_three_and_names_are_never_obeyed(
        verdicts in prop::collection::vec(0usize..4, 1..30), name in "\\PC{0,40}",
    ) {
        let words = ["regression", "improvement", "equivalent", "inconclusive"];
        let mut record = in_process();
        record.plugin.clone_from(&name);
        record.command_line.push(name);
        record.runs = verdicts.iter().map(|&it| run(0, vec![cell(words[it], 0, 5)])).collect();
        let proofs = proved(&record);
        let counted = |of: usize| verdicts.iter().filter(|&&it| it == of).count() as u32;
        prop_assert_eq!(proofs[0].wrong.count, counted(0) + counted(1));
        prop_assert_eq!(proofs[0].right.count, counted(2));
        prop_assert!(proofs[0].wrong.low <= proofs[0].wrong.high);
        let table = proof_table(&[record]);
        prop_assert_eq!(table.lines().filter(|line| line.starts_with('|')).count(), 3, "{}", table);
    }
}
