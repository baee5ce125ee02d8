//! What a reader may rely on: what was written comes back, a cut-off journal keeps all that was finished, and a file
//! of another version or with damage is refused with a remedy.

use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;
use tollgate_record::{
    ArmLoad, Around, Arrivals, Capacity, Cell, CellId, Chain, Control, Counters, Entry, Environment, Failing,
    FailingArm, FailingEvent, FailingKind, Failure, Faults, Footprint, Histogram, Journal, LiveGate, Load, Memory,
    MemorySample, Mode, Outcomes, Phase, Placement, Plan, PluginKind, ProcessSample, Record, RecordError, Reload,
    SCHEMA, Scale, Scenario, Series, Soak, Spread, Story, Swap, SwapKind, SwapOutcome, TimeBudget, Traffic, Variant,
    VmUse, Window,
};

fn id(plugin: &str) -> CellId {
    CellId {
        mode: Mode::InProcess,
        host: "wasmtime".into(),
        plugin: plugin.into(),
        workload: "headers".into(),
        phase: Phase::Request,
    }
}

fn cell(plugin: &str) -> Cell {
    Cell {
        id: id(plugin),
        language: "Go".into(),
        kind: Some(PluginKind::ProxyWasm),
        variant: Some(Variant::Raw),
        control: (plugin == "A").then_some(Control::A),
        host_version: "48".into(),
        artifact: None,
        series: Vec::new(),
        counters: None,
        soak: None,
        proof: None,
        error: None,
    }
}

