//! Every trap that a plugin can set: what is wrong fails with a message, what is only odd runs.

use tollgate_fixtures::{Expectation, Plugin, Stage, bad_plugins, workload};
use tollgate_hosts::{HOSTS, host_for, verify};
use tollgate_record::{Failure, FailureClass};

fn verify_it(plugin: &Plugin) -> Result<String, Failure> {
    let host = host_for(plugin.kind).expect("a host runs each kind of bad plugin");
    verify(host, plugin, workload("headers").expect("the catalogue has it")).map(|verified| verified.proof)
}

fn stage(name: &str) -> Stage {
    let stages = [Stage::Compile, Stage::Instantiate, Stage::Request, Stage::Verify];
    stages.into_iter().find(|stage| stage.name() == name).unwrap_or_else(|| panic!("no stage is called {name}"))
}

#[test]
fn each_bad_plugin_ends_as_expected() {
    let mut wrong = Vec::new();
    for bad in bad_plugins() {
        let outcome = verify_it(&bad.plugin);
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
            wrong.push(format!("{} ({}): expected {:?}, got {outcome:?}", bad.plugin.name, bad.wrong, bad.expectation));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn messages_are_one_short_line_that_says_what_to_do() {
    for bad in bad_plugins() {
        if let Err(Failure { message, .. }) = verify_it(&bad.plugin) {
            assert!(!message.contains('\n') && message.len() < 600, "{}: {message}", bad.plugin.name);
            assert!(message.contains(';'), "{} names no remedy: {message}", bad.plugin.name);
        }
    }
}

#[test]
fn a_host_refuses_a_kind_that_it_does_not_run() {
    for host in HOSTS {
        for plugin in tollgate_fixtures::plugins().iter().filter(|plugin| !host.runs(plugin.kind)) {
            let error = host.compile(plugin).map(drop).expect_err("it does not run that kind");
            assert!(error.to_string().contains("--host"), "{error}");
        }
    }
}
