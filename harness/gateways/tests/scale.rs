//! Plugins in a row on a real Envoy: that each of them ran, how many VMs there are, and that what fails is a row.

mod common;

use std::ops::ControlFlow;
use std::time::Duration;

use common::{envoy, envoys_of, one_at_a_time, script_plugin, signal};
use tollgate_fixtures::{Plugin, bad_plugins, plugin};
use tollgate_gateways::scenario::{ScalePlan, ScenarioProgress, scale};
use tollgate_gateways::{Options, decide_placement};
use tollgate_record::{Chain, PluginKind, Scale, Scenario, Story, VmUse};

fn plan(plugins: Vec<Plugin>, vms: VmUse) -> ScalePlan {
    ScalePlan {
        plugins,
        lengths: vec![1, 3],
        workers: vec![1, 2],
        vms,
        placement: decide_placement(),
        starts: 2,
        duration: Duration::from_secs(2),
        rounds_per_block: 5,
        seed: 1,
    }
}

fn named(names: &[&str]) -> Vec<Plugin> {
    names.iter().map(|name| plugin(name).expect("it is in the catalogue").clone()).collect()
}

fn go_on(_: ScenarioProgress<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn scale_of(scenario: Scenario) -> Scale {
    assert_eq!((scenario.error, scenario.rate_per_s), (None, None));
    match scenario.story {
        Story::Scale(scale) => scale,
        other => panic!("it is a scale: {other:?}"),
    }
}

/// Not a test by itself: the process of the external plugin.
#[test]
fn helper_that_serves_the_external_plugin() {
    if std::env::var_os("TOLLGATE_EXT_PROC_LISTENER").is_some() {
        panic!("{}", tollgate_gateways::serve_external().unwrap_err());
    }
}

#[test]
fn every_kind_of_plugin_runs_as_often_as_it_is_there() {
    let _one = one_at_a_time();
    if envoy().is_none() {
        return;
    }
    // One of each kind, so that all ways to count are tried.
    let mut plugins: Vec<Plugin> = Vec::new();
    for plugin in tollgate_fixtures::plugins() {
        if plugins.iter().all(|other| other.kind != plugin.kind) && plugin.kind != PluginKind::External {
            plugins.push(plugin.clone());
        }
    }
    assert_eq!(plugins.len(), 3);
    for vms in [VmUse::Own, VmUse::Shared] {
        let scale = scale_of(scale(&plan(plugins.clone(), vms), &Options::default(), &mut go_on).unwrap());
        assert_eq!(scale.chains.len(), plugins.len() * 2 * 3, "A' and two lengths, with each number of workers");
        for chain in &scale.chains {
            let Chain { plugin, length, workers, series, proof, error, .. } = chain;
            assert_eq!((error, series.len()), (&None, 2), "{plugin} x {length}, {workers} workers");
            assert!(series.iter().all(|series| !series.added_blocks_ns.is_empty()));
            let proof = proof.as_ref().unwrap();
            assert_eq!(proof.contains("(3 in a row)"), *length == 3, "{proof}");
            let kind = plugins.iter().find(|other| &other.name == plugin).unwrap().kind;
            if kind == PluginKind::ProxyWasm && *length > 0 {
                assert!(proof.contains(&format!("it called it {length} times")), "{proof}");
            }
        }
        assert_eq!(scale.footprints.len(), 2 * (1 + plugins.len() * 2));
        for footprint in &scale.footprints {
            assert_eq!(footprint.error, None, "{footprint:?}");
            assert_eq!(footprint.requests.len(), footprint.workers as usize, "{footprint:?}");
            assert!(footprint.requests.iter().all(|&requests| requests >= 500), "{footprint:?}");
            let (ready, after) = (footprint.ready_bytes.unwrap(), footprint.after_bytes.unwrap());
            assert!(ready > 10_000_000 && after > 10_000_000, "{footprint:?}");
            let kind = plugins.iter().find(|other| Some(&other.name) == footprint.plugin.as_ref()).map(|of| of.kind);
            // Each worker has one, and the main thread two.
            let threads = u64::from(footprint.workers) + 2;
            let expected = match (kind, vms) {
                (None, _) => Some(0),
                (Some(PluginKind::ProxyWasm), VmUse::Own) => Some(u64::from(footprint.length) * threads),
                (Some(PluginKind::ProxyWasm), VmUse::Shared) => Some(threads),
                (Some(_), _) => None,
            };
            assert_eq!(footprint.vms, expected, "{footprint:?}");
        }
        assert!(envoys_of(std::process::id()).is_empty());
    }
}

#[test]
fn the_external_process_is_asked_once_for_each_member() {
    let _one = one_at_a_time();
    if envoy().is_none() {
        return;
    }
    let gateway = tollgate_gateways::gateway("envoy").unwrap();
    let external = plugin("external").expect("it is in the catalogue");
    assert!(gateway.runs(external.kind) && gateway.runs_chains());
    let plan = ScalePlan { workers: vec![1], starts: 1, ..plan(vec![external.clone()], VmUse::Own) };
    let scale = scale_of(scale(&plan, &common::options(), &mut go_on).unwrap());
    let proof = scale.chains.iter().find(|chain| chain.length == 3).unwrap().proof.as_ref().unwrap();
    assert!(proof.contains("(3 in a row)") && proof.contains("answers of the plugin's process"), "{proof}");
}

#[test]
fn what_fails_is_a_row_and_the_others_are_measured() {
    let _one = one_at_a_time();
    if envoy().is_none() {
        return;
    }
    let bad = |name: &str| bad_plugins().iter().find(|bad| bad.plugin.name == name).unwrap().plugin.clone();
    let broken = script_plugin("broken", "function envoy_on_request(handle) error('no') end");
    let plugins = [vec![bad("truncated"), broken], named(&["lua"])].concat();
    let plan = ScalePlan { workers: vec![1], ..plan(plugins, VmUse::Own) };
    let scale = scale_of(scale(&plan, &Options::default(), &mut go_on).unwrap());
    for chain in scale.chains.iter().filter(|chain| chain.length > 0) {
        let Chain { plugin, length, error, .. } = chain;
        assert_eq!(error.is_some(), plugin != "lua", "{plugin} x {length}: {error:?}");
    }
    let footprints = scale.footprints.iter().filter(|footprint| footprint.length > 0);
    assert!(footprints.clone().any(|footprint| footprint.error.is_some()));
    for footprint in footprints {
        assert_eq!(footprint.error.is_some(), footprint.plugin.as_deref() != Some("lua"), "{footprint:?}");
    }
}

#[test]
fn a_gateway_that_dies_is_a_failed_row_and_the_next_plugin_is_measured() {
    let _one = one_at_a_time();
    if envoy().is_none() {
        return;
    }
    let mut killed = 0;
    let mut kill = |progress: ScenarioProgress<'_>| {
        // Told while requests are timed, too: then there is one.
        let running = envoys_of(std::process::id()).first().copied();
        if let Some(envoy) = running.filter(|_| progress.doing.starts_with("boundary") && killed == 0) {
            killed = envoy;
            signal("KILL", envoy);
        }
        ControlFlow::Continue(())
    };
    let plan = ScalePlan { workers: vec![1], starts: 1, ..plan(named(&["boundary", "lua"]), VmUse::Own) };
    let scale = scale_of(scale(&plan, &Options::default(), &mut kill).unwrap());
    assert!(killed > 0);
    for chain in scale.chains.iter().filter(|chain| chain.length > 0) {
        assert_eq!(chain.error.is_some(), chain.plugin == "boundary", "{} {:?}", chain.plugin, chain.error);
    }
    let error = scale.chains.iter().find_map(|chain| chain.error.as_ref()).unwrap();
    assert!(error.message.contains("signal 9"), "{}", error.message);
}

