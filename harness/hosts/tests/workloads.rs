//! Every plugin of the catalogue does on every host what every workload expects.

mod support;

use support::hosts;
use tollgate_fixtures::{plugins, workload, workloads};
use tollgate_hosts::verify;
use tollgate_record::PluginKind;

#[test]
fn every_plugin_does_every_workload_on_every_host() {
    let mut verified = 0;
    let mut failures = Vec::new();
    for host in hosts() {
        for plugin in plugins().iter().filter(|plugin| host.runs(plugin.kind)) {
            for workload in workloads() {
                match verify(host, plugin, workload) {
                    Ok(proof) => {
                        let calls: u64 = proof.counters.host_calls.values().sum();
                        assert!(calls >= u64::from(workload.operations) * 3, "{}: {proof:?}", plugin.name);
                        verified += 1;
                    }
                    Err(failure) => failures.push(format!("{} on {}: {}", plugin.name, host.name(), failure.message)),
                }
            }
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
