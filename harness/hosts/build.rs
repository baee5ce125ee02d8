//! Tells the crate which wasmtime it is linked with: the library has no way to ask it.

use std::path::Path;

fn main() {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = std::fs::read_to_string(&lock)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}; build inside the workspace", lock.display()));
    // Cargo has just written this file to build us, so what it says is what gets linked.
    let version = text
        .split("[[package]]")
        .find(|package| package.lines().any(|line| line == "name = \"wasmtime\""))
        .and_then(|package| package.lines().find_map(|line| line.strip_prefix("version = \"")))
        .map(|version| version.trim_end_matches('"'))
        .unwrap_or_else(|| panic!("{} names no wasmtime; run `cargo generate-lockfile`", lock.display()));
    println!("cargo::rustc-env=WASMTIME_VERSION={version}");
}
