//! The in-process gate's verdicts: exact rules over processes, controls, and nothing that passes for want of data.

use proptest::prelude::*;
use tollgate_record::{
    Artifact, CellId, Environment, Failure, GATE_RECORD_SCHEMA, GateCell, GatePlan, GateProcess, GateRecord, Mode,
    Phase, Placement, Slowdown,
};
use tollgate_reports::gate::{
    Conclusion, LogMargin, Outcome, Replicates, Side, Verdict, at_least, in_process, json, least_processes,
    least_successes,
};

const PROCESSES: u32 = 40;
const BLOCKS: u32 = 5;

fn plan() -> GatePlan {
    GatePlan {
        seed: 1,
        processes: PROCESSES,
        confirm_processes: None,
        layouts: BLOCKS,
        blocks_per_layout: 1,
        rounds_per_block: 5,
        batch_ns: 30_000,
        margin_ppm: 5_000,
        alpha_ppm: 1_000,
        confirm_alpha_ppm: 10_000,
        equivalence_alpha_ppm: 50_000,
        apart: false,
    }
}

/// Blocks whose ratio is 1 plus that share.
fn blocks(share: f64) -> Vec<[u64; 2]> {
    (0..BLOCKS).map(|_| [1_000_000, (1e6 * (1.0 + share)).round() as u64]).collect()
}

fn process(number: u32, change: f64) -> GateProcess {
    let (same, slowed) = (blocks(0.0001), blocks(0.02));
    GateProcess { number, requests_per_batch: 3, took_ms: 100, change: blocks(change), same, slowed }
}

/// Processes with these changes.
fn processes(changes: &[f64]) -> Vec<GateProcess> {
    changes.iter().enumerate().map(|(number, &change)| process(number as u32, change)).collect()
}

fn cell(name: &str, first: &[f64], confirmation: &[f64]) -> GateCell {
    let [host, workload] = ["wasmtime", "headers"].map(str::to_owned);
    let none = Artifact { sha256: "0".repeat(64), size_bytes: 1, toolchain: None, sdk: None };
    GateCell {
        id: CellId { mode: Mode::InProcess, host, plugin: name.to_owned(), workload, phase: Phase::Request },
        base: none.clone(),
        head: none,
        slowdown: Some(Slowdown { turns: 100, expected_ppm: 20_000, head_spent: Some(5), slowed_spent: Some(605) }),
        processes: processes(first),
        confirmation: processes(confirmation),
        error: None,
    }
}

fn record(cells: Vec<GateCell>) -> GateRecord {
    GateRecord {
        schema: GATE_RECORD_SCHEMA.to_owned(),
        tollgate_version: "0".to_owned(),
        command_line: vec!["tollgate".to_owned()],
        started_unix_ms: 1,
        finished_unix_ms: Some(2),
        interrupted: false,
        environment: Environment::default(),
        placement: Placement::Unpinned,
        base: "old.wasm".to_owned(),
        head: "new.wasm".to_owned(),
        plan: plan(),
        cells,
        digest: String::new(),
    }
}

/// A gate that confirmed a change.
pub(crate) fn confirmed() -> GateRecord {
    let changes = with(PROCESSES as usize, 0.05);
    record(vec![cell("boundary", &changes, &changes)])
}

/// So many processes with that change, all others without any.
fn with(count: usize, change: f64) -> Vec<f64> {
    (0..PROCESSES as usize).map(|number| if number < count { change } else { 0.0 }).collect()
}

fn verdict(first: &[f64], confirmation: &[f64]) -> (Verdict, Outcome) {
    let outcome = in_process(&record(vec![cell("p", first, confirmation)]));
    (outcome.rows[0].verdict, outcome)
}

