//! The order of calls of the ABI, and what becomes of a plugin's answers, on every Wasm host.

use tollgate_fixtures::{Plugin, plugin};
use tollgate_hosts::{Action, Exchange, HOSTS, Host, HostError, Instance, Trailers};

/// A plugin with these functions beside what every plugin needs. `$say` logs one letter and a number below ten.
fn wat(functions: &str) -> Plugin {
    let text = format!(
        r#"(module
        (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
        (import "env" "proxy_send_local_response"
            (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
        (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
        (import "env" "proxy_done" (func $done (result i32)))
        (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
        (import "env" "proxy_register_shared_queue" (func $register (param i32 i32 i32) (result i32)))
        (import "env" "proxy_enqueue_shared_queue" (func $enqueue (param i32 i32 i32) (result i32)))
        (import "env" "proxy_dequeue_shared_queue" (func $dequeue (param i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 64) "body of the answer")
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
        (func $be (param $status i32) (param $expected i32)
            (if (i32.ne (local.get $status) (local.get $expected)) (then unreachable)))
        (func $say (param $letter i32) (param $number i32)
            (i32.store8 (i32.const 0) (local.get $letter))
            (i32.store8 (i32.const 1) (i32.add (i32.const 48) (local.get $number)))
            (drop (call $log (i32.const 2) (i32.const 0) (i32.const 2))))
        {functions})"#
    );
    Plugin {
        name: "test".to_owned(),
        bytes: wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}")).into(),
        workload_checked: false,
        ..plugin("boundary").expect("the catalogue has it").clone()
    }
}

fn wasm_hosts() -> impl Iterator<Item = &'static dyn Host> {
    let boundary = plugin("boundary").expect("the catalogue has it");
    HOSTS.iter().copied().filter(|host| host.runs(boundary.kind))
}

fn start(host: &dyn Host, functions: &str) -> Result<Box<dyn Instance>, HostError> {
    host.compile(&wat(functions))?.instantiate(b"cfg")
}

fn exchange() -> Exchange {
    let fields = |name: &str| vec![(name.to_owned(), "x".to_owned())];
    Exchange::new(&fields("a"), &fields("b"))
}

const REPORTING: &str = r#"
    (func (export "_initialize") (call $say (i32.const 73) (i32.const 0)))
    (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
        (call $say (i32.const 86) (local.get 1)) (i32.const 1))
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (call $say (i32.const 67) (local.get 1)) (i32.const 1))
    (func (export "proxy_on_context_create") (param i32 i32)
        (call $say (i32.const 99) (local.get 0)) (call $say (i32.const 112) (local.get 1)))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (call $say (i32.const 114) (local.get 1)) (call $say (i32.const 101) (local.get 2)) (i32.const 0))
    (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
        (call $say (i32.const 98) (local.get 1)) (i32.const 0))
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
        (call $say (i32.const 82) (local.get 1)) (i32.const 0))
    (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32)
        (call $say (i32.const 66) (local.get 1)) (i32.const 0))
    (func (export "proxy_on_done") (param i32) (result i32) (call $say (i32.const 100) (local.get 0)) (i32.const 1))
    (func (export "proxy_on_log") (param i32) (call $say (i32.const 108) (local.get 0)))"#;

