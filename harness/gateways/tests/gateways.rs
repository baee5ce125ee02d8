//! What every gateway must do; each case is looped over the list of gateways.

mod common;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use common::*;
use tollgate_fixtures::{BadPlugin, Expectation, Plugin, Stage, bad_plugins, plugin, plugins, workload, workloads};
use tollgate_gateways::{
    Arm, BODY, CANARY_VALUE, Gateway, GatewayError, Options, Probe, arm_label, measure, request_bytes, serve_external,
};
use tollgate_record::{FailureClass, PluginKind};

/// Both controls, and every plugin that runs there with every workload.
fn whole_catalogue(gateway: &dyn Gateway) -> Vec<Arm> {
    let mut arms = controls(gateway);
    for workload in workloads() {
        let running = plugins().iter().filter(|plugin| gateway.runs(plugin.kind));
        arms.extend(running.map(|plugin| arm(gateway, plugin, workload)));
    }
    arms
}

/// Not a test by itself: the process of the external plugin.
#[test]
fn helper_that_serves_the_external_plugin() {
    if std::env::var_os("TOLLGATE_EXT_PROC_LISTENER").is_some() {
        panic!("{}", serve_external().unwrap_err());
    }
}

#[test]
fn every_arm_answers_by_the_contract_and_the_counters_prove_it() {
    let _one = one_at_a_time();
    for gateway in gateways() {
        let arms = whole_catalogue(gateway);
        let mut running = start(gateway, &arms);
        assert!(running.refused().is_empty(), "{}: {:?}", gateway.name(), running.refused());
        for (index, arm) in arms.iter().enumerate() {
            let mut probe = Probe::connect(running.address(index), Duration::from_secs(5)).unwrap();
            let removes = arm.plugin.is_some() && arm.workload.operations > 0;
            for (canary, left) in [(false, None), (true, (!removes).then_some(CANARY_VALUE)), (false, None)] {
                assert!(probe.exchange(&request_bytes(&arm.workload, canary)).unwrap() > 1_000, "faster than a socket");
                let response = probe.response().unwrap();
                let name = arm_label(arm);
                assert_eq!(
                    (response.status, response.arm, response.left),
                    (200, Some(name.as_str()), left),
                    "{}",
                    arm.id
                );
                assert_eq!(response.body, BODY.as_bytes());
            }
        }
        let sent = vec![3; arms.len()];
        for (arm, proof) in arms.iter().zip(running.prove(&sent)) {
            assert!(proof.unwrap_or_else(|failure| panic!("{}: {}", arm.id, failure.message)).contains('3'));
        }
        // A proof that says yes to everything proves nothing.
        assert!(running.prove(&vec![2; arms.len()]).iter().all(Result::is_err), "{}", gateway.name());
        assert!(running.prove(&vec![4; arms.len()]).iter().all(Result::is_err), "{}", gateway.name());
    }
}

#[test]
fn every_arm_is_measured() {
    let _one = one_at_a_time();
    for gateway in gateways() {
        assert!(gateway.version(&Options::default()).unwrap().starts_with(|char: char| char.is_ascii_digit()));
        let arms = whole_catalogue(gateway);
        let mut running = start(gateway, &arms);
        for (index, (id, outcome)) in
            measure_for(running.as_mut(), &arms, Duration::from_secs(2)).into_iter().enumerate()
        {
            let (series, proof) = outcome.unwrap_or_else(|failure| panic!("{id}: {}", failure.message));
            assert_eq!(id, arms[index].id);
            assert_eq!(series.rounds, series.latency_ns.len() - (series.latency_ns.len() % 5), "{id}");
            assert_eq!(series.added_blocks_ns.is_empty(), index == 0, "{id}: only A is compared with nobody");
            assert!(series.rounds_dropped > 0 && series.requests_per_sample == 1, "{id}");
            assert!(proof.contains("canaries as expected"), "{id}: {proof}");
            // The second instrument: a gateway that times requests has a figure for every arm but A.
            let own = series.gateway_added_blocks_ns.is_some_and(|blocks| !blocks.is_empty());
            assert_eq!(own, index > 0 && running.times_requests(), "{id}");
        }
    }
}

