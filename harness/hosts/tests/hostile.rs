//! What a hostile plugin does wherever it is called: it never comes back, or uses up its stack, or traps. Each is an
//! error that says where and what, and the host lives on.

mod guests;

use std::time::{Duration, Instant};

use guests::{exchange, imports, start, wasm_hosts, wat};
use tollgate_fixtures::Plugin;
use tollgate_hosts::{Action, Exchange, HostError, Trailers};

/// A function that a host calls: its name, parameters and result in WAT, and whether it belongs to the start.
const PLACES: &[(&str, &str, bool)] = &[
    ("", "", true),
    ("_initialize", "", true),
    ("main", "(param i32 i32) (result i32)", true),
    ("proxy_on_context_create", "(param i32 i32)", true),
    ("proxy_on_vm_start", "(param i32 i32) (result i32)", true),
    ("proxy_on_configure", "(param i32 i32) (result i32)", true),
    ("proxy_on_memory_allocate", "(param i32) (result i32)", false),
    ("proxy_on_tick", "(param i32)", false),
    ("proxy_on_queue_ready", "(param i32 i32)", false),
    ("proxy_on_grpc_receive", "(param i32 i32 i32)", false),
    ("proxy_on_request_headers", "(param i32 i32 i32) (result i32)", false),
    ("proxy_on_request_body", "(param i32 i32 i32) (result i32)", false),
    ("proxy_on_request_trailers", "(param i32 i32) (result i32)", false),
    ("proxy_on_response_headers", "(param i32 i32 i32) (result i32)", false),
    ("proxy_on_response_body", "(param i32 i32 i32) (result i32)", false),
    ("proxy_on_response_trailers", "(param i32 i32) (result i32)", false),
    ("proxy_on_done", "(param i32) (result i32)", false),
    ("proxy_on_log", "(param i32)", false),
    ("proxy_on_delete", "(param i32)", false),
];

/// A plugin that is fine but for one of its functions. Its other functions see to it that this one is called.
fn plugin(bad: &str, body: &str) -> Plugin {
    let functions: String = PLACES
        .iter()
        .map(|(name, signature, _)| {
            let answers = signature.contains("result");
            let fine = match *name {
                "proxy_on_memory_allocate" => "(i32.const 1024)",
                // 1 is true where the answer is a truth, and 0 is to go on.
                "proxy_on_vm_start" | "proxy_on_done" | "main" => "(i32.const 1)",
                "proxy_on_configure" => {
                    "(drop (call $proxy_set_tick_period_milliseconds (i32.const 9)))
                    (drop (call $proxy_register_shared_queue (i32.const 64) (i32.const 1) (i32.const 8))) (i32.const 1)"
                }
                "proxy_on_request_headers" => {
                    "(drop (call $proxy_enqueue_shared_queue (i32.const 1) (i32.const 64) (i32.const 1)))
                    (drop (call $proxy_grpc_call (i32.const 64) (i32.const 1) (i32.const 64) (i32.const 1)
                        (i32.const 64) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                        (i32.const 9) (i32.const 8)))
                    (drop (call $proxy_get_header_map_value (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 0)
                        (i32.const 4)))
                    (i32.const 0)"
                }
                _ if answers => "(i32.const 0)",
                _ => "",
            };
            let body = if *name == bad { body } else { fine };
            match *name {
                "" => format!("(func $start {body}) (start $start)"),
                name => format!("(func $f_{name} (export \"{name}\") {signature} {body})"),
            }
        })
        .collect();
    wat(&format!(
        r#"(module {} (memory (export "memory") 1) (data (i32.const 64) "a")
        (func (export "proxy_abi_version_0_2_1")) {functions})"#,
        imports()
    ))
}

fn full_exchange() -> Exchange {
    let fields = || [("t", "1")].into_iter().collect();
    let mut exchange = exchange().with_trailers(Trailers { request: fields(), response: fields() });
    // So that the timer ticks.
    exchange.observe();
    exchange
}

/// How each place fails, on each Wasm host: metered, because that is how strangers' plugins are first run.
fn failures(body: impl Fn(&str) -> String, check: impl Fn(&str, &HostError)) {
    for host in wasm_hosts().map(|host| host.metered().expect("Wasm hosts can meter")) {
        for (name, _, at_start) in PLACES {
            let begin = Instant::now();
            let bad = plugin(name, &body(name));
            let error = match start(host, &bad) {
                Err(error) => error,
                Ok(mut instance) => {
                    let error = instance.request(&mut full_exchange()).expect_err(name);
                    let dead = instance.request(&mut full_exchange()).unwrap_err();
                    assert!(matches!(dead, HostError::Dead { .. }), "{name}: {dead}");
                    error
                }
            };
            let stage = if *at_start { "instantiate" } else { "request" };
            assert_eq!(error.stage(), stage, "{name} on {}: {error}", host.name());
            let by_name = name.is_empty() || *name == "proxy_on_memory_allocate" || error.to_string().contains(name);
            assert!(by_name, "{name} on {}: {error}", host.name());
            check(name, &error);
            assert!(begin.elapsed() < Duration::from_secs(20), "{name} on {}: {:?}", host.name(), begin.elapsed());
            let fine = start(host, &plugin("none", "")).unwrap().request(&mut full_exchange());
            assert_eq!(fine, Ok(Action::Continue), "after {name} on {}", host.name());
        }
    }
}

#[test]
fn a_trap_anywhere_is_an_error_that_names_the_place() {
    failures(
        |_| "unreachable".to_owned(),
        |name, error| assert!(error.to_string().contains("unreachable"), "{name}: {error}"),
    );
}

#[test]
fn an_endless_loop_anywhere_ends() {
    // Much that counts and takes no time, so that the end comes soon; a plain loop is among the bad plugins.
    let work = "(drop (i32.const 0))".repeat(1_000);
    failures(
        |_| format!("(loop $forever {work} (br $forever)) unreachable"),
        |name, error| assert!(error.to_string().contains("time"), "{name}: {error}"),
    );
}

#[test]
fn an_endless_recursion_anywhere_ends() {
    let recursion = |name: &str| {
        let (_, signature, _) = PLACES.iter().find(|(place, ..)| *place == name).expect("it is a place");
        let count = signature.split(')').next().unwrap_or_default().matches("i32").count();
        let arguments: String = (0..count).map(|at| format!("(local.get {at})")).collect();
        let function = if name.is_empty() { "start".to_owned() } else { format!("f_{name}") };
        // What comes after the call keeps it from being a jump.
        let call = format!("(call ${function} {arguments})");
        if signature.contains("result") { format!("(i32.add {call} (i32.const 1))") } else { format!("{call} (nop)") }
    };
    failures(recursion, |name, error| {
        // A reported stack, or time: an interpreter may be slower than its stack is deep.
        assert!(error.to_string().contains("recursion"), "{name}: {error}");
    });
}

#[test]
fn the_plugin_itself_is_fine() {
    for host in wasm_hosts() {
        let mut instance = start(host, &plugin("none", "")).unwrap();
        assert_eq!(instance.request(&mut full_exchange()), Ok(Action::Continue), "{}", host.name());
    }
}
