//! Two records: what changed is found, what did not passes, and what cannot be compared is neither.

use std::sync::LazyLock;

use proptest::prelude::*;
use tollgate_record::{Cell, Failure, Placement, Record, Series};
use tollgate_reports::gate::{Conclusion, Margin, Outcome, Row, Verdict, compare_records, incomparable, json};

use crate::synthetic::{Make, record};

fn compare(base: &Record, head: &Record) -> Outcome {
    compare_records(("base.json", base), ("head.json", head), Margin::default())
}

fn row<'a>(outcome: &'a Outcome, plugin: &str, host: &str) -> &'a Row {
    let is_it = |row: &&Row| row.cell.plugin == plugin && row.cell.host == host && row.cell.workload == "headers";
    outcome.rows.iter().find(is_it).unwrap_or_else(|| panic!("no {plugin} on {host}: {outcome:#?}"))
}

fn cell<'a>(record: &'a mut Record, plugin: &str, host: &str) -> &'a mut Cell {
    let is_it = |cell: &&mut Cell| {
        cell.id.plugin == plugin
            && cell.id.host == host
            && cell.id.workload == "headers"
            && cell.id.phase == tollgate_record::Phase::Request
    };
    record.cells.iter_mut().find(is_it).expect("the synthetic record has it")
}

/// Sets a cell's added latency in each start, nanoseconds per request.
fn set(record: &mut Record, added_ns: &[i64]) {
    let cell = cell(record, "cpp-raw", "wasmtime");
    let like = cell.series[0].clone();
    let series = |(start, added): (usize, &i64)| Series {
        start: start as u32,
        requests_per_sample: 1,
        added_blocks_ns: vec![*added; 3],
        ..like.clone()
    };
    cell.series = added_ns.iter().enumerate().map(series).collect();
}

fn verdict(base: &[i64], head: &[i64]) -> Verdict {
    let mut ours = good();
    // It takes long to sum up all.
    ours.cells.retain(|cell| cell.id.plugin == "cpp-raw" && cell.id.host == "wasmtime");
    ours.loads.clear();
    let mut theirs = ours.clone();
    set(&mut ours, base);
    set(&mut theirs, head);
    row(&compare(&ours, &theirs), "cpp-raw", "wasmtime").verdict
}

/// A record without failures.
fn good() -> Record {
    static GOOD: LazyLock<Record> = LazyLock::new(|| {
        let mut record = record(&Make { requests: 200, ..Make::default() });
        record.cells.retain(|cell| cell.error.is_none() && cell.id.phase == tollgate_record::Phase::Request);
        record
    });
    GOOD.clone()
}

#[test]
fn a_change_beyond_the_margin_and_the_noise_is_found_and_nothing_else() {
    let base = [5_000, 5_010, 5_020, 5_030, 5_040, 5_050];
    let moved = |by: i64| base.map(|ns| ns + by);
    // The margin is 5 % of 5,025.
    assert_eq!(verdict(&base, &base), Verdict::Equivalent);
    assert_eq!(verdict(&base, &moved(310)), Verdict::Regression);
    assert_eq!(verdict(&base, &moved(-310)), Verdict::Improvement);
    assert_eq!(verdict(&base, &moved(270)), Verdict::Inconclusive, "over the margin, with too much noise");
    assert_eq!(verdict(&base, &moved(190)), Verdict::Equivalent, "within the margin");
    assert_eq!(verdict(&base, &[5_000, 5_010, 9_000, 5_030, 5_040, 5_050]), Verdict::Inconclusive);
    // Five starts cannot tell, however clear it looks.
    assert_eq!(verdict(&base[..5], &moved(90_000)[..5]), Verdict::Inconclusive);
    assert_eq!(verdict(&base[..1], &moved(90_000)[..1]), Verdict::Inconclusive);
}

