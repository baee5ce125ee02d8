//! Plugins that are valid and do anything: wasm-smith makes the bodies of all functions of the ABI.

use tollgate_hosts::HOST_FUNCTIONS;
use wasm_encoder::Function;
use wasm_smith::{Config, Module};

use crate::bytes::Bytes;
use crate::live::{exchange, hosts, live, wasm};
use crate::shape::{MARKERS, PLACES, module};

/// A module with every import and export; what its functions do is left to wasm-smith.
fn shape(version: usize) -> Vec<u8> {
    let imported: Vec<_> = HOST_FUNCTIONS.iter().collect();
    let bodies: Vec<_> = PLACES
        .iter()
        .map(|place| {
            let mut body = Function::new([]);
            body.instructions().unreachable().end();
            (*place, body)
        })
        .collect();
    module(version, 1, (&[], 0), &imported, &bodies)
}

fn config(version: usize) -> Config {
    Config {
        module_shape: Some(shape(version)),
        max_memories: 1,
        max_memory32_bytes: 1 << 24,
        max_table_elements: 1000,
        bulk_memory_enabled: true,
        // What the hosts leave out.
        custom_page_sizes_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        reference_types_enabled: false,
        relaxed_simd_enabled: false,
        simd_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        tail_call_enabled: false,
        ..Config::default()
    }
}

/// Runs the module on each host.
pub fn run(data: &[u8]) {
    let mut input = Bytes(data);
    let (version, has_trailers) = (input.choose(MARKERS.len()), input.choose(2) == 1);
    let Ok(module) = Module::new(config(version), &mut libfuzzer_sys::arbitrary::Unstructured::new(input.0)) else {
        return;
    };
    let plugin = wasm(module.to_bytes());
    for host in hosts() {
        live(host, &plugin, b"configuration", exchange(has_trailers)).must_compile(host);
    }
}

/// Bytes of some lengths: what becomes of them is wasm-smith's business.
pub fn seeds() -> Vec<Vec<u8>> {
    let byte = |seed: usize, at: usize| (at.wrapping_mul(2_654_435_761).wrapping_add(seed * 40_503) >> 7) as u8;
    (1..16).map(|seed| (0..seed * 128).map(|at| byte(seed, at)).collect()).collect()
}