#[test]
fn the_rule_is_a_count_of_processes() {
    // Of 40, 31 are too many by chance at 0.1 %, 28 at 1 %, 26 at 5 %.
    let least = [0.001, 0.01, 0.05].map(|alpha| least_successes(PROCESSES, alpha).unwrap() as usize);
    assert_eq!(least, [31, 28, 26]);
    let same = with(0, 0.0);
    let cases = [
        (with(31, 0.01), with(28, 0.01), Verdict::Regression),
        (with(31, 0.01), with(27, 0.01), Verdict::Inconclusive),
        (with(31, 0.01), with(28, -0.01), Verdict::Inconclusive),
        (with(31, -0.01), with(28, -0.01), Verdict::Improvement),
        (with(30, 0.01), vec![], Verdict::Inconclusive),
        (with(15, 0.01), vec![], Verdict::Inconclusive),
        (with(14, 0.01), vec![], Verdict::Equivalent),
        // Beyond the margin or not is all that counts, not how far.
        (with(14, 0.9), vec![], Verdict::Equivalent),
        (with(40, 0.004), vec![], Verdict::Equivalent),
        (same, vec![], Verdict::Equivalent),
    ];
    for (first, confirmation, expected) in cases {
        let (verdict, outcome) = verdict(&first, &confirmation);
        assert_eq!(verdict, expected, "{outcome:#?}");
    }
}

#[test]
fn fewer_processes_can_confirm_by_a_rule_of_their_own() {
    // Of 24, 19 are too many by chance at 1 %.
    assert_eq!(least_successes(24, 0.01), Some(19));
    let first = with(31, 0.01);
    for (beyond, done, expected) in
        [(19, 24, Verdict::Regression), (18, 24, Verdict::Inconclusive), (23, 23, Verdict::Inconclusive)]
    {
        let again: Vec<f64> = (0..done).map(|number| if number < beyond { 0.01 } else { 0.0 }).collect();
        let mut record = record(vec![cell("p", &first, &again)]);
        record.plan.confirm_processes = Some(24);
        let outcome = in_process(&record);
        assert_eq!(outcome.rows[0].verdict, expected, "{outcome:#?}");
        assert_eq!(outcome.rows[0].comparable, done == 24, "{outcome:#?}");
        // None was planned beyond those.
        let text = record.to_vec().unwrap();
        assert!(GateRecord::parse(std::path::Path::new("r.json"), &text).is_ok());
        record.plan.confirm_processes = Some(done - 1);
        let text = record.to_vec().unwrap();
        assert!(GateRecord::parse(std::path::Path::new("r.json"), &text).is_err());
    }
}

#[test]
fn nothing_passes_for_want_of_processes_cells_or_controls() {
    let undecidable = |record: &GateRecord, why: &str| {
        let outcome = in_process(record);
        assert_eq!(outcome.conclusion, Conclusion::Inconclusive, "{why}: {outcome:#?}");
        outcome
    };
    undecidable(&record(Vec::new()), "no cells");
    let mut short = record(vec![cell("p", &with(0, 0.0)[..39], &[])]);
    assert!(!undecidable(&short, "39 processes").is_undecided());
    short.cells[0].processes.clear();
    assert!(!undecidable(&short, "no processes").is_undecided());
    let flagged = record(vec![cell("p", &with(40, 0.05), &with(40, 0.05)[..39])]);
    assert!(!undecidable(&flagged, "confirmation cut off").is_undecided());

    let mut differs = record(vec![cell("p", &with(0, 0.0), &[]), cell("q", &with(40, 0.05), &with(40, 0.05))]);
    for process in &mut differs.cells[0].processes {
        process.same = blocks(-0.01);
    }
    let outcome = undecidable(&differs, "base differs from base");
    assert!(outcome.rows.iter().all(|row| row.verdict == Verdict::Inconclusive), "{outcome:#?}");
    let mut missed = record(vec![cell("p", &with(0, 0.0), &[])]);
    for process in &mut missed.cells[0].processes {
        process.slowed = blocks(0.004);
    }
    undecidable(&missed, "the known slowdown is not found");
    for process in &mut missed.cells[0].processes {
        process.slowed.clear();
    }
    missed.cells[0].slowdown = None;
    undecidable(&missed, "no known slowdown");

    let mut wrong = record(vec![cell("p", &with(0, 0.0), &[]), cell("q", &[], &[])]);
    wrong.cells[1].error = Some(Failure::plugin("verify", "traps"));
    assert_eq!(in_process(&wrong).conclusion, Conclusion::WrongPlugin);
}

