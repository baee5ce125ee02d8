//! The published JSON Schemas say what the readers take and what the writers write: they are written by hand, and held
//! here to the code.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value};
use tollgate_record::{
    BASELINE_SCHEMA, Baseline, BaselineCell, Counters, GATE_RECORD_SCHEMA, LiveGate, PROVE_SCHEMA, ProveRecord, Record,
    SCHEMA,
};
use tollgate_reports::gate::{GATE_SCHEMA, Margin, compare_records};
use tollgate_reports::{SUMMARY_SCHEMA, json, summarize};

use crate::scenario;
use crate::synthetic::{Make, record};

fn schema(path: &str) -> Value {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Why a value is not as a schema says; only the keywords that ours use, and an unknown one is a failure.
fn refuse(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{at}: {what}: {value}").chars().take(300).collect());
    for (keyword, rule) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "$schema" | "title" | "description" | "$defs" => true,
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                refuse(root, &root["$defs"][name], value, at)?;
                true
            }
            "anyOf" => rule.as_array().unwrap().iter().any(|rule| refuse(root, rule, value, at).is_ok()),
            "oneOf" => {
                rule.as_array().unwrap().iter().filter(|rule| refuse(root, rule, value, at).is_ok()).count() == 1
            }
            "const" => rule == value,
            "enum" => rule.as_array().unwrap().contains(value),
            "type" => match rule {
                Value::Array(types) => types.iter().any(|name| is_of(name, value)),
                name => is_of(name, value),
            },
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= rule.as_u64().unwrap()),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    refuse(root, rule, item, &format!("{at}[{index}]"))?;
                }
                true
            }
            "required" => value.as_object().is_none_or(|object| {
                rule.as_array().unwrap().iter().all(|name| object.contains_key(name.as_str().unwrap()))
            }),
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        refuse(root, rule, value, &format!("{at}.{name}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                let empty = Map::new();
                let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
                let object = value.as_object().unwrap_or(&empty);
                for (name, value) in object.iter().filter(|(name, _)| !known.contains_key(*name)) {
                    match rule {
                        Value::Bool(true) => {}
                        Value::Bool(false) => return wrong(&format!("{name} is not known")),
                        rule => refuse(root, rule, value, &format!("{at}.{name}"))?,
                    }
                }
                true
            }
            other => panic!("{other} is not understood here"),
        };
        if !holds {
            return wrong(keyword);
        }
    }
    Ok(())
}

fn is_of(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}

fn holds(schema: &Value, value: &Value) {
    refuse(schema, schema, value, "$").unwrap_or_else(|what| panic!("{what}"));
}

/// Paths (as JSON pointers) of all objects in a value, one of each shape: the same keys under the same key.
fn objects(value: &Value, at: &str, seen: &mut BTreeSet<String>, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let under = at.rsplit('/').find(|part| part.parse::<u32>().is_err()).unwrap_or_default();
            if seen.insert(format!("{under}: {:?}", fields.keys().collect::<Vec<_>>())) {
                found.push(at.to_owned());
            }
            for (name, value) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                objects(value, &format!("{at}/{name}"), seen, found);
            }
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, item)| objects(item, &format!("{at}/{index}"), seen, found));
        }
        _ => {}
    }
}

fn records() -> Vec<Record> {
    let mut record = record(&Make { requests: 200, ..Make::default() });
    // One of each shape is enough, and each is read many times.
    let mut shapes = BTreeSet::new();
    record.cells.retain(|cell| {
        let varies = cell.counters.as_ref().is_some_and(|counters| !counters.varying.is_empty());
        let error = cell.error.as_ref().map(|failure| failure.class);
        shapes.insert((cell.id.mode, cell.kind, cell.id.phase, cell.control, error, cell.soak.is_some(), varies))
    });
    record.cells.iter_mut().for_each(|cell| cell.series.truncate(1));
    let mut records = vec![record];
    let mut scenarios = scenario::all();
    scenarios.cells.clear();
    scenarios.plan.live_gate = Some(LiveGate {
        base: "old.wasm".to_owned(),
        head: "new.wasm".to_owned(),
        margin_ns: 500,
        margin_share: 0.02,
        starts: 5,
        copies: 4,
        longer_ns: 2_000,
    });
    scenarios.loads.clear();
    records.push(scenarios);
    records
}

/// Lists of numbers, and of pairs of them, cut to one: they are read some hundred times.
fn shorten(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        Value::Array(items) => {
            let is_plain = |item: &Value| item.is_number() || item.as_array().is_some_and(|pair| pair.len() == 2);
            // Three are the load averages.
            if items.len() > 3 && items.iter().all(is_plain) {
                items.truncate(1);
            }
            items.iter_mut().for_each(shorten);
        }
        _ => {}
    }
}

