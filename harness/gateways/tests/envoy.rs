//! Envoy's own: what happens when it is not there, is no Envoy, or refuses.

mod common;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::*;
use tollgate_fixtures::{Plugin, bad_plugins, plugins, workload};
use tollgate_gateways::{GatewayError, Options, install_envoy, installed_envoy};
use tollgate_record::PluginKind;

fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("envoy");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn start_with(envoy: &Path) -> Result<(), GatewayError> {
    let gateway = tollgate_gateways::gateway("envoy").unwrap();
    let options = Options { envoy: Some(envoy.to_owned()), ..Options::default() };
    gateway.start(&controls(gateway), &options).map(drop)
}

#[test]
fn what_is_no_envoy_is_told_with_a_remedy() {
    let _one = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let odd = script(folder.path(), "echo 'envoy  version: none'");
    for path in [Path::new("/bin/false"), Path::new("/no/such/envoy"), &odd] {
        let error = start_with(path).unwrap_err();
        assert!(matches!(error, GatewayError::NotEnvoy { .. } | GatewayError::NoSuchEnvoy { .. }), "{error}");
        assert!(error.to_string().contains("tollgate install envoy"), "{error}");
    }
}

#[test]
fn an_envoy_that_refuses_even_the_controls_is_told_in_its_own_words() {
    let _one = one_at_a_time();
    let Some((_, path)) = envoy() else { return };
    let folder = tempfile::tempdir().unwrap();
    // Another Envoy's view of our configuration: this one also insists on a runtime flag that does not exist.
    let picky = script(folder.path(), &format!("exec '{}' \"$@\" --component-log-level nonsense:off", path.display()));
    let error = start_with(&picky).unwrap_err().to_string();
    assert!(error.contains("nonsense"), "{error}");
    assert!(envoys_of(std::process::id()).is_empty());
}

#[test]
fn a_wrapper_that_runs_envoy_is_taken_only_when_envoy_cannot_outlive_us() {
    let _one = one_at_a_time();
    let Some((_, path)) = envoy() else { return };
    let folder = tempfile::tempdir().unwrap();
    start_with(&script(folder.path(), &format!("exec '{}' \"$@\"", path.display()))).unwrap();
    let error = start_with(&script(folder.path(), &format!("'{}' \"$@\"\nexit $?", path.display()))).unwrap_err();
    assert!(error.to_string().contains("exec"), "{error}");
    assert!(soon(|| envoys_of(1).is_empty() && envoys_of(std::process::id()).is_empty()));
}

#[test]
fn the_configuration_can_be_kept() {
    let _one = one_at_a_time();
    let Some((envoy, _)) = envoy() else { return };
    let folder = tempfile::tempdir().unwrap();
    let options = Options { work_dir: Some(folder.path().join("kept")), ..Options::default() };
    let running = envoy.start(&arms_of(envoy, &["boundary"]), &options).unwrap();
    drop(running);
    let text = std::fs::read_to_string(folder.path().join("kept/envoy.json")).unwrap();
    assert!(text.contains("FAIL_CLOSED") && text.contains("arm_2"), "{text}");
}

#[test]
fn install_puts_the_pinned_envoy_in_its_place_once() {
    let _one = one_at_a_time();
    let required = std::env::var_os("TOLLGATE_REQUIRE_GATEWAYS").is_some_and(|value| value == "1");
    let path = installed_envoy().unwrap();
    if !required && !path.is_file() {
        eprintln!(
            "\n*** NOT TESTED: installing Envoy needs the network; TOLLGATE_REQUIRE_GATEWAYS=1 asks for it ***\n"
        );
        return;
    }
    assert_eq!(install_envoy().unwrap(), path);
    let modified = path.metadata().unwrap().modified().unwrap();
    assert_eq!(install_envoy().unwrap(), path);
    assert_eq!(path.metadata().unwrap().modified().unwrap(), modified, "the second time there is nothing to do");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    start_with(&path).unwrap();
}

