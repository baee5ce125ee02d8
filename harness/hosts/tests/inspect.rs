//! What `inspect` says agrees with what hosts do, for every plugin of the catalogue and every bad one.

use tollgate_fixtures::{Expectation, Plugin, Stage, bad_plugins, plugins};
use tollgate_hosts::{HOSTS, HostError, Inspection, Standing, WasmInspection, inspect};
use tollgate_record::{PluginKind, Variant};

fn wasm(plugin: &Plugin) -> WasmInspection {
    match inspect(plugin) {
        Ok(Inspection::Wasm(found)) => *found,
        other => panic!("{}: {other:?}", plugin.name),
    }
}

#[test]
fn every_plugin_of_the_catalogue_is_whole() {
    for plugin in plugins() {
        match (plugin.kind, inspect(plugin).unwrap_or_else(|error| panic!("{error}"))) {
            (PluginKind::Native, Inspection::Native) | (PluginKind::External, Inspection::External) => {}
            (PluginKind::Lua, Inspection::Lua(found)) => assert!(found.on_request && !found.on_response, "{found:?}"),
            (PluginKind::ProxyWasm, Inspection::Wasm(found)) => {
                let name = &plugin.name;
                assert_eq!(found.size_bytes, plugin.bytes.len() as u64, "{name}");
                assert!(found.abi_version.is_some() && found.memory.exported && !found.allocators.is_empty(), "{name}");
                assert!(found.callbacks.iter().any(|callback| callback == "proxy_on_request_headers"), "{name}");
                assert!(found.imports.iter().all(|import| import.standing == Standing::Known), "{name}: {found:?}");
                assert!(found.wrong_signatures.is_empty(), "{name}: {:?}", found.wrong_signatures);
                let sizes: u64 = found.sections.iter().map(|section| section.size_bytes).sum();
                assert!(sizes > 0 && sizes < found.size_bytes, "{name}: {:?}", found.sections);
            }
            (kind, found) => panic!("{} is {kind:?}, and found is {found:?}", plugin.name),
        }
    }
}

#[test]
fn the_sdk_and_the_compiler_are_told_from_their_traces() {
    for plugin in plugins().iter().filter(|plugin| plugin.kind == PluginKind::ProxyWasm) {
        let found = wasm(plugin);
        assert_eq!(found.sdk.is_some(), plugin.variant == Some(Variant::Sdk), "{}: {:?}", plugin.name, found.sdk);
        let expected = match plugin.language.as_str() {
            "Rust" => "Rust",
            "Go" => "Go go1.",
            "AssemblyScript" => "AssemblyScript",
            // C++ is stripped of every trace, and WAT has none.
            _ => continue,
        };
        // Raw plugins are so small that, once stripped, nothing tells of their compiler; Go's runtime always does.
        let told = found.producers.iter().any(|producer| producer.contains(expected));
        let silent = plugin.variant == Some(Variant::Raw) && plugin.language != "Go";
        assert!(told || silent || found.sdk.is_some_and(|sdk| sdk.contains(expected)), "{}", plugin.name);
    }
    assert!(wasm(tollgate_fixtures::plugin("go-sdk").unwrap()).sdk.unwrap().contains("proxy-wasm-go-sdk"));
    assert!(wasm(tollgate_fixtures::plugin("rust-sdk").unwrap()).sdk.unwrap().contains("Rust"));
}