#[test]
fn alpha_is_split_over_the_cells() {
    // 31 of 40 are enough for one cell and not for one of twenty.
    let first = with(31, 0.01);
    assert_eq!(verdict(&first, &with(40, 0.01)).0, Verdict::Regression);
    let mut cells = vec![cell("p", &first, &[])];
    cells.extend((0..19).map(|number| cell(&format!("q{number}"), &with(0, 0.0), &[])));
    assert_eq!(in_process(&record(cells)).rows[0].verdict, Verdict::Inconclusive);
    let least = |cells| least_processes(&plan(), cells);
    assert_eq!((least(1), least(20)), (10, 15), "2^-10 is below 0.1 %, 2^-15 below a twentieth of that");
}

#[test]
fn every_row_has_an_interval_and_what_could_have_been_found() {
    let (_, outcome) = verdict(&with(20, 0.002), &[]);
    let row = &outcome.rows[0];
    let words = row.changes[0].words();
    assert!(words.contains('[') && words.contains("latency"), "{words}");
    let smallest = row.smallest_effect.expect("it is told");
    assert!(smallest.size >= 0.005 && smallest.size < 0.01 && smallest.power == 0.99, "{smallest:?}");
    let notes = outcome.notes.join("\n");
    assert!(notes.contains("between processes") && notes.contains("outliers"), "{notes}");
    let names: Vec<&str> = outcome.controls.iter().map(|control| control.name.as_str()).collect();
    assert!(names[0].contains("base against base") && names[1].contains("known slowdown"), "{names:?}");
    assert!(outcome.controls[1].reason.contains("600 more instructions"), "{:?}", outcome.controls[1]);
}

fn replicates(values: &[f64]) -> Replicates {
    Replicates { estimates: values.to_vec(), within_variance: 0.0 }
}

