//! The hosts that tests loop over.

#![allow(dead_code, reason = "each test file uses a part of it")]

use tollgate_hosts::{HOSTS, Host};
use tollgate_record::PluginKind;

/// All hosts that are here; in CI that must be every one.
pub(crate) fn hosts() -> impl Iterator<Item = &'static dyn Host> {
    HOSTS.iter().copied().filter(|host| match host.absent() {
        None => true,
        Some(way) => {
            let required = std::env::var_os("TOLLGATE_REQUIRE_RUNNERS").is_some();
            assert!(!required, "TOLLGATE_REQUIRE_RUNNERS is set, but {}: {way}", host.name());
            eprintln!("\n*** NOT TESTED on {}: {way}\n", host.name());
            false
        }
    })
}

/// Those that run plugins of that kind.
pub(crate) fn hosts_for(kind: PluginKind) -> impl Iterator<Item = &'static dyn Host> {
    hosts().filter(move |host| host.runs(kind))
}
