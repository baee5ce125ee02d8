//! `tollgate verify`: all plugins do the same work, and one that does not is named with the difference.

mod support;

use support::{bad_plugin, hosts, run, status, stderr, stdout};
use tollgate_fixtures::HeaderPath;

#[test]
fn every_plugin_on_every_host_is_verified() {
    let output = run(&["verify"]);
    let text = stdout(&output);
    assert_eq!(status(&output), 0, "{text}{}", stderr(&output));
    for plugin in tollgate_fixtures::plugins() {
        for host in hosts().filter(|host| host.runs(plugin.kind)) {
            for workload in tollgate_fixtures::workloads() {
                let line = format!("ok    {} on {} ({})", plugin.name, host.name(), workload.name);
                assert!(text.contains(&line), "`{line}` is missing:\n{text}");
            }
        }
    }
}

#[test]
fn repeated_requests_count_the_same_in_every_process() {
    let folder = tempfile::tempdir().unwrap();
    // Does what the clock says, so that no two runs are alike.
    let path = folder.path().join("clock.lua");
    let source = "function envoy_on_request(handle)\n  for _ = 1, handle:timestamp() % 997 do end\nend\n";
    std::fs::write(&path, source).unwrap();
    let plugins = ["native", "lua", "rust-raw", "assemblyscript-raw"];
    let named: Vec<&str> = plugins.iter().flat_map(|plugin| ["--plugin", *plugin]).collect();
    let output = run(&[&["verify", "--repeat", "60", "--workload", "headers"], &named[..]].concat());
    let text = stdout(&output);
    assert_eq!(status(&output), 0, "{text}{}", stderr(&output));
    for name in plugins {
        let kind = tollgate_fixtures::plugin(name).unwrap().kind;
        for host in hosts().filter(|host| host.runs(kind)) {
            let line = format!("ok    {name} on {} (headers): same in 60 requests x 3 processes", host.name());
            assert!(text.contains(&line), "`{line}` is missing:\n{text}");
        }
    }
    // It collects its garbage in some requests only.
    let collects =
        text.lines().filter(|line| line.contains("assemblyscript-raw") && line.contains("within an instance fuel"));
    assert_eq!(
        collects.count(),
        hosts().filter(|host| host.runs(tollgate_record::PluginKind::ProxyWasm)).count(),
        "{text}"
    );
    assert!(text.contains("ok    rust-raw on wasmtime (headers): same in 60 requests x 3 processes\n"), "{text}");
    assert!(text.contains(" count the same, 0 do not"), "{text}");

    let output = run(&["verify", "--repeat", "20", "--plugin", path.to_str().unwrap(), "--plugin", "native"]);
    let text = stdout(&output);
    assert_eq!(status(&output), 5, "{text}{}", stderr(&output));
    assert!(text.contains("FAIL  clock on luajit (own): repeat: two processes did not count the same"), "{text}");
    assert!(
        text.contains("lua_instructions") && text.contains("ok    native on native (headers): same in 20"),
        "{text}"
    );

    let output = run(&["verify", "--repeat", "0"]);
    assert_eq!(status(&output), 2, "{}", stderr(&output));
}

#[test]
fn a_plugin_with_one_other_operation_exits_5_and_the_difference_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = bad_plugin(folder.path(), "one-remove-missing");
    let output = run(&["verify", "--workload", "headers", "--plugin", "lua", "--plugin", path.to_str().unwrap()]);
    let text = stdout(&output);
    assert_eq!(status(&output), 5, "{text}{}", stderr(&output));
    let line = text.lines().find(|line| line.starts_with("FAIL")).unwrap_or_else(|| panic!("no FAIL line:\n{text}"));
    assert!(line.contains("one-remove-missing") && line.contains("fake_key_"), "{line}");
    assert!(text.contains("ok    lua on luajit (headers)"), "the others are verified all the same:\n{text}");
}

#[test]
fn a_plugin_given_by_path_is_held_to_the_headers_of_the_workload() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("lua", "lua", "it defines no function `envoy_on_response`"),
        ("boundary", "wasm", "it exports no `proxy_on_response_headers`"),
    ];
    for (plugin, suffix, refusal) in cases {
        for (path, expected, words) in
            [(HeaderPath::Response, 0, "20 replace on response headers"), (HeaderPath::Request, 5, refusal)]
        {
            let file = folder.path().join(format!("mine-{}.{suffix}", path.name()));
            std::fs::write(&file, &tollgate_fixtures::plugin_on(plugin, path).unwrap().bytes).unwrap();
            let file = file.to_str().unwrap();
            let output = run(&["verify", "--workload", "response-headers", "--plugin", file, "--plugin", "native"]);
            let text = stdout(&output);
            assert_eq!(status(&output), expected, "{text}{}", stderr(&output));
            let own = text.lines().filter(|line| line.contains(" mine-"));
            assert!(own.clone().count() > 0 && own.clone().all(|line| line.contains(words)), "{text}");
        }
    }
}

#[test]
fn what_is_wrong_in_process_is_named_for_the_gateway_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = bad_plugin(folder.path(), "one-remove-missing");
    let path = path.to_str().unwrap();
    let output =
        run(&["verify", "--workload", "headers", "--plugin", path, "--plugin", "lua", "--gateway", "embedded"]);
    let text = stdout(&output);
    assert_eq!(status(&output), 5, "{text}{}", stderr(&output));
    for line in ["skip  one-remove-missing on embedded (headers): ", "ok    lua on embedded (headers): "] {
        assert!(text.contains(line), "`{line}` is missing:\n{text}");
    }
}

#[test]
fn an_endless_loop_ends_as_a_failure_and_the_others_are_verified() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["endless-loop", "lua-endless-loop"] {
        let path = bad_plugin(folder.path(), name);
        let output = run(&["verify", "--plugin", path.to_str().unwrap(), "--plugin", "native"]);
        let text = stdout(&output);
        assert_eq!(status(&output), 5, "{text}{}", stderr(&output));
        assert!(text.contains("endless") && text.contains("ok    native on native"), "{text}");
    }
}
