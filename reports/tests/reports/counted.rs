//! The counters gate: exactly equal passes, one more of anything is a regression, and what cannot be compared is neither.

use proptest::prelude::*;
use tollgate_record::{Baseline, BaselineCell, Counters, Failure, Spread};
use tollgate_reports::gate::{Counted, Update, Verdict, compare_counted, judge_counters};

fn counters() -> Counters {
    let mut counters =
        Counters { bytes_in: 250, bytes_out: 880, allocations: 20, fuel: Some(9_000), ..Counters::default() };
    counters.host_calls.extend([("proxy_get".to_owned(), 20), ("proxy_log".to_owned(), 2)]);
    counters
}

fn cell_of(version: &str, counted: &[Counters]) -> BaselineCell {
    BaselineCell::new(("p", "wasmtime", "headers"), version, Some(7_953), counted).unwrap()
}

fn cell(counters: &Counters) -> BaselineCell {
    cell_of("48", std::slice::from_ref(counters))
}

fn varying(fuel: Spread) -> Counters {
    let mut counters = Counters { fuel: None, ..counters() };
    counters.varying.insert("fuel".to_owned(), fuel);
    counters
}

const SPREAD: Spread = Spread { requests: 64, least: 8_000, most: 9_500, total: 540_000 };

fn verdict(base: &Counters, head: &Counters) -> Verdict {
    compare_counted(&cell(base), &cell(head)).verdict
}

#[test]
fn one_more_of_anything_is_a_regression_and_one_less_an_improvement() {
    let changes: [fn(&mut Counters); 6] = [
        |counters| counters.bytes_in += 1,
        |counters| counters.bytes_out += 1,
        |counters| counters.allocations += 1,
        |counters| counters.fuel = counters.fuel.map(|fuel| fuel + 1),
        |counters| *counters.host_calls.get_mut("proxy_log").unwrap() += 1,
        |counters| counters.host_calls.extend([("proxy_done".to_owned(), 1)]),
    ];
    for change in changes {
        let (base, mut head) = (counters(), counters());
        assert_eq!(verdict(&base, &head), Verdict::Equivalent);
        change(&mut head);
        assert_eq!(verdict(&base, &head), Verdict::Regression, "{head:?}");
        assert_eq!(verdict(&head, &base), Verdict::Improvement, "{head:?}");
        // Less of another thing does not make up for it.
        head.host_calls.insert("proxy_get".to_owned(), 1);
        assert_eq!(verdict(&base, &head), Verdict::Regression, "{head:?}");
    }
    let sized = |size| BaselineCell::new(("p", "wasmtime", "headers"), "48", Some(size), &[counters()]).unwrap();
    assert_eq!(compare_counted(&sized(10), &sized(11)).verdict, Verdict::Regression);
}

#[test]
fn a_figure_that_varies_is_held_to_its_least_its_most_and_its_sum() {
    let same = varying(SPREAD);
    assert_eq!(verdict(&same, &same), Verdict::Equivalent);
    for more in
        [Spread { least: 8_001, ..SPREAD }, Spread { most: 9_501, ..SPREAD }, Spread { total: 540_001, ..SPREAD }]
    {
        assert_eq!(verdict(&same, &varying(more)), Verdict::Regression, "{more:?}");
        assert_eq!(verdict(&varying(more), &same), Verdict::Improvement, "{more:?}");
    }
    // Another number of requests: the sums are of different things.
    let fewer = compare_counted(&cell(&same), &cell(&varying(Spread { requests: 63, ..SPREAD })));
    assert_eq!((fewer.verdict, fewer.comparable), (Verdict::Inconclusive, false), "{}", fewer.reason);
    // From always the same to now and then more.
    let exact = Counters { fuel: Some(8_000), ..counters() };
    assert_eq!(verdict(&exact, &same), Verdict::Regression);
    assert_eq!(verdict(&same, &exact), Verdict::Improvement);
    // A call that is made now and then only.
    let mut now_and_then = counters();
    now_and_then.varying.insert("clock".to_owned(), Spread { requests: 64, least: 0, most: 1, total: 2 });
    assert_eq!(verdict(&counters(), &now_and_then), Verdict::Regression);
    assert_eq!(verdict(&now_and_then, &counters()), Verdict::Improvement);
}

