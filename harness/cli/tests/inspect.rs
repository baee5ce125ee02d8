//! `tollgate inspect`: every plugin can be looked at, and what is broken is said with the right exit status.

mod support;

use support::{bad_plugin, hosts, run, status, stderr, stdout};
use tollgate_fixtures::{bad_plugins, plugins};

#[test]
fn every_plugin_is_shown_with_who_takes_it() {
    for plugin in plugins() {
        let output = run(&["inspect", &plugin.name]);
        let text = stdout(&output);
        assert_eq!(status(&output), 0, "{text}{}", stderr(&output));
        assert!(text.contains(&plugin.name) && text.contains(&plugin.sha256), "{text}");
        for host in hosts().filter(|host| host.runs(plugin.kind)) {
            assert!(text.contains(&format!("  {} {}: loads it", host.name(), host.version())), "{text}");
        }
        assert!(!text.contains("refuses it"), "{text}");
        // What no host runs, a gateway does.
        let gateway = if hosts().any(|host| host.runs(plugin.kind)) { "" } else { " --gateway envoy" };
        assert!(text.ends_with(&format!("`tollgate verify --plugin {}{gateway}` runs it.\n", plugin.name)), "{text}");
    }
}

#[test]
fn bad_plugins_are_shown_or_refused_with_5() {
    let folder = tempfile::tempdir().unwrap();
    for bad in bad_plugins() {
        let path = bad_plugin(folder.path(), &bad.plugin.name);
        let output = run(&["inspect", path.to_str().unwrap()]);
        let expected = if ["truncated", "lua-syntax-error"].contains(&bad.plugin.name.as_str()) { 5 } else { 0 };
        assert_eq!(status(&output), expected, "{}: {}{}", bad.plugin.name, stdout(&output), stderr(&output));
        if expected == 5 {
            assert!(stderr(&output).starts_with("error: ") && stdout(&output).is_empty(), "{}", stderr(&output));
        }
    }
    for (name, host_says, envoy_says) in [
        ("no-memory", "exports no `memory`", "crashes"),
        ("no-allocator", "exports neither", "there is neither"),
        ("unknown-import", "proxy_make_coffee", "no `env.proxy_make_coffee`"),
        ("unknown-abi-marker", "9_9_9", "knows no ABI version"),
    ] {
        let text = stdout(&run(&["inspect", bad_plugin(folder.path(), name).to_str().unwrap()]));
        let (hosts, gateways) = text.split_once("gateways (live)").unwrap();
        assert!(hosts.contains(host_says) && !hosts.contains("loads it"), "{name}: {text}");
        assert!(gateways.contains(envoy_says), "{name}: {text}");
        assert!(!text.contains("`tollgate verify"), "{name} is refused by all, and it is said how to run it: {text}");
    }
}

#[test]
fn a_script_that_wants_responses_only_is_loaded_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("responses.lua");
    std::fs::write(&path, "function envoy_on_response(handle) end\n").unwrap();
    let text = stdout(&run(&["inspect", path.to_str().unwrap()]));
    let (_, gateways) = text.split_once("gateways (live)").unwrap();
    let says = |name: &str| {
        let mut of = gateways.split("\n  ").filter(|part| part.starts_with(name));
        of.next().unwrap_or_else(|| panic!("no {name}: {text}")).to_owned()
    };
    for gateway in ["embedded", "envoy", "nginx", "haproxy"] {
        assert!(says(gateway).contains("loads it"), "{gateway}: {text}");
    }
}

#[test]
fn json_is_one_object_with_everything() {
    let output = run(&["inspect", "go-sdk", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(json["plugin"], "go-sdk");
    let found = &json["found"]["wasm"];
    assert_eq!(found["abi_version"], "0.2.0");
    assert_eq!(found["allocators"], serde_json::json!(["proxy_on_memory_allocate"]));
    assert_eq!(found["imports"][0]["standing"], "known");
    assert!(json["hosts"].as_array().unwrap().iter().all(|host| host["objections"] == serde_json::json!([])));
    assert!(json["gateways"].as_array().unwrap().iter().any(|gateway| gateway["name"] == "envoy"));
}

#[test]
fn what_is_no_plugin_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    for (plugin, expected, message) in [
        (folder.path().join("none.wasm").to_str().unwrap().to_owned(), 2, "there is no file"),
        ("rust-sdx".to_owned(), 2, "did you mean `rust-sdk`?"),
        (file("plugin.txt", b"hello"), 2, "neither a .wasm nor a .lua"),
        (file("empty.wasm", b""), 5, "is empty"),
        (file("text.wasm", b"hello, hello"), 5, "no WebAssembly module"),
        (file("component.wasm", b"\0asm\x0d\0\x01\0"), 5, "component"),
        (file("header.wasm", b"\0asm\x01\0\0\0\x01"), 5, "at byte"),
        (file("bytecode.lua", b"\x1bLJ\x02\xff\xfe"), 5, "not text"),
    ] {
        let output = run(&["inspect", &plugin]);
        assert_eq!(status(&output), expected, "{plugin}: {}", stderr(&output));
        assert!(stderr(&output).contains(message), "{plugin}: {}", stderr(&output));
    }
}
