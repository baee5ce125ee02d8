//! Each host function by the specification, on every Wasm host: what is called, the status it answers, its effect.
//!
//! A case is a guest written for it. The guest makes the call on request headers (or in its configuration, or on
//! response headers) and traps unless the status is the expected one; then it checks the effect that the case names.

use tollgate_fixtures::{Plugin, plugin};
use tollgate_hosts::{Action, Exchange, HOST_FUNCTIONS, HOSTS, Host, HostError, HostFunction};

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const BAD_ARGUMENT: u32 = 2;
const PARSE_FAILURE: u32 = 4;
const INVALID_MEMORY: u32 = 6;
const CAS_MISMATCH: u32 = 8;
const UNIMPLEMENTED: u32 = 12;
// Of WASI.
const EBADF: u32 = 8;
const EFAULT: u32 = 21;
const EINVAL: u32 = 28;
const ENOTSUP: u32 = 58;

/// Where a call is made.
#[derive(Debug, Clone, Copy, PartialEq)]
enum At {
    Configure,
    Request,
    Response,
}
use At::{Configure, Request, Response};

/// When, the host function, its arguments in WAT, the status expected, and WAT that checks the effect or nothing.
type Case = (At, &'static str, &'static str, u32, &'static str);

// The guest's memory. Results are wanted at 0 and 4 (pointer, size) and 8; texts stand at 100 and on:
// 100 `name`, 104 `value`, 109 `:path`, 114 `accept`, 120 `missing`, 127 `plugin_root_id`, 141 `plugin_name`,
// 152 `clear_route_cache`, 169 `other`, 174 `request\0method`; pairs `a: b` at 192 (16 bytes), broken ones at 224, the
// headers of a call at 256 (61 bytes), an iovec of `name` at 320. The memory ends at 65536.
const TEXTS: &str = r"namevalue:pathacceptmissingplugin_root_idplugin_nameclear_route_cacheotherrequest\00method";
const PAIRS: &str = r"\01\00\00\00\01\00\00\00\01\00\00\00a\00b\00";
const CALL: &str = r"\03\00\00\00\07\00\00\00\03\00\00\00\05\00\00\00\01\00\00\00\0a\00\00\00\01\00\00\00:method\00GET\00:path\00/\00:authority\00a\00";

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
    (Request, "proxy_get_current_time_nanoseconds", "65529", INVALID_MEMORY, ""),
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
    (Request, "proxy_get_property", "141 11 65533 4", INVALID_MEMORY, ""),
    (Request, "proxy_get_property", "141 11 0 65533", INVALID_MEMORY, ""),
    (Configure, "proxy_set_property", "100 4 104 5", NOT_FOUND, ""),
    (Request, "proxy_set_property", "65535 2 104 5", INVALID_MEMORY, ""),
    (Request, "proxy_set_property", "100 4 65535 5", INVALID_MEMORY, ""),
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
    (Request, "proxy_get_buffer_bytes", "99 0 9 0 4", BAD_ARGUMENT, ""),
    (Request, "proxy_get_buffer_bytes", "0 0 9 65533 4", INVALID_MEMORY, ""),
    (Request, "proxy_get_buffer_status", "0 0 4", OK, "(call $be (i32.load (i32.const 0)) (i32.const 4))"),
    (Request, "proxy_get_buffer_status", "1 0 4", NOT_FOUND, ""),
    (Request, "proxy_get_buffer_status", "99 0 4", BAD_ARGUMENT, ""),
    (Request, "proxy_get_buffer_status", "0 65533 4", INVALID_MEMORY, ""),
    (Request, "proxy_get_buffer_status", "0 0 65533", INVALID_MEMORY, ""),
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
    (Request, "proxy_set_buffer_bytes", "1 0 9 104 5", NOT_FOUND, ""),
    // It can only be read.
    (Request, "proxy_set_buffer_bytes", "7 0 0 104 5", BAD_ARGUMENT, ""),
    (Request, "proxy_set_buffer_bytes", "99 0 0 104 5", BAD_ARGUMENT, ""),
    (Request, "proxy_set_buffer_bytes", "0 0 4 65535 5", INVALID_MEMORY, ""),
    // Header maps.
    (Configure, "proxy_get_header_map_value", "0 114 6 0 4", BAD_ARGUMENT, ""),
    (Request, "proxy_get_header_map_value", "0 114 6 0 4", OK, GIVEN_1_X),
    (Request, "proxy_get_header_map_value", "0 120 7 0 4", NOT_FOUND, ""),
    (Request, "proxy_get_header_map_value", "2 114 6 0 4", BAD_ARGUMENT, ""),
    (Response, "proxy_get_header_map_value", "0 114 6 0 4", OK, GIVEN_1_X),
    (Request, "proxy_get_header_map_value", "8 114 6 0 4", BAD_ARGUMENT, ""),
    (Request, "proxy_get_header_map_value", "0 65535 2 0 4", INVALID_MEMORY, ""),
    (Request, "proxy_get_header_map_value", "0 114 6 65533 4", INVALID_MEMORY, ""),
    (Request, "proxy_get_header_map_value", "0 114 6 0 65533", INVALID_MEMORY, ""),
    (Request, "proxy_add_header_map_value", "8 114 6 104 5", BAD_ARGUMENT, ""),
    (Request, "proxy_add_header_map_value", "0 65535 2 104 5", INVALID_MEMORY, ""),
    (Request, "proxy_add_header_map_value", "0 114 6 65535 2", INVALID_MEMORY, ""),
    (Request, "proxy_replace_header_map_value", "1 114 6 104 5", BAD_ARGUMENT, ""),
    (Request, "proxy_replace_header_map_value", "0 65535 2 104 5", INVALID_MEMORY, ""),
    (Request, "proxy_replace_header_map_value", "0 114 6 65535 2", INVALID_MEMORY, ""),
    (Request, "proxy_remove_header_map_value", "0 65535 2", INVALID_MEMORY, ""),
    (Request, "proxy_get_header_map_size", "1 8", BAD_ARGUMENT, ""),
    (Request, "proxy_get_header_map_size", "0 65533", INVALID_MEMORY, ""),
    (Request, "proxy_get_header_map_pairs", "3 0 4", BAD_ARGUMENT, ""),
    (Request, "proxy_get_header_map_pairs", "0 65533 4", INVALID_MEMORY, ""),
    (Request, "proxy_get_header_map_pairs", "0 0 65533", INVALID_MEMORY, ""),
    (Request, "proxy_set_header_map_pairs", "0 65535 16", INVALID_MEMORY, ""),
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
    (Request, "proxy_close_stream", "0", OK, ""),
    (Request, "proxy_close_stream", "2", OK, ""),
    (Request, "proxy_close_stream", "4", BAD_ARGUMENT, ""),
    (Request, "proxy_send_local_response", "403 0 0 104 5 192 16 -1", OK, ""),
    (Configure, "proxy_send_local_response", "403 0 0 0 0 0 0 -1", BAD_ARGUMENT, ""),
    (Request, "proxy_send_local_response", "99 0 0 0 0 0 0 -1", BAD_ARGUMENT, ""),
    (Request, "proxy_send_local_response", "403 0 0 0 0 192 15 -1", BAD_ARGUMENT, ""),
    (Request, "proxy_send_local_response", "403 0 0 65535 9 0 0 -1", INVALID_MEMORY, ""),
    (Request, "proxy_send_local_response", "403 65535 9 0 0 0 0 -1", INVALID_MEMORY, ""),
    (Request, "proxy_send_local_response", "403 0 0 0 0 65535 9 -1", INVALID_MEMORY, ""),
    (Request, "proxy_set_effective_context", "1", OK, ""),
    (Request, "proxy_set_effective_context", "77", BAD_ARGUMENT, ""),
    // Nothing is pending; when something is: `life.rs`.
    (Request, "proxy_done", "", NOT_FOUND, ""),
    // Calls. What is answered, and how, is the business of `calls.rs`.
    // A token says in its last two bits what it is for: 0 HTTP, 1 gRPC call, 2 gRPC stream, 3 Redis.
    (Request, "proxy_http_call", "100 4 256 61 0 0 0 0 9 8", OK, "(call $be (i32.load (i32.const 8)) (i32.const 4))"),
    (Request, "proxy_http_call", "100 0 256 61 0 0 0 0 9 8", BAD_ARGUMENT, ""),
    (Request, "proxy_http_call", "100 4 256 61 0 0 224 4 9 8", BAD_ARGUMENT, ""),
    (Request, "proxy_http_call", "100 4 256 61 0 0 0 0 9 65533", INVALID_MEMORY, ""),
    (Request, "proxy_http_call", "100 4 192 16 0 0 0 0 9 8", BAD_ARGUMENT, ""),
    (Request, "proxy_http_call", "65535 4 192 16 0 0 0 0 9 8", INVALID_MEMORY, ""),
    (
        Request,
        "proxy_grpc_call",
        "100 4 100 4 100 4 0 0 0 0 9 8",
        OK,
        "(call $be (i32.load (i32.const 8)) (i32.const 5)) (call $be (call $proxy_grpc_cancel (i32.const 5)) (i32.const 0)) (call $be (call $proxy_grpc_cancel (i32.const 5)) (i32.const 1))",
    ),
    (Request, "proxy_grpc_call", "100 0 100 4 100 4 0 0 0 0 9 8", PARSE_FAILURE, ""),
    (Request, "proxy_grpc_call", "100 4 100 4 100 4 0 0 0 0 9 65533", INVALID_MEMORY, ""),
    (
        Request,
        "proxy_grpc_stream",
        "100 4 100 4 100 4 0 0 8",
        OK,
        "(call $be (i32.load (i32.const 8)) (i32.const 6)) (call $be (call $proxy_grpc_send (i32.const 6) (i32.const 100) (i32.const 4) (i32.const 0)) (i32.const 0)) (call $be (call $proxy_grpc_close (i32.const 6)) (i32.const 0)) (call $be (call $proxy_grpc_send (i32.const 6) (i32.const 100) (i32.const 4) (i32.const 0)) (i32.const 1))",
    ),
    (Request, "proxy_grpc_stream", "100 4 100 4 100 4 224 4 8", BAD_ARGUMENT, ""),
    (Request, "proxy_grpc_stream", "65535 4 100 4 100 4 0 0 8", INVALID_MEMORY, ""),
    (Request, "proxy_grpc_stream", "100 4 100 4 100 4 0 0 65533", INVALID_MEMORY, ""),
    (Request, "proxy_grpc_stream", "100 0 100 4 100 4 0 0 8", PARSE_FAILURE, ""),
    (Request, "proxy_grpc_call", "100 4 100 4 100 4 224 4 0 0 9 8", BAD_ARGUMENT, ""),
    (Request, "proxy_grpc_send", "78 100 4 0", NOT_FOUND, ""),
    (Request, "proxy_grpc_send", "77 100 4 0", BAD_ARGUMENT, ""),
    (Request, "proxy_grpc_send", "78 65535 4 0", INVALID_MEMORY, ""),
    (Request, "proxy_grpc_cancel", "77", NOT_FOUND, ""),
    (Request, "proxy_grpc_cancel", "76", BAD_ARGUMENT, ""),
    (Request, "proxy_grpc_close", "78", NOT_FOUND, ""),
    (Request, "proxy_grpc_close", "79", BAD_ARGUMENT, ""),
    (Request, "proxy_get_status", "65533 0 4", INVALID_MEMORY, ""),
    (Request, "proxy_get_status", "8 65533 4", INVALID_MEMORY, ""),
    (Request, "proxy_get_status", "8 0 4", OK, "(call $be (i32.load (i32.const 8)) (i32.const 0))"),
    // Shared data and queues.
    (Configure, "proxy_get_shared_data", "100 4 0 4 8", NOT_FOUND, ""),
    (Configure, "proxy_get_shared_data", "65535 4 0 4 8", INVALID_MEMORY, ""),
    (Configure, "proxy_set_shared_data", "100 4 104 5 9", CAS_MISMATCH, ""),
    (Configure, "proxy_set_shared_data", "65535 4 104 5 0", INVALID_MEMORY, ""),
    (Configure, "proxy_set_shared_data", "100 4 65535 5 0", INVALID_MEMORY, ""),
    (Configure, "proxy_register_shared_queue", "65535 4 8", INVALID_MEMORY, ""),
    (Configure, "proxy_register_shared_queue", "100 4 65533", INVALID_MEMORY, ""),
    (Configure, "proxy_resolve_shared_queue", "65535 4 120 7 8", INVALID_MEMORY, ""),
    (Configure, "proxy_resolve_shared_queue", "0 0 65535 7 8", INVALID_MEMORY, ""),
    (Configure, "proxy_enqueue_shared_queue", "1 65535 4", INVALID_MEMORY, ""),
    (
        Configure,
        "proxy_register_shared_queue",
        "100 4 8",
        OK,
        "(call $be (call $proxy_enqueue_shared_queue (i32.load (i32.const 8)) (i32.const 104) (i32.const 5)) (i32.const 0)) (call $be (call $proxy_dequeue_shared_queue (i32.load (i32.const 8)) (i32.const 65533) (i32.const 4)) (i32.const 6))",
    ),
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
    (Configure, "proxy_define_metric", "0 65535 4 8", INVALID_MEMORY, ""),
    (Configure, "proxy_define_metric", "0 100 4 65533", INVALID_MEMORY, ""),
    (
        Configure,
        "proxy_define_metric",
        "2 100 4 8",
        OK,
        "(call $be (call $proxy_increment_metric (i32.load (i32.const 8)) (i64.const 3)) (i32.const 2)) (call $be (call $proxy_record_metric (i32.load (i32.const 8)) (i64.const 3)) (i32.const 0)) (call $be (call $proxy_get_metric (i32.load (i32.const 8)) (i32.const 16)) (i32.const 2))",
    ),
    (
        Configure,
        "proxy_define_metric",
        "0 100 4 8",
        OK,
        "(call $be (call $proxy_get_metric (i32.load (i32.const 8)) (i32.const 65529)) (i32.const 6)) (call $be (call $proxy_record_metric (i32.load (i32.const 8)) (i64.const 3)) (i32.const 2))",
    ),
    (Configure, "proxy_get_metric", "77 8", NOT_FOUND, ""),
    (Configure, "proxy_increment_metric", "77 1", NOT_FOUND, ""),
    (Configure, "proxy_record_metric", "77 1", NOT_FOUND, ""),
    // Foreign functions.
    (Request, "proxy_call_foreign_function", "152 17 0 0 0 4", OK, GIVEN_NOTHING),
    (Request, "proxy_call_foreign_function", "169 5 0 0 0 4", NOT_FOUND, ""),
    (Request, "proxy_call_foreign_function", "65535 5 0 0 0 4", INVALID_MEMORY, ""),
    (Request, "proxy_call_foreign_function", "152 17 65535 5 0 4", INVALID_MEMORY, ""),
    (Request, "proxy_call_foreign_function", "152 17 0 0 65533 4", INVALID_MEMORY, ""),
    // 0.1.0.
    (Configure, "proxy_get_configuration", "0 4", OK, "(call $given (i32.const 3) (i32.const 0x63))"),
    (Configure, "proxy_get_configuration", "65533 4", INVALID_MEMORY, ""),
    (Request, "proxy_continue_request", "", OK, ""),
    (Request, "proxy_continue_response", "", OK, ""),
    (Request, "proxy_clear_route_cache", "", OK, ""),
    // Higress.
    (Configure, "proxy_redis_init", "100 4 0 0 0 0 1000", OK, ""),
    (Configure, "proxy_redis_init", "65535 4 0 0 0 0 1000", INVALID_MEMORY, ""),
    (Request, "proxy_redis_call", "100 4 104 5 8", OK, "(call $be (i32.load (i32.const 8)) (i32.const 7))"),
    (Request, "proxy_redis_call", "100 4 65535 5 8", INVALID_MEMORY, ""),
    (Request, "proxy_redis_call", "100 4 104 5 65533", INVALID_MEMORY, ""),
    (
        Response,
        "proxy_inject_encoded_data_to_filter_chain",
        "104 5 1",
        OK,
        "(call $be (call $proxy_get_buffer_status (i32.const 1) (i32.const 0) (i32.const 4)) (i32.const 0)) (call $be (i32.load (i32.const 0)) (i32.const 11))",
    ),
    (Configure, "proxy_inject_encoded_data_to_filter_chain", "104 5 1", BAD_ARGUMENT, ""),
    (Response, "proxy_inject_encoded_data_to_filter_chain", "65535 5 1", INVALID_MEMORY, ""),
    (Request, "proxy_get_upstream_hosts", "0 4", OK, GIVEN_NOTHING),
    (Request, "proxy_get_upstream_hosts", "65533 4", INVALID_MEMORY, ""),
    (Request, "proxy_set_upstream_override_host", "100 4", OK, ""),
    (Request, "proxy_set_upstream_override_host", "65535 4", INVALID_MEMORY, ""),
    // WASI.
    (Request, "fd_write", "1 320 1 8", OK, "(call $be (i32.load (i32.const 8)) (i32.const 4))"),
    (Request, "fd_write", "3 320 1 8", EBADF, ""),
    (Request, "fd_write", "1 320 99999 8", EINVAL, ""),
    (Request, "fd_write", "1 65535 1 8", EFAULT, ""),
    (Request, "fd_write", "1 100 1 8", EFAULT, ""),
    (Request, "fd_write", "2 320 1 65533", EFAULT, ""),
    (Request, "fd_fdstat_get", "1 400", OK, "(call $be (i32.load (i32.const 408)) (i32.const 64))"),
    (Request, "fd_fdstat_get", "3 400", EBADF, ""),
    (Request, "fd_fdstat_get", "2 65520", EFAULT, ""),
    (Configure, "environ_sizes_get", "0 4", OK, GIVEN_NOTHING),
    (Configure, "environ_sizes_get", "65533 4", EFAULT, ""),
    (Configure, "args_sizes_get", "0 4", OK, GIVEN_NOTHING),
    (Configure, "args_sizes_get", "0 65533", EFAULT, ""),
    (Request, "clock_time_get", "0 0 8", OK, "(if (i64.eqz (i64.load (i32.const 8))) (then unreachable))"),
    (Request, "clock_time_get", "1 0 8", OK, ""),
    (Request, "clock_time_get", "2 0 8", ENOTSUP, ""),
    (Request, "clock_time_get", "0 0 65529", EFAULT, ""),
    (Request, "clock_res_get", "0 8", OK, "(call $be (i32.load (i32.const 8)) (i32.const 1))"),
    (Request, "clock_res_get", "0 65529", EFAULT, ""),
    (Request, "random_get", "400 13", OK, "(if (i64.eqz (i64.load (i32.const 400))) (then unreachable))"),
    (Request, "random_get", "400 65537", EINVAL, ""),
    (Request, "random_get", "65535 2", EFAULT, ""),
    (Request, "poll_oneoff", "0 0 1 8", OK, "(call $be (i32.load (i32.const 8)) (i32.const 0))"),
    (Request, "poll_oneoff", "0 0 1 65533", EFAULT, ""),
];

