//! Each host function by the specification, on every Wasm host: what is called, the status it answers, its effect.
//!
//! A case is a guest written for it. The guest makes the call on request headers (or in its configuration, or on
//! response headers) and traps unless the status is the expected one; then it checks the effect that the case names.

use tollgate_fixtures::{Plugin, plugin};
use tollgate_hosts::{Action, Exchange, HOSTS, Host, HostError};

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const BAD_ARGUMENT: u32 = 2;
const PARSE_FAILURE: u32 = 4;
const INVALID_MEMORY: u32 = 6;

const UNIMPLEMENTED: u32 = 12;

/// Where a call is made.
#[derive(Debug, Clone, Copy, PartialEq)]
enum At {
    Configure,
    Request,
    Response,
}
use At::{Configure, Request, Response};

/// When, the import, its arguments in WAT, the status expected, and WAT that checks the effect or nothing.
type Case = (At, &'static str, &'static str, u32, &'static str);

// The guest's memory. Results are wanted at 0 and 4 (pointer, size) and 8; texts stand at 100 and on:
// 100 `name`, 104 `value`, 109 `:path`, 114 `accept`, 120 `missing`, 127 `plugin_root_id`, 141 `plugin_name`,
// 152 `clear_route_cache`, 169 `other`, 174 `request\0method`; pairs `a: b` at 192 (18 bytes), broken ones at 224.
const TEXTS: &str = r"namevalue:pathacceptmissingplugin_root_idplugin_nameclear_route_cacheotherrequest\00method";
const PAIRS: &str = r"\01\00\00\00\01\00\00\00\01\00\00\00a\00b\00";

/// What was given is `size` bytes that begin with this byte.
const GIVEN_1_X: &str = "(call $given (i32.const 1) (i32.const 0x78))";
const GIVEN_4_BODY: &str = "(call $given (i32.const 4) (i32.const 0x62))";
const GIVEN_NOTHING: &str =
    "(call $be (i32.load (i32.const 0)) (i32.const 0)) (call $be (i32.load (i32.const 4)) (i32.const 0))";

const CASES: &[Case] = &[
    // Logging and time.
    (Request, "proxy_log", "2 100 4", OK, ""),
    (Request, "proxy_log", "5 100 0", OK, ""),
    (Request, "proxy_log", "6 100 4", BAD_ARGUMENT, ""),
    (Request, "proxy_log", "2 65535 2", INVALID_MEMORY, ""),
    (Request, "proxy_log", "2 -1 -1", INVALID_MEMORY, ""),
    (Request, "proxy_get_log_level", "8", OK, "(call $be (i32.load (i32.const 8)) (i32.const 2))"),
    (Request, "proxy_get_log_level", "65533", INVALID_MEMORY, ""),
    (
        Request,
        "proxy_get_current_time_nanoseconds",
        "8",
        OK,
        "(if (i64.le_u (i64.load (i32.const 8)) (i64.const 1700000000000000000)) (then unreachable))",
    ),
    (Request, "proxy_set_tick_period_milliseconds", "100", OK, ""),
    // Properties.
    (Configure, "proxy_get_property", "127 14 0 4", OK, GIVEN_NOTHING),
    (Configure, "proxy_get_property", "141 11 0 4", OK, "(call $be (i32.load (i32.const 4)) (i32.const 11))"),
    (Configure, "proxy_get_property", "174 14 0 4", NOT_FOUND, ""),
    (Request, "proxy_get_property", "174 14 0 4", OK, "(call $given (i32.const 3) (i32.const 0x47))"),
    (Request, "proxy_get_property", "120 7 0 4", NOT_FOUND, ""),
    (Request, "proxy_get_property", "65535 2 0 4", INVALID_MEMORY, ""),
    (
        Request,
        "proxy_set_property",
        "100 4 104 5",
        OK,
        "(call $be (call $proxy_get_property (i32.const 100) (i32.const 4) (i32.const 0) (i32.const 4)) (i32.const 0)) (call $given (i32.const 5) (i32.const 0x76))",
    ),
    // Buffers.
    (Configure, "proxy_get_buffer_bytes", "7 0 100 0 4", OK, "(call $given (i32.const 3) (i32.const 0x63))"),
    (Configure, "proxy_get_buffer_bytes", "7 1 1 0 4", OK, "(call $given (i32.const 1) (i32.const 0x66))"),
    (Configure, "proxy_get_buffer_bytes", "7 4 1 0 4", BAD_ARGUMENT, ""),
    (Configure, "proxy_get_buffer_bytes", "6 0 9 0 4", OK, GIVEN_NOTHING),
    (Configure, "proxy_get_buffer_bytes", "0 0 9 0 4", NOT_FOUND, ""),
    (Request, "proxy_get_buffer_bytes", "0 0 -1 0 4", OK, GIVEN_4_BODY),
    (Request, "proxy_get_buffer_bytes", "1 0 9 0 4", NOT_FOUND, ""),
    (Response, "proxy_get_buffer_bytes", "1 0 9 0 4", OK, "(call $given (i32.const 6) (i32.const 0x61))"),
    (Request, "proxy_get_buffer_bytes", "99 0 9 0 4", NOT_FOUND, ""),
    (Request, "proxy_get_buffer_bytes", "0 0 9 65533 4", INVALID_MEMORY, ""),
    (Request, "proxy_get_buffer_status", "0 0 4", OK, "(call $be (i32.load (i32.const 0)) (i32.const 4))"),
    (Request, "proxy_get_buffer_status", "1 0 4", NOT_FOUND, ""),
    (
        Request,
        "proxy_set_buffer_bytes",
        "0 0 4 104 5",
        OK,
        "(call $be (call $proxy_get_buffer_bytes (i32.const 0) (i32.const 0) (i32.const 99) (i32.const 0) (i32.const 4)) (i32.const 0)) (call $given (i32.const 5) (i32.const 0x76))",
    ),
    (
        Request,
        "proxy_set_buffer_bytes",
        "0 0 0 104 5",
        OK,
        "(call $be (call $proxy_get_buffer_status (i32.const 0) (i32.const 0) (i32.const 4)) (i32.const 0)) (call $be (i32.load (i32.const 0)) (i32.const 9))",
    ),
    (Request, "proxy_set_buffer_bytes", "0 2 1 104 5", BAD_ARGUMENT, ""),
    (Request, "proxy_set_buffer_bytes", "1 0 9 104 5", BAD_ARGUMENT, ""),
    // Header maps.
    (Configure, "proxy_get_header_map_value", "0 114 6 0 4", BAD_ARGUMENT, ""),
    (Request, "proxy_get_header_map_value", "0 114 6 0 4", OK, GIVEN_1_X),
    (Request, "proxy_get_header_map_value", "0 120 7 0 4", NOT_FOUND, ""),
    (Request, "proxy_get_header_map_value", "2 114 6 0 4", BAD_ARGUMENT, ""),
    (Response, "proxy_get_header_map_value", "0 114 6 0 4", OK, GIVEN_1_X),
    (Request, "proxy_get_header_map_value", "8 114 6 0 4", BAD_ARGUMENT, ""),
    (Request, "proxy_get_header_map_value", "0 65535 2 0 4", INVALID_MEMORY, ""),
    (
        Request,
        "proxy_add_header_map_value",
        "0 114 6 104 5",
        OK,
        "(call $be (call $proxy_get_header_map_value (i32.const 0) (i32.const 114) (i32.const 6) (i32.const 0) (i32.const 4)) (i32.const 0)) (call $given (i32.const 1) (i32.const 0x78))",
    ),
    (
        Request,
        "proxy_replace_header_map_value",
        "0 114 6 104 5",
        OK,
        "(call $be (call $proxy_get_header_map_value (i32.const 0) (i32.const 114) (i32.const 6) (i32.const 0) (i32.const 4)) (i32.const 0)) (call $given (i32.const 5) (i32.const 0x76))",
    ),
    (
        Request,
        "proxy_replace_header_map_value",
        "0 100 4 104 0",
        OK,
        "(call $be (call $proxy_get_header_map_value (i32.const 0) (i32.const 100) (i32.const 4) (i32.const 0) (i32.const 4)) (i32.const 0)) (call $be (i32.load (i32.const 4)) (i32.const 0))",
    ),
    (
        Request,
        "proxy_remove_header_map_value",
        "0 114 6",
        OK,
        "(call $be (call $proxy_get_header_map_value (i32.const 0) (i32.const 114) (i32.const 6) (i32.const 0) (i32.const 4)) (i32.const 1))",
    ),
    (Request, "proxy_remove_header_map_value", "0 120 7", OK, ""),
    (Request, "proxy_remove_header_map_value", "1 120 7", BAD_ARGUMENT, ""),
    // 4 + 3 fields of 10, `:path: /`, `:method: GET`, `accept: x`.
    (Request, "proxy_get_header_map_size", "0 8", OK, "(call $be (i32.load (i32.const 8)) (i32.const 57))"),
    (Request, "proxy_get_header_map_pairs", "0 0 4", OK, "(call $given (i32.const 57) (i32.const 3))"),
    (
        Request,
        "proxy_set_header_map_pairs",
        "0 192 16",
        OK,
        "(call $be (call $proxy_get_header_map_size (i32.const 0) (i32.const 8)) (i32.const 0)) (call $be (i32.load (i32.const 8)) (i32.const 16))",
    ),
    (Request, "proxy_set_header_map_pairs", "0 192 15", BAD_ARGUMENT, ""),
    (Request, "proxy_set_header_map_pairs", "0 224 16", BAD_ARGUMENT, ""),
    (Request, "proxy_set_header_map_pairs", "2 192 16", BAD_ARGUMENT, ""),
    // Streams.
    (Request, "proxy_continue_stream", "0", OK, ""),
    (Request, "proxy_continue_stream", "3", UNIMPLEMENTED, ""),
    (Request, "proxy_continue_stream", "4", BAD_ARGUMENT, ""),
    (Request, "proxy_close_stream", "4", BAD_ARGUMENT, ""),
    (Configure, "proxy_send_local_response", "403 0 0 0 0 0 0 -1", BAD_ARGUMENT, ""),
    (Request, "proxy_send_local_response", "99 0 0 0 0 0 0 -1", BAD_ARGUMENT, ""),
    (Request, "proxy_send_local_response", "403 0 0 0 0 192 15 -1", BAD_ARGUMENT, ""),
    (Request, "proxy_send_local_response", "403 0 0 65535 9 0 0 -1", INVALID_MEMORY, ""),
    (Request, "proxy_set_effective_context", "1", OK, ""),
    (Request, "proxy_set_effective_context", "77", BAD_ARGUMENT, ""),
    (Request, "proxy_done", "", OK, ""),
    // Calls. What is answered, and how, is the business of `calls.rs`.
    (Request, "proxy_http_call", "100 4 192 16 0 0 0 0 9 8", BAD_ARGUMENT, ""),
    (Request, "proxy_http_call", "65535 4 192 16 0 0 0 0 9 8", INVALID_MEMORY, ""),
    (
        Request,
        "proxy_grpc_call",
        "100 4 100 4 100 4 0 0 0 0 9 8",
        OK,
        "(call $be (i32.load (i32.const 8)) (i32.const 1))",
    ),
    (Request, "proxy_grpc_call", "100 0 100 4 100 4 0 0 0 0 9 8", PARSE_FAILURE, ""),
    (Request, "proxy_grpc_call", "100 4 100 4 100 4 0 0 0 0 9 65533", INVALID_MEMORY, ""),
    (Request, "proxy_grpc_stream", "100 4 100 4 100 4 0 0 8", OK, "(call $be (i32.load (i32.const 8)) (i32.const 1))"),
    (Request, "proxy_grpc_stream", "100 0 100 4 100 4 0 0 8", PARSE_FAILURE, ""),
    (Request, "proxy_grpc_send", "77 100 4 0", NOT_FOUND, ""),
    (Request, "proxy_grpc_cancel", "77", NOT_FOUND, ""),
    (Request, "proxy_grpc_close", "77", NOT_FOUND, ""),
    (Request, "proxy_get_status", "8 0 4", OK, "(call $be (i32.load (i32.const 8)) (i32.const 0))"),
    // Shared data and queues.
    (Configure, "proxy_get_shared_data", "100 4 0 4 8", NOT_FOUND, ""),
    (
        Configure,
        "proxy_set_shared_data",
        "100 4 104 5 0",
        OK,
        "(call $be (call $proxy_get_shared_data (i32.const 100) (i32.const 4) (i32.const 0) (i32.const 4) (i32.const 8)) (i32.const 0)) (call $given (i32.const 5) (i32.const 0x76)) (call $be (call $proxy_set_shared_data (i32.const 100) (i32.const 4) (i32.const 104) (i32.const 1) (i32.add (i32.load (i32.const 8)) (i32.const 1))) (i32.const 8))",
    ),
    (
        Configure,
        "proxy_register_shared_queue",
        "100 4 8",
        OK,
        "(call $be (call $proxy_enqueue_shared_queue (i32.load (i32.const 8)) (i32.const 104) (i32.const 5)) (i32.const 0)) (call $be (call $proxy_resolve_shared_queue (i32.const 0) (i32.const 0) (i32.const 100) (i32.const 4) (i32.const 12)) (i32.const 0)) (call $be (call $proxy_dequeue_shared_queue (i32.load (i32.const 12)) (i32.const 0) (i32.const 4)) (i32.const 0)) (call $given (i32.const 5) (i32.const 0x76)) (call $be (call $proxy_dequeue_shared_queue (i32.load (i32.const 12)) (i32.const 0) (i32.const 4)) (i32.const 7))",
    ),
    (Configure, "proxy_resolve_shared_queue", "0 0 120 7 8", NOT_FOUND, ""),
    (Configure, "proxy_dequeue_shared_queue", "77 0 4", NOT_FOUND, ""),
    (Configure, "proxy_enqueue_shared_queue", "77 100 4", NOT_FOUND, ""),
    // Metrics: kind, name, id.
    (
        Configure,
        "proxy_define_metric",
        "0 100 4 8",
        OK,
        "(call $be (call $proxy_increment_metric (i32.load (i32.const 8)) (i64.const 3)) (i32.const 0)) (call $be (call $proxy_get_metric (i32.load (i32.const 8)) (i32.const 16)) (i32.const 0)) (call $be (i32.load (i32.const 16)) (i32.const 3)) (call $be (call $proxy_increment_metric (i32.load (i32.const 8)) (i64.const -1)) (i32.const 2))",
    ),
    (
        Configure,
        "proxy_define_metric",
        "1 100 4 8",
        OK,
        "(call $be (call $proxy_record_metric (i32.load (i32.const 8)) (i64.const 7)) (i32.const 0)) (call $be (call $proxy_get_metric (i32.load (i32.const 8)) (i32.const 16)) (i32.const 0)) (call $be (i32.load (i32.const 16)) (i32.const 7))",
    ),
    (Configure, "proxy_define_metric", "3 100 4 8", BAD_ARGUMENT, ""),
    (Configure, "proxy_get_metric", "77 8", NOT_FOUND, ""),
    (Configure, "proxy_increment_metric", "77 1", NOT_FOUND, ""),
    (Configure, "proxy_record_metric", "77 1", NOT_FOUND, ""),
    // Foreign functions.
    (Request, "proxy_call_foreign_function", "152 17 0 0 0 4", OK, GIVEN_NOTHING),
    (Request, "proxy_call_foreign_function", "169 5 0 0 0 4", NOT_FOUND, ""),
    // 0.1.0.
    (Configure, "proxy_get_configuration", "0 4", OK, "(call $given (i32.const 3) (i32.const 0x63))"),
    (Request, "proxy_continue_request", "", OK, ""),
    (Request, "proxy_continue_response", "", OK, ""),
    (Request, "proxy_clear_route_cache", "", OK, ""),
    // Higress.
    (Configure, "proxy_redis_init", "100 4 0 0 0 0 1000", OK, ""),
    (Configure, "proxy_redis_init", "65535 4 0 0 0 0 1000", INVALID_MEMORY, ""),
    (Request, "proxy_redis_call", "100 4 104 5 8", OK, "(call $be (i32.load (i32.const 8)) (i32.const 1))"),
    (
        Response,
        "proxy_inject_encoded_data_to_filter_chain",
        "104 5 1",
        OK,
        "(call $be (call $proxy_get_buffer_status (i32.const 1) (i32.const 0) (i32.const 4)) (i32.const 0)) (call $be (i32.load (i32.const 0)) (i32.const 11))",
    ),
    (Configure, "proxy_inject_encoded_data_to_filter_chain", "104 5 1", BAD_ARGUMENT, ""),
    (Request, "proxy_get_upstream_hosts", "0 4", OK, GIVEN_NOTHING),
    (Request, "proxy_set_upstream_override_host", "100 4", OK, ""),
];

/// Imports with their parameters: `i` is 32 bits, `I` 64.
const IMPORTS: &[(&str, &str)] = &[
    ("proxy_log", "iii"),
    ("proxy_get_log_level", "i"),
    ("proxy_get_current_time_nanoseconds", "i"),
    ("proxy_set_tick_period_milliseconds", "i"),
    ("proxy_get_property", "iiii"),
    ("proxy_set_property", "iiii"),
    ("proxy_get_buffer_bytes", "iiiii"),
    ("proxy_get_buffer_status", "iii"),
    ("proxy_set_buffer_bytes", "iiiii"),
    ("proxy_get_header_map_size", "ii"),
    ("proxy_get_header_map_pairs", "iii"),
    ("proxy_set_header_map_pairs", "iii"),
    ("proxy_get_header_map_value", "iiiii"),
    ("proxy_add_header_map_value", "iiiii"),
    ("proxy_replace_header_map_value", "iiiii"),
    ("proxy_remove_header_map_value", "iii"),
    ("proxy_send_local_response", "iiiiiiii"),
    ("proxy_continue_stream", "i"),
    ("proxy_close_stream", "i"),
    ("proxy_http_call", "iiiiiiiiii"),
    ("proxy_grpc_call", "iiiiiiiiiiii"),
    ("proxy_grpc_stream", "iiiiiiiii"),
    ("proxy_grpc_send", "iiii"),
    ("proxy_grpc_cancel", "i"),
    ("proxy_grpc_close", "i"),
    ("proxy_get_status", "iii"),
    ("proxy_get_shared_data", "iiiii"),
    ("proxy_set_shared_data", "iiiii"),
    ("proxy_register_shared_queue", "iii"),
    ("proxy_resolve_shared_queue", "iiiii"),
    ("proxy_dequeue_shared_queue", "iii"),
    ("proxy_enqueue_shared_queue", "iii"),
    ("proxy_define_metric", "iiii"),
    ("proxy_increment_metric", "iI"),
    ("proxy_record_metric", "iI"),
    ("proxy_get_metric", "ii"),
    ("proxy_set_effective_context", "i"),
    ("proxy_done", ""),
    ("proxy_call_foreign_function", "iiiiii"),
    ("proxy_get_configuration", "ii"),
    ("proxy_continue_request", ""),
    ("proxy_continue_response", ""),
    ("proxy_clear_route_cache", ""),
    ("proxy_redis_init", "iiiiiii"),
    ("proxy_redis_call", "iiiii"),
    ("proxy_inject_encoded_data_to_filter_chain", "iii"),
    ("proxy_get_upstream_hosts", "ii"),
    ("proxy_set_upstream_override_host", "ii"),
];

fn kind(letter: char) -> &'static str {
    if letter == 'I' { "i64" } else { "i32" }
}

