//! The live gate's judgement: from the record alone, and never a pass for want of anything.

use std::sync::LazyLock;

use proptest::prelude::*;
use tollgate_record::{Cell, CellId, Failure, LiveGate, Mode, Phase, Record, Series};
use tollgate_reports::gate::{Conclusion, Outcome, Verdict, live, live_is_to_be_confirmed};

use crate::synthetic::{self, Make};

/// The fewest starts that show anything, and as many as let one of them go astray.
const BATCHES: [u32; 2] = [5, 9];
const BLOCKS: usize = 45;
const COPIES: u32 = 2;

/// A record of a run; made once, for that takes longer than judging it.
fn record() -> Record {
    static RECORD: LazyLock<Record> = LazyLock::new(|| {
        let mut record = synthetic::record(&Make::default());
        record.cells.truncate(1);
        record
    });
    RECORD.clone()
}

/// What is added by head beyond base, and by the longer spin beyond the other, in nanoseconds; scatter of starts.
#[derive(Debug, Clone, Copy)]
struct Truth {
    change_ns: f64,
    own_change_ns: f64,
    longer_ns: f64,
    scatter_ns: f64,
    /// Planned in a batch, and measured in all.
    batch: u32,
    starts: u32,
    /// Head is that much slower in one start of nine, and that much faster in another.
    astray_ns: f64,
    other_astray_ns: f64,
}

fn alike(batch: u32) -> Truth {
    Truth {
        change_ns: 0.0,
        own_change_ns: 0.0,
        longer_ns: 2_000.0,
        scatter_ns: 100.0,
        batch,
        starts: 2 * batch,
        astray_ns: 0.0,
        other_astray_ns: 0.0,
    }
}

/// A record as a live gate writes one: base adds 20 us.
fn gate(truth: Truth, seed: u64) -> Record {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut record = record();
    record.cells.clear();
    record.plan.live_gate = Some(LiveGate {
        base: "old.wasm".to_owned(),
        head: "new.wasm".to_owned(),
        margin_ns: 500,
        margin_share: 0.02,
        starts: truth.batch,
        copies: COPIES,
        longer_ns: 2_000,
    });
    let arms = [
        ("base 1", 20_000.0, 16_000.0),
        ("base 2", 20_000.0, 16_000.0),
        ("head 1", 20_000.0 + truth.change_ns, 16_000.0 + truth.own_change_ns),
        ("head 2", 20_000.0 + truth.change_ns, 16_000.0 + truth.own_change_ns),
        ("spin", 15_000.0, 12_000.0),
        ("longer spin", 15_000.0 + truth.longer_ns, 12_000.0 + truth.longer_ns),
    ];
    for (name, added, own) in arms {
        let series = (0..truth.starts).map(|start| {
            let astray = match start % 9 {
                2 if name.starts_with("head") => truth.astray_ns,
                6 if name.starts_with("head") => -truth.other_astray_ns,
                _ => 0.0,
            };
            let shift = (random.f64() - 0.5) * 2.0 * truth.scatter_ns + astray;
            let mut block = |centre: f64| (centre + shift + (random.f64() - 0.5) * 50.0) as i64;
            let added: Vec<i64> = (0..BLOCKS).map(|_| block(added)).collect();
            let own = (0..BLOCKS).map(|_| block(own)).collect();
            let sample_blocks_ns = vec![60_000; BLOCKS];
            let blocks = Series { sample_blocks_ns, added_blocks_ns: added, ..Series::of_values(start, &[]) };
            Series { gateway_added_blocks_ns: Some(own), ..blocks }
        });
        record.cells.push(Cell { series: series.collect(), ..cell(name) });
    }
    record
}

fn cell(plugin: &str) -> Cell {
    let mut cell = record().cells.remove(0);
    let [host, workload] = ["envoy", "headers"].map(str::to_owned);
    cell.id = CellId { mode: Mode::Live, host, plugin: plugin.to_owned(), workload, phase: Phase::Request };
    (cell.control, cell.error) = (None, None);
    cell.series.clear();
    cell
}

fn judged(record: &Record) -> (Outcome, Verdict) {
    let outcome = live(record).expect("it is a record of a gate");
    let verdict = outcome.rows[0].verdict;
    (outcome, verdict)
}

#[test]
fn what_differs_is_told_and_what_does_not_is_not() {
    for (change_ns, expected) in [
        (0.0, Verdict::Equivalent),
        (200.0, Verdict::Equivalent),
        (1_000.0, Verdict::Regression),
        (20_000.0, Verdict::Regression),
        (-1_000.0, Verdict::Improvement),
    ] {
        for (seed, batch) in (0..40).map(|seed| (seed, BATCHES[seed as usize % 2])) {
            let record = gate(Truth { change_ns, own_change_ns: change_ns, ..alike(batch) }, seed);
            let (outcome, verdict) = judged(&record);
            assert_eq!(verdict, expected, "{change_ns}: {outcome:#?}");
            assert_eq!(live_is_to_be_confirmed(&record), expected != Verdict::Equivalent);
            assert!(outcome.controls.iter().all(|control| control.passed), "{outcome:#?}");
        }
    }
}

