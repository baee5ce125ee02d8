//! `tollgate gate in-process` and `prove`: what they end with, never how fast anything is.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use support::{bad_plugin, run, status, stderr, stdout};
use tollgate_record::GateRecord;

/// The catalogue's artifact as a file, slowed down when turns are given.
fn artifact(folder: &Path, name: &str, turns: Option<u32>) -> PathBuf {
    let plugin = tollgate_fixtures::plugin(name).unwrap();
    let bytes = turns.map_or_else(|| plugin.bytes.to_vec(), |turns| tollgate_hosts::slowed(plugin, turns).unwrap());
    let suffix = if plugin.kind == tollgate_record::PluginKind::Lua { "lua" } else { "wasm" };
    let path = folder.join(format!("{name}-{}.{suffix}", turns.unwrap_or(0)));
    fs::write(&path, bytes).unwrap();
    path
}

fn gate(base: &Path, head: &Path, more: &[&str]) -> Output {
    let args = ["gate", "in-process", "-q", "--workload", "headers", "--processes", "20", "--layouts", "10"];
    run(&[&args[..], &["--base", base.to_str().unwrap(), "--head", head.to_str().unwrap()], more].concat())
}

#[test]
fn the_same_artifact_twice_is_never_a_regression_and_its_record_says_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("gate");
    let base = artifact(folder.path(), "boundary", None);
    let head = folder.path().join("other-name.wasm");
    fs::copy(&base, &head).unwrap();
    let output = gate(&base, &head, &["--out", out.to_str().unwrap(), "--format", "json"]);
    let said = format!("{}{}", stdout(&output), stderr(&output));
    assert!([0, 4].contains(&status(&output)), "{said}");
    assert!(said.contains("smallest_effect") && said.contains("base against base"), "{said}");
    for file in ["gate.json", "gate.md", "gate.xml", "gate-record.json"] {
        assert!(out.join(file).exists(), "{file}");
    }
    assert!(!out.join("gate-journal.jsonl").exists());

    let record = out.join("gate-record.json");
    let again = run(&["gate", "in-process", "--record", record.to_str().unwrap(), "--format", "json"]);
    assert_eq!((status(&again), stdout(&again)), (status(&output), stdout(&output)));
    let parsed = GateRecord::read(&record).unwrap();
    assert_eq!(parsed.cells[0].processes.len(), 20);
    assert_eq!(parsed.cells[0].id.plugin, "other-name");

    not_records(&record, folder.path());
}

/// Whatever is done to the file, it is refused, and never a pass.
fn not_records(record: &Path, folder: &Path) {
    let text = fs::read_to_string(record).unwrap();
    let half = &text[..text.len() / 2];
    let edited = text.replacen("\"margin_ppm\":5000", "\"margin_ppm\":900000", 1);
    let future = text.replacen("tollgate/gate-record/1", "tollgate/gate-record/2", 1);
    let more = text.replacen("\"plan\":", "\"more\":1,\"plan\":", 1);
    let unsigned = text.rsplit_once(",\"digest\"").unwrap().0.to_owned() + "}";
    assert!(edited != text && future != text && more != text);
    let foreign = "{\"schema\":\"tollgate/record/1\"}";
    let gigantic = "[".repeat(3_000_000);
    let bad = [half, &edited, &future, &more, &unsigned, foreign, &gigantic, "", "null", "{}", "\u{0}"];
    for (number, text) in bad.into_iter().enumerate() {
        for name in ["bad.json", "bad.jsonl"] {
            let path = folder.join(name);
            fs::write(&path, text).unwrap();
            let output = run(&["gate", "in-process", "--record", path.to_str().unwrap()]);
            assert_eq!(status(&output), 2, "{name} {number}: {}{}", stdout(&output), stderr(&output));
            assert!(stderr(&output).contains(name), "{}", stderr(&output));
        }
    }
}

#[test]
fn a_much_slower_plugin_is_a_regression_and_a_much_faster_one_an_improvement() {
    let folder = tempfile::tempdir().unwrap();
    // The same work by hand and through an SDK, which takes several times as long; and a script that does something else
    // beside its work.
    let (fast, slow) = (artifact(folder.path(), "boundary", None), artifact(folder.path(), "rust-sdk", None));
    let script = artifact(folder.path(), "lua", None);
    let wasteful = folder.path().join("wasteful.lua");
    let waste = "function envoy_on_request(handle)\n  local s = ''\n  for i = 1, 300 do s = s .. i end\n";
    let text = fs::read_to_string(&script).unwrap().replace("function envoy_on_request(handle)\n", waste);
    fs::write(&wasteful, text).unwrap();
    // Among its garbage the known slowdown of the script may not be found, without which nothing is sure.
    for (fast, slow, expected) in [(&fast, &slow, &[3][..]), (&script, &wasteful, &[3, 4])] {
        let output = gate(fast, slow, &[]);
        let said = format!("{}{}", stdout(&output), stderr(&output));
        assert!(expected.contains(&status(&output)), "{said}");
        // Lines are broken anywhere.
        let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("regression") && words.contains("of 20 processes slower"), "{said}");
        let output = gate(slow, fast, &["--format", "github"]);
        assert!([0, 4].contains(&status(&output)), "{}{}", stdout(&output), stderr(&output));
    }
}