#[test]
fn calls_come_in_the_order_of_the_abi() {
    for host in wasm_hosts() {
        // Deleting the fourth context traps, so that the error tells the last calls.
        let functions = format!(
            r#"{REPORTING} (func (export "proxy_on_delete") (param i32)
            (call $say (i32.const 120) (local.get 0)) (if (i32.eq (local.get 0) (i32.const 4)) (then unreachable)))"#
        );
        let mut instance = start(host, &functions).unwrap();
        for _ in 0..2 {
            assert_eq!(instance.request(&mut exchange()), Ok(Action::Continue));
        }
        let mut last = exchange().with_bodies(b"12345".to_vec(), b"123".to_vec());
        let error = instance.request(&mut last).unwrap_err();
        let message = error.to_string();
        let said = "c4 | p1 | r1 | e0 | b5 | R1 | B3 | d4 | l4 | x4";
        assert!(message.ends_with(said), "{message}");
        assert!(message.contains("proxy_on_delete"), "{message}");
        // Dead from now on, and it says why.
        let dead = instance.request(&mut exchange()).unwrap_err();
        assert!(matches!(dead, HostError::Dead { callback: "proxy_on_delete", .. }), "{dead}");
        assert_eq!(dead.stage(), "request");

        let refuses = REPORTING.replace(
            r#"(call $say (i32.const 67) (local.get 1)) (i32.const 1)"#,
            "(call $say (i32.const 67) (local.get 1)) (i32.const 0)",
        );
        let message = start(host, &refuses).map(drop).unwrap_err().to_string();
        assert!(message.ends_with("it had said: I0 | c1 | p0 | V0 | C3"), "{message}");
    }
}

#[test]
fn answers_and_pauses_end_the_request_there() {
    let answer = "(drop (call $respond (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 18)
        (i32.const 0) (i32.const 0) (i32.const -1)))";
    let resume = "(drop (call $continue (i32.const 0)))";
    let cases = [
        ("", 0, Action::Continue),
        ("", 1, Action::Pause),
        (resume, 1, Action::Continue),
        (answer, 1, Action::LocalResponse),
        (answer, 0, Action::LocalResponse),
    ];
    for host in wasm_hosts() {
        for (body, answer, expected) in cases {
            // The response's headers must only be seen by requests that go on.
            let trap = if expected == Action::Continue { "" } else { "unreachable" };
            let functions = format!(
                r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {body} (i32.const {answer}))
                (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) {trap} (i32.const 0))"#
            );
            let mut instance = start(host, &functions).unwrap();
            let mut exchange = exchange();
            for _ in 0..2 {
                exchange.reset();
                assert_eq!(instance.request(&mut exchange), Ok(expected), "{body} {answer}");
            }
            if expected == Action::LocalResponse {
                let response = exchange.local_response.take().unwrap();
                assert_eq!((response.status, response.body.as_slice()), (403, &b"body of the answer"[..]));
            }
        }
    }
}

/// Adds the field `b: body` to a map, and wants this status.
fn add_to(map: u32, status: u32) -> String {
    let field = "(i32.const 64) (i32.const 1) (i32.const 64) (i32.const 4)";
    format!("(call $be (call $add (i32.const {map}) {field}) (i32.const {status}))")
}

#[test]
fn trailers_come_after_the_body_and_can_be_added_at_its_end() {
    let callbacks = |request_body: &str, end: u32| {
        let (to_request, to_response) = (add_to(1, 0), add_to(3, 0));
        format!(
            r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
                (call $be (local.get 2) (i32.const 0)) {} (i32.const 0))
            (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
                (call $be (local.get 2) (i32.const {end})) {request_body} (i32.const 0))
            (func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
                (call $be (local.get 1) (i32.const 1)) {to_request} (i32.const 0))
            (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
                (call $be (local.get 2) (i32.const {end})) {to_request} (i32.const 0))
            (func (export "proxy_on_response_trailers") (param i32 i32) (result i32)
                (call $be (local.get 1) (i32.const 2)) {to_response} (i32.const 0))"#,
            add_to(3, 2)
        )
    };
    let trailers = Trailers {
        request: [("checksum", "1")].into_iter().collect(),
        response: [("c", "2"), ("d", "3")].into_iter().collect(),
    };
    for host in wasm_hosts() {
        let mut sent = exchange().with_bodies(b"body".to_vec(), Vec::new()).with_trailers(trailers.clone());
        let mut instance = start(host, &callbacks("", 0)).unwrap();
        for _ in 0..2 {
            sent.reset();
            assert_eq!(instance.request(&mut sent), Ok(Action::Continue));
            let after = sent.trailers.as_ref().unwrap();
            assert_eq!((after.request.len(), after.response.len()), (3, 3), "two and one were added");
        }
        // Without any, they can be added at the end of the body, and the plugin is not told of its own.
        let mut none = exchange().with_bodies(b"body".to_vec(), Vec::new());
        let mut instance = start(host, &callbacks(&add_to(1, 0), 1)).unwrap();
        for _ in 0..2 {
            none.reset();
            assert_eq!(none.trailers, None);
            assert_eq!(instance.request(&mut none), Ok(Action::Continue));
            assert_eq!(none.trailers.as_ref().unwrap().request.get("b"), Some(&b"body"[..]));
        }
        // A pause in the trailers is a pause.
        let pausing = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))
            (func (export "proxy_on_request_trailers") (param i32 i32) (result i32) (i32.const 1))"#;
        sent.reset();
        assert_eq!(start(host, pausing).unwrap().request(&mut sent), Ok(Action::Pause));
    }
}

