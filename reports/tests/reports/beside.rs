//! Two records beside their requests: a longer life, other counters and a new leak are shown, and decide when they should.

use tollgate_record::{Cell, Phase, Record, Series, Soak};
use tollgate_reports::gate::{
    Beside, Conclusion, Margin, Outcome, Row, Verdict, compare_records_by, github, junit, markdown,
};

use crate::soak::soak;
use crate::synthetic::{Make, record};

const PHASES: [Phase; 3] = [Phase::Compile, Phase::Instantiate, Phase::FirstRequest];

/// Records that are the same: one plugin on wasmtime, and control A.
fn same() -> (Record, Record) {
    let mut record = record(&Make { requests: 200, envoy: false, ..Make::default() });
    record.cells.retain(|cell| {
        let is_it = cell.id.plugin == "cpp-raw" && cell.id.host == "wasmtime" && cell.id.workload == "headers";
        is_it || (cell.control.is_some() && cell.id.host == "in-process")
    });
    record.loads.clear();
    record.cells.iter_mut().for_each(|cell| cell.soak = None);
    (record.clone(), record)
}

fn cell(record: &mut Record, phase: Phase) -> &mut Cell {
    let is_it = |cell: &&mut Cell| cell.control.is_none() && cell.id.phase == phase;
    record.cells.iter_mut().find(is_it).expect("the synthetic record has it")
}

/// Gives the phase a value in each start, nanoseconds.
fn set(record: &mut Record, phase: Phase, values_ns: &[u64]) {
    cell(record, phase).series =
        values_ns.iter().enumerate().map(|(start, ns)| Series::of_values(start as u32, &[*ns])).collect();
}

fn compare((base, head): &(Record, Record), decide: &[Beside]) -> Outcome {
    compare_records_by(("base", base), ("head", head), Margin::default(), decide)
}

/// The rows beside those of requests.
fn beside(outcome: &Outcome) -> Vec<&Row> {
    let is_usual = |row: &&Row| row.cell.phase == Phase::Request && row.figure.is_none();
    outcome.rows.iter().filter(|row| !is_usual(row)).collect()
}

#[test]
fn what_did_not_change_is_counted_and_not_shown() {
    let records = same();
    let outcome = compare(&records, &[]);
    assert_eq!((outcome.conclusion, outcome.rows.len()), (Conclusion::Pass, 1), "{outcome:#?}");
    let said = outcome.notes.join("\n");
    assert!(said.contains("compile, instantiate and first request: 3 equivalent; they decide with --decide"), "{said}");
    assert!(said.contains("counters: 1 equivalent") && !said.contains("memory in soaks"), "{said}");
    assert!(said.contains("not judged: percentiles above the median") && !said.contains("under load"), "{said}");
    let all = compare(&records, &[Beside::Lifecycle, Beside::Counters, Beside::Memory]);
    assert_eq!((all.conclusion, beside(&all).len()), (Conclusion::Pass, 4), "{all:#?}");
    // What nobody judges is said where it is there.
    let with_loads = record(&Make { requests: 200, ..Make::default() });
    let outcome = compare(&(with_loads.clone(), with_loads), &[]);
    assert!(outcome.notes.iter().any(|note| note.contains("requests under load")), "{:?}", outcome.notes);
}

