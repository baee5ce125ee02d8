//! What a stock Envoy refuses a Wasm plugin for, from how its host (proxy-wasm-cpp-host) loads one.

use tollgate_hosts::{Import, Standing, WasmInspection};

/// Host functions that Envoy has for some versions of the ABI only.
const BY_VERSION: &[(&str, &[&str])] = &[
    ("proxy_get_configuration", &["0.1.0"]),
    ("proxy_continue_request", &["0.1.0"]),
    ("proxy_continue_response", &["0.1.0"]),
    ("proxy_clear_route_cache", &["0.1.0"]),
    ("proxy_continue_stream", &["0.2.0", "0.2.1"]),
    ("proxy_close_stream", &["0.2.0", "0.2.1"]),
    ("proxy_get_log_level", &["0.2.1"]),
];
const HIGRESS_VERSION: &str = "0.2.100";

pub(super) fn to_wasm(found: &WasmInspection) -> Vec<String> {
    let mut objections = Vec::new();
    match found.abi_version.as_deref() {
        None => {
            objections.push("it knows no ABI version of the plugin (markers of 0.1.0, 0.2.0 and 0.2.1 count)".into())
        }
        Some(HIGRESS_VERSION) => objections.push(
            "it does not know the marker `proxy_abi_version_0_2_100`, which only Higress's gateway takes; build it \
             with the upstream SDK"
                .into(),
        ),
        Some(_) => {}
    }
    objections.extend(found.imports.iter().filter_map(|import| to_import(import, found)));
    if !found.memory.exported {
        objections.push("it reads the plugin's memory without asking whether it is exported, and crashes".into());
    }
    if found.allocators.is_empty() {
        objections.push("it wants `malloc` or `proxy_on_memory_allocate`, and there is neither".into());
    }
    if found.start.section && found.imports.iter().any(|import| import.name == "proxy_log") {
        objections.push(
            "a start section that logs crashes it (seen with 1.40): it does not know the plugin's memory by then"
                .into(),
        );
    }
    objections.extend(found.wrong_signatures.iter().map(|name| format!("it wants another signature of `{name}`")));
    objections
}

fn to_import(import: &Import, found: &WasmInspection) -> Option<String> {
    let Import { module, name, standing } = import;
    let version = found.abi_version.as_deref().unwrap_or_default();
    let versions = BY_VERSION.iter().find(|(function, _)| function == name).map(|(_, versions)| *versions);
    match (standing, versions) {
        (Standing::Unknown, _) => Some(format!("it has no `{module}.{name}` to be imported")),
        (Standing::WrongSignature, _) => Some(format!("its `{module}.{name}` has another signature")),
        (Standing::Higress, _) => Some(format!("only Higress's gateway has `{module}.{name}`")),
        (Standing::Known, Some(versions)) if !versions.contains(&version) && version != HIGRESS_VERSION => {
            Some(format!("it has `{module}.{name}` for plugins of ABI {} only", versions.join(" and ")))
        }
        (Standing::Known, _) => None,
    }
}