#[test]
fn a_queue_that_something_came_into_is_ready_once_the_callback_is_over() {
    let functions = r#"(global $ready (mut i32) (i32.const 0))
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
            (call $be (call $register (i32.const 64) (i32.const 4) (i32.const 8)) (i32.const 0)) (i32.const 1))
        (func $put (call $be (call $enqueue (i32.load (i32.const 8)) (i32.const 64) (i32.const 4)) (i32.const 0)))
        (func (export "proxy_on_queue_ready") (param i32 i32)
            (call $be (local.get 0) (i32.const 1)) (call $be (local.get 1) (i32.load (i32.const 8)))
            (call $be (call $dequeue (local.get 1) (i32.const 16) (i32.const 20)) (i32.const 0))
            (global.set $ready (i32.add (global.get $ready) (i32.const 1)))
            ;; What comes meanwhile is told, too.
            (if (i32.eq (global.get $ready) (i32.const 2)) (then (call $put))))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (call $put) (call $put) (call $be (global.get $ready) (i32.const 0)) (i32.const 0))
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
            (call $be (global.get $ready) (i32.const 3)) (global.set $ready (i32.const 0)) (i32.const 0))"#;
    let endless =
        functions.replace("(if (i32.eq (global.get $ready) (i32.const 2)) (then (call $put)))", "(call $put)");
    let endless = endless.replace("(call $be (global.get $ready) (i32.const 3))", "");
    for host in wasm_hosts() {
        let mut instance = start(host, functions).unwrap();
        for _ in 0..3 {
            assert_eq!(instance.request(&mut exchange()), Ok(Action::Continue));
        }
        assert_eq!(start(host, &endless).unwrap().request(&mut exchange()), Ok(Action::Continue));
    }
}

#[test]
fn an_end_that_is_put_off_can_be_declared_once() {
    let functions = r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
            (call $be (call $register (i32.const 64) (i32.const 4) (i32.const 8)) (i32.const 0)) (i32.const 1))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (call $be (call $done) (i32.const 1)) (i32.const 0))
        (func (export "proxy_on_done") (param i32) (result i32)
            (call $be (call $done) (i32.const 1))
            (call $be (call $enqueue (i32.load (i32.const 8)) (i32.const 64) (i32.const 4)) (i32.const 0))
            (i32.const ANSWER))
        (func (export "proxy_on_queue_ready") (param i32 i32)
            (call $be (call $done) (i32.const STATUS)) (call $be (call $done) (i32.const 1)))"#;
    for host in wasm_hosts() {
        for (answer, status) in [("0", "0"), ("1", "1")] {
            let functions = functions.replace("ANSWER", answer).replace("STATUS", status);
            let mut instance = start(host, &functions).unwrap();
            for _ in 0..2 {
                assert_eq!(instance.request(&mut exchange()), Ok(Action::Continue), "{answer} {status}");
            }
        }
    }
}

