//! Plugins of somebody's own that need more than a request: clusters that they call, and a root id.

mod support;

use std::path::{Path, PathBuf};

use support::{envoy, run, status, stderr, stdout};
use tollgate_record::{Record, RecordError};

/// Asks the cluster `authority` before it lets a request pass, and starts under the root id `my_root` only.
const WASM: &str = r#"(module
  (import "env" "proxy_http_call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "authority")
  (data (i32.const 80) "plugin_root_id")
  ;; Three pairs: their number, the lengths, then each text with a NUL.
  (data (i32.const 128) "\03\00\00\00\07\00\00\00\03\00\00\00\05\00\00\00\01\00\00\00\0a\00\00\00\01\00\00\00")
  (data (i32.const 156) ":method\00GET\00:path\00/\00:authority\00a\00")
  (global $stream (mut i32) (i32.const 0))
  (func $must_be_ok (param $status i32) (if (local.get $status) (then unreachable)))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (call $must_be_ok (call $property (i32.const 80) (i32.const 14) (i32.const 0) (i32.const 4)))
    (if (result i32) (i32.eq (i32.load (i32.const 4)) (i32.const 7))
      (then (i64.eq (i64.and (i64.load (i32.load (i32.const 0))) (i64.const 0x00ffffffffffffff)) (i64.const 0x746f6f725f796d)))
      (else (i32.const 0))))
  (func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
    (global.set $stream (local.get $context))
    (call $must_be_ok
      (call $call (i32.const 64) (i32.const 9) (i32.const 128) (i32.const 61) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 8)))
    (i32.const 1))
  (func (export "proxy_on_http_call_response") (param i32 i32 i32) (param $body i32) (param i32)
    (if (i32.ne (local.get $body) (i32.const 4)) (then unreachable))
    (call $must_be_ok (call $buffer (i32.const 4) (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 4)))
    ;; "pass"
    (if (i32.ne (i32.load (i32.load (i32.const 0))) (i32.const 0x73736170)) (then unreachable))
    (call $must_be_ok (call $effective (global.get $stream)))
    (call $must_be_ok (call $continue (i32.const 0)))))"#;

const LUA: &str = r#"function envoy_on_request(handle)
  local headers = { [":method"] = "GET", [":path"] = "/", [":authority"] = "a" }
  local fields, body = handle:httpCall("authority", headers, "", 1000)
  assert(fields[":status"] == "200" and fields["content-type"] == "text/plain" and body == "pass", body)
  handle:httpCall("authority", headers, nil, 1000, true)
end"#;

fn plugins(folder: &Path) -> [PathBuf; 2] {
    let wasm = wat::parse_str(WASM).expect("the text above is valid");
    [("calls.wasm", wasm), ("asks.lua", LUA.as_bytes().to_vec())].map(|(name, bytes)| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).expect("the folder can be written");
        path
    })
}

/// What became of the two plugins on a host or gateway: their errors, where they have some.
fn outcomes(out: &Path, host: &str) -> Result<Vec<Option<String>>, RecordError> {
    let record = Record::read(&out.join("record.json"))?;
    let of = |name: &str| {
        let cell = record.cells.iter().find(|cell| cell.id.host == host && cell.id.plugin == name);
        cell.map(|cell| cell.error.as_ref().map(|error| error.message.clone()))
    };
    Ok(["calls", "asks"].into_iter().filter_map(of).collect())
}

/// Runs both on the embedded gateway and, where it is here, on Envoy.
fn measured(folder: &Path, more: &[&str]) -> std::process::Output {
    let paths = plugins(folder).map(|path| path.to_str().expect("a temporary path is text").to_owned());
    let out = folder.join("out");
    let mut args = vec!["run", "--time", "quick", "--quiet", "--seed", "1", "--out", out.to_str().unwrap()];
    args.extend(["--plugin", &paths[0], "--plugin", &paths[1], "--plugin", "boundary"]);
    args.extend(more);
    if envoy() {
        args.extend(["--gateway", "envoy"]);
    }
    run(&args)
}

#[test]
fn plugins_that_call_and_have_a_root_id_are_measured_where_they_find_both() {
    let folder = tempfile::tempdir().unwrap();
    let output = measured(folder.path(), &["--root-id", "my_root", "--cluster", "authority"]);
    assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let out = folder.path().join("out");
    let places = ["embedded", "envoy"];
    for place in &places[..if envoy() { 2 } else { 1 }] {
        assert_eq!(outcomes(&out, place).unwrap(), [None, None], "{place}");
    }
}

#[test]
fn without_the_cluster_only_envoy_fails_and_says_so() {
    if !envoy() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = measured(folder.path(), &["--root-id", "my_root"]);
    assert_eq!(status(&output), 5, "{}{}", stdout(&output), stderr(&output));
    let out = folder.path().join("out");
    assert_eq!(outcomes(&out, "embedded").unwrap(), [None, None]);
    let errors = outcomes(&out, "envoy").unwrap();
    assert!(errors.iter().all(|error| error.as_ref().is_some_and(|error| error.contains("--cluster"))), "{errors:?}");
}

#[test]
fn a_plugin_that_is_registered_under_another_root_id_does_not_start_in_process_nor_live() {
    let folder = tempfile::tempdir().unwrap();
    let output = measured(folder.path(), &["--cluster", "authority", "--only", "in-process"]);
    assert_eq!(status(&output), 5, "{}{}", stdout(&output), stderr(&output));
    let errors = outcomes(&folder.path().join("out"), "wasmtime").unwrap();
    assert!(matches!(&errors[..], [Some(_)]), "{errors:?}");

    let output = run(&["run", "--root-id", "my_root"]);
    assert_eq!(status(&output), 2, "{}", stderr(&output));
    assert!(stderr(&output).contains("--plugin"), "{}", stderr(&output));
}