#[test]
fn what_processes_do_not_agree_on_is_not_gated_and_said() {
    let [a, b] = [SPREAD, Spread { most: 9_999, ..SPREAD }].map(varying);
    let unstable = cell_of("48", &[a.clone(), b]);
    let row = compare_counted(&unstable, &unstable);
    assert_eq!(row.verdict, Verdict::Equivalent);
    assert!(row.reason.contains("not gated, for it differs from process to process: fuel, most"), "{}", row.reason);
    // The rest is.
    let mut more = a.clone();
    more.bytes_in += 1;
    assert_eq!(compare_counted(&unstable, &cell_of("48", &[more.clone(), more])).verdict, Verdict::Regression);
    // What could be relied on and cannot any more.
    let row = compare_counted(&cell_of("48", &[a.clone(), a]), &unstable);
    assert_eq!((row.verdict, row.comparable), (Verdict::Inconclusive, false), "{}", row.reason);
}

#[test]
fn fuel_of_another_version_of_the_host_is_not_compared_and_the_rest_is() {
    let other = Counters { fuel: Some(1), ..counters() };
    let row = compare_counted(&cell(&counters()), &cell_of("49", std::slice::from_ref(&other)));
    assert_eq!((row.verdict, row.comparable), (Verdict::Inconclusive, false));
    assert!(row.reason.contains("fuel not comparable: base is of wasmtime 48, head of 49"), "{}", row.reason);
    let more = Counters { bytes_in: 251, ..other };
    assert_eq!(compare_counted(&cell(&counters()), &cell_of("49", &[more])).verdict, Verdict::Regression);
}

#[test]
fn what_cannot_be_counted_any_more_is_no_improvement() {
    let blind = Counters { fuel: None, ..counters() };
    for (base, head) in [(counters(), blind.clone()), (blind, counters())] {
        let row = compare_counted(&cell(&base), &cell(&head));
        assert_eq!((row.verdict, row.comparable), (Verdict::Inconclusive, false), "{}", row.reason);
    }
}

fn any_counted() -> impl Strategy<Value = Vec<Counted>> {
    let one = (prop::sample::select(vec!["a", "b", "c"]), 0u64..3, prop::sample::select(vec!["48", "49"]), 0u8..5);
    prop::collection::vec(one, 0..5).prop_map(|all| {
        let mut seen = Vec::new();
        let all = all.into_iter().filter(|(plugin, ..)| {
            let is_new = !seen.contains(plugin);
            seen.push(*plugin);
            is_new
        });
        let counted = |(plugin, bytes_in, version, kind): (&str, u64, &str, u8)| {
            let counters = Counters { bytes_in, ..counters() };
            let cell = BaselineCell::new((plugin, "wasmtime", "headers"), version, None, &[counters]).unwrap();
            let counted = Counted::Figures(cell);
            if kind == 0 { Counted::Failed(counted.id(), Failure::plugin("verify", "traps")) } else { counted }
        };
        all.map(counted).collect()
    })
}

fn figures(counted: &[Counted]) -> Baseline {
    let cells = counted.iter().filter_map(|counted| match counted {
        Counted::Figures(cell) => Some(cell.clone()),
        Counted::Failed(..) => None,
    });
    Baseline::new(cells)
}

proptest! {
    #[test]
    fn a_ratchet_never_lets_go_and_accepting_makes_it_pass(before in any_counted(), now in any_counted()) {
        let baseline = figures(&before);
        let judge = |baseline: &Baseline, update| judge_counters(baseline, &now, &|_| true, &|_| None, update);
        let (rows, kept) = judge(&baseline, Update::Keep);
        prop_assert_eq!(&kept, &baseline);
        // Every cell of either side is one row, and what is missing on one side is no pass.
        for cell in baseline.cells() {
            prop_assert_eq!(rows.iter().filter(|row| row.cell.plugin == cell.plugin).count(), 1);
        }
        for row in &rows {
            let is_there = |baseline: &Baseline| baseline.cells().iter().any(|cell| cell.plugin == row.cell.plugin);
            if !(is_there(&baseline) && is_there(&figures(&now))) {
                prop_assert_eq!(row.verdict, Verdict::Inconclusive, "{:?}", row);
            }
        }
        let (_, ratcheted) = judge(&baseline, Update::Ratchet);
        for cell in baseline.cells() {
            let after = ratcheted.cell(cell.key()).expect("a ratchet takes nothing out");
            prop_assert_ne!(compare_counted(cell, after).verdict, Verdict::Regression);
        }
        let (_, accepted) = judge(&baseline, Update::Accept);
        let (rows, _) = judge(&accepted, Update::Keep);
        for row in rows.iter().filter(|row| row.failure.is_none()) {
            prop_assert_eq!(row.verdict, Verdict::Equivalent, "{:?}", row);
        }
    }
}
