//! Where the time goes: parts that are put into a record are found again, and with the rest they add up.

use tollgate_record::{Cell, Mode, Phase, Record, Series};
use tollgate_reports::{Bound, Breakdown, Part, bound, breakdowns, html, places, summarize};

use crate::synthetic::{Make, record};

/// Sets what a cell adds in each start, nanoseconds per request.
fn set(record: &mut Record, plugin: &str, workload: &str, added_ns: impl Fn(u32) -> i64) {
    let is_it = |cell: &&mut Cell| {
        cell.id.mode == Mode::InProcess
            && cell.id.phase == Phase::Request
            && (cell.id.plugin.as_str(), cell.id.workload.as_str()) == (plugin, workload)
    };
    let cell = record.cells.iter_mut().find(is_it).expect("the synthetic record has it");
    for series in &mut cell.series {
        let added = vec![added_ns(series.start) * series.requests_per_sample as i64; 3];
        *series = Series { added_blocks_ns: added, ..series.clone() };
    }
}

/// A floor of 1,000 ns, calls of 5,000, code of 3,000 and an SDK of 2,000, in starts that differ; native's work takes as much
/// as is said.
fn known(native: i64) -> Record {
    let mut record = record(&Make { requests: 20, envoy: false, ..Make::default() });
    let of_start = |start: u32| i64::from(start) * 100;
    set(&mut record, "boundary", "noop", |start| 1_000 + of_start(start));
    set(&mut record, "boundary", "headers", |start| 6_000 + of_start(start));
    set(&mut record, "rust-raw", "headers", |start| 9_000 + of_start(start));
    set(&mut record, "rust-sdk", "headers", |start| 11_000 + of_start(start));
    set(&mut record, "native", "noop", |_| 0);
    set(&mut record, "native", "headers", |_| native);
    record
}

fn parts_of(all: &[Breakdown<'_>], plugin: &str) -> Vec<(Part, f64)> {
    let of = all.iter().find(|of| of.row.cell.plugin == plugin).unwrap_or_else(|| panic!("no {plugin}"));
    of.parts.clone()
}

#[test]
fn parts_that_were_put_in_are_found() {
    for (native, calls, how) in [
        (2_000, vec![(Part::Crossings, 3_000.0), (Part::HeaderWork, 2_000.0)], Bound::Native),
        // Its strings cost more than the calls of one that has none to build.
        (7_000, vec![(Part::Calls, 5_000.0)], Bound::TooHigh { native_ns: 7_000.0, calls_ns: 5_000.0 }),
    ] {
        let summary = summarize(&known(native));
        let places = places(&summary);
        let place = places.iter().find(|place| place.mode == Mode::InProcess).expect("in process");
        assert_eq!(bound(place), Some(how));
        let all = breakdowns(place);
        let floor = [(Part::HostFloor, 1_250.0)];
        let expected: Vec<(Part, f64)> = floor
            .into_iter()
            .chain(calls)
            .chain([(Part::GuestCode, 3_000.0), (Part::Sdk, 2_000.0), (Part::Rest, 0.0)])
            .collect();
        assert_eq!(parts_of(&all, "rust-sdk"), expected);
        let without_sdk: Vec<(Part, f64)> = expected.iter().copied().filter(|(part, _)| *part != Part::Sdk).collect();
        assert_eq!(parts_of(&all, "rust-raw"), without_sdk);
        assert_eq!(parts_of(&all, "native"), [(Part::HostFloor, 0.0), (Part::Rest, native as f64)]);
    }
}

#[test]
fn parts_and_rest_are_the_whole_everywhere() {
    let summary = summarize(&record(&Make { requests: 20, ..Make::default() }));
    let mut seen = 0;
    for place in &places(&summary) {
        for of in breakdowns(place) {
            let sum: f64 = of.parts.iter().map(|(_, ns)| ns).sum();
            assert!((sum - of.added_ns).abs() < 1e-6, "{of:?}");
            assert_eq!(of.parts.last().map(|(part, _)| *part), Some(Part::Rest));
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen} plugins");
}

#[test]
fn without_floors_nothing_is_taken_apart() {
    for missing in ["headers", "noop"] {
        let mut record = known(2_000);
        record.cells.retain(|cell| (cell.id.plugin.as_str(), cell.id.workload.as_str()) != ("boundary", missing));
        let summary = summarize(&record);
        for place in places(&summary).iter().filter(|place| place.mode == Mode::InProcess) {
            assert!(breakdowns(place).is_empty(), "without boundary at {missing}");
            assert_eq!(bound(place), None);
        }
    }
}

#[test]
fn without_native_calls_stay_together_and_it_is_said_why() {
    let mut record = known(2_000);
    record.cells.retain(|cell| cell.id.plugin != "native");
    let summary = summarize(&record);
    let places = places(&summary);
    let place = places.iter().find(|place| place.mode == Mode::InProcess).expect("in process");
    assert_eq!(bound(place), Some(Bound::Missing));
    assert!(parts_of(&breakdowns(place), "rust-raw").contains(&(Part::Calls, 5_000.0)));
    assert!(html(&[record]).contains("was not measured beside these"));
}
