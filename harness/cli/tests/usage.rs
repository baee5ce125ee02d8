//! What the program says before it measures anything.

mod support;

use support::{run, status, stderr, stdout};

#[test]
fn wrong_names_exit_2_and_name_the_nearest() {
    for (args, hint) in [
        (&["run", "--plugin", "rust-sdx"][..], "did you mean `rust-sdk`?"),
        (&["run", "--host", "wasmtim"], "did you mean `wasmtime`?"),
        (&["run", "--gateway", "envoi"], "did you mean `envoy`?"),
        (&["verify", "--workload", "header"], "did you mean `headers`?"),
        (&["run", "--skip", "luajitt"], "did you mean `luajit`?"),
        (&["run", "--plugin", "./none.wasm"], "none.wasm"),
        (&["run", "--plugin", "lua", "--config", "./none.json"], "given by path"),
        (&["run", "--base-port", "0"], "base-port"),
        (&["run", "--plugin", "lua", "--request", "./none.http"], "none.http"),
        (&["run", "--time", "ages"], "quick"),
        (&["summary", "none.json"], "check the path"),
        (&["run", "--plugin", "native", "--skip", "native"], "nothing is left"),
        (&["run", "--soak", "60s", "--only", "live"], "nothing to soak"),
        (&["run", "--placement", "two-cores", "--only", "in-process"], "--placement"),
        (&["run", "--placement", "anywhere"], "two-cores"),
    ] {
        let output = run(args);
        assert_eq!(status(&output), 2, "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(hint), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn alone_it_says_what_to_do_first() {
    let output = run(&[]);
    assert_eq!(status(&output), 0);
    assert!(stdout(&output).contains("tollgate run"));
}

#[test]
fn the_list_names_everything_there_is() {
    let output = run(&["list"]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let text = stdout(&output);
    for plugin in tollgate_fixtures::plugins() {
        assert!(text.contains(&plugin.name), "{} is missing: {text}", plugin.name);
    }
    for name in tollgate_hosts::HOSTS.iter().map(|host| host.name()) {
        assert!(text.contains(name), "{name} is missing: {text}");
    }
    for (name, way) in tollgate_hosts::ABSENT_HOSTS {
        assert!(text.contains(name) && text.contains(way), "{name} is missing: {text}");
    }
    for name in tollgate_gateways::GATEWAYS.iter().map(|gateway| gateway.name()) {
        assert!(text.contains(name), "{name} is missing: {text}");
    }
}
