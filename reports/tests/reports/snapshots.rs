//! What real records look like: tables, Markdown, CSV and verdicts of `fixtures/records`, compared with what lies beside them.
//! `TOLLGATE_UPDATE=1 cargo test --workspace --test reports snapshots` writes it anew; read the difference before it is committed.

use std::fs;
use std::path::{Path, PathBuf};

use tollgate_record::Kept;
use tollgate_reports::gate::{self, Outcome};
use tollgate_reports::{TableOptions, csv, markdown, summarize, table};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/records")
}

/// The packed records, by name.
fn records() -> Vec<PathBuf> {
    let is_record = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "gz");
    let entries = fs::read_dir(folder()).expect("the folder is committed").flatten().map(|entry| entry.path());
    let mut records: Vec<PathBuf> = entries.filter(is_record).collect();
    records.sort();
    records
}

/// What is said of a record, by the suffix of the file that holds it.
fn renderings(path: &Path) -> Vec<(&'static str, String)> {
    let narrow = TableOptions { width: 80, colour: false };
    match Kept::read(path).expect("the record is whole") {
        Kept::Run(record) if record.plan.live_gate.is_some() => {
            of_gate(&gate::live(&record).expect("it is a live gate's"))
        }
        Kept::Run(record) => {
            let summary = summarize(&record);
            vec![("txt", table(&summary, narrow)), ("md", markdown(&summary)), ("csv", csv(&summary))]
        }
        Kept::Gate(record) => of_gate(&gate::in_process(&record)),
        Kept::Proof(proof) => {
            vec![("txt", gate::proof_text(&proof)), ("md", gate::proof_table(std::slice::from_ref(&*proof)))]
        }
    }
}

fn of_gate(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let narrow = TableOptions { width: 80, colour: false };
    vec![("txt", gate::table(outcome, narrow)), ("md", gate::markdown(outcome)), ("xml", gate::junit(outcome))]
}

#[test]
fn real_records_are_rendered_as_before() {
    let update = std::env::var_os("TOLLGATE_UPDATE").is_some();
    let (mut seen, mut differ) = (0, Vec::new());
    for record in records() {
        for (suffix, text) in renderings(&record) {
            // `run.json.gz` has `run.txt` beside it.
            let path = record.with_extension("").with_extension(suffix);
            if update {
                fs::write(&path, &text).expect("the folder can be written");
            } else if fs::read_to_string(&path).unwrap_or_default() != text {
                differ.push(path.display().to_string());
            }
            seen += 1;
        }
    }
    assert!(seen >= 12, "only {seen} renderings: records are missing");
    assert!(differ.is_empty(), "not as they were: {differ:?}; if that is wanted, run with TOLLGATE_UPDATE=1");
}
