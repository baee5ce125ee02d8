//! Baselines of counters: whatever a file holds, reading it is a baseline in its one form or an error, and the gate takes it.

use std::path::Path;

use tollgate_record::{Baseline, BaselineCell, Counters, Spread};
use tollgate_reports::gate::{Counted, GateKind, Outcome, Update, github, json, judge_counters, junit, markdown};

/// Any file, compared with a good one and with itself.
pub fn run(data: &[u8]) {
    let baseline = match Baseline::parse(Path::new("counters.json"), data) {
        Ok(baseline) => baseline,
        Err(error) => return assert!(error.to_string().contains(';'), "no remedy: {error}"),
    };
    assert_eq!(baseline.to_text().as_bytes(), data, "there is one form");
    let itself: Vec<Counted> = baseline.cells().iter().cloned().map(Counted::Figures).collect();
    let good: Vec<Counted> = cells().into_iter().map(Counted::Figures).collect();
    for now in [itself, good] {
        for update in [Update::Keep, Update::Ratchet, Update::Accept] {
            let (rows, next) = judge_counters(&baseline, &now, &|_| true, &|_| None, update);
            assert!(Baseline::parse(Path::new("next.json"), next.to_text().as_bytes()).is_ok(), "it reads back");
            let sides = ("base".to_owned(), "head".to_owned());
            let outcome = Outcome::new(GateKind::Counters, sides, Vec::new(), rows, Vec::new());
            for text in [json(&outcome), markdown(&outcome), junit(&outcome), github(&outcome)] {
                assert!(!text.is_empty());
            }
        }
    }
}

fn cells() -> Vec<BaselineCell> {
    let mut counters = Counters { bytes_in: 250, fuel: Some(9), ..Counters::default() };
    counters.host_calls.insert("proxy_log".into(), 2);
    let mut varying = Counters { fuel: None, ..counters.clone() };
    varying.varying.insert("fuel".into(), Spread { requests: 64, least: 8, most: 12, total: 600 });
    let cell =
        |plugin, counted: &[Counters]| BaselineCell::new((plugin, "wasmtime", "headers"), "48", Some(7), counted);
    let all = [cell("a", &[counters.clone()]), cell("b", &[varying.clone()]), cell("c", &[counters, varying])];
    all.into_iter().flatten().collect()
}

/// A good file, half of it, and one with a number that was changed.
pub fn seeds() -> Vec<Vec<u8>> {
    let text = Baseline::new(cells()).to_text();
    let half = text[..text.len() / 2].to_owned();
    [text.replace("250", "251"), half, text].map(String::into_bytes).to_vec()
}
