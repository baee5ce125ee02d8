//! `tollgate list`: what is here, what is missing, and the command that gets it.

use std::fmt::Write as _;

use tollgate_gateways::Options;

use crate::status::Status;

/// Prints plugins, hosts, gateways and workloads.
pub(crate) fn run() -> anyhow::Result<Status> {
    let mut text = String::from("plugins\n");
    for plugin in tollgate_fixtures::plugins() {
        let size = match plugin.bytes.len() {
            0 => "built in".to_owned(),
            bytes => format!("{:.1} KiB", bytes as f64 / 1024.0),
        };
        let toolchain = [plugin.toolchain.as_deref(), plugin.sdk.as_deref()].into_iter().flatten().collect::<Vec<_>>();
        writeln!(text, "  {:<20}{:<16}{size:>12}  {}", plugin.name, plugin.language, toolchain.join(", "))?;
    }
    text.push_str("\nhosts (in process)\n");
    for host in tollgate_hosts::HOSTS {
        match host.absent() {
            None => writeln!(text, "  {:<20}{}", host.name(), host.version())?,
            Some(way) => writeln!(text, "  {:<20}missing: {way}", host.name())?,
        }
    }
    for (name, way) in tollgate_hosts::ABSENT_HOSTS {
        writeln!(text, "  {name:<20}not in this build: {way}")?;
    }
    text.push_str("\ngateways (live)\n");
    for gateway in tollgate_gateways::GATEWAYS.iter() {
        match gateway.version(&Options::default()) {
            Ok(version) => writeln!(text, "  {:<20}{version}", gateway.name())?,
            Err(error) => writeln!(text, "  {:<20}missing: {error}", gateway.name())?,
        }
    }
    text.push_str("\nworkloads\n");
    for workload in tollgate_fixtures::workloads() {
        writeln!(text, "  {:<20}{}", workload.name, workload.description)?;
    }
    crate::out::line(text.trim_end());
    Ok(Status::Pass)
}
