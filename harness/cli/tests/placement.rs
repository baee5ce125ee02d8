//! `tollgate run --placement`: where probe and gateway were is in the record and in the table, on every gateway.

mod support;

use std::process::Command;

use support::{programs, run, status, stderr, stdout};
use tollgate_record::{Placement, Record};

#[test]
fn what_was_asked_for_is_recorded_and_printed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let few = [
        "run",
        "--time",
        "quick",
        "--quiet",
        "--only",
        "live",
        "--plugin",
        "lua",
        "--workload",
        "headers",
        "--out",
        out,
    ];
    let gateways: Vec<&str> = programs().into_iter().flat_map(|name| ["--gateway", name]).collect();
    for (wish, words) in [("two-cores", "probe on core"), ("unpinned", "not pinned")] {
        let output = run(&[&few[..], &gateways, &["--placement", wish]].concat());
        if status(&output) == 2 && stderr(&output).contains("core") {
            eprintln!("skipped: {}", stderr(&output));
            continue;
        }
        assert_eq!(status(&output), 0, "{wish}: {}{}", stdout(&output), stderr(&output));
        let text = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        let record = Record::read(&folder.path().join("record.json")).unwrap();
        for gateway in std::iter::once("embedded").chain(programs()) {
            let placement = &record.plan.placement[gateway];
            let is_it = match wish {
                "two-cores" => matches!(placement, Placement::TwoCores { probe, gateway } if probe != gateway),
                _ => *placement == Placement::Unpinned,
            };
            assert!(is_it, "{gateway}: {placement:?} for {wish}");
            assert!(text.contains(&format!("{gateway} {words}")), "{gateway} {words}: {text}");
        }
        assert!(!matches!(record.plan.placement["in_process"], Placement::TwoCores { .. }), "it has one end");
        assert!(record.cells.iter().all(|cell| cell.error.is_none()));
    }
}

#[test]
fn two_cores_on_one_are_refused_before_anything_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let ran = Command::new("taskset")
        .args(["-c", "0", env!("CARGO_BIN_EXE_tollgate"), "run", "--placement", "two-cores", "--out"])
        .arg(folder.path().join("out"))
        .output();
    let Ok(output) = ran else {
        eprintln!("skipped: there is no taskset here");
        return;
    };
    assert_eq!(status(&output), 2, "{}", stderr(&output));
    assert!(stderr(&output).contains("same-core"), "{}", stderr(&output));
    assert!(!folder.path().join("out").exists());
}