#[test]
fn the_smallest_effect_is_found_as_often_as_it_says() {
    // Processes as real ones are: most alike, some far out. Moved by the effect, they are drawn again and again.
    let mut random = fastrand::Rng::with_seed(7);
    let mut draw = |spread: f64| -> f64 {
        let normal: f64 = (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
        if random.f64() < 0.03 { normal * spread * 10.0 } else { normal * spread }
    };
    let margin = LogMargin::of_share(0.005);
    for spread in [0.0005, 0.003] {
        // Many, so that what is seen of the spread is what it is; the rule is that for forty.
        let pool: Vec<f64> = (0..20_000).map(|_| draw(spread)).collect();
        let middle = replicates(&pool).median().unwrap();
        let mut powers = Vec::new();
        for chunk in pool.chunks(40).take(100) {
            let effect = replicates(chunk).smallest_effect(&margin, 0.001, (40, 0.01), 0.99).unwrap();
            let above = pool.iter().filter(|value| *value - middle + effect > margin.slower).count();
            let p = above as f64 / pool.len() as f64;
            powers.push(at_least(40, 31, p) * at_least(40, 28, p));
        }
        powers.sort_by(f64::total_cmp);
        let median = powers[powers.len() / 2];
        assert!(median > 0.97, "spread {spread}: an effect of that size has power {median}");
    }
}

#[test]
fn false_alarms_are_as_rare_as_the_rule_says() {
    // Processes that spread by far more than the margin, around no change: the worst that there is for a rule that
    // counts. 31 of 40 on one side by chance: 0.034 %; on either 0.068 %.
    let mut random = fastrand::Rng::with_seed(3);
    let margin = LogMargin::of_share(0.005);
    let alarms = (0..40_000)
        .filter(|_| {
            let values: Vec<f64> = (0..40).map(|_| (random.f64() - 0.5) * 20.0).collect();
            replicates(&values).flagged(&margin, 0.001).is_some()
        })
        .count();
    let expected = 2.0 * at_least(40, 31, 0.5) * 40_000.0;
    assert!((alarms as f64) < expected + 4.0 * expected.sqrt(), "{alarms} for {expected}");
    assert!(alarms > 0, "a rule that never speaks is not tested");
}

proptest! {
    #[test]
    fn both_sides_are_judged_alike(values in prop::collection::vec(-0.05..0.05f64, 1..80)) {
        // Base and head exchanged: logarithms change their sign, and so does the margin.
        let margin = LogMargin { slower: 0.005, faster: -0.005 };
        let mirrored: Vec<f64> = values.iter().map(|value| -value).collect();
        let (one, other) = (replicates(&values), replicates(&mirrored));
        let turned = |side| match side { Side::Slower => Side::Faster, Side::Faster => Side::Slower };
        prop_assert_eq!(one.flagged(&margin, 0.01).map(turned), other.flagged(&margin, 0.01));
        prop_assert_eq!(one.equivalent(&margin, 0.05), other.equivalent(&margin, 0.05));
        prop_assert_eq!(one.outliers(), other.outliers());
        prop_assert!(!(one.flagged(&margin, 0.05).is_some() && one.equivalent(&margin, 0.05)), "both at once");
    }

    #[test]
    fn slower_processes_never_make_a_regression_less_of_one(
        values in prop::collection::vec(-0.05..0.05f64, 10..80), more in 0.0..0.05f64,
    ) {
        let margin = LogMargin::of_share(0.005);
        let slower: Vec<f64> = values.iter().map(|value| value + more).collect();
        if replicates(&values).flagged(&margin, 0.01) == Some(Side::Slower) {
            prop_assert_eq!(replicates(&slower).flagged(&margin, 0.01), Some(Side::Slower));
        }
        if replicates(&slower).not_slower(&margin, 0.05) {
            prop_assert!(replicates(&values).not_slower(&margin, 0.05));
        }
    }

    #[test]
    fn the_smallest_effect_is_that_of_trying_all(
        values in prop::collection::vec(-0.05..0.05f64, 20..60), others in 10u32..60,
    ) {
        let margin = LogMargin::of_share(0.005);
        let all = replicates(&values);
        let n = all.len();
        let (flag, confirm) = (least_successes(n, 0.001).unwrap(), least_successes(others, 0.01).unwrap());
        let power = |effect: f64| {
            let middle = all.median().unwrap();
            let above = values.iter().filter(|value| *value - middle + effect >= margin.slower - 1e-12).count();
            let p = above as f64 / f64::from(n);
            at_least(n, flag, p) * at_least(others, confirm, p)
        };
        let effect = all.smallest_effect(&margin, 0.001, (others, 0.01), 0.99).unwrap();
        prop_assert!(power(effect) >= 0.99);
        // Any effect that is smaller by more than the step to the next process is found less often, unless the effect
        // is the margin itself, below which nothing is a regression.
        prop_assert!(effect == margin.slower || power(effect - 1e-9) < 0.99);
    }

    #[test]
    fn a_record_judged_twice_says_the_same(shares in prop::collection::vec(-0.02..0.02f64, 40), again in prop::collection::vec(-0.02..0.02f64, 40)) {
        let record = record(vec![cell("p", &shares, &again)]);
        let text = serde_json::to_string(&record).unwrap();
        let other: GateRecord = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(json(&in_process(&record)), json(&in_process(&other)));
    }
}

#[test]
fn variance_between_processes_is_told_from_that_within() {
    let mut random = fastrand::Rng::with_seed(11);
    let mut normal = |spread: f64| (0..12).map(|_| random.f64()).sum::<f64>() * spread - 6.0 * spread;
    let mut share = |between: f64, within: f64| {
        let processes: Vec<Vec<[u64; 2]>> = (0..200)
            .map(|_| {
                let middle = normal(between);
                (0..30).map(|_| [1_000_000, (1e6 * (middle + normal(within)).exp()).round() as u64]).collect()
            })
            .collect();
        Replicates::of_blocks(processes.iter().map(Vec::as_slice)).between_share().unwrap()
    };
    assert!(share(0.01, 0.001) > 0.95);
    assert!(share(0.0, 0.01) < 0.25);
    // Equal parts: the median of 30 blocks has a variance of pi/60 of a block's.
    let half = share(0.01 * (std::f64::consts::PI / 60.0).sqrt(), 0.01);
    assert!((0.3..0.7).contains(&half), "{half}");
}

#[test]
fn far_out_processes_are_counted() {
    let mut values = vec![0.0; 30];
    values.iter_mut().enumerate().for_each(|(index, value)| *value = index as f64 * 1e-4);
    assert_eq!(replicates(&values).outliers(), 0);
    values.extend([0.1, -0.1, 0.2]);
    assert_eq!(replicates(&values).outliers(), 3);
    assert_eq!(replicates(&[]).outliers(), 0);
}