#[test]
fn a_wrong_plugin_is_5_before_anything_is_timed() {
    let folder = tempfile::tempdir().unwrap();
    let good = artifact(folder.path(), "boundary", None);
    let bad = bad_plugin(folder.path(), "one-remove-missing");
    for (base, head) in [(&good, &bad), (&bad, &good)] {
        let out = folder.path().join("out");
        let output = gate(base, head, &["--out", out.to_str().unwrap()]);
        let said = format!("{}{}", stdout(&output), stderr(&output));
        assert_eq!(status(&output), 5, "{said}");
        assert!(said.contains("fake_key_"), "{said}");
        let record = GateRecord::read(&out.join("gate-record.json")).unwrap();
        assert!(record.cells.iter().all(|cell| cell.processes.is_empty()), "{record:?}");
    }
    fs::write(folder.path().join("broken.wasm"), b"\0asm\x01\0\0\0\xff").unwrap();
    let output = gate(&good, &folder.path().join("broken.wasm"), &[]);
    assert_eq!(status(&output), 5, "{}{}", stdout(&output), stderr(&output));
}

#[test]
fn what_cannot_be_compared_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    let wasm = artifact(folder.path(), "boundary", None);
    let lua = artifact(folder.path(), "lua", None);
    let [wasm, lua] = [&wasm, &lua].map(|path| path.to_str().unwrap());
    let missing = folder.path().join("missing.wasm");
    let cases: &[(&[&str], &str)] = &[
        (&["--base", wasm], "--head"),
        (&["--base", wasm, "--head", lua], "of a kind"),
        (&["--base", wasm, "--head", missing.to_str().unwrap()], "missing.wasm"),
        (&["--base", wasm, "--head", wasm, "--processes", "9"], "--processes 10"),
        (&["--base", wasm, "--head", wasm, "--margin", "0.5"], "percentage"),
        (&["--base", wasm, "--head", wasm, "--host", "luajit"], "no host of these"),
        (&["--base", "no-such-plugin", "--head", wasm], "no-such-plugin"),
        (&["--record", missing.to_str().unwrap()], "missing.wasm"),
        (&["--record", wasm], "boundary-0.wasm"),
        (&[], "--base"),
    ];
    for (args, said) in cases {
        let output = run(&[&["gate", "in-process", "-q"], *args].concat());
        assert_eq!(status(&output), 2, "{args:?}: {}{}", stdout(&output), stderr(&output));
        assert!(stderr(&output).contains(said), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn a_proof_is_counted_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let common =
        ["-q", "--runs", "1", "--plugin", "boundary", "--workload", "headers", "--processes", "12", "--layouts", "3"];
    let out = folder.path().to_str().unwrap();
    let output = run(&[&["prove", "hogs", "--slowdown", "20%", "--out", out], &common[..]].concat());
    let said = stdout(&output);
    assert_eq!(status(&output), 0, "{said}{}", stderr(&output));
    for words in ["two sides alike", "head +20.00 % slower", "wrong verdict", "of 1 ("] {
        assert!(said.contains(words), "`{words}` is missing: {said}");
    }
    let record = tollgate_record::ProveRecord::read(&folder.path().join("prove.json")).unwrap();
    assert_eq!(record.runs.len(), 2);
    assert!(record.hogs >= 1);
    // Counted in instructions, what was put in is exactly so many turns: here five a turn.
    let cell = &record.runs[1].cells[0];
    assert_eq!(cell.spent_more.unwrap() % u64::from(cell.turns), 0, "{cell:?}");
    assert!((100_000_000..400_000_000).contains(&cell.truth_ppb), "{cell:?}");
}

/// This very program, as both builds.
const PROGRAM: &str = env!("CARGO_BIN_EXE_tollgate");

#[test]
fn one_build_of_the_harness_twice_is_never_a_regression() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let common = ["-q", "--workload", "headers", "--processes", "12", "--layouts", "2"];
    let builds = ["gate", "in-process", "--base-harness", PROGRAM, "--head-harness", PROGRAM];
    let more = ["--plugin", "boundary", "--plugin", "lua", "--out", out.to_str().unwrap()];
    let output = run(&[&builds[..], &common, &more].concat());
    let said = stdout(&output);
    assert!([0, 4].contains(&status(&output)), "{said}{}", stderr(&output));
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("two builds cannot share a process") && words.contains("margin 5 %"), "{said}");
    let path = out.join("gate-record.json");
    let record = GateRecord::read(&path).unwrap();
    assert!(record.plan.apart && record.plan.margin_ppm == 50_000);
    let plugins: Vec<&str> = record.cells.iter().map(|cell| cell.id.plugin.as_str()).collect();
    assert_eq!(plugins.len(), 2, "{plugins:?}");
    for cell in &record.cells {
        assert_eq!((cell.processes.len(), cell.error.as_ref()), (12, None), "{}", cell.id);
        // Batches of the same work: far apart only if something else was measured.
        let ratios = cell.processes.iter().flat_map(|process| &process.change).map(|[a, b]| *b as f64 / *a as f64);
        let mut ratios: Vec<f64> = ratios.collect();
        ratios.sort_by(f64::total_cmp);
        assert!((0.5..2.0).contains(&ratios[ratios.len() / 2]), "{}: {ratios:?}", cell.id);
    }
    let again = run(&["gate", "in-process", "--record", path.to_str().unwrap()]);
    assert_eq!((status(&again), stdout(&again)), (status(&output), said));
}

