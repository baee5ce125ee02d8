//! Every plugin of the catalogue does on every host what every workload expects.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use support::hosts;
use tollgate_fixtures::{plugins, workload, workloads};
use tollgate_hosts::verify;
use tollgate_record::{Counters, PluginKind};

#[test]
fn every_plugin_does_every_workload_on_every_host() {
    let mut verified = 0;
    let mut failures = Vec::new();
    for host in hosts() {
        for plugin in plugins().iter().filter(|plugin| host.runs(plugin.kind)) {
            let mut by_work: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
            for workload in workloads() {
                let plugin = &plugin.for_path(workload.path).expect("it has an artifact for both paths");
                match verify(host, plugin, workload) {
                    Ok(proof) => {
                        let calls: u64 = proof.counters.host_calls.values().sum();
                        assert!(calls >= u64::from(workload.operations) * 3, "{}: {proof:?}", plugin.name);
                        verified += 1;
                        let Counters { host_calls, bytes_in, bytes_out, allocations, .. } = proof.counters;
                        let counted = format!("{host_calls:?}, {bytes_in}, {bytes_out}, {allocations}");
                        by_work.entry(workload.operations).or_default().insert(counted);
                    }
                    Err(failure) => failures.push(format!("{} on {}: {}", plugin.name, host.name(), failure.message)),
                }
            }
            // The same work on either path, so the same calls and bytes.
            let differing = by_work.values().find(|counted| counted.len() > 1);
            assert_eq!(differing, None, "{} on {}", plugin.name, host.name());
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(verified >= plugins().len() * workloads().len(), "every plugin has a host that runs it");
}

#[test]
fn counters_are_exact_and_the_same_in_every_run() {
    let headers = workload("headers").expect("the catalogue has it");
    for host in hosts() {
        for plugin in plugins().iter().filter(|plugin| host.runs(plugin.kind)) {
            let counters = || verify(host, plugin, headers).expect("verified above").counters;
            let first = counters();
            assert_eq!(counters(), first, "{} on {}", plugin.name, host.name());
            let is_wasm = plugin.kind == PluginKind::ProxyWasm;
            let fuel = first.fuel.or(first.varying.get("fuel").map(|spread| spread.least));
            assert_eq!(fuel.is_some_and(|fuel| fuel > 60), is_wasm, "{first:?}");
            let is_lua = plugin.kind == PluginKind::Lua;
            assert_eq!(first.lua_instructions.is_some_and(|instructions| instructions > 60), is_lua, "{first:?}");
            if is_wasm {
                // 20 values of 250 bytes in all, each handed over in one allocation.
                assert_eq!((first.bytes_in, first.allocations), (250, 20), "{}: {first:?}", plugin.name);
                assert_eq!(first.host_calls["proxy_replace_header_map_value"], 20);
            }
        }
    }
}

/// Without this, work on the wrong headers would pass for the right one: the trace has only names and values.
#[test]
fn work_on_the_other_headers_is_found() {
    let workloads = ["headers", "response-headers"].map(|name| workload(name).expect("the catalogue has it"));
    for host in hosts() {
        for plugin in plugins().iter().filter(|plugin| host.runs(plugin.kind)) {
            for (held_to, other) in [(workloads[0], workloads[1]), (workloads[1], workloads[0])] {
                let plugin = plugin.for_path(other.path).expect("it has an artifact for both paths");
                let failure = verify(host, &plugin, held_to).expect_err("it works on other headers");
                let whose = format!("got 60 operations on the {}'s headers", other.path.name());
                assert!(failure.message.contains(&whose), "{} on {}: {}", plugin.name, host.name(), failure.message);
            }
        }
    }
}
