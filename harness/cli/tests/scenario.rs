//! Scenarios from the command line: what is printed and written, who cannot do it, and that nothing is left of them.

mod support;

use std::process::Stdio;
use std::time::{Duration, Instant};

use support::{children, envoy, run, runs, status, stderr, stdout, tollgate};
use tollgate_record::{Placement, Record, Story, VmUse};

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
fn chains_are_printed_and_written() {
    if !envoy() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let output = run(&[
        "scenario",
        "scale",
        "--plugin",
        "boundary",
        "--plugin",
        "lua",
        "--chain",
        "1,2,3",
        "--workers",
        "1,2",
        "--vms",
        "shared",
        "--placement",
        "unpinned",
        "--starts",
        "1",
        "--time",
        "2s",
        "--quiet",
        "--out",
        out,
        "--seed",
        "3",
    ]);
    assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let text = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["Plugins in a row on envoy", "One plugin more adds", "share a VM", "envoy not pinned"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let record = Record::read(&folder.path().join("record.json")).unwrap();
    assert_eq!((record.plan.seed, record.plan.starts), (3, 1));
    assert_eq!(record.plan.placement["envoy"], Placement::Unpinned);
    let Story::Scale(scale) = &record.scenarios[0].story else { panic!("it is a scale") };
    assert_eq!((scale.vms, scale.chains.len(), scale.footprints.len()), (VmUse::Shared, 2 * 2 * 4, 2 * (1 + 2 * 3)));
    assert!(scale.chains.iter().all(|chain| chain.proof.is_some() && chain.error.is_none()));
    let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(page.contains("id=\"chains0\"") && page.contains("id=\"memory0\""));
    assert!(!folder.path().join("journal.jsonl").exists());
    let record = folder.path().join("record.json");
    let json = stdout(&run(&["summary", record.to_str().unwrap(), "--format", "json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let line = &json["scenarios"][0]["scale"]["lines"][0];
    // All lengths have the same number of VMs, so there is no slope: not known, and not 0.
    assert!(line["bytes_per_vm"].is_null() && line["per_plugin_ns"]["p50"].is_number(), "{line}");
}

#[test]
fn an_interrupted_scale_keeps_what_is_finished_and_leaves_nothing() {
    if !envoy() {
        return;
    }
    let (folder, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut child = tollgate()
        .args(["scenario", "scale", "--plugin", "boundary", "--chain", "1,2,3", "--workers", "1", "--starts", "20"])
        .args(["--time", "60s", "--quiet", "--out"])
        .arg(folder.path())
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(9));
    let gateways = children(child.id());
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(gateways.iter().all(|&gateway| !runs(gateway)), "the gateway outlives us");
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "a file is left");
    let record = Record::read(&folder.path().join("record.json")).unwrap();
    let Story::Scale(scale) = &record.scenarios[0].story else { panic!("it is a scale") };
    assert!(record.interrupted && scale.chains.iter().all(|chain| chain.error.is_none()), "{:?}", scale.chains);
    assert!(scale.chains.iter().any(|chain| !chain.series.is_empty()), "a start takes four seconds");
}

#[test]
fn who_cannot_is_told_who_can() {
    for scenario in ["reload", "scale"] {
        for gateway in ["embedded", "nginx", "haproxy", "https://example.org/"] {
            let output = run(&["scenario", scenario, "--gateway", gateway]);
            assert_eq!(status(&output), 2, "{gateway}: {}", stderr(&output));
            assert!(stderr(&output).contains("--gateway envoy"), "{gateway}: {}", stderr(&output));
        }
    }
    for wrong in [["--chain", "0"], ["--chain", "1,65"], ["--workers", "0"], ["--vms", "none"], ["--plugin", "lau"]] {
        let output = run(&[&["scenario", "scale"][..], &wrong].concat());
        assert_eq!(status(&output), 2, "{wrong:?}: {}", stderr(&output));
    }
    let output = run(&["scenario", "reload", "--plugin", "native"]);
    assert_eq!(status(&output), 2, "{}", stderr(&output));
    assert!(stderr(&output).contains("native"), "{}", stderr(&output));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    for scenario in ["failure", "scale"] {
        let output = run(&["scenario", scenario, "--envoy", "/no/such/envoy", "--out", out]);
        assert_eq!(status(&output), 1, "{}", stderr(&output));
        assert!(stderr(&output).contains("tollgate install envoy"), "{}", stderr(&output));
    }
}
