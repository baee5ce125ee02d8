//! `tollgate list`: what is here, what is missing and the command that gets it, and what here disturbs measurements.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;
use tollgate_gateways::Options;
use tollgate_reports::wrap_around_commands;

use crate::args::settings;
use crate::args::{ListArgs, TextFormat};
use crate::doctor::{self, Finding};
use crate::out;
use crate::status::Status;
use crate::verbs::summary;

#[derive(Serialize)]
struct Listing {
    plugins: Vec<Plugin>,
    hosts: Vec<Place>,
    gateways: Vec<Place>,
    workloads: Vec<Workload>,
    /// The file that options are taken from.
    settings: Option<&'static str>,
    machine: Vec<Finding>,
}

#[derive(Serialize)]
struct Plugin {
    name: &'static str,
    language: &'static str,
    kind: &'static str,
    /// 0 when it is compiled in.
    size_bytes: usize,
    toolchain: Option<&'static str>,
    sdk: Option<&'static str>,
}

/// A host or a gateway: here in a version, or not for a reason that says how to get it.
#[derive(Serialize)]
struct Place {
    name: &'static str,
    version: Option<String>,
    missing: Option<String>,
}

#[derive(Serialize)]
struct Workload {
    name: &'static str,
    description: &'static str,
}

/// Prints plugins, hosts, gateways, workloads and the state of the machine.
pub(crate) fn run(options: &ListArgs) -> anyhow::Result<Status> {
    let listing = Listing {
        plugins: plugins(),
        hosts: hosts(),
        gateways: gateways(),
        workloads: tollgate_fixtures::workloads()
            .iter()
            .map(|workload| Workload { name: &workload.name, description: &workload.description })
            .collect(),
        settings: Some(settings::FILE).filter(|file| Path::new(file).exists()),
        machine: doctor::examine(),
    };
    match options.format {
        TextFormat::Json => out::line(&serde_json::to_string_pretty(&listing)?),
        TextFormat::Text => out::line(text(&listing, summary::table_options().width.into())?.trim_end()),
    }
    Ok(Status::Pass)
}

fn plugins() -> Vec<Plugin> {
    let plugin = |plugin: &'static tollgate_fixtures::Plugin| Plugin {
        name: &plugin.name,
        language: &plugin.language,
        kind: plugin.kind.name(),
        size_bytes: plugin.bytes.len(),
        toolchain: plugin.toolchain.as_deref(),
        sdk: plugin.sdk.as_deref(),
    };
    tollgate_fixtures::plugins().iter().map(plugin).collect()
}

/// Why a host is missing that another build has.
const NOT_BUILT: &str = "not in this build";

fn hosts() -> Vec<Place> {
    let here = tollgate_hosts::HOSTS.iter().map(|host| {
        let missing = host.absent();
        Place { name: host.name(), version: missing.is_none().then(|| host.version()), missing }
    });
    let absent = tollgate_hosts::ABSENT_HOSTS.iter();
    let absent = absent.map(|(name, way)| Place { name, version: None, missing: Some(format!("{NOT_BUILT}: {way}")) });
    here.chain(absent).collect()
}

fn gateways() -> Vec<Place> {
    let place = |gateway: &&'static dyn tollgate_gateways::Gateway| {
        let (version, missing) = match gateway.version(&Options::default()) {
            Ok(version) => (Some(version), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Place { name: gateway.name(), version, missing }
    };
    tollgate_gateways::GATEWAYS.iter().map(place).collect()
}

fn text(listing: &Listing, width: usize) -> Result<String, std::fmt::Error> {
    let mut text = String::from("plugins: language, size of the artifact in KiB, what it was built with\n");
    for plugin in &listing.plugins {
        let size = match plugin.size_bytes {
            0 => "-".to_owned(),
            bytes => format!("{:.1}", bytes as f64 / 1024.0),
        };
        let made_with = [plugin.toolchain, plugin.sdk].into_iter().flatten().collect::<Vec<_>>().join(", ");
        let begin = format!("  {:<19}{:<15}{size:>6}  ", plugin.name, plugin.language);
        columns(&mut text, &begin, &made_with, width)?;
    }
    for (title, places) in [("hosts (in process)", &listing.hosts), ("gateways (live)", &listing.gateways)] {
        writeln!(text, "\n{title}")?;
        for Place { name, version, missing } in places {
            let missing = missing.as_ref().map(|why| match why.starts_with(NOT_BUILT) {
                true => why.clone(),
                false => format!("missing: {why}"),
            });
            row(&mut text, name, &missing.or_else(|| version.clone()).unwrap_or_default(), width)?;
        }
    }
    text.push_str("\nworkloads\n");
    for workload in &listing.workloads {
        row(&mut text, workload.name, workload.description, width)?;
    }
    text.push_str("\nthis machine\n");
    for Finding { name, value, advice } in &listing.machine {
        row(&mut text, name, value, width)?;
        if let Some(advice) = advice {
            row(&mut text, "", &format!("! {advice}"), width)?;
        }
    }
    if let Some(file) = listing.settings {
        row(&mut text, "settings", &format!("options are taken from ./{file}"), width)?;
    }
    Ok(text)
}

/// A name and what is to be said of it.
fn row(text: &mut String, name: &str, value: &str, width: usize) -> std::fmt::Result {
    columns(text, &format!("  {name:<20}"), value, width)
}

/// What a line begins with, and what is to be said beside it, in lines that fit.
fn columns(text: &mut String, begin: &str, value: &str, width: usize) -> std::fmt::Result {
    let indent = begin.chars().count();
    for (index, line) in wrap_around_commands(value, width.saturating_sub(indent)).iter().enumerate() {
        let begin = if index == 0 { begin } else { "" };
        writeln!(text, "{}", format!("{begin:indent$}{line}").trim_end())?;
    }
    Ok(())
}
