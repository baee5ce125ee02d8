//! A plugin that is slowed down does the same, and a known amount of work more.

mod support;

use support::hosts_for;
use tollgate_fixtures::{Plugin, plugins, workload};
use tollgate_hosts::{slowed, verify};
use tollgate_record::{Counters, PluginKind};

fn with_turns(plugin: &Plugin, turns: u32) -> Plugin {
    let bytes = slowed(plugin, turns).unwrap_or_else(|error| panic!("{}: {error}", plugin.name));
    Plugin { bytes: bytes.into(), ..plugin.clone() }
}

#[test]
fn each_turn_costs_the_same_and_nothing_else_changes() {
    let workload = workload("headers").unwrap();
    for plugin in plugins().iter().filter(|plugin| matches!(plugin.kind, PluginKind::ProxyWasm | PluginKind::Lua)) {
        // The large ones, which take long to compile, on the first host only.
        let hosts = if plugin.bytes.len() < 100_000 { usize::MAX } else { 1 };
        for host in hosts_for(plugin.kind).take(hosts) {
            let counters = |turns| {
                let verified = verify(host, &with_turns(plugin, turns), workload);
                verified.unwrap_or_else(|failure| panic!("{} on {}: {failure:?}", plugin.name, host.name())).counters
            };
            let seen: Vec<Counters> = [1, 1_001, 3_001].into_iter().map(counters).collect();
            for other in &seen[1..] {
                assert_eq!(other.host_calls, seen[0].host_calls, "{} on {}", plugin.name, host.name());
                assert_eq!(other.bytes_in, seen[0].bytes_in);
            }
            let spent = |counters: &Counters| counters.fuel.or(counters.lua_instructions);
            if let [Some(one), Some(thousand), Some(three)] = seen.iter().map(spent).collect::<Vec<_>>()[..] {
                assert!(thousand - one >= 1_000, "{} on {}: {one} {thousand}", plugin.name, host.name());
                assert_eq!((three - one), 3 * (thousand - one), "{} on {}", plugin.name, host.name());
            }
        }
    }
}

#[test]
fn what_cannot_be_slowed_down_says_so() {
    let native = plugins().iter().find(|plugin| plugin.kind == PluginKind::Native).unwrap();
    assert!(slowed(native, 5).unwrap_err().contains("native"));
    let bare = wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1")))"#);
    let module = Plugin { kind: PluginKind::ProxyWasm, bytes: bare.unwrap().into(), ..native.clone() };
    assert!(slowed(&module, 5).unwrap_err().contains("proxy_on_request_headers"));
    let damaged = Plugin { bytes: module.bytes[..20].to_vec().into(), ..module.clone() };
    assert!(slowed(&damaged, 5).is_err());
}
