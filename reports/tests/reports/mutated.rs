//! Readers of gates and proofs under edits: what the fuzzer is seeded with, changed value by value and byte by byte. A value
//! is changed below the digest too, where no chance would get.

#[path = "../../../harness/fuzz/src/gates.rs"]
#[expect(unreachable_pub, reason = "there it is public")]
mod gates;
#[path = "../../../harness/fuzz/src/proofs.rs"]
#[expect(unreachable_pub, reason = "there it is public")]
mod proofs;

use proptest::prelude::*;
use serde_json::{Value, json};

type Target = (fn(&[u8]), fn() -> Vec<Vec<u8>>);

const TARGETS: [Target; 2] = [(gates::run, gates::seeds), (proofs::run, proofs::seeds)];

/// JSON pointers of all values.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            places(value, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
        }),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| places(item, &format!("{at}/{index}"), found));
        }
        _ => {}
    }
}

/// What a value can be changed to.
fn others(value: &Value) -> Vec<Value> {
    let mut others = vec![Value::Null, json!(0), json!(-1), json!(1.5), json!(u64::MAX), json!(i64::MIN), json!("x")];
    match value {
        Value::Number(number) => others.extend(number.as_u64().map(|n| json!(n.wrapping_mul(1_000) + 1))),
        Value::Array(items) => {
            // Emptied, and everything twice.
            others.push(json!([]));
            others.push(Value::Array([&items[..], &items[..]].concat()));
        }
        Value::Bool(is) => others.push(json!(!is)),
        _ => others.push(json!({})),
    }
    others
}

#[test]
fn seeds_run_and_so_do_they_with_any_value_changed() {
    for (run, seeds) in TARGETS {
        for seed in seeds() {
            run(&seed);
            let Some((kind, text)) = seed.split_first() else { continue };
            let Ok(whole) = serde_json::from_slice::<Value>(text) else { continue };
            let mut found = Vec::new();
            places(&whole, "", &mut found);
            for at in found {
                for other in others(whole.pointer(&at).unwrap()) {
                    let mut edited = whole.clone();
                    *edited.pointer_mut(&at).unwrap() = other;
                    run(&[&[*kind], &serde_json::to_vec(&edited).unwrap()[..]].concat());
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn bytes_changed_cut_and_repeated_are_read_or_refused(
        target in 0..TARGETS.len(), which in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let (run, seeds) = TARGETS[target];
        let mut seed = which.get(&seeds()).clone();
        for (at, byte) in edits {
            let at = at.index(seed.len());
            seed[at] = byte;
        }
        run(&seed);
        seed.truncate(cut.index(seed.len()));
        run(&seed);
    }
}