/// Both instruments look at the same requests, so a plugin that is slow by one is slow by the other.
#[test]
fn the_gateways_own_clock_sees_a_slow_plugin_and_nothing_in_a_control() {
    let _one = one_at_a_time();
    for gateway in distinct_gateways().filter(|gateway| gateway.runs(PluginKind::Lua)) {
        let mut slow = plugin("lua").unwrap().clone();
        slow.workload_checked = false;
        slow.bytes = b"function envoy_on_request(h) local n = 0 for i = 1, 300000 do n = n + i % 7 end end"[..].into();
        let arms = [controls(gateway), vec![arm(gateway, &slow, headers())]].concat();
        let mut running = start(gateway, &arms);
        let outcomes = measure_for(running.as_mut(), &arms, Duration::from_millis(600));
        if !running.times_requests() {
            continue;
        }
        let middle = |blocks: &[i64]| {
            let mut blocks = blocks.to_vec();
            blocks.sort_unstable();
            blocks[blocks.len() / 2]
        };
        let [noise, slow] = [1, 2].map(|index| {
            let (series, _) = outcomes[index].1.as_ref().unwrap();
            (middle(&series.added_blocks_ns), middle(series.gateway_added_blocks_ns.as_ref().unwrap()))
        });
        eprintln!("{}: A' {noise:?}, slow {slow:?}", gateway.name());
        assert!(slow.1 > 50_000 && slow.1 > 20 * noise.1.abs(), "{}: {noise:?}, {slow:?}", gateway.name());
        assert!(slow.1 > slow.0 / 2 && slow.1 < slow.0 * 2, "{}: {slow:?}", gateway.name());
    }
}

#[test]
fn bad_plugins_become_failures_and_the_others_are_measured() {
    let _one = one_at_a_time();
    // A gateway that loads a plugin need not load it as strictly as our hosts do: what counts is that none of them is
    // measured like a good one. Wrong effects that leave the canary as it must be are the business of `verify`.
    let endless = |name: &str| name.ends_with("endless-loop");
    for gateway in gateways() {
        let mut arms = some_arms(gateway);
        let bad: Vec<_> =
            bad_plugins().iter().filter(|bad| gateway.runs(bad.plugin.kind) && !endless(&bad.plugin.name)).collect();
        arms.extend(bad.iter().map(|bad| arm(gateway, &bad.plugin, headers())));
        let mut running = start(gateway, &arms);
        let outcomes = measure_for(running.as_mut(), &arms, Duration::from_secs(2));
        for (id, outcome) in &outcomes[..3] {
            assert!(outcome.is_ok(), "{id} has to go on: {outcome:?}");
        }
        for (bad, (id, outcome)) in bad.iter().zip(&outcomes[3..]) {
            match (&bad.expectation, outcome) {
                (Expectation::Fails { stage, .. }, Err(failure)) => {
                    assert_eq!(failure.class, FailureClass::Plugin, "{id}: {}", failure.message);
                    eprintln!("{} {stage:?} {}: {}", gateway.name(), bad.plugin.name, failure.message);
                }
                (Expectation::Fails { stage: Stage::Verify, .. } | Expectation::Runs, Ok(_)) => {}
                (Expectation::Fails { .. }, Ok(_)) if lenient(gateway, &bad.plugin.name) => {}
                (Expectation::Runs, Err(failure)) if crashes(gateway, &bad.plugin.name) => {
                    assert!(failure.message.contains("crashes envoy (signal 11)"), "{id}: {}", failure.message);
                }
                // A fast machine gets to the end of its memory within the time.
                (Expectation::Runs, Err(failure)) if bad.plugin.name == "leaks-a-mebibyte" => {
                    assert!(failure.message.contains("unreachable"), "{id}: {}", failure.message);
                }
                (expectation, outcome) => panic!("{id}: expected {expectation:?}, got {outcome:?}"),
            }
        }
    }
}

/// What Envoy takes and our hosts do not: it runs a plugin without `proxy_on_request_headers` and calls nothing. With
/// a workload whose effects are asked for, the canary finds out.
fn lenient(gateway: &dyn Gateway, name: &str) -> bool {
    gateway.name() == "envoy" && name == "no-request-headers"
}

/// Envoy 1.40 itself dies of a plugin that logs from its start section: its memory is not known by then.
fn crashes(gateway: &dyn Gateway, name: &str) -> bool {
    gateway.name() == "envoy" && name == "log-in-start-section"
}

