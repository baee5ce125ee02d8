//! Figures of a run for tools that keep a history: Bencher and github-action-benchmark.

use serde_json::{Map, Value, json};
use tollgate_record::{Mode, Phase};

use crate::summary::{Summary, SummaryCell};
use crate::text;

/// Bencher Metric Format: added latency in nanoseconds by benchmark, with its interval (source: bencher.dev, "Bencher
/// Metric Format"; measure `latency`, which Bencher knows as nanoseconds). A cell without a figure is not there.
pub fn bencher(summary: &Summary) -> String {
    let mut all = Map::new();
    for (name, cell) in measured(summary) {
        let Some(added) = cell.added_ns else { continue };
        let mut latency = Map::from_iter([("value".to_owned(), json!(added.p50))]);
        if let Some((low, high)) = added.interval() {
            latency.insert("lower_value".to_owned(), json!(low));
            latency.insert("upper_value".to_owned(), json!(high));
        }
        all.insert(name, json!({ "latency": latency }));
    }
    pretty(&Value::Object(all))
}

/// What github-action-benchmark takes with `tool: customSmallerIsBetter`: an array of name, unit, value and range (source:
/// its README, "Custom benchmarks"). Added latency in nanoseconds; a cell without a figure is not there.
pub fn github_action_benchmark(summary: &Summary) -> String {
    let entry = |(name, cell): (String, &SummaryCell)| {
        let added = cell.added_ns?;
        let mut entry = json!({ "name": name, "unit": "ns", "value": added.p50 });
        if let Some((low, high)) = added.interval() {
            entry["range"] = json!(format!("{low} to {high}"));
            let confidence =
                added.confidence.map(|confidence| format!(", confidence {confidence}")).unwrap_or_default();
            entry["extra"] = json!(format!("interval over {} starts{confidence}", added.starts));
        }
        Some(entry)
    };
    pretty(&measured(summary).into_iter().filter_map(entry).collect::<Vec<Value>>().into())
}

/// What is followed over time, each under a name of its own: `envoy/cpp-raw/headers`, `in process` before the host's.
fn measured(summary: &Summary) -> Vec<(String, &SummaryCell)> {
    let cells = summary.cells.iter().filter(|cell| cell.phase == Phase::Request && cell.control.is_none());
    let cells = cells.filter(|cell| cell.error.is_none() && cell.added_ns.is_some_and(|added| added.p50.is_finite()));
    let name = |cell: &SummaryCell| {
        let place = if cell.mode == Mode::InProcess { "in process/" } else { "" };
        let [host, plugin, workload] = [&cell.host, &cell.plugin, &cell.workload].map(|part| text::name(part, 200));
        format!("{place}{host}/{plugin}/{workload}")
    };
    cells.map(|cell| (name(cell), cell)).collect()
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("it has string keys and nothing that can fail")
}
