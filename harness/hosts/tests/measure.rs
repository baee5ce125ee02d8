//! Rounds over real plugins: every arm gets its series, a failing one drops out and leaves the others alone.

mod support;

use std::ops::ControlFlow;
use std::time::Duration;

use support::hosts_for;
use tollgate_fixtures::{Plugin, bad_plugins, plugin, workload};
use tollgate_hosts::{Arm, Bench, Host, Lifecycle, host_for};
use tollgate_record::{CellId, FailureClass, Mode, Phase, PluginKind};

fn arm(name: &str, plugin: Option<&Plugin>) -> Arm {
    arm_on(plugin.map(|plugin| host_for(plugin.kind).expect("a host runs it")), name, plugin)
}

fn arm_on(host: Option<&'static dyn Host>, name: &str, plugin: Option<&Plugin>) -> Arm {
    let id = CellId {
        mode: Mode::InProcess,
        host: host.map_or("in-process", |host| host.name()).to_owned(),
        plugin: name.to_owned(),
        workload: plugin.map_or("none", |_| "headers").to_owned(),
        phase: Phase::Request,
    };
    Arm { id, host, plugin: plugin.cloned(), workload: workload("headers").expect("the catalogue has it").clone() }
}

fn bad(name: &str) -> &'static Plugin {
    &bad_plugins().iter().find(|bad| bad.plugin.name == name).expect("it is in bad.toml").plugin
}

#[test]
fn every_arm_gets_a_series_and_failing_ones_drop_out() {
    let mut arms = vec![arm("A", None), arm("A'", None)];
    arms.extend(["native", "lua", "boundary"].map(|name| arm(name, plugin(name))));
    let mut names = vec!["native", "lua", "boundary"];
    // Hosts of one kind beside each other, some of them in processes of their own.
    for host in hosts_for(PluginKind::Lua) {
        names.push(host.name());
        arms.push(arm_on(Some(host), host.name(), plugin("lua")));
    }
    arms.push(arm("trap-in-request-headers", Some(bad("trap-in-request-headers"))));
    arms.push(arm("one-remove-missing", Some(bad("one-remove-missing"))));
    let mut prepared = Vec::new();
    let bench = Bench::prepare(arms, &mut |id| prepared.push(id.plugin.clone()));
    assert_eq!(prepared.len(), names.len() + 4);
    for index in 0..prepared.len() {
        let life = bench.lifecycle(index);
        assert_eq!(life.is_some(), (2..2 + names.len()).contains(&index), "arm {index}");
        let is_whole = |life: Lifecycle| life.compile_ns > 0 && life.instantiate_ns > 0 && life.first_request_ns > 0;
        assert!(life.is_none_or(is_whole), "{life:?}");
    }

    let mut rounds = 0;
    let results = bench.run(3, 1, Duration::from_millis(1500), 5, 10, &mut |_, _| {
        rounds += 1;
        ControlFlow::Continue(())
    });
    assert!(rounds > 5);
    let series = |name: &str| results.iter().find(|(id, _)| id.plugin == name).unwrap().1.as_ref();
    let control = series("A").unwrap();
    assert!(control.added_blocks_ns.is_empty() && !control.sample_blocks_ns.is_empty());
    for name in &names {
        let series = series(name).unwrap();
        assert_eq!((series.start, series.requests_per_sample, series.rounds_per_block), (3, 10, 5));
        assert_eq!(series.sample_blocks_ns.len(), control.sample_blocks_ns.len());
        assert!(series.added_blocks_ns.iter().all(|&ns| ns > 0), "{name} does something: {series:?}");
        assert!(series.rounds_dropped > 0 && series.latency_ns.len() > series.rounds, "{series:?}");
    }
    for name in ["trap-in-request-headers", "one-remove-missing"] {
        let failure = series(name).unwrap_err();
        assert_eq!(failure.class, FailureClass::Plugin, "{failure:?}");
    }
}

#[test]
fn a_plugin_that_fails_later_is_a_failure_and_not_a_fast_arm() {
    // Works until its thousandth value: past the proof, in the middle of the batches.
    let source =
        "local n = 0\nfunction envoy_on_request(handle)\n  n = n + 1\n  if n > 1000 then error('worn out') end\nend\n";
    let mut tired = bad("lua-error-in-request").clone();
    tired.name = "tired".to_owned();
    tired.bytes = source.as_bytes().into();
    // Not like the workload at all, so it is not held to it.
    assert!(!tired.workload_checked);
    let mut leaves = tired.clone();
    leaves.name = "leaves-a-header".to_owned();
    leaves.workload_checked = true;
    // As many operations as the workload has, so that only the headers tell.
    leaves.bytes = format!(
        "{}\nlocal inner, n = envoy_on_request, 0\nfunction envoy_on_request(handle)\n  n = n + 1\n  if n <= 1000 then \
         return inner(handle) end\n  for _ = 1, 59 do handle:headers():get('left') end\n  \
         handle:headers():add('left', '1')\nend\n",
        plugin("lua").unwrap().lua_source(b"20"),
    )
    .into_bytes()
    .into();
    let mut lazy = tired.clone();
    lazy.name = "lazy".to_owned();
    lazy.workload_checked = true;
    lazy.bytes = format!(
        "{}\nlocal inner, n = envoy_on_request, 0\nfunction envoy_on_request(handle)\n  n = n + 1\n  if n <= 1000 then \
         return inner(handle) end\nend\n",
        plugin("lua").unwrap().lua_source(b"20"),
    )
    .into_bytes()
    .into();
    for host in hosts_for(PluginKind::Lua) {
        let on_it = |plugin: &Plugin| arm_on(Some(host), &plugin.name, Some(plugin));
        let arms = vec![arm("A", None), on_it(&tired), on_it(&leaves), on_it(&lazy), arm("A'", None)];
        let bench = Bench::prepare(arms, &mut |_| ());
        assert!((0..5).all(|index| bench.failure(index).is_none()), "{bench:?}");
        let results = bench.run(0, 1, Duration::from_millis(1500), 3, 20, &mut |_, _| ControlFlow::Continue(()));
        for (index, said) in [(1, "worn out"), (2, "left"), (3, "other work")] {
            let failure = results[index].1.as_ref().unwrap_err();
            assert!(failure.message.contains(said), "{failure:?} on {}", host.name());
        }
        assert!(!results[4].1.as_ref().unwrap().added_blocks_ns.is_empty(), "the others go on");
    }
}

#[test]
fn it_can_be_broken_off_and_needs_a_control() {
    let bench = Bench::prepare(vec![arm("A", None), arm("native", plugin("native"))], &mut |_| ());
    let begin = std::time::Instant::now();
    let results = bench.run(0, 1, Duration::from_secs(60), 3, 5, &mut |_, _| ControlFlow::Break(()));
    assert!(begin.elapsed() < Duration::from_secs(10));
    assert!(results.iter().all(|(_, result)| result.is_ok()));

    let bench = Bench::prepare(vec![arm("native", plugin("native"))], &mut |_| ());
    let results = bench.run(0, 1, Duration::from_secs(1), 3, 5, &mut |_, _| ControlFlow::Continue(()));
    assert_eq!(results[0].1.as_ref().unwrap_err().class, FailureClass::Environment);
}
