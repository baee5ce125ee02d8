//! Calls to the upstream, and the timer, on every Wasm host: who asks is answered within the request.

use tollgate_fixtures::{Plugin, plugin};
use tollgate_hosts::{Action, Exchange, HOSTS, Host};

/// Headers of a call in the ABI's form, as a WAT string.
fn pairs(fields: &[(&str, &str)]) -> String {
    let mut bytes = (fields.len() as u32).to_le_bytes().to_vec();
    for (name, value) in fields {
        bytes.extend((name.len() as u32).to_le_bytes());
        bytes.extend((value.len() as u32).to_le_bytes());
    }
    for (name, value) in fields {
        bytes.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
    }
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

fn wat(functions: &str) -> Plugin {
    let headers = pairs(&[(":method", "GET"), (":path", "/"), (":authority", "a")]);
    let size = 4 + 3 * 10 + ":method".len() + 3 + ":path".len() + 1 + ":authority".len() + 1;
    let text = format!(
        r#"(module
        (import "env" "proxy_http_call" (func $http (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
        (import "env" "proxy_grpc_call"
            (func $grpc (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
        (import "env" "proxy_grpc_stream" (func $stream (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
        (import "env" "proxy_grpc_cancel" (func $cancel (param i32) (result i32)))
        (import "env" "proxy_grpc_send" (func $send (param i32 i32 i32 i32) (result i32)))
        (import "env" "proxy_redis_call" (func $redis (param i32 i32 i32 i32 i32) (result i32)))
        (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
        (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
        (import "env" "proxy_get_buffer_bytes" (func $buffer (param i32 i32 i32 i32 i32) (result i32)))
        (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
        (import "env" "proxy_set_tick_period_milliseconds" (func $period (param i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 64) "cluster:status")
        (data (i32.const 128) "{headers}")
        (global $stream_context (mut i32) (i32.const 0))
        (global $answers (mut i32) (i32.const 0))
        (func $be (param $status i32) (param $expected i32)
            (if (i32.ne (local.get $status) (local.get $expected)) (then unreachable)))
        ;; A call whose token comes to address 8.
        (func $call (result i32) (call $http (i32.const 64) (i32.const 7) (i32.const 128) (i32.const {size})
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 8)))
        (func $answered (global.set $answers (i32.add (global.get $answers) (i32.const 1))))
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
        (func (export "proxy_on_context_create") (param i32 i32) (global.set $stream_context (local.get 0)))
        {functions})"#
    );
    Plugin {
        name: "calls".to_owned(),
        bytes: wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}")).into(),
        workload_checked: false,
        ..plugin("boundary").expect("the catalogue has it").clone()
    }
}

fn wasm_hosts() -> impl Iterator<Item = &'static dyn Host> {
    let boundary = plugin("boundary").expect("the catalogue has it");
    HOSTS.iter().copied().filter(|host| host.runs(boundary.kind))
}

fn request(host: &dyn Host, functions: &str, exchange: &mut Exchange, times: usize) -> Action {
    let mut instance = host.compile(&wat(functions)).unwrap().instantiate(b"").unwrap();
    let mut outcome = Action::Continue;
    for _ in 0..times {
        outcome = instance.request(exchange).unwrap_or_else(|error| panic!("{}: {error}", host.name()));
    }
    outcome
}

/// On request headers: makes the call, and pauses.
fn asking(call: &str) -> String {
    format!(r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {call} (i32.const 1))"#)
}

#[test]
fn an_http_call_is_answered_and_the_request_resumed() {
    // Status 200 in map 6, "pass" in buffer 4, no trailers in map 7; the token is the one that the call gave.
    let told = r#"(func (export "proxy_on_http_call_response") (param $root i32) (param $token i32) (param $fields i32)
            (param $size i32) (param $trailers i32)
        (call $be (local.get $root) (i32.const 1))
        (call $be (local.get $token) (i32.load (i32.const 8)))
        (call $be (local.get $fields) (i32.const 3))
        (call $be (local.get $size) (i32.const 4))
        (call $be (local.get $trailers) (i32.const 0))
        (call $be (call $get (i32.const 6) (i32.const 71) (i32.const 7) (i32.const 0) (i32.const 4)) (i32.const 0))
        (call $be (i32.load (i32.const 4)) (i32.const 3))
        (call $be (call $get (i32.const 7) (i32.const 71) (i32.const 7) (i32.const 0) (i32.const 4)) (i32.const 1))
        (call $be (call $buffer (i32.const 4) (i32.const 0) (i32.const 100) (i32.const 0) (i32.const 4)) (i32.const 0))
        (call $be (i32.load (i32.load (i32.const 0))) (i32.const 0x73736170))
        (call $be (call $effective (global.get $stream_context)) (i32.const 0))
        (drop (call $continue (i32.const 0))))
        ;; What was told cannot be read afterwards.
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
        (call $be (call $buffer (i32.const 4) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 4)) (i32.const 1))
        (call $be (call $get (i32.const 6) (i32.const 71) (i32.const 7) (i32.const 0) (i32.const 4)) (i32.const 2))
        (i32.const 0))"#;
    let functions = asking("(call $be (call $call) (i32.const 0))") + told;
    for host in wasm_hosts() {
        assert_eq!(request(host, &functions, &mut Exchange::default(), 3), Action::Continue, "{}", host.name());
        // With a body, too: it comes after the answer.
        let mut exchange = Exchange::default().with_bodies(b"body".to_vec(), Vec::new());
        assert_eq!(request(host, &functions, &mut exchange, 1), Action::Continue, "{}", host.name());
        // A plugin that does not listen stays paused, and one that makes a call for each answer comes to an end.
        let silent = asking("(call $be (call $call) (i32.const 0))");
        assert_eq!(request(host, &silent, &mut Exchange::default(), 2), Action::Pause, "{}", host.name());
        let endless = format!(
            r#"{silent} (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32) (drop (call $call)))"#
        );
        assert_eq!(request(host, &endless, &mut Exchange::default(), 2), Action::Pause, "{}", host.name());
    }
}

#[test]
fn grpc_and_redis_are_answered_in_their_own_ways() {
    let grpc = asking(
        "(call $be (call $grpc (i32.const 64) (i32.const 7) (i32.const 64) (i32.const 1) (i32.const 64) (i32.const 1)
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 9) (i32.const 8)) (i32.const 0))",
    ) + r#"(func (export "proxy_on_grpc_receive") (param i32 i32 i32)
        (call $be (local.get 1) (i32.load (i32.const 8))) (call $be (local.get 2) (i32.const 0))
        (call $be (call $buffer (i32.const 5) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 4)) (i32.const 0))
        (drop (call $continue (i32.const 0))))
        (func (export "proxy_on_grpc_close") (param i32 i32 i32) unreachable)"#;
    let open = "(call $be (call $stream (i32.const 64) (i32.const 7) (i32.const 64) (i32.const 1) (i32.const 64)
        (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 8)) (i32.const 0))
        (call $be (call $send (i32.load (i32.const 8)) (i32.const 64) (i32.const 4) (i32.const 1)) (i32.const 0))";
    let stream = asking(open)
        + r#"(func (export "proxy_on_grpc_receive_initial_metadata") (param i32 i32 i32) (call $answered))
        (func (export "proxy_on_grpc_receive_trailing_metadata") (param i32 i32 i32) (call $answered))
        (func (export "proxy_on_grpc_close") (param i32 i32 i32)
        (call $be (global.get $answers) (i32.const 2)) (call $be (local.get 2) (i32.const 0))
        (global.set $answers (i32.const 0)) (drop (call $continue (i32.const 0))))"#;
    // Each message is answered by one, and a stream that is not ended stays open.
    let message =
        "(call $be (call $send (i32.load (i32.const 8)) (i32.const 64) (i32.const 4) (i32.const END)) (i32.const 0))";
    let opened = open.split_inclusive("(i32.const 0))").take(1).collect::<String>();
    let messages = asking(&format!("{opened} {0} {0}", message.replace("END", "0")))
        + &format!(
            r#"(func (export "proxy_on_grpc_receive") (param i32 i32 i32) (call $answered)
            (call $be (call $get (i32.const 4) (i32.const 71) (i32.const 7) (i32.const 0) (i32.const 4)) (i32.const 2))
            (if (i32.eq (global.get $answers) (i32.const 2)) (then {})))
            (func (export "proxy_on_grpc_receive_initial_metadata") (param i32 i32 i32)
            (call $be (call $get (i32.const 4) (i32.const 71) (i32.const 7) (i32.const 0) (i32.const 4)) (i32.const 1)))
            (func (export "proxy_on_grpc_close") (param i32 i32 i32)
            (call $be (global.get $answers) (i32.const 3)) (global.set $answers (i32.const 0))
            (drop (call $continue (i32.const 0))))"#,
            message.replace("END", "1")
        );
    let cancelled = asking(&format!(
        "{open} (call $be (call $cancel (i32.load (i32.const 8))) (i32.const 0))
        (call $be (call $cancel (i32.load (i32.const 8))) (i32.const 1))
        (call $be (call $send (i32.load (i32.const 8)) (i32.const 64) (i32.const 4) (i32.const 1)) (i32.const 1))"
    )) + r#"(func (export "proxy_on_grpc_close") (param i32 i32 i32) unreachable)"#;
    let redis = asking(
        "(call $be (call $redis (i32.const 64) (i32.const 7) (i32.const 64) (i32.const 7) (i32.const 8)) (i32.const 0))",
    ) + r#"(func (export "proxy_on_redis_call_response") (param i32 i32 i32 i32)
        (call $be (local.get 1) (i32.load (i32.const 8))) (call $be (local.get 2) (i32.const 0))
        (call $be (call $buffer (i32.const 9) (i32.const 0) (local.get 3) (i32.const 0) (i32.const 4)) (i32.const 0))
        (call $be (i32.load (i32.const 4)) (i32.const 5))
        (drop (call $continue (i32.const 0))))"#;
    for host in wasm_hosts() {
        for (what, functions, expected) in [
            ("call", &grpc, Action::Continue),
            ("stream", &stream, Action::Continue),
            ("messages", &messages, Action::Continue),
            ("cancelled", &cancelled, Action::Pause),
            ("redis", &redis, Action::Continue),
        ] {
            assert_eq!(request(host, functions, &mut Exchange::default(), 2), expected, "{what} on {}", host.name());
        }
    }
}

