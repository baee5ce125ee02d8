//! Files for other tools have the figures of the summary, each under a name of its own, and none for what failed.

use std::collections::BTreeSet;

use serde_json::Value;
use tollgate_record::Phase;
use tollgate_reports::{bencher, github_action_benchmark, summarize};

use crate::synthetic::{Make, record};

#[test]
fn every_figure_is_there_once_with_its_interval() {
    for hostile in [false, true] {
        let summary = summarize(&record(&Make { hostile, requests: 50, ..Make::default() }));
        let measured: Vec<_> = summary
            .cells
            .iter()
            .filter(|cell| cell.phase == Phase::Request && cell.control.is_none() && cell.error.is_none())
            .filter_map(|cell| cell.added_ns)
            .collect();
        assert!(measured.len() > 20);

        let entries: Vec<Value> = serde_json::from_str(&github_action_benchmark(&summary)).unwrap();
        assert_eq!(entries.len(), measured.len());
        let names: BTreeSet<&str> = entries.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
        let metrics: Value = serde_json::from_str(&bencher(&summary)).unwrap();
        assert_eq!(metrics.as_object().unwrap().len(), names.len());
        if !hostile {
            assert_eq!(names.len(), entries.len(), "each has a name of its own");
            assert!(
                names.contains("in process/wasmtime/cpp-raw/headers") && names.contains("envoy/lua/headers"),
                "{names:?}"
            );
        }
        for (entry, added) in entries.iter().zip(&measured) {
            assert_eq!(entry["unit"], "ns");
            assert!((entry["value"].as_f64().unwrap() - added.p50).abs() <= added.p50.abs() * 1e-12, "{entry}");
            let (low, high) = added.interval().unwrap();
            assert_eq!(entry["range"].as_str(), Some(format!("{low} to {high}").as_str()));
            if !hostile {
                let latency = &metrics[entry["name"].as_str().unwrap()]["latency"];
                for (name, want) in [("value", added.p50), ("lower_value", low), ("upper_value", high)] {
                    let got = latency[name].as_f64().unwrap();
                    // Numbers are read back to the last digit but one here.
                    assert!((got - want).abs() <= want.abs() * 1e-12, "{name}: {got} and {want}");
                }
            }
        }
    }
}