#[test]
fn every_record_is_as_the_schema_says() {
    let schema = schema("harness/record/schema/record-1.schema.json");
    assert_eq!(schema["properties"]["schema"]["const"], SCHEMA);
    let mut met = BTreeSet::new();
    for record in records() {
        let mut value = serde_json::to_value(&record).unwrap();
        holds(&schema, &value);
        shorten(&mut value);
        let mut found = Vec::new();
        objects(&value, "", &mut BTreeSet::new(), &mut found);
        for at in found {
            let object = value.pointer(&at).unwrap().as_object().unwrap();
            met.extend(object.keys().cloned());
            let edits =
                object.keys().map(|name| (name.clone(), None)).chain([("more".to_owned(), Some(Value::from(1)))]);
            for (name, put) in edits {
                let mut edited = value.clone();
                let object = edited.pointer_mut(&at).unwrap().as_object_mut().unwrap();
                match &put {
                    Some(value) => object.insert(name.clone(), value.clone()),
                    None => object.remove(&name),
                };
                let text = serde_json::to_vec(&edited).unwrap();
                let reads = Record::parse(Path::new("record.json"), &text).is_ok();
                let fits = refuse(&schema, &schema, &edited, "$").is_ok();
                assert_eq!(reads, fits, "{at}: {name} {}", if put.is_some() { "added" } else { "removed" });
            }
        }
    }
    // What no record here has would not have been looked at.
    let mut defined = BTreeSet::new();
    let all = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for rules in all {
        defined.extend(rules["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()));
    }
    let missed: Vec<&String> = defined.difference(&met).collect();
    assert_eq!(missed, Vec::<&String>::new(), "fields in no record of these tests");
}

#[test]
fn summaries_outcomes_and_baselines_are_as_their_schemas_say() {
    let summaries = schema("reports/schema/summary-1.schema.json");
    assert_eq!(summaries["properties"]["schema"]["const"], SUMMARY_SCHEMA);
    let outcomes = schema("reports/schema/gate-1.schema.json");
    assert_eq!(outcomes["properties"]["schema"]["const"], GATE_SCHEMA);
    // Lines of cost want three amounts of work of one plugin.
    let with_lines = record(&Make { requests: 50, lines: true, ..Make::default() });
    assert!(!summarize(&with_lines).cost_lines.is_empty());
    for record in records().into_iter().chain([with_lines]) {
        holds(&summaries, &serde_json::from_str(&json(&summarize(&record))).unwrap());
        let outcome = compare_records(("a", &record), ("b", &record), Margin::default());
        holds(&outcomes, &serde_json::from_str(&tollgate_reports::gate::json(&outcome)).unwrap());
    }
    let baselines = schema("harness/record/schema/counters-1.schema.json");
    assert_eq!(baselines["properties"]["schema"]["const"], BASELINE_SCHEMA);
    let cell = BaselineCell::new(("p", "h", "w"), "1", Some(3), &[Counters::default()]);
    holds(&baselines, &serde_json::from_str(&Baseline::new(cell).to_text()).unwrap());
}

#[test]
fn what_a_gate_measured_and_was_proved_by_is_as_their_schemas_say() {
    let records = schema("harness/record/schema/gate-record-1.schema.json");
    assert_eq!(records["properties"]["schema"]["const"], GATE_RECORD_SCHEMA);
    let gate = crate::in_process::confirmed();
    holds(&records, &serde_json::to_value(&gate).unwrap());

    let proofs = schema("harness/record/schema/prove-1.schema.json");
    assert_eq!(proofs["properties"]["schema"]["const"], PROVE_SCHEMA);
    for proof in [crate::proof::in_process(), crate::proof::live(), crate::proof::counters()] {
        let value = serde_json::to_value(&proof).unwrap();
        holds(&proofs, &value);
        // A field that is not known is refused by both.
        let mut found = Vec::new();
        objects(&value, "", &mut BTreeSet::new(), &mut found);
        for at in found {
            let mut edited = value.clone();
            edited.pointer_mut(&at).unwrap().as_object_mut().unwrap().insert("more".to_owned(), Value::from(1));
            assert!(refuse(&proofs, &proofs, &edited, "$").is_err(), "{at}");
            let text = serde_json::to_vec(&edited).unwrap();
            assert!(ProveRecord::parse(Path::new("prove.json"), &text).is_err(), "{at}");
        }
    }

    // Those that the README cites.
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/proofs");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(!files.is_empty());
    for file in files {
        holds(&proofs, &serde_json::to_value(ProveRecord::read(&file).unwrap()).unwrap());
    }
}