/// Of WASI, what there is no file for: these answer the same whatever they are asked, as in Envoy's host.
const REFUSED: &[(u32, &[&str])] = &[
    (0, &["environ_get", "args_get", "fd_close", "fd_seek", "sched_yield"]),
    (8, &["fd_prestat_get", "fd_filestat_get"]),
    (44, &["path_open"]),
    (58, &["path_filestat_get"]),
    (
        52,
        &[
            "fd_read",
            "fd_fdstat_set_flags",
            "fd_prestat_dir_name",
            "fd_advise",
            "fd_allocate",
            "fd_datasync",
            "fd_fdstat_set_rights",
            "fd_filestat_set_size",
            "fd_filestat_set_times",
            "fd_pread",
            "fd_pwrite",
            "fd_readdir",
            "fd_renumber",
            "fd_sync",
            "fd_tell",
            "path_create_directory",
            "path_filestat_set_times",
            "path_link",
            "path_readlink",
            "path_remove_directory",
            "path_rename",
            "path_symlink",
            "path_unlink_file",
            "proc_raise",
            "sock_accept",
            "sock_recv",
            "sock_send",
            "sock_shutdown",
        ],
    ),
];

/// Host functions that take no pointer.
const WITHOUT_POINTER: &[&str] = &[
    "proxy_set_tick_period_milliseconds",
    "proxy_continue_stream",
    "proxy_close_stream",
    "proxy_grpc_cancel",
    "proxy_grpc_close",
    "proxy_increment_metric",
    "proxy_record_metric",
    "proxy_set_effective_context",
    "proxy_done",
    "proxy_continue_request",
    "proxy_continue_response",
    "proxy_clear_route_cache",
];