#[test]
fn a_stop_keeps_what_is_finished_and_is_no_failure() {
    let _one = one_at_a_time();
    if envoy().is_none() {
        return;
    }
    let mut stop = |progress: ScenarioProgress<'_>| match progress.doing.starts_with("lua") {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let plan = ScalePlan { workers: vec![1], starts: 1, ..plan(named(&["boundary", "lua"]), VmUse::Own) };
    let scale = scale_of(scale(&plan, &Options::default(), &mut stop).unwrap());
    for chain in &scale.chains {
        assert_eq!(chain.error, None, "{} x {}", chain.plugin, chain.length);
        assert_eq!(chain.series.is_empty(), chain.plugin == "lua", "{} x {}", chain.plugin, chain.length);
    }
    assert!(scale.footprints.is_empty());
    assert!(envoys_of(std::process::id()).is_empty());
}

#[test]
fn a_gateway_that_cannot_says_so_in_the_row() {
    let _one = one_at_a_time();
    for gateway in common::gateways().filter(|gateway| !gateway.runs_chains()) {
        let mut arms = common::some_arms(gateway);
        arms.last_mut().unwrap().chain = 2;
        let running = common::start(gateway, &arms);
        let refused = running.refused();
        assert_eq!((refused.len(), refused[0].0), (1, arms.len() - 1), "{}", gateway.name());
        assert!(refused[0].1.message.contains("--gateway envoy"), "{:?}", refused[0].1);
    }
}
