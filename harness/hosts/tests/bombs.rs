//! Plugins that want everything: memory, tables, headers, data on the host's side, time of the compiler. They get what
//! the limits allow, or are refused with a remedy, and soon.

mod guests;

use std::fmt::Write;
use std::time::{Duration, Instant};

use guests::{exchange, imports, start, wasm, wasm_hosts, wat};
use tollgate_hosts::{Action, Host, HostError};

const PAGE_BYTES: u32 = 64 * 1024;
/// What a guest may have, in pages.
const LIMIT_PAGES: u32 = (1 << 30) / PAGE_BYTES;

/// A plugin that does this on request headers, with these definitions beside it; `$at` is a local to count with.
fn bomb(definitions: &str, body: &str) -> String {
    format!(
        r#"(module {} {definitions}
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
        (func $be (param i32 i32) (if (i32.ne (local.get 0) (local.get 1)) (then unreachable)))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (local $at i32)
            {body} (i32.const 0)))"#,
        imports()
    )
}

const MEMORY: &str = r#"(memory (export "memory") 1)"#;
/// Sixteen pages are a mebibyte.
const MEBIBYTE: &str = r#"(memory (export "memory") 18) (data (i32.const 64) "accept")"#;

fn runs(host: &dyn Host, module: &str) -> Result<Action, HostError> {
    start(host, &wat(module))?.request(&mut exchange())
}

/// In WAT: repeats this, counting in `$at`, until it answers the status, and traps if that takes too many times.
fn until(status: u32, times: u32, call: &str) -> String {
    format!(
        "(block $full (loop $more
            (br_if $full (i32.eq {call} (i32.const {status})))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $at) (i32.const {times}))) unreachable))"
    )
}

#[test]
fn memories_and_tables_grow_to_their_limits() {
    let memory = format!(
        "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1000)) (i32.const -1))))
        (if (i32.gt_u (memory.size) (i32.const {LIMIT_PAGES})) (then unreachable))"
    );
    let table = "(loop $more (br_if $more (i32.ne (table.grow (ref.null func) (i32.const 1000000)) (i32.const -1))))
        (if (i32.gt_u (table.size) (i32.const 10000000)) (then unreachable))";
    for host in wasm_hosts() {
        assert_eq!(runs(host, &bomb(MEMORY, &memory)), Ok(Action::Continue), "{}", host.name());
        let with_table = format!("{MEMORY} (table 1 funcref)");
        assert_eq!(runs(host, &bomb(&with_table, table)), Ok(Action::Continue), "{}", host.name());
    }
}

