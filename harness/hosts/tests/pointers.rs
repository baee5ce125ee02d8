//! Huge and negative pointers and lengths in every argument of every host function, wherever it is called from: the
//! answer is a status, never a panic, and our own memory stays small.

mod guests;

use std::fmt::Write;

use guests::{exchange, imports, start, wasm_hosts, wat};
use tollgate_hosts::{Action, HOST_FUNCTIONS};

/// What an argument is set to while the others are harmless: all ones, the sign, the largest positive number, around
/// the end of the memory, and where results are wanted.
const HOSTILE: &[i64] = &[-1, i32::MIN as i64, i32::MAX as i64, 65534, 65535, 65536, 65537, 0, 2, 1024, i64::MIN];
/// What is harmless: nothing, an address, the size of what stands there.
const HARMLESS: &[i64] = &[0, 64, 1];

/// Calls of every host function, in WAT, with each argument hostile in turn; an answer that is no status traps.
fn calls() -> String {
    let mut calls = String::new();
    for function in HOST_FUNCTIONS.iter().filter(|function| !function.parameters.is_empty()) {
        for (bad, harmless) in (0..function.parameters.len()).flat_map(|bad| HARMLESS.iter().map(move |it| (bad, it))) {
            for hostile in HOSTILE {
                let arguments: String = (0..function.parameters.len())
                    .map(|at| {
                        let value = if at == bad { *hostile } else { *harmless };
                        match function.parameters[at] {
                            "i64" => format!("(i64.const {value})"),
                            _ => format!("(i32.const {})", value as i32),
                        }
                    })
                    .collect();
                let call = format!("(call ${} {arguments})", function.name);
                let _ = match function.answers {
                    true => writeln!(calls, "(call $status {call})"),
                    false => writeln!(calls, "{call}"),
                };
            }
        }
    }
    calls
}

fn module(start: &str, allocator: &str, configure: &str, request: &str, response: &str, log: &str) -> String {
    format!(
        r#"(module {}
        (memory (export "memory") 1) (data (i32.const 64) "a")
        (func $status (param i32) (if (i32.gt_u (local.get 0) (i32.const 58)) (then unreachable)))
        (func $calls {})
        (func (export "proxy_abi_version_0_2_100"))
        (func $start {start}) (start $start)
        (func (export "proxy_on_memory_allocate") (param i32) (result i32) {allocator})
        (func (export "proxy_on_configure") (param i32 i32) (result i32) {configure} (i32.const 1))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {request} (i32.const 0))
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) {response} (i32.const 0))
        (func (export "proxy_on_log") (param i32) {log}))"#,
        imports(),
        calls(),
    )
}

/// The most that this process has ever had in memory, in bytes.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    peak.map_or(0, |kilobytes: u64| kilobytes * 1024)
}

#[test]
fn no_argument_of_no_host_function_does_harm_from_anywhere() {
    // An answer of its own: wherever it is called from, the allocator's place lies in memory, at its end, or outside.
    let get = "(drop (call $proxy_get_header_map_value (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 0)
        (i32.const 4)))";
    let all = "(call $calls)";
    let place = "(i32.const 1024)";
    let guests = [
        ("the start section", module(all, place, "", "", "", "")),
        ("its configuration", module("", place, all, "", "", "")),
        ("request headers", module("", place, "", all, "", "")),
        ("response headers", module("", place, "", "", all, "")),
        ("its log", module("", place, "", "", "", all)),
        ("its allocator", module("", "(call $calls) (i32.const 1024)", "", get, "", "")),
        ("an allocator at the end", module("", "(i32.const 65535)", "", all, "", "")),
        ("an allocator outside", module("", "(i32.const -1)", "", all, "", "")),
        ("an allocator without memory", module("", "(i32.const 0)", "", all, "", "")),
        ("an allocator that grows", module("", "(drop (memory.grow (i32.const 1))) (i32.const 1024)", "", all, "", "")),
    ];
    for host in wasm_hosts() {
        for (from, text) in &guests {
            let plugin = wat(text);
            for observed in [false, true] {
                let mut instance = start(host, &plugin).unwrap_or_else(|error| panic!("from {from}: {error}"));
                let mut exchange = exchange();
                if observed {
                    exchange.observe();
                }
                let outcome = instance.request(&mut exchange);
                assert!(outcome.is_ok(), "from {from} on {}: {outcome:?}", host.name());
            }
        }
    }
    assert!(peak_bytes() < 1 << 30, "it took {} bytes", peak_bytes());
}

#[test]
fn a_host_call_in_the_allocator_is_answered_and_gives_nothing() {
    // Inside the allocator nothing can be given, because that would call it again; everything else works.
    let allocator = r#"(if (i32.ne (call $proxy_get_header_map_value (i32.const 0) (i32.const 64) (i32.const 1)
            (i32.const 32) (i32.const 36)) (i32.const 10)) (then unreachable))
        (if (call $proxy_log (i32.const 2) (i32.const 64) (i32.const 1)) (then unreachable))
        (if (call $proxy_remove_header_map_value (i32.const 0) (i32.const 64) (i32.const 1)) (then unreachable))
        (if (call $proxy_set_header_map_pairs (i32.const 0) (i32.const 0) (i32.const 0)) (then unreachable))
        (i32.const 1024)"#;
    // The value is gone by the time that there is room for it: an internal failure, and the request goes on.
    let request =
        "(if (i32.ne (call $proxy_get_header_map_value (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 0)
        (i32.const 4)) (i32.const 10)) (then unreachable))";
    for host in wasm_hosts() {
        let plugin = wat(&module("", allocator, "", request, "", ""));
        let outcome = start(host, &plugin).unwrap().request(&mut exchange());
        assert_eq!(outcome, Ok(Action::Continue), "{}", host.name());
    }
}
