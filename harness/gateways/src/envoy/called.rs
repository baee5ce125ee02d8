//! What plugins call: clusters of any names, all of them one listener of the same Envoy, that answers every HTTP call at
//! once and as the scripted upstream in process does. Where a plugin asks an authority, that round trip is in its
//! figure, and no other process is.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tollgate_hosts::CALL_BODY;

use super::config::{MANAGER, ROUTE, at};

/// Path of an address in a cluster.
const ENDPOINT: &str = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/pipe/path";

/// What a configuration has besides the arms so that plugins can call.
#[derive(Debug, Default)]
pub(super) struct Called {
    /// None where nothing is called.
    pub(super) listener: Option<Value>,
    pub(super) clusters: Vec<Value>,
}

/// A cluster for each name; names that come again are one.
pub(super) fn called(template: &Value, names: &[String]) -> Called {
    let mut names: Vec<&String> = names.iter().collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Called::default();
    }
    let socket = json!(socket());
    let mut listener = template["called"]["listener"].clone();
    *at(&mut listener, "/address/pipe/path") = socket.clone();
    at(at(&mut listener, MANAGER), ROUTE)["direct_response"]["body"]["inline_string"] =
        json!(String::from_utf8_lossy(CALL_BODY));
    let cluster = |name: &String| {
        let mut cluster = template["called"]["cluster"].clone();
        cluster["name"] = json!(name);
        cluster["load_assignment"]["cluster_name"] = json!(name);
        *at(&mut cluster, ENDPOINT) = socket.clone();
        cluster
    };
    Called { listener: Some(listener), clusters: names.into_iter().map(cluster).collect() }
}

/// A name in Linux's abstract namespace: no port that could be taken, no file that could be left behind.
fn socket() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("@tollgate-called-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
