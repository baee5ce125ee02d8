//! A plugin that logs a line more does the same, and asks its host one thing more, or hands it one byte more.

mod support;

use support::hosts_for;
use tollgate_fixtures::{Plugin, plugins, workload};
use tollgate_hosts::{logged, verify};
use tollgate_record::{Counters, PluginKind};

fn logs(plugin: &Plugin, lines: u32, bytes: u32) -> Plugin {
    let made = logged(plugin, lines, bytes).unwrap_or_else(|error| panic!("{}: {error}", plugin.name));
    Plugin { bytes: made.into(), ..plugin.clone() }
}

/// Without its fuel and instructions, and those of the spreads.
fn without_instructions(mut counters: Counters) -> Counters {
    (counters.fuel, counters.lua_instructions) = (None, None);
    counters.varying.retain(|name, _| name != "fuel" && name != "lua_instructions");
    counters
}

#[test]
fn one_more_is_all_that_is_more() {
    let workload = workload("headers").unwrap();
    for plugin in plugins().iter().filter(|plugin| matches!(plugin.kind, PluginKind::ProxyWasm | PluginKind::Lua)) {
        let sides = [(0, 0), (1, 0), (1, 1)].map(|(lines, bytes)| logs(plugin, lines, bytes));
        assert_eq!(sides[0].bytes.len(), sides[1].bytes.len(), "{}: a gate compares sizes, too", plugin.name);
        assert_eq!(sides[0].bytes.len(), sides[2].bytes.len());
        // The large ones, which take long to compile, on the first host only.
        let hosts = if plugin.bytes.len() < 100_000 { usize::MAX } else { 1 };
        for host in hosts_for(plugin.kind).take(hosts) {
            let at = format!("{} on {}", plugin.name, host.name());
            let counted = |side: &Plugin| {
                verify(host, side, workload).unwrap_or_else(|failure| panic!("{at}: {failure:?}")).counters
            };
            let [plain, call, byte] = [0, 1, 2].map(|side| counted(&sides[side]));

            let name = if plugin.kind == PluginKind::Lua { "log" } else { "proxy_log" };
            let mut one_more = plain.clone();
            *one_more.host_calls.entry(name.to_owned()).or_default() += 1;
            assert_eq!(without_instructions(call.clone()), without_instructions(one_more), "{at}");
            let one_more = Counters { bytes_out: call.bytes_out + 1, ..call.clone() };
            assert_eq!(without_instructions(byte.clone()), without_instructions(one_more.clone()), "{at}");
            // Strings of scripts are collected, which some Luas count; of Wasm all is exact.
            if plugin.kind == PluginKind::ProxyWasm {
                assert!(call.fuel >= plain.fuel, "{at}: a call is made by instructions");
                assert_eq!(byte, one_more, "{at}: not even an instruction more");
            }
            // As it is, it counts what the side counts in which nothing is logged, but for the loop that is not entered.
            assert_eq!(without_instructions(counted(plugin)), without_instructions(plain), "{at}");
        }
    }
}

/// Names its own functions wherever a module can: each number is another one once there is one more import.
const NAMES_ALL: &str = r#"(module
  (type $get (func (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $read (type $get)))
  (memory (export "memory") 1)
  (table $table 4 funcref)
  (global $inner (ref func) (ref.func $seven))
  (global $started (mut i32) (i32.const 0))
  (elem (table $table) (i32.const 0) func $five $six)
  (elem (table $table) (i32.const 2) funcref (ref.func $seven) (ref.null func))
  (elem declare func $eight)
  (start $start)
  (func $five (result i32) (i32.const 5))
  (func $six (result i32) (i32.const 6))
  (func $seven (result i32) (i32.const 7))
  (func $eight (result i32) (i32.const 8))
  (func $tail (result i32) (return_call $eight))
  (func $start (global.set $started (i32.const 9)))
  (func $check (param $got i32) (param $wanted i32)
    (if (i32.ne (local.get $got) (local.get $wanted)) (then (unreachable))))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_request_headers") (param $context i32) (param $headers i32) (param $end i32) (result i32)
    (local $unused i64)
    (drop (call $read (i32.const 7) (i32.const 0) (i32.const 1) (i32.const 8) (i32.const 12)))
    (call $check (call_indirect (result i32) (i32.const 0)) (i32.const 5))
    (call $check (call_indirect (result i32) (i32.const 1)) (i32.const 6))
    (call $check (call_indirect (result i32) (i32.const 2)) (i32.const 7))
    (table.set $table (i32.const 3) (ref.func $eight))
    (call $check (call_indirect (result i32) (i32.const 3)) (i32.const 8))
    (table.set $table (i32.const 3) (global.get $inner))
    (call $check (call_indirect (result i32) (i32.const 3)) (i32.const 7))
    (call $check (call $tail) (i32.const 8))
    (call $check (global.get $started) (i32.const 9))
    (i32.const 0)))"#;

#[test]
fn a_module_calls_the_same_functions_as_before() {
    let any = plugins().iter().find(|plugin| plugin.kind == PluginKind::ProxyWasm).unwrap();
    let bytes = wat::parse_str(NAMES_ALL).unwrap();
    let plugin = Plugin { bytes: bytes.into(), workload_checked: false, ..any.clone() };
    let host = hosts_for(PluginKind::ProxyWasm).next().unwrap();
    let workload = workload("headers").unwrap();
    let calls =
        |plugin: &Plugin| verify(host, plugin, workload).unwrap_or_else(|it| panic!("{it:?}")).counters.host_calls;
    let mut before = calls(&plugin);
    before.insert("proxy_log".to_owned(), 2);
    assert_eq!(calls(&logs(&plugin, 2, 1)), before);
}

#[test]
fn what_nothing_can_be_put_into_says_so() {
    let native = plugins().iter().find(|plugin| plugin.kind == PluginKind::Native).unwrap();
    assert!(logged(native, 1, 1).unwrap_err().contains("native"));
    for (module, said) in [
        (r#"(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1")))"#, "exports none"),
        (r#"(module (func (export "proxy_on_log") (param i32)))"#, "imports nothing"),
    ] {
        let bytes = wat::parse_str(module).unwrap();
        let module = Plugin { kind: PluginKind::ProxyWasm, bytes: bytes.into(), ..native.clone() };
        assert!(logged(&module, 1, 1).unwrap_err().contains(said), "{said}");
        let damaged = Plugin { bytes: module.bytes[..20].to_vec().into(), ..module };
        assert!(logged(&damaged, 1, 1).is_err());
    }
}