fn begin() -> Record {
    Record {
        schema: SCHEMA.into(),
        tollgate_version: "0.1.0".into(),
        command_line: vec!["tollgate".into(), "run".into()],
        started_unix_ms: 1,
        finished_unix_ms: None,
        interrupted: false,
        environment: Environment { cores: 2, ..Environment::default() },
        plan: Plan {
            seed: 7,
            time: TimeBudget::Quick,
            starts: 3,
            rounds_per_block: 15,
            requests_per_batch: 64,
            timed_with_limits: Some(false),
            soak_ms: Some(500),
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

fn load() -> Load {
    let mut traffic = Traffic { planned: 3, sent: 2, answered: 1, last_sent_ns: Some(7), ..Traffic::default() };
    traffic.faults = Faults { status: 1, dropped: 1, ..Faults::default() };
    traffic.latency_from_intended_ns.record(1_234_567);
    traffic.windows = vec![Window::default(), Window { answered: 1, faults: 2, max_latency_ns: Some(9) }];
    let capacity = Some(Capacity { answered: 1_000, duration_ms: 500, connections: 16 });
    let error = Some(Failure::plugin("proof", "a reason; a remedy"));
    Load {
        gateway: "envoy".into(),
        rate_per_s: Some(0.1 + 0.2),
        share: Some(0.25),
        arrivals: Arrivals::Poisson,
        duration_ms: 500,
        connections: 16,
        seed: u64::MAX,
        placement: Placement::TwoCores { probe: 0, gateway: 1 },
        arms: vec![ArmLoad { cell: id("go-raw"), capacity, traffic, proof: None, error }],
        error: None,
    }
}

fn scale() -> Scale {
    let chain = |length, error: Option<Failure>| Chain {
        plugin: "go-raw".into(),
        language: "Go".into(),
        length,
        workers: 2,
        series: vec![Series::of_values(0, &[10, 20])],
        proof: error.is_none().then(|| "counted".to_owned()),
        error,
    };
    let footprint = |plugin: Option<&str>, vms| Footprint {
        plugin: plugin.map(str::to_owned),
        language: "Go".into(),
        length: 4,
        workers: 2,
        vms,
        ready_bytes: Some(u64::MAX),
        requests: vec![500, 501],
        after_bytes: None,
        error: None,
    };
    Scale {
        vms: VmUse::Shared,
        starts: 3,
        chains: vec![chain(0, None), chain(16, Some(Failure::plugin("proof", "too few; look")))],
        footprints: vec![footprint(None, None), footprint(Some("go-raw"), Some(16))],
    }
}

fn scenarios() -> [Scenario; 3] {
    let mut near_ns = Histogram::new();
    near_ns.record(1_234);
    let swap = |outcome| Swap {
        at_ns: 5,
        kind: SwapKind::Configuration,
        plugin: "go-raw".into(),
        sha256: "00".into(),
        config: "21".into(),
        outcome,
        complaint: Some("a reason".into()),
        requests: 9,
        faults: 1,
        near_ns: near_ns.clone(),
    };
    let outcomes = [
        SwapOutcome::Seen { first_new_ns: 1, last_old_ns: None, proof: "the answers".into() },
        SwapOutcome::Counted { after_ns: 2, proof: "a counter".into() },
        SwapOutcome::Rejected { after_ns: 3 },
        SwapOutcome::Broken { after_ns: 4 },
        SwapOutcome::Lost { after_ns: u64::MAX },
    ];
    let reload = Reload {
        swaps_planned: 6,
        swaps: outcomes.map(swap).into(),
        traffic: Traffic::default(),
        window_ms: 20,
        apart_ns: Histogram::new(),
        bin_ms: 25,
        around: vec![Around { kind: SwapKind::Plugin, first_bin: -1, bins: vec![near_ns.clone(), Histogram::new()] }],
    };
    let event = FailingEvent {
        kind: FailingKind::FailureAgain,
        at_ns: 7,
        answer: Some("503".into()),
        recovered_ns: None,
        outcomes: Outcomes { served: 1, bypassed: 2, errors: 3, lost: 4 },
    };
    let arm = FailingArm {
        policy: "FAIL_OPEN".into(),
        plugin: None,
        traffic: Traffic::default(),
        windows: vec![Outcomes::default(), event.outcomes],
        events: vec![event],
    };
    let of = |story, process, error| Scenario {
        gateway: "envoy".into(),
        gateway_version: "1".into(),
        rate_per_s: Some(0.1 + 0.2),
        connections: 4,
        story,
        process,
        error,
    };
    let sample = ProcessSample { at_ns: -1, resident_bytes: Some(1), vms_active: None, vms_created: Some(u64::MAX) };
    let failing = Failing { arms: vec![arm], window_ms: 100 };
    [
        of(Story::Reload(reload), vec![sample], None),
        of(Story::Failure(failing), Vec::new(), Some(Failure::environment("measure", "it died; run again"))),
        Scenario { rate_per_s: None, ..of(Story::Scale(scale()), Vec::new(), None) },
    ]
}

fn entries() -> Vec<Entry> {
    let counters = Counters {
        host_calls: BTreeMap::from([("proxy_log".into(), 2)]),
        bytes_in: 3,
        varying: BTreeMap::from([("fuel".into(), Spread { requests: 2, least: 7, most: 9, total: 16 })]),
        ..Counters::default()
    };
    let mut entries: Vec<Entry> = ["A", "go-raw"].map(|plugin| Entry::Cell(Box::new(cell(plugin)))).into();
    for start in 0..3 {
        let mut series = Series::of_values(start, &[10, 20, u64::from(start) * 1_000_000]);
        series.memory = (start > 0).then_some(Memory { start_bytes: 1, requests: 9, end_bytes: 3 });
        entries.push(Entry::Series { cell: id("go-raw"), series });
    }
    entries.push(Entry::Counters { cell: id("go-raw"), counters });
    let samples = vec![MemorySample { requests: 0, least_bytes: 7 }, MemorySample { requests: 5, least_bytes: 9 }];
    let error = Some(Failure::plugin("soak", "tired; rest"));
    let soak = Soak { duration_ms: 500, requests: 5, samples, limit_bytes: Some(9), error };
    entries.push(Entry::Soak { cell: id("go-raw"), soak });
    entries.push(Entry::Load(Box::new(load())));
    entries.extend(scenarios().map(|scenario| Entry::Scenario(Box::new(scenario))));
    entries.push(Entry::Proof { cell: id("go-raw"), proof: "trace".into() });
    entries.push(Entry::Failure { cell: id("A"), failure: Failure::environment("start", "first") });
    entries.push(Entry::Failure { cell: id("A"), failure: Failure::plugin("verify", "second") });
    let environment = Environment { cores: 2, steal_share: Some(0.25), ..Environment::default() };
    entries.push(Entry::End { finished_unix_ms: 9, interrupted: false, environment: Box::new(environment) });
    entries
}

#[test]
fn a_record_comes_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(&folder.path().join("journal.jsonl"), begin()).unwrap().0;
    for entry in entries() {
        journal.append(entry).unwrap();
    }
    let record = journal.record().clone();
    assert_eq!(record.cell(&id("go-raw")).unwrap().series.len(), 3);
    assert_eq!(record.cell(&id("A")).unwrap().error.as_ref().unwrap().message, "first", "the first failure is kept");
    assert_eq!(record.environment.steal_share, Some(0.25));
    assert_eq!(record.scenarios, scenarios());
    assert_eq!(record.cell(&id("go-raw")).unwrap().soak.as_ref().unwrap().requests, 5);
    assert_eq!(record.loads[0], load());
    assert_eq!((record.loads[0].arms[0].traffic.faults.total(), record.loads.len()), (2, 1));
    assert_eq!(record.loads[0].arms[0].capacity.unwrap().per_s(), 2_000.0);

    let path = folder.path().join("record.json");
    record.write(&path).unwrap();
    assert_eq!(Record::read(&path).unwrap(), record);
    assert_eq!(Record::read(&folder.path().join("journal.jsonl")).unwrap(), record);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary file is left");
}

#[test]
fn a_journal_cut_off_anywhere_keeps_what_was_finished() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let mut journal = Journal::create(&path, begin()).unwrap().0;
    for entry in entries() {
        journal.append(entry).unwrap();
    }
    let whole = fs::read(&path).unwrap();
    let cut = folder.path().join("cut.jsonl");
    let first_line = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    for length in 0..=whole.len() {
        fs::write(&cut, &whole[..length]).unwrap();
        match Record::read(&cut) {
            Ok(record) => {
                let lines = whole[..length].iter().filter(|&&byte| byte == b'\n').count();
                let series: usize = record.cells.iter().map(|cell| cell.series.len()).sum();
                // Lines 4 to 6 are the three series; every whole line counts.
                assert!(series >= lines.saturating_sub(3).min(3), "cut at {length}: {series} series in {lines} lines");
                assert_eq!(record.interrupted, record.finished_unix_ms.is_none());
            }
            Err(error) => assert!(length < first_line, "cut at {length}: {error}"),
        }
    }
}

#[test]
fn a_journal_belongs_to_one_run_and_an_old_one_is_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let (first, aside) = Journal::create(&path, begin()).unwrap();
    assert_eq!(aside, None);
    let second = Journal::create(&path, begin());
    assert!(matches!(second, Err(RecordError::Locked { .. })), "{second:?}");
    // As when it was killed: the lock goes with the process.
    drop(first);
    let (_third, aside) = Journal::create(&path, begin()).unwrap();
    assert!(
        Journal::<Record>::read(&aside.expect("it was moved")).unwrap().interrupted,
        "what the killed run had is still there"
    );
}