#[test]
fn a_timer_ticks_before_observed_requests_and_never_while_timing() {
    let ticking = r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
            (call $be (call $period (i32.const 10)) (i32.const 0)) (i32.const 1))
        (func (export "proxy_on_tick") (param i32)
            (call $be (local.get 0) (i32.const 1)) (call $be (call $call) (i32.const 0)))
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32) (call $answered))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (i32.ne (global.get $answers) (i32.const EXPECTED)))"#;
    for host in wasm_hosts() {
        let run = |expected: &str, observed: &[bool]| {
            let mut instance =
                host.compile(&wat(&ticking.replace("EXPECTED", expected))).unwrap().instantiate(b"").unwrap();
            let mut exchange = Exchange::default();
            let mut last = Action::Continue;
            for observed in observed {
                if *observed {
                    exchange.observe();
                }
                last = instance.request(&mut exchange).unwrap();
                let observation = exchange.take_observation();
                // The tick's own calls are not the request's.
                assert!(observation.is_none_or(|seen| seen.counters.host_calls.is_empty()), "{}", host.name());
            }
            last
        };
        assert_eq!(run("0", &[false, false]), Action::Continue, "{}", host.name());
        assert_eq!(run("2", &[true, false, true]), Action::Continue, "{}", host.name());
    }
}
