//! Every trap that a plugin can set: what is wrong fails with a message, what is only odd runs.

mod support;

use support::hosts_for;
use tollgate_fixtures::{Expectation, FAIL_HEADER, Plugin, Stage, bad_plugins, failing_on_demand, workload};
use tollgate_hosts::{Host, verify};
use tollgate_record::{Failure, FailureClass, PluginKind};

fn hosts(plugin: &Plugin) -> impl Iterator<Item = &'static dyn Host> {
    let hosts: Vec<_> = hosts_for(plugin.kind).collect();
    assert!(!hosts.is_empty(), "no host runs {}", plugin.name);
    hosts.into_iter()
}

fn verify_it(host: &dyn Host, plugin: &Plugin) -> Result<String, Failure> {
    verify(host, plugin, workload("headers").expect("the catalogue has it")).map(|verified| verified.proof)
}

fn stage(name: &str) -> Stage {
    let stages = [Stage::Compile, Stage::Instantiate, Stage::Request, Stage::Verify];
    stages.into_iter().find(|stage| stage.name() == name).unwrap_or_else(|| panic!("no stage is called {name}"))
}

#[test]
fn each_bad_plugin_ends_as_expected() {
    let mut wrong = Vec::new();
    let cases = bad_plugins().iter().flat_map(|bad| hosts(&bad.plugin).map(move |host| (bad, host)));
    for (bad, host) in cases {
        let outcome = verify_it(host, &bad.plugin);
        let is_right = match (&bad.expectation, &outcome) {
            (Expectation::Runs, Ok(_)) => true,
            (Expectation::Fails { stage: latest, contains }, Err(failure)) => {
                failure.class == FailureClass::Plugin
                    && stage(&failure.stage) <= *latest
                    && failure.message.contains(contains)
                    && failure.message.contains(&bad.plugin.name) != (failure.stage == "verify")
            }
            _ => false,
        };
        if !is_right {
            let (name, host) = (&bad.plugin.name, host.name());
            wrong.push(format!("{name} on {host} ({}): expected {:?}, got {outcome:?}", bad.wrong, bad.expectation));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn messages_are_one_short_line_that_says_what_to_do() {
    let cases = bad_plugins().iter().flat_map(|bad| hosts(&bad.plugin).map(move |host| (bad, host)));
    for (bad, host) in cases {
        if let Err(Failure { message, .. }) = verify_it(host, &bad.plugin) {
            let name = &bad.plugin.name;
            assert!(!message.contains('\n') && message.len() < 600, "{name} on {}: {message}", host.name());
            assert!(message.contains(';'), "{name} on {} names no remedy: {message}", host.name());
        }
    }
}

#[test]
fn a_host_refuses_a_kind_that_it_does_not_run() {
    for host in support::hosts() {
        for plugin in tollgate_fixtures::plugins().iter().filter(|plugin| !host.runs(plugin.kind)) {
            let error = host.compile(plugin).map(drop).expect_err("it does not run that kind");
            assert!(error.to_string().contains("--host"), "{error}");
        }
    }
}

#[test]
fn what_fails_on_demand_fails_only_then() {
    for kind in [PluginKind::ProxyWasm, PluginKind::Lua] {
        let plugin = failing_on_demand(kind).expect("there is one of this kind");
        let asked = |headers: &[(&str, &str)]| {
            let mut workload = workload("headers").expect("the catalogue has it").clone();
            workload.request_headers.extend(headers.iter().map(|(name, value)| (name.to_string(), value.to_string())));
            workload
        };
        for host in hosts(&plugin) {
            for other in [&[][..], &[("x-tollgate-fai", "1")]] {
                verify(host, &plugin, &asked(other)).unwrap_or_else(|failure| panic!("{}: {failure:?}", host.name()));
            }
            let failure = verify(host, &plugin, &asked(&[(FAIL_HEADER, "")])).expect_err(host.name());
            assert_eq!((failure.class, failure.stage.as_str()), (FailureClass::Plugin, "request"), "{failure:?}");
        }
    }
}