#[test]
fn a_start_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(&folder.path().join("journal.jsonl"), begin()).unwrap().0;
    journal.append(Entry::Cell(Box::new(cell("go-raw")))).unwrap();
    for _ in 0..2 {
        journal.append(Entry::Series { cell: id("go-raw"), series: Series::of_values(0, &[1]) }).unwrap();
    }
    assert_eq!(journal.record().cells[0].series.len(), 1);
}

#[test]
fn damaged_foreign_and_future_files_are_refused_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.json");
    begin().write(&path).unwrap();
    let good = fs::read_to_string(&path).unwrap();
    let cases = [
        ("", "damaged"),
        ("{}", "damaged"),
        ("[1,2]", "damaged"),
        (&good[..good.len() / 2], "damaged"),
        (&good.replace("record/1", "record/2"), "record/2"),
        (&good.replacen("\"cells\"", "\"sells\"", 1), "damaged"),
        (&good.replacen("\"seed\":7", "\"seed\":-7", 1), "damaged"),
    ];
    for (text, expected) in cases {
        fs::write(&path, text).unwrap();
        let message = Record::read(&path).expect_err(text).to_string();
        assert!(message.contains(expected) && message.contains(';'), "{message}");
    }
    assert!(matches!(Record::read(&folder.path().join("none.json")), Err(RecordError::Read { .. })));
}

