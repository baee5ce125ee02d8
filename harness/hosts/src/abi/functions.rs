//! Every host function under the name that guests import it by.

pub(crate) use super::buffers::*;
pub(crate) use super::calls::*;
pub(crate) use super::headers::*;
pub(crate) use super::higress::*;
pub(crate) use super::logging::{proxy_get_log_level, proxy_log};
pub(crate) use super::metrics::{proxy_define_metric, proxy_get_metric, proxy_increment_metric, proxy_record_metric};
pub(crate) use super::properties::*;
pub(crate) use super::queues::{
    proxy_dequeue_shared_queue, proxy_enqueue_shared_queue, proxy_register_shared_queue, proxy_resolve_shared_queue,
};
pub(crate) use super::shared::{proxy_get_shared_data, proxy_set_shared_data};
pub(crate) use super::status::answer;
pub(crate) use super::stream::*;
pub(crate) use super::wasi::{
    clock_res_get, clock_time_get, emscripten_notify_memory_growth, fd_fdstat_get, fd_write, no_strings, poll_oneoff,
    proc_exit, pthread_equal, random_get,
};