/// HAProxy has settled how a body is framed when it calls a script with a response, and says so.
fn frames_late(gateway: &dyn Gateway) -> bool {
    gateway.name() != "haproxy"
}

#[test]
fn a_plugin_that_does_nothing_is_found_by_the_canary() {
    let _one = one_at_a_time();
    let Some((envoy, _)) = envoy() else { return };
    let idle = bad_plugins().iter().find(|bad| bad.plugin.name == "no-request-headers").unwrap();
    let mut idle = idle.plugin.clone();
    idle.workload_checked = true;
    let arms = [controls(envoy), vec![arm(envoy, &idle, headers())]].concat();
    let mut running = start(envoy, &arms);
    let outcomes = measure_for(running.as_mut(), &arms, Duration::from_millis(300));
    let failure = outcomes[2].1.as_ref().unwrap_err();
    assert!(failure.class == FailureClass::Plugin && failure.message.contains("canary"), "{}", failure.message);
}

/// On the response path the canary is in the response, before the plugin sees it.
#[test]
fn a_plugin_that_does_nothing_with_the_response_is_found() {
    let _one = one_at_a_time();
    let [headers, noop] = ["response-headers", "response-noop"].map(|name| workload(name).unwrap());
    let source = "function envoy_on_response(handle) end";
    let idle = Plugin { workload_checked: true, ..script_plugin("idle", source) };
    for gateway in distinct_gateways().filter(|gateway| gateway.runs(idle.kind)) {
        // As in a run of these workloads alone.
        let mut arms = controls(gateway);
        arms.iter_mut().for_each(|control| control.workload = headers.clone());
        arms.extend([headers, noop].map(|workload| arm(gateway, &idle, workload)));
        let outcomes = measure_for(start(gateway, &arms).as_mut(), &arms, Duration::from_millis(300));
        let failure = outcomes[2].1.as_ref().unwrap_err();
        // The embedded gateway counts what is done to its headers as well.
        let said = if gateway.name() == "embedded" { "0 operations" } else { "canary" };
        assert!(
            failure.class == FailureClass::Plugin && failure.message.contains(said),
            "{}: {}",
            gateway.name(),
            failure.message
        );
        assert!(outcomes[..2].iter().all(|(_, outcome)| outcome.is_ok()), "{}: {outcomes:?}", gateway.name());
        assert!(outcomes[3].1.is_ok(), "{}: nothing is what is asked for there: {:?}", gateway.name(), outcomes[3]);
    }
}

/// Not a test by itself: it runs in a process of its own, because a thread that never returns cannot be ended.
#[test]
fn a_plugin_that_answers_itself_is_told_so_and_what_to_do() {
    let _one = one_at_a_time();
    let source = "function envoy_on_request(handle)\n  handle:respond({[':status'] = '403'}, 'no')\nend\n";
    let plugin = script_plugin("denies", source);
    for gateway in distinct_gateways().filter(|gateway| gateway.runs(plugin.kind)) {
        let mut arms = controls(gateway);
        arms.push(arm(gateway, &plugin, headers()));
        let outcomes = measure_for(start(gateway, &arms).as_mut(), &arms, Duration::from_millis(100));
        let (id, outcome) = outcomes.into_iter().find(|(id, _)| id.plugin == plugin.name).unwrap();
        let failure = outcome.unwrap_err();
        assert_eq!(failure.class, FailureClass::Plugin, "{id}: {}", failure.message);
        let said = ["status 403 came from something before the route", "`--request`"];
        assert!(said.iter().all(|said| failure.message.contains(said)), "{id}: {}", failure.message);
    }
}

#[test]
fn helper_that_measures_an_endless_plugin() {
    let Some(name) = std::env::var_os("TOLLGATE_TEST_ENDLESS") else { return };
    let gateway = tollgate_gateways::gateway(name.to_str().unwrap()).unwrap();
    let is_endless = |bad: &&BadPlugin| bad.plugin.name.ends_with("endless-loop") && gateway.runs(bad.plugin.kind);
    let endless = bad_plugins().iter().find(is_endless).unwrap();
    let arms = [some_arms(gateway), vec![arm(gateway, &endless.plugin, headers())]].concat();
    let begin = Instant::now();
    let mut running = start(gateway, &arms);
    let outcomes = measure_for(running.as_mut(), &arms, Duration::from_secs(1));
    drop(running);
    assert!(begin.elapsed() < Duration::from_secs(25), "{}: {:?}", gateway.name(), begin.elapsed());
    let failure = outcomes[3].1.as_ref().unwrap_err();
    assert_eq!(failure.class, FailureClass::Plugin, "{}: {}", gateway.name(), failure.message);
    for (id, outcome) in &outcomes[..3] {
        match gateway.name() {
            // It ends a script that runs for four seconds, and goes on.
            "haproxy" => assert!(outcome.is_ok(), "{id}: {outcome:?}"),
            _ => assert_eq!(outcome.as_ref().unwrap_err().class, FailureClass::Environment, "{id}"),
        }
    }
}

