//! Scenarios from the command line: what is printed and written, who cannot do it, and that nothing is left of them.

mod support;

use std::process::Stdio;
use std::time::{Duration, Instant};

use support::{children, envoy, run, runs, status, stderr, stdout, tollgate};
use tollgate_record::{Record, Story};

#[test]
fn a_reload_is_printed_and_written() {
    if !envoy() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let output = run(&[
        "scenario", "reload", "--swaps", "4", "--rate", "500", "--plugin", "boundary", "--plugin", "cpp-raw",
        "--quiet", "--out", out, "--seed", "3",
    ]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("Hot reload on envoy") && text.contains("Took effect: 4 of 4 swaps"), "{text}");
    let record = Record::read(&folder.path().join("record.json")).unwrap();
    assert_eq!((record.scenarios.len(), record.plan.seed), (1, 3));
    let Story::Reload(reload) = &record.scenarios[0].story else { panic!("it is a reload") };
    assert_eq!((reload.swaps.len(), reload.traffic.faults.total()), (4, 0));
    let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(page.contains("id=\"reload0\"") && page.contains("id=\"around0\""));
    assert!(!folder.path().join("journal.jsonl").exists());
}

#[test]
fn an_interrupt_keeps_what_is_finished_and_leaves_nothing() {
    if !envoy() {
        return;
    }
    let (folder, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut child = tollgate()
        .args(["scenario", "reload", "--swaps", "20", "--rate", "500", "--plugin", "boundary", "--quiet", "--out"])
        .arg(folder.path())
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    // It runs as soon as it has a gateway.
    while children(child.id()).is_empty() && begin.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_secs(4));
    let gateways = children(child.id());
    assert!(!gateways.is_empty());
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let ended = child.wait().unwrap();
    assert_eq!(ended.code(), Some(130));
    assert!(gateways.iter().all(|&gateway| !runs(gateway)), "the gateway outlives us");
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "a file is left");
    let record = Record::read(&folder.path().join("record.json")).unwrap();
    assert!(record.interrupted && record.scenarios[0].error.is_none(), "{:?}", record.scenarios[0].error);
}

#[test]
fn who_cannot_is_told_who_can() {
    for gateway in ["embedded", "nginx", "haproxy", "https://example.org/"] {
        let output = run(&["scenario", "reload", "--gateway", gateway]);
        assert_eq!(status(&output), 2, "{gateway}: {}", stderr(&output));
        assert!(stderr(&output).contains("--gateway envoy"), "{gateway}: {}", stderr(&output));
    }
    let output = run(&["scenario", "reload", "--plugin", "native"]);
    assert_eq!(status(&output), 2, "{}", stderr(&output));
    assert!(stderr(&output).contains("native"), "{}", stderr(&output));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let output = run(&["scenario", "failure", "--envoy", "/no/such/envoy", "--out", out]);
    assert_eq!(status(&output), 1, "{}", stderr(&output));
    assert!(stderr(&output).contains("tollgate install envoy"), "{}", stderr(&output));
}