#[test]
fn what_is_wrong_with_a_bad_plugin_shows() {
    let mut seen = 0;
    for bad in bad_plugins() {
        let name = bad.plugin.name.as_str();
        let shows = match name {
            "truncated" => {
                matches!(inspect(&bad.plugin), Err(HostError::Compile { reason, .. }) if reason.contains("at byte"))
            }
            "no-request-headers" => {
                wasm(&bad.plugin).callbacks_absent.iter().any(|name| name == "proxy_on_request_headers")
            }
            "no-abi-marker" => wasm(&bad.plugin).abi_markers.is_empty(),
            "unknown-abi-marker" => wasm(&bad.plugin).abi_version.is_none() && wasm(&bad.plugin).abi_markers.len() == 1,
            "no-allocator" => wasm(&bad.plugin).allocators.is_empty(),
            "two-allocators" => wasm(&bad.plugin).allocators == ["malloc", "proxy_on_memory_allocate"],
            "no-memory" => !wasm(&bad.plugin).memory.exported && wasm(&bad.plugin).memory.min_pages.is_some(),
            "unknown-import" => wasm(&bad.plugin).imports.iter().any(|import| import.standing == Standing::Unknown),
            "wrong-signature" => wasm(&bad.plugin).wrong_signatures == ["proxy_on_request_headers"],
            "start-function" => wasm(&bad.plugin).start.start && !wasm(&bad.plugin).start.initialize,
            "initialize-and-start" => wasm(&bad.plugin).start.start && wasm(&bad.plugin).start.initialize,
            "trap-in-start-section" | "log-in-start-section" => wasm(&bad.plugin).start.section,
            "wasi-unstable" => wasm(&bad.plugin).imports.iter().any(|import| import.module == "wasi_unstable"),
            "abi-0-1-0" => wasm(&bad.plugin).abi_version.as_deref() == Some("0.1.0"),
            "lua-syntax-error" => matches!(inspect(&bad.plugin), Err(error) if error.to_string().contains(":2:")),
            "lua-no-function" => {
                matches!(inspect(&bad.plugin), Ok(Inspection::Lua(found)) if !found.on_request && !found.on_response)
            }
            _ => continue,
        };
        assert!(shows, "{name} ({}): {:?}", bad.wrong, inspect(&bad.plugin));
        seen += 1;
    }
    assert_eq!(seen, 17);
}

#[test]
fn what_hosts_refuse_at_once_is_seen_and_what_they_run_is_whole() {
    for bad in bad_plugins().iter().filter(|bad| bad.plugin.kind == PluginKind::ProxyWasm) {
        let refused =
            HOSTS.iter().filter(|host| host.runs(bad.plugin.kind)).any(|host| host.compile(&bad.plugin).is_err());
        let looks_whole = inspect(&bad.plugin).is_ok_and(|found| match found {
            Inspection::Wasm(found) => {
                found.abi_version.is_some()
                    && found.memory.exported
                    && !found.allocators.is_empty()
                    && found.imports.iter().all(|import| import.standing == Standing::Known)
                    && !found.callbacks_absent.iter().any(|name| name == "proxy_on_request_headers")
            }
            _ => false,
        });
        assert_eq!(refused, !looks_whole, "{} ({})", bad.plugin.name, bad.wrong);
        if bad.expectation == Expectation::Runs {
            assert!(looks_whole, "{}", bad.plugin.name);
        }
        if let Expectation::Fails { stage: Stage::Request | Stage::Verify, .. } = bad.expectation {
            assert!(looks_whole, "{}", bad.plugin.name);
        }
    }
}

#[test]
fn debug_information_and_limits_of_memory_are_told() {
    let module = |body: &str| Plugin {
        bytes: wat::parse_str(format!("(module $m {body} (memory (export \"memory\") 2 7))")).unwrap().into(),
        ..tollgate_fixtures::plugin("boundary").unwrap().clone()
    };
    let found = wasm(&module("(func $named) (@custom \".debug_info\" \"x\")"));
    assert!(found.has_function_names && found.has_dwarf, "{found:?}");
    assert_eq!((found.memory.min_pages, found.memory.max_pages), (Some(2), Some(7)));
    let found = wasm(&module("(import \"env\" \"proxy_log\" (func (param i64)))"));
    assert_eq!(found.imports[0].standing, Standing::WrongSignature);
    let found = wasm(&module("(import \"env\" \"proxy_redis_call\" (func (param i32 i32 i32 i32 i32) (result i32)))"));
    assert_eq!(found.imports[0].standing, Standing::Higress);
}

#[test]
fn no_bytes_make_it_panic() {
    let plugin = tollgate_fixtures::plugin("boundary").unwrap();
    let mut seed = 1u32;
    for _ in 0..2_000 {
        let mut bytes = plugin.bytes.to_vec();
        for _ in 0..3 {
            // A linear congruential generator: the same in each run.
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = 8 + (seed >> 8) as usize % (bytes.len() - 8);
            bytes[at] = seed as u8;
        }
        bytes.truncate(bytes.len() - (seed % 40) as usize);
        let _ = inspect(&Plugin { bytes: bytes.into(), ..plugin.clone() });
    }
}