/// An executable shell script.
fn script(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&path, mode).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_build_whose_artifacts_are_slower_is_a_regression_and_never_a_pass() {
    let folder = tempfile::tempdir().unwrap();
    // The same program with another `boundary` in its catalogue.
    let known = &tollgate_fixtures::plugin("boundary").unwrap().sha256;
    let slow = artifact(folder.path(), "boundary", Some(300_000));
    let other = tollgate_fixtures::sha256(&fs::read(&slow).unwrap());
    let slow = slow.to_str().unwrap();
    let edits = format!("s#\"[^\"]*{known}.wasm\"#\"{slow}\"#; s#{known}#{other}#g");
    let about = format!("if [ \"$2\" = --about ]; then \"{PROGRAM}\" \"$@\" | sed '{edits}'; exit; fi");
    let build = script(folder.path(), "slower", &format!("{about}\nexec \"{PROGRAM}\" \"$@\""));
    let common = ["-q", "--workload", "headers", "--processes", "12", "--layouts", "2", "--plugin", "boundary"];
    for (base, head, word, expected) in
        [(PROGRAM, build.as_str(), "regression", [3, 4]), (&build, PROGRAM, "improvement", [0, 4])]
    {
        let builds = ["gate", "in-process", "--base-harness", base, "--head-harness", head];
        let output = run(&[&builds[..], &common].concat());
        let said = format!("{}{}", stdout(&output), stderr(&output));
        assert!(expected.contains(&status(&output)) && said.contains(word), "{said}");
    }
}

#[test]
fn a_program_that_cannot_be_talked_to_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    let script = |name: &str, text: &str| script(folder.path(), name, text);
    let cases = [
        (script("old", "echo 'error: unexpected argument' >&2; exit 2"), "does not say what its workers understand"),
        (script("future", "echo '{\"protocol\":999,\"more\":true}'"), "speak protocol 999"),
        (script("foreign", "echo hello"), "is no tollgate"),
        ("no-such-program".to_owned(), "there is no program no-such-program"),
        (folder.path().to_str().unwrap().to_owned(), "cannot run"),
    ];
    for (program, said) in &cases {
        for sides in [[PROGRAM, program], [program, PROGRAM]] {
            let output = run(&["gate", "in-process", "-q", "--base-harness", sides[0], "--head-harness", sides[1]]);
            assert_eq!(status(&output), 2, "{program}: {}{}", stdout(&output), stderr(&output));
            assert!(stderr(&output).contains(said), "{program}: {}", stderr(&output));
        }
    }
    for args in [
        &["--base-harness", PROGRAM][..],
        &["--base-harness", PROGRAM, "--head-harness", PROGRAM, "--base", "lua", "--head", "lua"],
        &["--base", "lua", "--head", "lua", "--plugin", "lua"],
    ] {
        let output = run(&[&["gate", "in-process", "-q"], args].concat());
        assert_eq!(status(&output), 2, "{args:?}: {}{}", stdout(&output), stderr(&output));
    }
}