#[test]
fn a_plugin_for_tcp_streams_is_refused_with_a_word() {
    let tcp = r#"(func (export "proxy_on_new_connection") (param i32) (result i32) (i32.const 0))"#;
    for host in wasm_hosts() {
        let error = host.compile(&wat(tcp)).map(drop).unwrap_err().to_string();
        assert!(error.contains("TCP") && error.contains("proxy_on_request_headers"), "{error}");
    }
}

#[test]
fn a_plugin_without_callbacks_of_requests_would_look_fast_and_is_refused() {
    for host in wasm_hosts() {
        let error = host.compile(&wat("")).map(drop).unwrap_err();
        assert!(error.to_string().contains("proxy_on_request_headers"), "{error}");
        // Any one of them will do for a plugin that is held to no workload.
        let only_log = r#"(func (export "proxy_on_log") (param i32))"#;
        assert!(host.compile(&wat(only_log)).is_ok());
        let checked = Plugin { workload_checked: true, ..wat(only_log) };
        assert!(host.compile(&checked).is_err());
    }
}

#[test]
fn what_is_no_plugin_is_refused_with_a_message() {
    let boundary = plugin("boundary").unwrap();
    for host in wasm_hosts() {
        for length in [0, 1, 4, 8, 9, 100, boundary.bytes.len() - 1] {
            let cut = Plugin { bytes: boundary.bytes[..length].into(), ..boundary.clone() };
            assert!(matches!(host.compile(&cut), Err(HostError::Compile { .. })), "{length} bytes");
        }
    }
}

#[test]
fn memory_that_a_plugin_may_not_have_is_refused_and_recursion_ends() {
    for host in wasm_hosts() {
        let grow = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (i32.ne (memory.grow (i32.const 60000)) (i32.const -1)))"#;
        assert_eq!(start(host, grow).unwrap().request(&mut exchange()), Ok(Action::Continue), "it got 3.9 GB");
        let recurse = r#"(func $f (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (i32.add (i32.const 1) (call $f (local.get 0) (local.get 1) (local.get 2))))"#;
        let error = start(host, recurse).unwrap().request(&mut exchange()).unwrap_err();
        assert!(error.to_string().contains("recursion"), "{error}");
    }
}

#[test]
fn a_start_section_that_does_not_end_is_stopped() {
    for host in wasm_hosts() {
        let endless = r#"(func $start (call $say (i32.const 83) (i32.const 0)) (loop $more (br $more))) (start $start)
            (func (export "proxy_on_log") (param i32))"#;
        let error = start(host.metered().expect("Wasm hosts meter"), endless).map(drop).unwrap_err();
        assert!(error.stage() == "instantiate" && error.to_string().contains("in time"), "{}: {error}", host.name());
        assert!(error.to_string().ends_with("it had said: S0"), "{}: {error}", host.name());
    }
}

#[test]
fn a_long_loop_uses_no_stack() {
    // An interpreter whose steps call one another runs out of it, and takes the process along.
    let grow = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (local $left i32)
        (local.set $left (i32.const 1000000))
        (loop $more
            (drop (memory.grow (i32.const 0)))
            (drop (call $continue (i32.const 9)))
            (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        (i32.const 0))"#;
    for host in wasm_hosts() {
        assert_eq!(start(host, grow).unwrap().request(&mut exchange()), Ok(Action::Continue));
    }
}

#[test]
fn instances_share_nothing() {
    for host in wasm_hosts() {
        let counts = r#"(global $n (mut i32) (i32.const 0))
            (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
                (global.set $n (i32.add (global.get $n) (i32.const 1))) (i32.gt_u (global.get $n) (i32.const 1)))"#;
        let module = host.compile(&wat(counts)).unwrap();
        for _ in 0..2 {
            let mut instance = module.instantiate(b"").unwrap();
            assert_eq!(instance.request(&mut exchange()), Ok(Action::Continue));
            assert_eq!(instance.request(&mut exchange()), Ok(Action::Pause));
        }
    }
}
