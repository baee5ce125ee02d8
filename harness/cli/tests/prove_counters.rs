//! `tollgate prove --counters`: one host call or byte more is found, what is alike passes, and what cannot be found is said to
//! be missed.

mod support;

use std::path::Path;
use std::process::Output;

use support::{status, stderr, stdout, tollgate};
use tollgate_record::{ProveRecord, PutIn};

/// Proves into that folder.
fn prove(what: &str, out: &Path, more: &[&str]) -> Output {
    tollgate().args(["prove", what, "--counters", "--quiet", "--out"]).arg(out).args(more).output().unwrap()
}

fn record(out: &Path) -> ProveRecord {
    ProveRecord::read(&out.join("prove.json")).unwrap()
}

/// What was put in, run by run.
fn put_in(record: &ProveRecord) -> Vec<PutIn> {
    record.runs.iter().map(|run| run.counters.as_ref().unwrap().put_in).collect()
}

#[test]
fn one_more_is_found_and_nothing_more_passes_for_wasm_and_lua() {
    let folder = tempfile::tempdir().unwrap();
    for (plugin, host, call) in [
        ("rust-sdk", "wasmtime", "host call proxy_log"),
        ("boundary", "wasmtime", "host call proxy_log"),
        ("lua", "luajit", "host call log"),
    ] {
        let out = folder.path().join(plugin);
        let output = prove("power", &out, &["--plugin", plugin, "--runs", "2"]);
        let said = stdout(&output);
        assert_eq!(status(&output), 0, "{plugin}: {said}{}", stderr(&output));
        let power = record(&out);
        assert_eq!(put_in(&power), [PutIn::HostCall, PutIn::Byte, PutIn::HostCall, PutIn::Byte], "{plugin}");
        for run in &power.runs {
            let counters = run.counters.as_ref().unwrap();
            assert_eq!(counters.cells.len(), 2, "{plugin}: the workloads on the request path");
            for cell in &counters.cells {
                assert_eq!((cell.host.as_str(), cell.verdict.as_str()), (host, "regression"), "{plugin}: {cell:?}");
                let changed: Vec<&str> = cell.changes.iter().map(|change| change.what.as_str()).collect();
                match counters.put_in {
                    // With the instructions that make the call.
                    PutIn::HostCall => assert!(changed.len() == 2 && changed.contains(&call), "{plugin}: {cell:?}"),
                    _ => assert_eq!(changed, ["bytes out"], "{plugin}: {cell:?}"),
                }
                let named = cell.changes.iter().find(|change| change.what == call || change.what == "bytes out");
                let named = named.unwrap_or_else(|| panic!("{plugin}: {cell:?}"));
                assert_eq!(named.head, named.base.map(|base| base + 1), "{plugin}: {cell:?}");
            }
        }
        for words in
            ["head does one host call more", "head does one byte more", "regression 2 of 2 (", "wrong verdict 0 of 2 ("]
        {
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(said.contains(words), "{plugin}: `{words}` is missing: {said}");
        }

        let output = prove("aa", &out, &["--plugin", plugin, "--runs", "3", "--workload", "headers"]);
        assert_eq!(status(&output), 0, "{plugin}: {}{}", stdout(&output), stderr(&output));
        let aa = record(&out);
        assert_eq!((put_in(&aa), aa.wanted, aa.interrupted), (vec![PutIn::Nothing; 3], Some(3), false));
        for cell in aa.runs.iter().flat_map(|run| &run.counters.as_ref().unwrap().cells) {
            assert_eq!(
                (cell.verdict.as_str(), cell.workload.as_str(), cell.changes.len()),
                ("equivalent", "headers", 0)
            );
        }
    }
}

/// Logs as many bytes in each request, up to 64 KiB by the clock of the first: others in each process.
const BY_THE_CLOCK: &str = r#"(module
  (import "env" "proxy_get_current_time_nanoseconds" (func $time (param i32) (result i32)))
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (global $bytes (mut i32) (i32.const 0))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (if (i32.eqz (global.get $bytes))
      (then
        (drop (call $time (i32.const 0)))
        (global.set $bytes (i32.or (i32.load16_u (i32.const 0)) (i32.const 1)))))
    (drop (call $log (i32.const 0) (i32.const 8) (global.get $bytes)))
    (i32.const 0)))"#;

#[test]
fn what_the_gate_cannot_find_is_counted_as_missed() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("clock.wasm");
    std::fs::write(&plugin, wat::parse_str(BY_THE_CLOCK).unwrap()).unwrap();
    let output = prove("power", folder.path(), &["--plugin", plugin.to_str().unwrap(), "--runs", "2"]);
    let said = stdout(&output);
    assert_eq!(status(&output), 0, "{said}{}", stderr(&output));
    let record = record(folder.path());
    for run in &record.runs {
        let counters = run.counters.as_ref().unwrap();
        let (cell, found) = (&counters.cells[0], counters.put_in == PutIn::HostCall);
        assert_eq!(cell.verdict, if found { "regression" } else { "equivalent" }, "{cell:?}");
    }
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("regression 0 of 2 (") && said.contains("wrong verdict 2 of 2 ("), "{said}");
}

#[test]
fn what_says_nothing_of_exact_figures_is_refused() {
    let bad = tempfile::tempdir().unwrap();
    let trap = bad.path().join("traps.wasm");
    let call = "(drop (call $log (i32.const 0) (i32.const 8) (global.get $bytes)))";
    assert_eq!(BY_THE_CLOCK.matches(call).count(), 1);
    std::fs::write(&trap, wat::parse_str(BY_THE_CLOCK.replace(call, "(unreachable)")).unwrap()).unwrap();
    for (args, code, said) in [
        (&["aa", "--gateway", "envoy"][..], 2, "--gateway"),
        (&["power", "--slowdown", "1%"], 2, "--slowdown"),
        (&["aa", "--margin", "1%"], 2, "--margin"),
        (&["aa", "--processes", "40"], 2, "--processes"),
        (&["aa", "--seed", "1"], 2, "--seed"),
        (&["aa", "--starts", "6"], 2, "--starts"),
        (&["aa", "--envoy", "x"], 2, "--envoy"),
        (&["bias"], 2, "prove aa or power"),
        (&["coverage"], 2, "prove aa or power"),
        (&["power", "--plugin", "native"], 2, "native"),
        (&["power", "--plugin", "none"], 2, "there is no plugin `none`"),
        (&["power", "--plugin", trap.to_str().unwrap()], 5, "failed at"),
    ] {
        let out = bad.path().join("out");
        let output = prove(args[0], &out, &[&args[1..], &["--runs", "1"]].concat());
        assert_eq!(status(&output), code, "{args:?}: {}{}", stdout(&output), stderr(&output));
        assert!(stderr(&output).contains(said), "{args:?}: {}", stderr(&output));
    }
}