/// Host functions that say no for no other reason than memory, whatever they are asked.
const NEVER_REFUSE: &[&str] = &[
    "proxy_get_log_level",
    "proxy_get_current_time_nanoseconds",
    "proxy_set_tick_period_milliseconds",
    "proxy_get_status",
    "proxy_register_shared_queue",
    "proxy_get_configuration",
    "proxy_continue_request",
    "proxy_continue_response",
    "proxy_clear_route_cache",
    "proxy_redis_init",
    "proxy_redis_call",
    "proxy_get_upstream_hosts",
    "proxy_set_upstream_override_host",
    "environ_sizes_get",
    "args_sizes_get",
    "clock_res_get",
    "poll_oneoff",
];

fn function(name: &str) -> &'static HostFunction {
    HOST_FUNCTIONS.iter().find(|function| function.name == name).expect("hosts have every function of a case")
}

/// Those that answer a status or an error number that depends on what they are asked.
fn answering() -> impl Iterator<Item = &'static HostFunction> {
    let fixed = |name: &str| name == "pthread_equal" || REFUSED.iter().any(|(_, names)| names.contains(&name));
    HOST_FUNCTIONS.iter().filter(move |function| function.answers && !fixed(function.name))
}

fn guest(case: &Case) -> Plugin {
    let (at, name, arguments, expected, effect) = *case;
    let imports: String = HOST_FUNCTIONS
        .iter()
        .map(|HostFunction { modules, name, parameters, answers }| {
            let result = if *answers { "(result i32)" } else { "" };
            let parameters = parameters.join(" ");
            format!("(import \"{}\" \"{name}\" (func ${name} (param {parameters}) {result}))\n", modules[0])
        })
        .collect();
    let parameters = function(name).parameters;
    let words: Vec<&str> = arguments.split_whitespace().collect();
    assert_eq!(words.len(), parameters.len(), "{name} {arguments}");
    let arguments: String =
        parameters.iter().zip(words).map(|(parameter, word)| format!("({parameter}.const {word})")).collect();
    let check = |here| {
        let call = format!("(call $be (call ${name} {arguments}) (i32.const {expected})) {effect}");
        if at == here { call } else { String::new() }
    };
    let text = format!(
        r#"(module {imports}
        (memory (export "memory") 1 1)
        (data (i32.const 100) "{TEXTS}") (data (i32.const 192) "{PAIRS}") (data (i32.const 224) "\ff\ff\ff\ff")
        (data (i32.const 256) "{CALL}") (data (i32.const 320) "\64\00\00\00\04\00\00\00")
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
        bytes: wat::parse_str(&text).unwrap_or_else(|error| panic!("{name}: {error}")).into(),
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

/// Statuses that a function is shown to answer, in cases of its own and in what others check afterwards.
fn shown(name: &str) -> Vec<u32> {
    let called = format!("(call $be (call ${name} ");
    let own = CASES.iter().filter(|(_, import, ..)| *import == name).map(|(_, _, _, expected, _)| *expected);
    let others = CASES.iter().flat_map(|(.., effect)| effect.split(&called).skip(1)).map(|rest| {
        // The status expected stands behind the parenthesis that ends the call.
        let mut open = 1;
        let end = rest.find(|char| {
            open += i32::from(char == '(') - i32::from(char == ')');
            open == 0
        });
        let status = end.and_then(|end| rest[end + 1..].trim_start().strip_prefix("(i32.const "));
        status.and_then(|status| status.split(')').next()?.parse().ok()).expect("a check ends with its status")
    });
    own.chain(others).collect()
}

#[test]
fn every_host_function_has_its_good_its_bad_argument_and_its_bad_memory_case() {
    for HostFunction { modules, name, .. } in answering() {
        let invalid = if modules[0] == "env" { INVALID_MEMORY } else { EFAULT };
        // Only a plugin whose end is pending may say that it is done: see `life.rs`.
        let statuses = shown(name);
        assert!(statuses.contains(&OK) || *name == "proxy_done", "no good case for {name}");
        let refuses = statuses.iter().any(|status| ![OK, invalid].contains(status));
        assert_eq!(refuses, !NEVER_REFUSE.contains(name), "cases in which {name} refuses its arguments");
        assert_eq!(statuses.contains(&invalid), !WITHOUT_POINTER.contains(name), "bad pointers given to {name}");
    }
}

#[test]
fn what_is_refused_is_refused_whatever_is_asked() {
    for (errno, names) in REFUSED {
        for name in *names {
            for word in ["0", "-1", "65535"] {
                let arguments = vec![word; function(name).parameters.len()].join(" ");
                let case = (Request, *name, arguments.leak() as &'static str, *errno, "");
                for host in wasm_hosts() {
                    run(host, &case).unwrap_or_else(|error| panic!("{name}: {error}"));
                }
            }
        }
    }
}

#[test]
fn a_wrong_status_would_be_found() {
    for host in wasm_hosts() {
        for case in CASES {
            let (at, import, arguments, expected, _) = *case;
            assert!(run(host, &(at, import, arguments, expected + 1, "")).is_err(), "{import}({arguments})");
        }
    }
}