/// The margin here is 0.5 us: of changes near it nothing may be said wrongly, whatever the scatter.
#[test]
fn near_the_margin_and_under_scatter_no_verdict_is_wrong() {
    let mut undecided = 0;
    for (seed, batch) in (0..100).map(|seed| (seed, BATCHES[seed as usize % 2])) {
        for (change_ns, wrong) in
            [(0.0, [Verdict::Regression, Verdict::Improvement]), (1_000.0, [Verdict::Equivalent, Verdict::Improvement])]
        {
            let truth = Truth { change_ns, own_change_ns: change_ns, scatter_ns: 1_500.0, ..alike(batch) };
            let (outcome, verdict) = judged(&gate(truth, seed));
            assert!(!wrong.contains(&verdict), "{change_ns}: {outcome:#?}");
            undecided += u32::from(verdict == Verdict::Inconclusive);
        }
    }
    assert!(undecided > 150, "so much scatter hides nearly all: {undecided}");
}

#[test]
fn a_slowdown_that_is_not_found_makes_everything_inconclusive() {
    for change_ns in [0.0, 5_000.0] {
        let truth = Truth { change_ns, own_change_ns: change_ns, longer_ns: 100.0, ..alike(9) };
        let (outcome, verdict) = judged(&gate(truth, 1));
        assert_eq!((verdict, outcome.conclusion), (Verdict::Inconclusive, Conclusion::Inconclusive), "{outcome:#?}");
        assert!(outcome.controls.iter().any(|control| !control.passed));
    }
}

/// What a plugin does after the response began is the probe's only, so that sizes may differ; what one of them does not see, or
/// sees the other way round, decides nothing.
#[test]
fn instruments_that_disagree_decide_nothing() {
    for (change_ns, own_change_ns, expected) in [
        (5_000.0, 0.0, Verdict::Inconclusive),
        (5_000.0, -2_000.0, Verdict::Inconclusive),
        (-5_000.0, 2_000.0, Verdict::Inconclusive),
        (0.0, 5_000.0, Verdict::Inconclusive),
        (9_700.0, 7_200.0, Verdict::Regression),
        (-9_700.0, -7_200.0, Verdict::Improvement),
        // All of it after the response.
        (1_200.0, 0.0, Verdict::Regression),
    ] {
        let (outcome, verdict) = judged(&gate(Truth { change_ns, own_change_ns, ..alike(9) }, 1));
        assert_eq!(verdict, expected, "{change_ns} {own_change_ns}: {outcome:#?}");
        let disagree = outcome.rows[0].reason.contains("instruments disagree");
        assert_eq!(disagree, expected == Verdict::Inconclusive, "{outcome:#?}");
    }
}

/// Of nine starts one may go astray, of five none; nothing is said wrongly of either.
#[test]
fn a_start_on_a_busy_machine_hides_nothing_where_there_are_nine() {
    for (batch, found) in [(5, false), (9, true)] {
        for (change_ns, astray_ns, verdict_of_nine) in [
            (0.0, 1_000.0, Verdict::Equivalent),
            (0.0, -1_000.0, Verdict::Equivalent),
            (0.0, 20_000.0, Verdict::Equivalent),
            (1_000.0, -1_000.0, Verdict::Regression),
            (-1_000.0, 1_000.0, Verdict::Improvement),
            (2_000.0, -20_000.0, Verdict::Regression),
        ] {
            for seed in 0..20 {
                let truth = Truth { change_ns, own_change_ns: change_ns, astray_ns, ..alike(batch) };
                let (outcome, verdict) = judged(&gate(truth, seed));
                let expected = if found { verdict_of_nine } else { Verdict::Inconclusive };
                assert_eq!(verdict, expected, "{change_ns}, astray by {astray_ns}: {outcome:#?}");
            }
        }
    }
}

#[test]
fn what_is_said_to_be_within_is_within() {
    let (out, back) = (Truth { astray_ns: 900.0, ..alike(9) }, 900.0);
    let (outcome, verdict) = judged(&gate(out, 1));
    assert_eq!(verdict, Verdict::Equivalent, "{outcome:#?}");
    assert!(outcome.rows[0].reason.contains("in 8 of 9 fresh starts"), "{outcome:#?}");
    let (outcome, verdict) = judged(&gate(alike(9), 1));
    assert!(verdict == Verdict::Equivalent && outcome.rows[0].reason.contains("in 9 of 9"), "{outcome:#?}");
    // One beyond on either side: seven are within.
    let (outcome, verdict) = judged(&gate(Truth { other_astray_ns: back, ..out }, 1));
    assert_eq!(verdict, Verdict::Inconclusive, "{outcome:#?}");
}