#[test]
fn a_plugin_that_never_returns_ends_the_measurement() {
    let _one = one_at_a_time();
    for gateway in distinct_gateways() {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "helper_that_measures_an_endless_plugin", "--nocapture"])
            .env("TOLLGATE_TEST_ENDLESS", gateway.name())
            .status()
            .unwrap();
        assert!(status.success(), "{}", gateway.name());
    }
}

#[test]
fn a_port_in_use_is_named_and_nothing_is_left_running() {
    let _one = one_at_a_time();
    for gateway in distinct_gateways() {
        // Two ports side by side, the second one taken.
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let options = Options { base_port: Some(port - 1), ..Options::default() };
        let error = gateway.start(&controls(gateway), &options).err().expect("the port is taken");
        let named = matches!(&error, GatewayError::PortInUse { address } if address.port() == port || address.port() == port - 1);
        assert!(named && error.to_string().contains("--base-port"), "{}: {error}", gateway.name());
        assert!(soon(|| gateways_of(std::process::id()).is_empty()));

        let options = Options { base_port: Some(u16::MAX), ..Options::default() };
        let error = gateway.start(&controls(gateway), &options).err().expect("there is no port 65536");
        assert!(matches!(error, GatewayError::PortRange { arm: 1, .. }), "{error}");
    }
}

#[test]
fn a_base_port_that_is_free_is_taken() {
    let _one = one_at_a_time();
    for gateway in distinct_gateways() {
        // Somebody may take a port between our look and the start, so one of some tries must do.
        let started = (0..5).any(|_| {
            let base = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let options = Options { base_port: Some(base), ..Options::default() };
            gateway.start(&controls(gateway), &options).is_ok_and(|running| {
                assert_eq!([0, 1].map(|arm| running.address(arm).port()), [base, base + 1]);
                true
            })
        });
        assert!(started, "{}", gateway.name());
    }
}

#[test]
fn dropping_a_gateway_closes_its_ports_and_leaves_no_process() {
    let _one = one_at_a_time();
    for gateway in distinct_gateways() {
        let running = start(gateway, &some_arms(gateway));
        let addresses: Vec<_> = (0..3).map(|arm| running.address(arm)).collect();
        assert_eq!(gateways_of(std::process::id()).len(), usize::from(is_process(gateway)));
        drop(running);
        assert!(gateways_of(std::process::id()).is_empty());
        for address in addresses {
            assert!(std::net::TcpStream::connect(address).is_err(), "{} still listens", gateway.name());
        }
    }
}

#[test]
fn a_gateway_that_is_too_slow_is_stopped() {
    let _one = one_at_a_time();
    for gateway in distinct_gateways() {
        let options = Options { start_timeout: Duration::ZERO, ..Options::default() };
        let error = gateway.start(&some_arms(gateway), &options).err().unwrap();
        assert!(matches!(error, GatewayError::StartTimeout { .. }), "{}: {error}", gateway.name());
        assert!(gateways_of(std::process::id()).is_empty());
    }
}

#[test]
fn two_gateways_at_once_do_not_meet() {
    let _one = one_at_a_time();
    for gateway in distinct_gateways() {
        let arms = some_arms(gateway);
        let mut both = [start(gateway, &arms), start(gateway, &arms)];
        for running in &mut both {
            for (id, outcome) in measure_for(running.as_mut(), &arms, Duration::from_millis(300)) {
                assert!(outcome.is_ok(), "{id}: {outcome:?}");
            }
        }
    }
}