#[test]
fn every_row_has_an_interval_and_the_smallest_effect_and_the_same_records_give_the_same() {
    let (base, head) = (good(), good());
    let outcome = compare(&base, &head);
    assert_eq!(json(&outcome), json(&compare(&base.clone(), &head.clone())));
    assert!(outcome.rows.len() > 20);
    for row in &outcome.rows {
        assert!(row.changes.iter().all(|change| change.words().contains('[')), "never a bare figure: {row:?}");
        assert!(row.smallest_effect.is_some_and(|effect| effect.size > 0.0 && effect.power > 0.9), "{row:?}");
    }
}

#[test]
fn other_machines_placements_and_work_are_named_and_never_pass() {
    let base = good();
    type Edit = fn(&mut Record);
    let changes: [(&str, Edit); 6] = [
        ("CPU", |record| record.environment.cpu_model = Some("another".to_owned())),
        ("number of cores", |record| record.environment.cores += 1),
        ("kernel", |record| record.environment.kernel.push('x')),
        ("placement", |record| record.plan.placement.values_mut().for_each(|place| *place = Placement::Unpinned)),
        ("operations", |record| record.plan.operations = [("headers".to_owned(), 21)].into()),
        ("limits", |record| record.plan.timed_with_limits = Some(record.plan.timed_with_limits != Some(true))),
    ];
    for (what, change) in changes {
        let (mut ours, mut head) = (base.clone(), base.clone());
        ours.plan.operations = [("headers".to_owned(), 20)].into();
        head.plan.operations = ours.plan.operations.clone();
        assert_eq!(incomparable(&ours, &head), Vec::<String>::new());
        change(&mut head);
        let reasons = incomparable(&ours, &head);
        assert!(!reasons.is_empty() && reasons.iter().all(|reason| reason.contains(what)), "{what}: {reasons:?}");
        let outcome = compare(&ours, &head);
        assert_eq!(outcome.conclusion, Conclusion::Inconclusive);
        assert!(!outcome.is_undecided());
        assert!(outcome.rows.iter().all(|row| row.reason.contains(&reasons[0])), "each row says so: {outcome:#?}");
    }
}

#[test]
fn cells_of_one_side_only_and_failures_are_rows() {
    let base = good();
    for (ours, theirs) in [(true, false), (false, true)] {
        let (mut without, with) = (base.clone(), base.clone());
        without.cells.retain(|cell| cell.id.plugin != "cpp-raw");
        let outcome = if ours { compare(&without, &with) } else { compare(&with, &without) };
        let row = row(&outcome, "cpp-raw", "wasmtime");
        assert_eq!((row.verdict, row.comparable), (Verdict::Inconclusive, false));
        assert!(row.reason.contains(if theirs { "not in head" } else { "not in base" }), "{}", row.reason);
        assert!(outcome.rows.iter().all(|row| row.verdict == Verdict::Inconclusive), "all were in other company");
    }
    let mut head = base.clone();
    cell(&mut head, "cpp-raw", "wasmtime").error = Some(Failure::plugin("measure", "traps"));
    assert_eq!(compare(&base, &head).conclusion, Conclusion::WrongPlugin);
    assert_eq!(compare(&head, &base).conclusion, Conclusion::Inconclusive);
    let mut head = base.clone();
    cell(&mut head, "cpp-raw", "wasmtime").series.clear();
    let outcome = compare(&base, &head);
    assert!(row(&outcome, "cpp-raw", "wasmtime").reason.contains("nothing was measured of it in head"));
}

proptest! {
    #[test]
    fn better_and_worse_are_mirrored_and_nothing_is_both(
        base in prop::collection::vec(3_000i64..3_200, 6..13), head in prop::collection::vec(2_700i64..3_500, 6..13),
    ) {
        // The margin is a share of base, so that the mirror is exact only where it is not near.
        let (there, back) = (verdict(&base, &head), verdict(&head, &base));
        prop_assert!(!matches!((there, back),
            (Verdict::Regression, Verdict::Regression) | (Verdict::Improvement, Verdict::Improvement)
            | (Verdict::Regression | Verdict::Improvement, Verdict::Equivalent)));
        if there == Verdict::Regression {
            let (most, least) = (base.iter().min().unwrap(), head.iter().max().unwrap());
            prop_assert!(least > most);
        }
    }
}
