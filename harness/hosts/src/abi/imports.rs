/// Hands the list of all imports to the macro `$bind`, which a runtime writes once. Linking Wasm is all or nothing and
/// SDKs import more than a plugin uses, so all of it is bound.
///
/// `status` functions answer with a [`Status`](super::status::Status), `plain` ones with the value itself, `refused`
/// ones always with that number; those of `wasi` are bound under both names of the module.
macro_rules! for_each_import {
    ($bind:ident!($($context:tt)*)) => {
        $bind! {
            ($($context)*)
            status {
                proxy_log(level: u32, message: u32, size: u32);
                proxy_get_log_level(level_at: u32);
                proxy_get_current_time_nanoseconds(time_at: u32);
                proxy_set_tick_period_milliseconds(period_ms: u32);
                proxy_get_property(path: u32, path_size: u32, value_at: u32, size_at: u32);
                proxy_set_property(path: u32, path_size: u32, value: u32, value_size: u32);
                proxy_get_buffer_bytes(buffer: u32, start: u32, max_size: u32, data_at: u32, size_at: u32);
                proxy_get_buffer_status(buffer: u32, length_at: u32, flags_at: u32);
                proxy_set_buffer_bytes(buffer: u32, start: u32, size: u32, data: u32, data_size: u32);
                proxy_get_header_map_size(map: u32, size_at: u32);
                proxy_get_header_map_pairs(map: u32, pairs_at: u32, size_at: u32);
                proxy_set_header_map_pairs(map: u32, pairs: u32, size: u32);
                proxy_get_header_map_value(map: u32, name: u32, name_size: u32, value_at: u32, size_at: u32);
                proxy_add_header_map_value(map: u32, name: u32, name_size: u32, value: u32, value_size: u32);
                proxy_replace_header_map_value(map: u32, name: u32, name_size: u32, value: u32, value_size: u32);
                proxy_remove_header_map_value(map: u32, name: u32, name_size: u32);
                proxy_send_local_response(
                    status: u32, details: u32, details_size: u32, body: u32, body_size: u32, headers: u32,
                    headers_size: u32, grpc_status: u32
                );
                proxy_continue_stream(stream: u32);
                proxy_close_stream(stream: u32);
                proxy_http_call(
                    upstream: u32, upstream_size: u32, headers: u32, headers_size: u32, body: u32, body_size: u32,
                    trailers: u32, trailers_size: u32, timeout_ms: u32, token_at: u32
                );
                proxy_grpc_call(
                    service: u32, service_size: u32, name: u32, name_size: u32, method: u32, method_size: u32,
                    metadata: u32, metadata_size: u32, request: u32, request_size: u32, timeout_ms: u32, token_at: u32
                );
                proxy_grpc_stream(
                    service: u32, service_size: u32, name: u32, name_size: u32, method: u32, method_size: u32,
                    metadata: u32, metadata_size: u32, token_at: u32
                );
                proxy_grpc_send(token: u32, message: u32, size: u32, end_of_stream: u32);
                proxy_grpc_cancel(token: u32);
                proxy_grpc_close(token: u32);
                proxy_get_status(code_at: u32, message_at: u32, size_at: u32);
                proxy_get_shared_data(key: u32, key_size: u32, value_at: u32, size_at: u32, cas_at: u32);
                proxy_set_shared_data(key: u32, key_size: u32, value: u32, value_size: u32, cas: u32);
                proxy_register_shared_queue(name: u32, name_size: u32, id_at: u32);
                proxy_resolve_shared_queue(vm: u32, vm_size: u32, name: u32, name_size: u32, id_at: u32);
                proxy_dequeue_shared_queue(id: u32, data_at: u32, size_at: u32);
                proxy_enqueue_shared_queue(id: u32, data: u32, size: u32);
                proxy_define_metric(kind: u32, name: u32, name_size: u32, id_at: u32);
                proxy_increment_metric(id: u32, delta: i64);
                proxy_record_metric(id: u32, value: u64);
                proxy_get_metric(id: u32, value_at: u32);
                proxy_set_effective_context(context: u32);
                proxy_done();
                proxy_call_foreign_function(
                    name: u32, name_size: u32, arguments: u32, arguments_size: u32, result_at: u32, size_at: u32
                );
                proxy_get_configuration(data_at: u32, size_at: u32);
                proxy_continue_request();
                proxy_continue_response();
                proxy_clear_route_cache();
                proxy_redis_init(
                    upstream: u32, upstream_size: u32, user: u32, user_size: u32, password: u32, password_size: u32,
                    timeout_ms: u32
                );
                proxy_redis_call(upstream: u32, upstream_size: u32, query: u32, query_size: u32, token_at: u32);
                proxy_inject_encoded_data_to_filter_chain(data: u32, data_size: u32, end_of_stream: u32);
                proxy_get_upstream_hosts(hosts_at: u32, size_at: u32);
                proxy_set_upstream_override_host(host: u32, host_size: u32);
            }
            plain {
                pthread_equal = pthread_equal(left: u32, right: u32) -> u32;
                emscripten_notify_memory_growth = emscripten_notify_memory_growth(memory: u32) -> ();
            }
            wasi {
                fd_write = fd_write(fd: u32, iovecs: u32, count: u32, written_at: u32) -> u32;
                fd_fdstat_get = fd_fdstat_get(fd: u32, stat_at: u32) -> u32;
                environ_sizes_get = no_strings(count_at: u32, bytes_at: u32) -> u32;
                args_sizes_get = no_strings(count_at: u32, bytes_at: u32) -> u32;
                clock_time_get = clock_time_get(clock: u32, precision: u64, time_at: u32) -> u32;
                clock_res_get = clock_res_get(clock: u32, resolution_at: u32) -> u32;
                random_get = random_get(place: u32, length: u32) -> u32;
                poll_oneoff = poll_oneoff(subscriptions: u32, events: u32, count: u32, events_at: u32) -> u32;
                proc_exit = proc_exit(status: u32) -> ();
            }
            refused {
                environ_get(u32, u32) = 0;
                args_get(u32, u32) = 0;
                fd_close(u32) = 0;
                fd_seek(u32, u64, u32, u32) = 0;
                sched_yield() = 0;
                fd_prestat_get(u32, u32) = 8;
                fd_filestat_get(u32, u32) = 8;
                path_open(u32, u32, u32, u32, u32, u64, u64, u32, u32) = 44;
                path_filestat_get(u32, u32, u32, u32, u32) = 58;
                fd_read(u32, u32, u32, u32) = 52;
                fd_fdstat_set_flags(u32, u32) = 52;
                fd_prestat_dir_name(u32, u32, u32) = 52;
                fd_advise(u32, u64, u64, u32) = 52;
                fd_allocate(u32, u64, u64) = 52;
                fd_datasync(u32) = 52;
                fd_fdstat_set_rights(u32, u64, u64) = 52;
                fd_filestat_set_size(u32, u64) = 52;
                fd_filestat_set_times(u32, u64, u64, u32) = 52;
                fd_pread(u32, u32, u32, u64, u32) = 52;
                fd_pwrite(u32, u32, u32, u64, u32) = 52;
                fd_readdir(u32, u32, u32, u64, u32) = 52;
                fd_renumber(u32, u32) = 52;
                fd_sync(u32) = 52;
                fd_tell(u32, u32) = 52;
                path_create_directory(u32, u32, u32) = 52;
                path_filestat_set_times(u32, u32, u32, u32, u64, u64, u32) = 52;
                path_link(u32, u32, u32, u32, u32, u32, u32) = 52;
                path_readlink(u32, u32, u32, u32, u32, u32) = 52;
                path_remove_directory(u32, u32, u32) = 52;
                path_rename(u32, u32, u32, u32, u32, u32) = 52;
                path_symlink(u32, u32, u32, u32, u32) = 52;
                path_unlink_file(u32, u32, u32) = 52;
                proc_raise(u32) = 52;
                sock_accept(u32, u32, u32) = 52;
                sock_recv(u32, u32, u32, u32, u32, u32) = 52;
                sock_send(u32, u32, u32, u32, u32) = 52;
                sock_shutdown(u32, u32) = 52;
            }
        }
    };
}

/// Those of 0.2.100, which only Higress's gateway has.
pub(crate) const HIGRESS_IMPORTS: [&str; 5] = [
    "proxy_redis_init",
    "proxy_redis_call",
    "proxy_inject_encoded_data_to_filter_chain",
    "proxy_get_upstream_hosts",
    "proxy_set_upstream_override_host",
];

pub(crate) use for_each_import;