#[test]
fn a_measurement_can_be_ended_early() {
    let _one = one_at_a_time();
    for gateway in distinct_gateways() {
        let arms = some_arms(gateway);
        let mut running = start(gateway, &arms);
        let begin = Instant::now();
        let mut stop = |_: &_, collector: &tollgate_record::Collector| match collector.blocks() {
            0..9 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        };
        let outcomes = measure(running.as_mut(), &arms, 0, 1, Duration::from_secs(6), 5, &mut stop);
        assert!(begin.elapsed() < Duration::from_secs(5));
        for (id, outcome) in outcomes.into_iter().map(outcome) {
            assert_eq!(
                outcome.unwrap_or_else(|failure| panic!("{id}: {failure:?}")).0.sample_blocks_ns.len(),
                9,
                "{id}"
            );
        }
    }
}

#[test]
fn without_a_control_nothing_is_measured_and_it_is_said() {
    let _one = one_at_a_time();
    for gateway in distinct_gateways() {
        let arms = vec![arm(gateway, plugin(a_plugin(gateway)).unwrap(), headers())];
        let mut running = start(gateway, &arms);
        let outcomes = measure_for(running.as_mut(), &arms, Duration::from_millis(100));
        assert!(outcomes[0].1.as_ref().unwrap_err().message.contains("control A"));
    }
}

/// Plugins that change bodies take `content-length` away; a gateway then sends chunks.
#[test]
fn a_response_without_content_length_is_read_too() {
    let _one = one_at_a_time();
    for gateway in distinct_gateways().filter(|gateway| frames_late(*gateway)) {
        let mut taking = plugin("lua").unwrap().clone();
        taking.name = "taking".to_owned();
        taking.workload_checked = false;
        taking.bytes = b"function envoy_on_response(handle) handle:headers():remove('content-length') end"[..].into();
        let arms = [controls(gateway), vec![arm(gateway, &taking, headers())]].concat();
        let mut running = start(gateway, &arms);
        assert!(running.refused().is_empty(), "{:?}", running.refused());
        for (id, outcome) in measure_for(running.as_mut(), &arms, Duration::from_millis(300)) {
            assert!(outcome.is_ok(), "{id}: {outcome:?}");
        }
    }
}

#[test]
fn a_name_of_anything_is_a_label_and_no_configuration() {
    let _one = one_at_a_time();
    for gateway in distinct_gateways() {
        let mut odd = plugin(a_plugin(gateway)).unwrap().clone();
        odd.name = r#"a'b"c\d$e${f}%g;h}i{j#k<&>`l ö"#.to_owned();
        let arms = [controls(gateway), vec![arm(gateway, &odd, headers())]].concat();
        let mut running = start(gateway, &arms);
        assert!(running.refused().is_empty(), "{}: {:?}", gateway.name(), running.refused());
        for (id, outcome) in measure_for(running.as_mut(), &arms, Duration::from_millis(300)) {
            assert!(outcome.is_ok(), "{}, {id}: {outcome:?}", gateway.name());
        }
    }
}

/// An external plugin's process that dies is that plugin's failure, and it dies with its gateway.
#[test]
fn the_external_plugins_process_lives_and_dies_with_its_gateway() {
    let _one = one_at_a_time();
    for gateway in gateways().filter(|gateway| gateway.runs(PluginKind::External)) {
        let arms = arms_of(gateway, &["external"]);
        let others = || children_named("gateways");
        let mut running = start(gateway, &arms);
        assert_eq!(others().len(), 1, "{}", gateway.name());
        for (id, outcome) in measure_for(running.as_mut(), &arms, Duration::from_millis(300)) {
            assert!(outcome.is_ok(), "{id}: {outcome:?}");
        }
        drop(running);
        assert!(soon(|| others().is_empty()), "{}", gateway.name());

        let mut running = start(gateway, &arms);
        let pid = others()[0];
        let mut killed = false;
        let outcomes = measure(running.as_mut(), &arms, 0, 1, Duration::from_secs(5), 5, &mut |_, collector| {
            if collector.blocks() == 3 && !std::mem::replace(&mut killed, true) {
                signal("KILL", pid);
            }
            ControlFlow::Continue(())
        });
        assert!(killed);
        let failure = outcomes[2].proof.as_ref().unwrap_err();
        assert_eq!(failure.class, FailureClass::Plugin, "{}", failure.message);
        assert!(failure.message.contains("the plugin's process died (signal 9)"), "{}", failure.message);
    }
}