#[test]
fn a_start_of_a_few_rounds_is_none_and_neither_is_one_without_the_second_clock() {
    for change_ns in [0.0, 5_000.0] {
        let good = gate(Truth { change_ns, own_change_ns: change_ns, ..alike(9) }, 1);
        assert_ne!(judged(&good).1, Verdict::Inconclusive);
        let first = |record: &mut Record, change: fn(&mut Series)| {
            let head = record.cells.iter_mut().find(|cell| cell.id.plugin == "head 1").unwrap();
            change(&mut head.series[0]);
        };
        let mut short = good.clone();
        first(&mut short, |series| series.added_blocks_ns.truncate(BLOCKS - 1));
        let (outcome, verdict) = judged(&short);
        assert!(outcome.rows[0].reason.contains("more --time"), "{outcome:#?}");
        assert!(verdict == Verdict::Inconclusive && outcome.rows[0].reason.contains("8 of 9 starts"), "{outcome:#?}");

        let mut gone = good.clone();
        gone.cells.retain(|cell| cell.id.plugin != "base 2");
        let (outcome, verdict_of_gone) = judged(&gone);
        assert_eq!(verdict_of_gone, Verdict::Inconclusive);
        assert!(outcome.rows[0].reason.contains("nothing is there of base 2"), "{outcome:#?}");
        let interrupted = Record { interrupted: true, ..short.clone() };
        assert!(judged(&interrupted).0.rows[0].reason.contains("tollgate resume"));

        let mut untimed = good.clone();
        first(&mut untimed, |series| series.gateway_added_blocks_ns = None);
        let (outcome, verdict) = judged(&untimed);
        assert!(verdict == Verdict::Inconclusive && outcome.rows[0].reason.contains("17 of 18"), "{outcome:#?}");

        // A gateway without a clock has one instrument only, which is said.
        let mut none = good;
        none.cells.iter_mut().flat_map(|cell| &mut cell.series).for_each(|it| it.gateway_added_blocks_ns = None);
        let (outcome, verdict) = judged(&none);
        assert_ne!(verdict, Verdict::Inconclusive, "{outcome:#?}");
        assert!(outcome.notes.iter().any(|note| note.contains("one instrument only")), "{outcome:#?}");
    }
}

#[test]
fn missing_starts_are_never_a_pass() {
    for batch in BATCHES {
        for starts in 0..batch {
            let (outcome, verdict) = judged(&gate(Truth { starts, ..alike(batch) }, 1));
            assert_eq!(verdict, Verdict::Inconclusive, "{starts} starts");
            assert!(!outcome.is_undecided(), "{outcome:#?}");
        }
        // A change that nothing confirmed.
        for starts in batch..2 * batch {
            let truth = Truth { starts, change_ns: 5_000.0, own_change_ns: 5_000.0, ..alike(batch) };
            let (outcome, verdict) = judged(&gate(truth, 1));
            assert_eq!(verdict, Verdict::Inconclusive, "{starts} starts: {outcome:#?}");
        }
    }
    let mut none = gate(alike(9), 1);
    none.cells.clear();
    assert_eq!(live(&none).unwrap().conclusion, Conclusion::Inconclusive);
    let mut few = gate(alike(9), 1);
    few.plan.live_gate.as_mut().unwrap().starts = 3;
    let (outcome, verdict) = judged(&few);
    assert_eq!(verdict, Verdict::Inconclusive);
    assert!(outcome.rows[0].reason.contains("at least 5"), "{outcome:#?}");
}

#[test]
fn a_plugin_that_fails_is_wrong_on_whichever_side() {
    for side in ["base 1", "base 2", "head 1", "head 2"] {
        let mut record = gate(alike(9), 1);
        let cell = record.cells.iter_mut().find(|cell| cell.id.plugin == side).unwrap();
        cell.error = Some(Failure::plugin("measure", "it trapped"));
        let outcome = live(&record).unwrap();
        assert_eq!(outcome.conclusion, Conclusion::WrongPlugin);
        assert!(outcome.rows[0].reason.contains(side), "{outcome:#?}");
        assert!(side.starts_with(&outcome.rows[0].cell.plugin), "{outcome:#?}");
    }
}

#[test]
fn another_record_is_none_of_a_gate() {
    assert!(live(&record()).is_none());
    assert!(!live_is_to_be_confirmed(&record()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_record_has_one_outcome_and_confirmation_never_makes_a_change_of_none(
        change_ns in -3_000.0..3_000.0f64, scatter_ns in 0.0..1_000.0f64, seed in any::<u64>(),
    ) {
        let record = gate(Truth { change_ns, own_change_ns: change_ns, scatter_ns, ..alike(9) }, seed);
        let (outcome, verdict) = judged(&record);
        prop_assert_eq!(&live(&record).unwrap(), &outcome);
        let changed = matches!(verdict, Verdict::Regression | Verdict::Improvement);
        prop_assert!(!changed || live_is_to_be_confirmed(&record));
        if let Some(smallest) = outcome.rows[0].smallest_effect {
            prop_assert!(smallest.size >= 500.0);
        }
    }
}