#[test]
fn what_no_live_gate_sets_out_to_do_is_refused_before_anybody_counts_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let [base, head] = ["old.lua", "new.lua"].map(str::to_owned);
    let good = LiveGate { base, head, margin_ns: 500, margin_share: 0.02, starts: 9, copies: 4, longer_ns: 2_000 };
    type Change = fn(&mut LiveGate);
    let changes: [(Change, bool); 11] = [
        (|_| {}, true),
        (|gate| (gate.starts, gate.copies) = (LiveGate::MOST_STARTS, LiveGate::MOST_COPIES), true),
        (|gate| gate.starts = 0, false),
        (|gate| gate.starts = u32::MAX, false),
        (|gate| gate.copies = 1, false),
        (|gate| gate.copies = u32::MAX, false),
        (|gate| gate.margin_ns = 0, false),
        (|gate| gate.margin_ns = u64::MAX, false),
        (|gate| gate.longer_ns = 0, false),
        (|gate| gate.longer_ns = u64::MAX, false),
        (|gate| gate.margin_share = -0.1, false),
    ];
    for (change, is_sound) in changes {
        let (mut record, mut gate) = (begin(), good.clone());
        change(&mut gate);
        record.plan.live_gate = Some(gate.clone());
        let (whole, journal) = (folder.path().join("record.json"), folder.path().join("journal.jsonl"));
        record.write(&whole).unwrap();
        fs::write(&journal, serde_json::to_string(&Entry::Begin(Box::new(record))).unwrap()).unwrap();
        for path in [whole, journal] {
            match Record::read(&path) {
                Ok(record) => assert!(is_sound && record.plan.live_gate.as_ref() == Some(&gate), "{gate:?}"),
                Err(RecordError::Unsound { .. }) if !is_sound => {}
                Err(error) => panic!("{gate:?}: {error}"),
            }
        }
    }
}

#[test]
fn what_a_record_does_not_say_is_unknown() {
    let mut record = begin();
    record.cells.push(Cell {
        counters: Some(Counters::default()),
        series: vec![Series::of_values(0, &[1])],
        ..cell("A")
    });
    let mut text = serde_json::to_string(&record).unwrap();
    let optional =
        [",\"timed_with_limits\":false", ",\"soak_ms\":500", ",\"soak\":null", ",\"memory\":null", ",\"varying\":{}"];
    let later = [",\"lua_instructions\":null", ",\"operations\":{\"headers\":20}", ",\"loads\":[]"];
    for field in optional.into_iter().chain(later) {
        assert_eq!(text.matches(field).count(), 1, "{field} in {text}");
        text = text.replace(field, "");
    }
    (record.plan.timed_with_limits, record.plan.soak_ms) = (None, None);
    record.plan.operations.clear();
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
}

proptest! {
    #[test]
    fn a_histogram_comes_back_and_is_right_to_a_thousandth(mut values in prop::collection::vec(0u64..10_000_000_000, 1..200), q in 0.0f64..=1.0) {
        let mut histogram = Histogram::new();
        for &value in &values {
            histogram.record(value);
        }
        let back: Histogram = serde_json::from_str(&serde_json::to_string(&histogram).unwrap()).unwrap();
        prop_assert_eq!(&back, &histogram);
        values.sort_unstable();
        let rank = ((q * values.len() as f64).ceil() as usize).clamp(1, values.len());
        let (exact, found) = (values[rank - 1], histogram.value_at_quantile_ns(q).unwrap());
        prop_assert!(found.abs_diff(exact) as f64 <= exact as f64 * 0.001 + 1.0, "{} for {}", found, exact);
        prop_assert_eq!(histogram.min_ns(), values.first().copied());
        prop_assert_eq!(histogram.max_ns(), values.last().copied());
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,400}") {
        let _ = serde_json::from_str::<Record>(&text);
        let _ = serde_json::from_str::<Histogram>(&text);
    }

    #[test]
    fn no_histogram_in_a_file_makes_the_reader_panic(counts in prop::collection::vec((any::<u64>(), any::<u64>()), 0..5), min in any::<u64>(), max in any::<u64>()) {
        let _ = serde_json::from_value::<Histogram>(serde_json::json!({"min": min, "max": max, "counts": counts}));
    }
}
