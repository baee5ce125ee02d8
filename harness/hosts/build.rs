//! Tells the crate which versions of its dependencies it is linked with, as `WASMTIME_VERSION` and so on: most runtimes
//! have no way to ask them.

use std::env;
use std::path::Path;

fn main() {
    // Asked for when it runs: a target folder may be shared by several checkouts.
    let folder = env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the crate is");
    let lock = Path::new(&folder).join("../../Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = std::fs::read_to_string(&lock)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}; build inside the workspace", lock.display()));
    // Cargo has just written this file to build us, so what it says is what gets linked.
    let packages: Vec<&str> = text.split("[[package]]").collect();
    let package = |name: &str| {
        let name_line = format!("name = \"{name}\"");
        packages.iter().copied().find(|package| package.lines().any(|line| line == name_line))
    };
    let field = |package: &str, name: &str| {
        let value = package.lines().find_map(|line| line.strip_prefix(&format!("{name} = \"")).map(str::to_owned));
        value.map(|value| value.trim_end_matches('"').to_owned())
    };
    let ours = package("tollgate-hosts")
        .unwrap_or_else(|| panic!("{} names no tollgate-hosts; run `cargo generate-lockfile`", lock.display()));
    // A dependency is ` "name",`, or ` "name version",` when there are several of that name.
    for dependency in ours.lines().filter_map(|line| line.strip_prefix(" \"")?.strip_suffix("\",")) {
        let mut words = dependency.split(' ');
        let name = words.next().unwrap_or(dependency);
        let version = words.next().map(str::to_owned).or_else(|| field(package(name)?, "version"));
        let version = version
            .unwrap_or_else(|| panic!("{} has no version of {name}; run `cargo generate-lockfile`", lock.display()));
        println!("cargo::rustc-env={}_VERSION={version}", name.to_uppercase().replace('-', "_"));
    }
}