#[test]
fn a_longer_life_is_found_by_a_wide_margin_and_decides_when_asked() {
    let base = [20_000_000, 21_000_000, 22_000_000, 20_500_000, 21_500_000, 22_500_000];
    for phase in PHASES {
        for (percent, verdict, shown) in [
            (150, Verdict::Regression, true),
            (60, Verdict::Improvement, true),
            (105, Verdict::Equivalent, false),
            (130, Verdict::Inconclusive, false),
        ] {
            let mut records = same();
            set(&mut records.0, phase, &base);
            set(&mut records.1, phase, &base.map(|ns| ns * percent / 100));
            let outcome = compare(&records, &[]);
            assert_eq!(outcome.conclusion, Conclusion::Pass, "{phase:?} {percent}: {outcome:#?}");
            let rows = beside(&outcome);
            assert_eq!(rows.len(), usize::from(shown), "{phase:?} {percent}: {rows:#?}");
            assert!(rows.iter().all(|row| !row.decides && row.cell.phase == phase && row.verdict == verdict));

            let asked = compare(&records, &[Beside::Lifecycle]);
            let row = *beside(&asked).iter().find(|row| row.cell.phase == phase).unwrap();
            assert_eq!((row.verdict, row.decides), (verdict, true), "{phase:?} {percent}: {row:#?}");
            assert!(row.changes.iter().all(|change| change.words().contains('[')), "never a bare figure: {row:?}");
            let conclusion = match verdict {
                Verdict::Regression => Conclusion::Regression,
                Verdict::Inconclusive => Conclusion::Inconclusive,
                Verdict::Equivalent | Verdict::Improvement => Conclusion::Pass,
            };
            assert_eq!(asked.conclusion, conclusion, "{phase:?} {percent}");
        }
    }
    // Twice of what is next to nothing is nothing.
    let mut records = same();
    for phase in PHASES {
        set(&mut records.0, phase, &[900; 6]);
        set(&mut records.1, phase, &[1_800; 6]);
    }
    assert_eq!(compare(&records, &[Beside::Lifecycle]).conclusion, Conclusion::Pass);
    // Five starts cannot tell, however clear it looks.
    set(&mut records.0, Phase::Compile, &base[..5]);
    set(&mut records.1, Phase::Compile, &base.map(|ns| ns * 9)[..5]);
    let outcome = compare(&records, &[Beside::Lifecycle]);
    assert_eq!(outcome.conclusion, Conclusion::Inconclusive);
    // Among other arms, times are others, and counters are not.
    let mut records = same();
    let mut other = cell(&mut records.1, Phase::Request).clone();
    other.id.plugin = "another".to_owned();
    records.1.cells.push(other);
    let outcome = compare(&records, &[Beside::Lifecycle, Beside::Counters]);
    for row in beside(&outcome) {
        assert_eq!(row.comparable, row.figure == Some("counters"), "{row:#?}");
    }
}

#[test]
fn one_more_host_call_is_shown_and_decides_when_asked() {
    let mut records = same();
    let counters = cell(&mut records.1, Phase::Request).counters.as_mut().unwrap();
    *counters.host_calls.get_mut("proxy_get_header_map_value").unwrap() += 1;
    let outcome = compare(&records, &[]);
    assert_eq!(outcome.conclusion, Conclusion::Pass);
    assert!(outcome.headline().contains("(1 equivalent; 1 shown only)"), "{}", outcome.headline());
    let [row] = beside(&outcome)[..] else { panic!("{outcome:#?}") };
    assert_eq!((row.figure, row.verdict, row.decides), (Some("counters"), Verdict::Regression, false));
    // No page says that it is what it is not.
    assert!(markdown(&outcome).contains("| headers, counters | (regression) |"), "{}", markdown(&outcome));
    assert!(!github(&outcome).contains("::error") && github(&outcome).contains("(regression)"), "{}", github(&outcome));
    let xml = junit(&outcome);
    assert!(!xml.contains("<failure") && xml.contains("skipped=\"1\"") && xml.contains("does not decide"), "{xml}");

    let asked = compare(&records, &[Beside::Counters]);
    assert_eq!(asked.conclusion, Conclusion::Regression);
    assert!(junit(&asked).contains("<failure") && github(&asked).contains("::error title=cpp-raw on wasmtime"));
}

#[test]
fn a_new_leak_decides_unasked_and_nothing_else_of_a_soak() {
    let leaks = || soak(100_000, |request| request * 160);
    let holds = || soak(4_000_000, |_| 65_536);
    let short = || soak(10, |_| 65_536);
    type Make = fn() -> Soak;
    let cases: [(Make, Make, Conclusion, usize); 6] = [
        (holds, leaks, Conclusion::Regression, 1),
        (leaks, holds, Conclusion::Pass, 1),
        (leaks, leaks, Conclusion::Pass, 0),
        (holds, holds, Conclusion::Pass, 0),
        (holds, short, Conclusion::Pass, 0),
        (short, leaks, Conclusion::Pass, 0),
    ];
    for (number, (base, head, conclusion, rows)) in cases.into_iter().enumerate() {
        let mut records = same();
        cell(&mut records.0, Phase::Request).soak = Some(base());
        cell(&mut records.1, Phase::Request).soak = Some(head());
        let outcome = compare(&records, &[]);
        assert_eq!((outcome.conclusion, beside(&outcome).len()), (conclusion, rows), "{number}: {outcome:#?}");
        assert!(beside(&outcome).iter().all(|row| row.decides && row.figure == Some("memory")), "{number}");
    }
    let mut records = same();
    cell(&mut records.0, Phase::Request).soak = Some(holds());
    cell(&mut records.1, Phase::Request).soak = Some(short());
    assert_eq!(compare(&records, &[Beside::Memory]).conclusion, Conclusion::Inconclusive);
}
