//! Baselines: what was written reads back, and nothing else does.

use std::collections::BTreeMap;
use std::path::Path;
use std::slice::from_ref;

use proptest::prelude::*;
use tollgate_record::{Baseline, BaselineCell, BaselineError, Counters, Spread};

fn any_counters() -> impl Strategy<Value = Counters> {
    let calls = prop::collection::btree_map("[a-z_.\"\\\\\u{202e}<]{1,12}", any::<u64>(), 0..4);
    let spread = (1..100u64, any::<u32>(), any::<u32>()).prop_map(|(requests, a, b)| Spread {
        requests,
        least: a.min(b).into(),
        most: a.max(b).into(),
        total: u64::from(a) + u64::from(b),
    });
    let varying = prop::collection::btree_map("fuel|allocations|clock", spread, 0..3);
    (calls, any::<[u64; 3]>(), any::<Option<u64>>(), varying).prop_map(|(host_calls, [a, b, c], fuel, varying)| {
        Counters {
            host_calls,
            bytes_in: a,
            bytes_out: b,
            allocations: c,
            fuel: fuel.filter(|_| !varying.contains_key("fuel")),
            lua_instructions: None,
            varying,
        }
    })
}

fn any_cell() -> impl Strategy<Value = BaselineCell> {
    let names = ("[a-c]", "[a-c]{1,2}", "headers|noop", ".{0,6}");
    let counted = prop::collection::vec(any_counters(), 1..3);
    (names, any::<Option<u64>>(), counted).prop_map(|((plugin, host, workload, version), size, counted)| {
        BaselineCell::new((&plugin, &host, &workload), &version, size, &counted).unwrap()
    })
}

fn parse(text: &[u8]) -> Result<Baseline, BaselineError> {
    Baseline::parse(Path::new("counters.json"), text)
}

proptest! {
    #[test]
    fn what_was_written_reads_back_in_one_form(cells in prop::collection::vec(any_cell(), 0..8)) {
        let baseline = Baseline::new(cells.clone());
        let text = baseline.to_text();
        prop_assert_eq!(&parse(text.as_bytes()).unwrap(), &baseline);
        let again = Baseline::new(baseline.cells().iter().rev().cloned());
        prop_assert_eq!(again.to_text(), text, "whatever order they came in");
        for cell in &cells {
            prop_assert_eq!(baseline.cell(cell.key()).unwrap().key(), cell.key());
        }
    }

    #[test]
    fn one_byte_changed_or_missing_is_an_error_with_a_remedy(
        cells in prop::collection::vec(any_cell(), 1..4), at: prop::sample::Index, byte: u8,
    ) {
        let text = Baseline::new(cells).to_text().into_bytes();
        let at = at.index(text.len());
        let mut changed = text.clone();
        changed[at] = byte;
        let (cut, mut longer) = (&text[..at], text.clone());
        longer.insert(at, byte);
        for bad in [&changed[..], cut, &longer] {
            if bad != text {
                let error = parse(bad).unwrap_err().to_string();
                prop_assert!(error.contains(';') && error.contains("counters.json"), "{}", error);
            }
        }
    }

    #[test]
    fn only_what_all_processes_agree_on_is_a_figure(first in any_counters(), second in any_counters()) {
        let of = |counted: &[Counters]| BaselineCell::new(("p", "h", "w"), "1", None, counted).unwrap();
        let (one, other, both) = (of(from_ref(&first)), of(from_ref(&second)), of(&[first.clone(), second.clone()]));
        for (name, value) in &both.figures {
            prop_assert_eq!((one.figures.get(name), other.figures.get(name)), (Some(value), Some(value)));
        }
        let all: BTreeMap<_, _> = one.figures.iter().chain(&other.figures).collect();
        for name in all.keys() {
            prop_assert!(both.figures.contains_key(*name) != both.unstable.contains(*name), "{}", name);
        }
    }
}

#[test]
fn nothing_counted_is_no_cell() {
    assert_eq!(BaselineCell::new(("p", "h", "w"), "1", None, &[]), None);
}

#[test]
fn a_file_that_never_ends_is_refused() {
    let error = Baseline::read(Path::new("/dev/zero")).unwrap_err();
    assert!(matches!(error, BaselineError::TooLarge(_)), "{error}");
    let error = Baseline::read(Path::new("/nowhere/counters.json")).unwrap_err();
    assert!(error.to_string().contains("--update"), "{error}");
}
