//! Modules: any bytes, and artifacts of the catalogue with any bytes changed.

use tollgate_fixtures::{bad_plugins, plugins};
use tollgate_record::PluginKind;

use crate::bytes::Bytes;
use crate::live::{exchange, hosts, live, wasm};

/// Artifacts that are changed: small ones, of which many can be compiled.
const LARGEST: usize = 40 * 1024;

fn artifacts() -> Vec<&'static [u8]> {
    let small = plugins().iter().filter(|plugin| plugin.kind == PluginKind::ProxyWasm);
    small.map(|plugin| &*plugin.bytes).filter(|bytes| bytes.len() <= LARGEST).collect()
}

/// The first byte chooses: 0, and the rest is the module; otherwise an artifact, and the rest are edits of it.
fn module(data: &[u8]) -> Vec<u8> {
    let mut input = Bytes(data);
    let artifacts = artifacts();
    let Some(chosen) = input.choose(artifacts.len() + 1).checked_sub(1) else { return input.0.to_vec() };
    let mut module = artifacts[chosen].to_vec();
    while !input.is_empty() {
        let at = input.word() as usize % (module.len() + 1);
        match input.choose(4) {
            0 => module.truncate(at),
            1 => module.splice(at..at, input.slice()).for_each(drop),
            2 => module.splice(at..(at + input.choose(16)).min(module.len()), None).for_each(drop),
            _ => module.splice(at..(at + 1).min(module.len()), [input.byte()]).for_each(drop),
        }
    }
    module
}

/// Runs the module on each host, and inspects it.
pub fn run(data: &[u8]) {
    let plugin = wasm(module(data));
    let inspected = tollgate_hosts::inspect(&plugin);
    for host in hosts() {
        let outcome = live(host, &plugin, b"20", exchange(false));
        // What no validator takes must not run.
        assert!(inspected.is_ok() || outcome.failed == Some("compile"), "{} runs what is broken", host.name());
    }
}

/// Bad plugins as they are, artifacts with one edit.
pub fn seeds() -> Vec<Vec<u8>> {
    let bad = bad_plugins().iter().map(|bad| &bad.plugin).filter(|plugin| plugin.kind == PluginKind::ProxyWasm);
    let raw = bad.map(|plugin| [&[0], &*plugin.bytes].concat());
    let edited = (1..=artifacts().len()).map(|chosen| vec![chosen as u8, 0x40, 1, 0, 0, 3, 7]);
    raw.chain(edited).collect()
}