fn guest(case: &Case) -> Plugin {
    let (at, import, arguments, expected, effect) = *case;
    let imports: String = IMPORTS
        .iter()
        .map(|(name, parameters)| {
            let parameters: Vec<&str> = parameters.chars().map(kind).collect();
            format!("(import \"env\" \"{name}\" (func ${name} (param {}) (result i32)))\n", parameters.join(" "))
        })
        .collect();
    let (_, parameters) = IMPORTS.iter().find(|(name, _)| *name == import).expect("every import of a case is listed");
    let words: Vec<&str> = arguments.split_whitespace().collect();
    assert_eq!(words.len(), parameters.len(), "{import} {arguments}");
    let arguments: String =
        parameters.chars().zip(words).map(|(letter, word)| format!("({}.const {word})", kind(letter))).collect();
    let check = |here| {
        let call = format!("(call $be (call ${import} {arguments}) (i32.const {expected})) {effect}");
        if at == here { call } else { String::new() }
    };
    let text = format!(
        r#"(module {imports}
        (memory (export "memory") 1 1)
        (data (i32.const 100) "{TEXTS}") (data (i32.const 192) "{PAIRS}") (data (i32.const 224) "\ff\ff\ff\ff")
        (func $be (param $is i32) (param $expected i32)
            (if (i32.ne (local.get $is) (local.get $expected)) (then
                (i32.store8 (i32.const 90) (i32.div_u (local.get $is) (i32.const 10)))
                (i32.store8 (i32.const 91) (i32.rem_u (local.get $is) (i32.const 10)))
                (i32.store16 (i32.const 90) (i32.add (i32.load16_u (i32.const 90)) (i32.const 0x3030)))
                (drop (call $proxy_log (i32.const 2) (i32.const 90) (i32.const 2))) unreachable)))
        (func $given (param $size i32) (param $first i32)
            (call $be (i32.load (i32.const 4)) (local.get $size))
            (call $be (i32.load8_u (i32.load (i32.const 0))) (local.get $first)))
        (func (export "proxy_abi_version_0_2_100"))
        (func (export "proxy_on_memory_allocate") (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then unreachable)) (i32.const 1024))
        (func (export "proxy_on_configure") (param i32 i32) (result i32) {} (i32.const 1))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {} (i32.const 0))
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) {} (i32.const 0)))"#,
        check(Configure),
        check(Request),
        check(Response),
    );
    Plugin {
        name: "conformance".to_owned(),
        bytes: wat::parse_str(&text).unwrap_or_else(|error| panic!("{import}: {error}")).into(),
        workload_checked: false,
        ..plugin("boundary").expect("the catalogue has it").clone()
    }
}