/// It is somebody's own, so its bodies are too; a plugin that is held to a workload has to leave them alone.
#[test]
fn a_body_that_a_plugin_of_its_own_writes_is_no_failure() {
    let _one = one_at_a_time();
    let Some((envoy, _)) = envoy() else { return };
    let source = "function envoy_on_response(handle)\n  local bytes = handle:body():setBytes('another body')\n  \
                  handle:headers():replace('content-length', bytes)\nend\n";
    let own = script_plugin("own-body", source);
    let mut held = Plugin { workload_checked: true, ..own.clone() };
    held.name = "held".to_owned();
    let mut arms = controls(envoy);
    arms.extend([&own, &held].map(|plugin| arm(envoy, plugin, workload("noop").unwrap())));
    let outcomes = measure_for(start(envoy, &arms).as_mut(), &arms, Duration::from_millis(300));
    for (id, outcome) in outcomes {
        match outcome {
            Ok(_) => assert_ne!(id.plugin, "held", "its body is not the contract's"),
            Err(failure) => {
                assert_eq!(id.plugin, "held", "{}", failure.message);
                assert!(failure.message.contains("12 other bytes of body"), "{}", failure.message);
            }
        }
    }
}

/// Envoy counts a run for each function, so that a script with both has two for each request.
#[test]
fn a_script_with_one_function_or_both_is_proved() {
    let _one = one_at_a_time();
    let Some((envoy, _)) = envoy() else { return };
    let request = "function envoy_on_request(handle)\n  handle:headers():add('x-seen', 'request')\nend\n";
    let response = "function envoy_on_response(handle)\n  handle:headers():add('x-seen', 'response')\nend\n";
    let scripts = [("request", request, 1), ("response", response, 1), ("both", &[request, response].concat(), 2)];
    let of_scripts = scripts.map(|(name, source, _)| arm(envoy, &script_plugin(name, source), headers()));
    let arms: Vec<_> = controls(envoy).into_iter().chain(of_scripts).collect();
    let outcomes = measure_for(start(envoy, &arms).as_mut(), &arms, Duration::from_millis(300));
    for (name, _, per_request) in scripts {
        let (_, outcome) = outcomes.iter().find(|(id, _)| id.plugin == name).unwrap();
        let (_, proof) = outcome.as_ref().unwrap_or_else(|failure| panic!("{name}: {}", failure.message));
        let counts: Vec<u64> = proof.split(' ').filter_map(|word| word.parse().ok()).collect();
        assert!(counts[0] > 0 && counts[1] == per_request * counts[0], "{name}: {proof}");
    }
}

/// What is said of a plugin before it is run must be what Envoy then does.
#[test]
fn objections_are_those_of_envoy_itself() {
    let _one = one_at_a_time();
    let Some((envoy, _)) = envoy() else { return };
    let objections = |plugin| match tollgate_hosts::inspect(plugin) {
        Ok(found) => envoy.objections(plugin, &found),
        Err(error) => vec![error.to_string()],
    };
    // Another test shows that Envoy takes all of these.
    for plugin in plugins().iter().filter(|plugin| envoy.runs(plugin.kind)) {
        assert_eq!(objections(plugin), [""; 0], "{}", plugin.name);
    }
    let bad = bad_plugins().iter().filter(|bad| bad.plugin.kind == PluginKind::ProxyWasm);
    let plugins: Vec<_> = bad.map(|bad| &bad.plugin).collect();
    let bad_arms = plugins.iter().map(|plugin| arm(envoy, plugin, headers()));
    let arms: Vec<_> = controls(envoy).into_iter().chain(bad_arms).collect();
    let running = start(envoy, &arms);
    for (index, plugin) in plugins.iter().enumerate() {
        let refusal = running.refused().iter().find(|(arm, _)| *arm == index + 2).map(|(_, failure)| &failure.message);
        let objections = objections(plugin);
        // What happens once it runs cannot be told by looking at it.
        let runs_first = plugin.name.starts_with("trap-in")
            || ["configure-refuses", "allocator-out-of-bounds"].contains(&plugin.name.as_str());
        assert!(
            refusal.is_some() != objections.is_empty() || runs_first,
            "{}: Envoy says {refusal:?}, we {objections:?}",
            plugin.name
        );
    }
}
