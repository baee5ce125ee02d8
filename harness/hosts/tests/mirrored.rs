//! Arms against each other in mirrored rounds, on every host.

mod support;

use std::time::Duration;

use support::hosts_for;
use tollgate_fixtures::{Plugin, bad_plugins, plugin, workload};
use tollgate_hosts::{Arm, Contender, Host, MirroredRounds, mirrored, slowed};
use tollgate_record::{CellId, Mode, Phase, PluginKind};

const ROUNDS: MirroredRounds = MirroredRounds {
    layouts: 3,
    longest: Duration::from_secs(5),
    blocks_per_layout: 2,
    rounds_per_block: 3,
    batch: Duration::from_micros(20),
};

fn contender(host: &'static dyn Host, plugin: &Plugin) -> Contender {
    let [name, workload_name] = [plugin.name.clone(), "headers".to_owned()];
    let id = CellId {
        mode: Mode::InProcess,
        host: host.name().to_owned(),
        plugin: name,
        workload: workload_name,
        phase: Phase::Request,
    };
    let arm =
        Arm { id, host: Some(host), plugin: Some(plugin.clone()), workload: workload("headers").unwrap().clone() };
    Contender { arm, code: host.precompile(plugin).expect("it compiles") }
}

#[test]
fn each_pair_gets_its_blocks_and_a_slow_arm_is_slow_on_every_host() {
    for (kind, name) in [(PluginKind::ProxyWasm, "boundary"), (PluginKind::Lua, "lua")] {
        let fast = plugin(name).unwrap();
        let bytes = slowed(fast, 1_000_000).unwrap();
        let slow = Plugin { bytes: bytes.into(), sha256: "slow".to_owned(), ..fast.clone() };
        for host in hosts_for(kind) {
            let arms = [contender(host, fast), contender(host, &slow)];
            let mut blocks = 0;
            let measured = mirrored(&arms, 5, ROUNDS, &[(0, 1), (1, 0)], &mut || blocks += 1)
                .unwrap_or_else(|failed| panic!("{}: {failed:?}", host.name()));
            assert_eq!(blocks, 6);
            assert!(measured.requests_per_batch >= 1);
            let [there, back] = &measured.pairs[..] else { panic!("two pairs: {measured:?}") };
            for (there, back) in there.iter().zip(back) {
                // A million turns take longer than a request, whatever the machine does.
                assert!(there[0] < there[1] && back[1] < back[0], "{}: {there:?} {back:?}", host.name());
            }
            assert_eq!((there.len(), back.len()), (6, 6));
        }
    }
}

#[test]
fn an_arm_that_fails_is_named() {
    let host = tollgate_hosts::host_for(PluginKind::ProxyWasm).unwrap();
    let good = contender(host, plugin("boundary").unwrap());
    let bad = &bad_plugins().iter().find(|bad| bad.plugin.name == "one-remove-missing").unwrap().plugin;
    let (arm, failure) =
        mirrored(&[good, contender(host, bad)], 1, ROUNDS, &[(0, 1)], &mut || {}).expect_err("it does other work");
    assert_eq!(arm, 1);
    assert!(failure.message.contains("fake_key_"), "{failure:?}");
}

#[test]
fn code_of_another_host_is_not_run() {
    let boundary = plugin("boundary").unwrap();
    for host in hosts_for(PluginKind::ProxyWasm) {
        let Some(code) = host.precompile(boundary).unwrap() else { continue };
        assert!(host.revive(boundary, &code).is_ok(), "{}", host.name());
        let mut bytes = code.as_bytes().to_vec();
        bytes.truncate(64);
        // SAFETY: cut off within the header of the file, which is checked before any of it is run.
        let cut_off = unsafe { tollgate_hosts::Precompiled::from_bytes(bytes) };
        assert!(host.revive(boundary, &cut_off).is_err(), "{}", host.name());
    }
}
