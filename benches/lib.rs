//! What the benches share. They are for people: `tollgate run` pairs arms by round and is what figures are cited from.

use std::time::Duration;

use criterion::Criterion;
use tollgate_fixtures::{Plugin, Workload};
use tollgate_hosts::{Host, hosts_here};

/// Every plugin of the catalogue on every host that runs its kind.
pub fn pairs() -> impl Iterator<Item = (&'static Plugin, &'static dyn Host)> {
    tollgate_fixtures::plugins()
        .iter()
        .flat_map(|plugin| hosts_here().filter(|host| host.runs(plugin.kind)).map(move |host| (plugin, host)))
}

/// The workload that the project is about.
///
/// # Panics
/// When the catalogue has no workload `headers`.
pub fn headers() -> &'static Workload {
    tollgate_fixtures::workload("headers").expect("the catalogue has this workload")
}

/// Criterion with times that let the whole set end in a few minutes on two cores.
pub fn criterion() -> Criterion {
    // glibc's allocator takes a shorter path until a second thread has existed; gateways have threads, so do we.
    std::thread::spawn(|| {}).join().expect("an empty thread ends well");
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_500))
        .sample_size(30)
        .configure_from_args()
}

/// Whether a bench that has no criterion is to take a first look only, or only to show that it runs (`-- --quick`, `-- --test`).
pub fn is_quick() -> bool {
    std::env::args().any(|argument| argument == "--quick" || argument == "--test")
}