#[test]
fn what_is_too_large_or_of_another_kind_is_refused_with_a_remedy() {
    let two = format!("{MEMORY} (memory 1)");
    let cases = [
        ("4 GiB of memory", r#"(memory (export "memory") 65536)"#),
        ("more than 1 GiB of memory", &format!(r#"(memory (export "memory") {})"#, LIMIT_PAGES + 1)),
        ("a table of 4 billion", r#"(memory (export "memory") 1) (table 4000000000 funcref)"#),
        ("two tables of 9 million", r#"(memory (export "memory") 1) (table 9999999 funcref) (table 10000001 funcref)"#),
        ("64 bits", r#"(memory (export "memory") i64 1)"#),
        ("shared memory", r#"(memory (export "memory") 1 1 shared)"#),
        ("imported memory", r#"(import "env" "memory" (memory 1))|(export "memory" (memory 0))"#),
        ("imported global", r#"(import "env" "g" (global i32))|(memory (export "memory") 1)"#),
        ("imported table", r#"(import "env" "t" (table 1 funcref))|(memory (export "memory") 1)"#),
        ("data outside", r#"(memory (export "memory") 1) (data (i32.const 65536) "x")"#),
        ("no function", r#"(global (export "memory") i32 (i32.const 0))"#),
        ("wrong import", r#"(import "env" "proxy_done" (func $other (param i64)))|(memory (export "memory") 1)"#),
    ];
    for host in wasm_hosts() {
        for (what, definitions) in &cases {
            // Imports come before definitions.
            let (import, definitions) = match definitions.split_once("|") {
                Some((import, definitions)) => (import, definitions),
                None => ("", *definitions),
            };
            let module = bomb(definitions, "").replacen("(module", &format!("(module {import}"), 1);
            let error = start(host, &wat(&module)).map(drop).expect_err(what).to_string();
            assert!(error.contains(';') && !error.contains('\n'), "{what} on {}: {error}", host.name());
        }
        // What is odd and harmless runs.
        let outcome = runs(host, &bomb(&two, ""));
        assert!(outcome.is_ok() || outcome.as_ref().is_err_and(|error| error.stage() == "compile"), "{outcome:?}");
    }
}

#[test]
fn random_bytes_are_no_plugin() {
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    for host in wasm_hosts() {
        for length in 0..300 {
            let mut bytes: Vec<u8> = (0..length)
                .map(|_| {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (random >> 56) as u8
                })
                .collect();
            for header in [&b""[..], b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0", b"\x7fELF"] {
                bytes.splice(..0, header.iter().copied());
                let error = host.compile(&wasm(bytes.clone())).map(drop).unwrap_err().to_string();
                assert!(error.contains(';') && !error.contains('\n'), "{}: {error}", host.name());
            }
        }
    }
}

#[test]
fn what_a_host_keeps_for_a_guest_is_limited() {
    let set = "(call $proxy_set_shared_data (i32.const 0) (i32.const 4) (i32.const 64) (i32.const SIZE) (i32.const 0))";
    // Each turn has a key of its own: the count, stored at 0.
    let keyed = |call: &str| format!("(block (result i32) (i32.store (i32.const 0) (local.get $at)) {call})");
    let queue =
        "(call $be (call $proxy_register_shared_queue (i32.const 64) (i32.const 4) (i32.const 8)) (i32.const 0))";
    let enqueue = "(call $proxy_enqueue_shared_queue (i32.const 1) (i32.const 64) (i32.const SIZE))";
    let add =
        "(call $proxy_add_header_map_value (i32.const 0) (i32.const 64) (i32.const 6) (i32.const 64) (i32.const SIZE))";
    let property = "(call $proxy_set_property (i32.const 0) (i32.const 4) (i32.const 64) (i32.const SIZE))";
    let metric = "(call $proxy_define_metric (i32.const 0) (i32.const 0) (i32.const SIZE) (i32.const 1048576))";
    let register = "(call $proxy_register_shared_queue (i32.const 0) (i32.const SIZE) (i32.const 1048576))";
    let before =
        "(call $proxy_set_buffer_bytes (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64) (i32.const SIZE))";
    let call = "(call $proxy_grpc_call (i32.const 64) (i32.const 4) (i32.const 64) (i32.const 4) (i32.const 64)
        (i32.const SIZE) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 9) (i32.const 8))";
    let cases = [
        ("headers of a mebibyte", 1 << 20, 2, 64, add.to_owned()),
        ("headers of nothing", 0, 2, 10_000, add.to_owned()),
        ("shared data", 1 << 20, 2, 64, keyed(set)),
        ("shared data of nothing", 0, 2, 600_000, keyed(set)),
        ("items", 1 << 20, 10, 64, enqueue.to_owned()),
        ("items of nothing", 0, 10, 1_100_000, enqueue.to_owned()),
        ("properties", 1 << 20, 2, 16, keyed(property)),
        ("properties of nothing", 0, 2, 1024, keyed(property)),
        ("names of metrics", 1 << 20, 10, 16, keyed(metric)),
        ("metrics", 4, 10, 10_000, keyed(metric)),
        ("names of queues", 1 << 20, 10, 64, keyed(register)),
        ("queues", 4, 10, 1024, keyed(register)),
        ("a body", 1 << 20, 2, 64, before.to_owned()),
        ("calls", 1 << 20, 10, 1024, call.to_owned()),
    ];
    for host in wasm_hosts() {
        for (what, size, status, times, call) in &cases {
            let repeated = until(*status, times + 1, &call.replace("SIZE", &size.to_string()));
            let outcome = runs(host, &bomb(MEBIBYTE, &format!("{queue} {repeated}")));
            assert!(outcome.is_ok(), "{what} on {}: {outcome:?}", host.name());
        }
    }
}

#[test]
fn a_guest_that_is_observed_cannot_fill_our_memory_with_what_it_does() {
    let add = "(drop (call $proxy_replace_header_map_value (i32.const 0) (i32.const 64) (i32.const 6) (i32.const 64)
        (i32.const 1048576)))";
    let body = format!(
        "(loop $more {add} (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $at) (i32.const 2000))))"
    );
    for host in wasm_hosts() {
        let mut exchange = exchange();
        exchange.observe();
        assert!(start(host, &wat(&bomb(MEBIBYTE, &body))).unwrap().request(&mut exchange).is_ok());
        let seen = exchange.take_observation().unwrap();
        assert_eq!(seen.counters.host_calls["proxy_replace_header_map_value"], 2000, "they are counted all the same");
        assert!(seen.trace.len() < 100, "{} operations of a mebibyte were kept", seen.trace.len());
    }
}

/// A compiler cannot be interrupted: what takes longer than this is stopped from outside, see `faults.rs`.
#[test]
fn modules_that_are_work_to_compile_are_compiled_or_refused_in_time() {
    let mut many = String::new();
    for at in 0..20_000 {
        let _ = write!(many, "(func (param i32) (result i32) (i32.add (local.get 0) (i32.const {at})))");
    }
    let nested = |depth: usize| format!("{}{}", "(block ".repeat(depth), ")".repeat(depth));
    let data = format!(r#"(memory (export "memory") 200) (data (i32.const 0) "{}")"#, "x".repeat(8 << 20));
    let many_data = r#"(data (i32.const 9) "x")"#.repeat(50_000);
    let locals = format!("(func {})", "(local i64)".repeat(40_000));
    let branches = format!("(block $out {})", "(br_if $out (local.get 0))".repeat(3_000));
    let table = format!("{}{}{}", "(block ".repeat(500), "(br_table 0 499 (local.get 0))".repeat(100), ")".repeat(500));
    let cases = [
        ("20,000 functions", bomb(&format!("{MEMORY} {many}"), "")),
        ("5,000 nested blocks", bomb(MEMORY, &nested(5_000))),
        ("8 MiB of data", bomb(&data, "")),
        ("50,000 segments", bomb(&format!("{MEMORY} {many_data}"), "")),
        ("40,000 locals", bomb(&format!("{MEMORY} {locals}"), "")),
        ("3,000 branches", bomb(MEMORY, &branches)),
        ("a table of branches", bomb(MEMORY, &table)),
    ];
    for host in wasm_hosts() {
        for (what, module) in &cases {
            let plugin = wat(module);
            let begin = Instant::now();
            let outcome = start(host, &plugin).map(drop);
            let elapsed = begin.elapsed();
            assert!(elapsed < Duration::from_secs(20), "{what} on {}: {elapsed:?}", host.name());
            assert!(outcome.is_ok() || outcome.is_err_and(|error| error.to_string().contains(';')), "{what}");
        }
    }
}