fn wasm_hosts() -> impl Iterator<Item = &'static dyn Host> {
    let boundary = plugin("boundary").expect("the catalogue has it");
    HOSTS.iter().copied().filter(|host| host.runs(boundary.kind))
}

fn run(host: &dyn Host, case: &Case) -> Result<Action, HostError> {
    let fields = |fields: &[(&str, &str)]| -> Vec<(String, String)> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let request = fields(&[(":path", "/"), (":method", "GET"), ("accept", "x")]);
    let mut exchange =
        Exchange::new(&request, &fields(&[(":status", "200")])).with_bodies(b"body".to_vec(), b"answer".to_vec());
    host.compile(&guest(case))?.instantiate(b"cfg")?.request(&mut exchange)
}

#[test]
fn each_host_function_answers_and_acts_by_the_specification() {
    let mut wrong = Vec::new();
    for host in wasm_hosts() {
        for case in CASES {
            let (at, import, arguments, expected, _) = case;
            if let Err(error) = run(host, case) {
                wrong.push(format!(
                    "{}: {import}({arguments}) at {at:?}, status {expected} expected: {error}",
                    host.name()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_host_function_of_the_abi_has_a_case_and_a_wrong_status_would_be_found() {
    for (import, _) in IMPORTS {
        assert!(CASES.iter().any(|(_, name, ..)| name == import), "no case for {import}");
    }
    for host in wasm_hosts() {
        for case in CASES {
            let (at, import, arguments, expected, _) = *case;
            assert!(run(host, &(at, import, arguments, expected + 1, "")).is_err(), "{import}({arguments})");
        }
    }
}
