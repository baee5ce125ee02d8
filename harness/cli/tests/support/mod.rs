//! Running the real program.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[path = "../../../hosts/tests/support/mod.rs"]
mod of_hosts;

/// The program under test.
pub(crate) fn tollgate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.env("NO_COLOR", "1");
    command
}

/// Runs it and returns what it said.
pub(crate) fn run(args: &[&str]) -> Output {
    tollgate().args(args).output().expect("the program starts")
}

/// Exit status, which a signal does not give.
pub(crate) fn status(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {}", stderr(output)))
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Writes a bad plugin of the catalogue to a file.
pub(crate) fn bad_plugin(folder: &Path, name: &str) -> PathBuf {
    let bad = tollgate_fixtures::bad_plugins();
    let plugin = bad.iter().find(|bad| bad.plugin.name == name).unwrap_or_else(|| panic!("no bad plugin {name}"));
    let suffix = if plugin.plugin.kind == tollgate_record::PluginKind::Lua { "lua" } else { "wasm" };
    let path = folder.join(format!("{name}.{suffix}"));
    std::fs::write(&path, &plugin.plugin.bytes).expect("the folder can be written");
    path
}

/// Processes whose parent is `pid`.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let mut children = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("Linux has /proc").flatten() {
        let Some(child) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name in brackets may hold spaces; the parent is the second field after it.
        let parent =
            stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)).and_then(|word| word.parse().ok());
        if parent == Some(pid) {
            children.push(child);
        }
    }
    children
}

/// Whether a process runs (a zombie does not).
pub(crate) fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit(") ").next().is_some_and(|rest| !rest.starts_with(['Z', 'X'])))
}

/// All hosts that are here; in CI that must be every one.
pub(crate) fn hosts() -> impl Iterator<Item = &'static dyn tollgate_hosts::Host> {
    of_hosts::hosts()
}

/// Names of the gateways that are programs of their own and are here; in CI all must be.
pub(crate) fn programs() -> Vec<&'static str> {
    let all = tollgate_gateways::GATEWAYS.iter().map(|gateway| gateway.name());
    all.filter(|name| !name.starts_with("embedded") && is_here(name)).collect()
}

/// Whether there is an Envoy here; in CI there must be.
pub(crate) fn envoy() -> bool {
    is_here("envoy")
}

fn is_here(name: &str) -> bool {
    let gateway = tollgate_gateways::gateway(name).expect("it is in the list");
    match gateway.version(&tollgate_gateways::Options::default()) {
        Ok(_) => true,
        Err(error) => {
            let required = std::env::var_os("TOLLGATE_REQUIRE_GATEWAYS").is_some();
            assert!(!required, "TOLLGATE_REQUIRE_GATEWAYS is set and {name} is missing: {error}");
            eprintln!("\n*** NOT TESTED on {name}: {error}\n");
            false
        }
    }
}
