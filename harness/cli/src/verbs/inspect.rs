//! `tollgate inspect`: what a plugin imports, exports and needs, and who here would refuse it.

use std::fmt::Write as _;

use serde::Serialize;
use tollgate_fixtures::Plugin;
use tollgate_gateways::{GATEWAYS, Options};
use tollgate_hosts::{Inspection, LuaInspection, Standing, WasmInspection, hosts_here};

use crate::args::{InspectArgs, TextFormat};
use crate::select::find;
use crate::status::Status;

/// Whether a host or a gateway takes the plugin.
#[derive(Serialize)]
struct Place {
    name: &'static str,
    /// None when it is not installed here.
    version: Option<String>,
    /// Why it would refuse the plugin; empty when it loads it.
    objections: Vec<String>,
}

#[derive(Serialize)]
struct Report<'a> {
    plugin: &'a str,
    sha256: &'a str,
    found: Inspection,
    hosts: Vec<Place>,
    gateways: Vec<Place>,
}

/// Prints what is found; a plugin that is broken is a failure of its own.
pub(crate) fn run(options: &InspectArgs) -> anyhow::Result<Status> {
    let plugin = match find(&options.plugin)? {
        Ok(plugin) => plugin,
        Err(broken) => return Ok(fail(&broken)),
    };
    let found = match tollgate_hosts::inspect(&plugin) {
        Ok(found) => found,
        Err(error) => return Ok(fail(&error)),
    };
    let report = Report {
        plugin: &plugin.name,
        sha256: &plugin.sha256,
        hosts: hosts(&plugin),
        gateways: gateways(&plugin, &found),
        found,
    };
    match options.format {
        TextFormat::Json => println!("{}", serde_json::to_string_pretty(&report)?),
        TextFormat::Text => print!("{}", text(&report, &plugin)?),
    }
    Ok(Status::Pass)
}

fn fail(error: &dyn std::error::Error) -> Status {
    eprintln!("error: {error}");
    Status::Plugin
}

fn hosts(plugin: &Plugin) -> Vec<Place> {
    let place = |host: &dyn tollgate_hosts::Host| Place {
        name: host.name(),
        version: Some(host.version()),
        objections: host.compile(plugin).err().map(|error| error.to_string()).into_iter().collect(),
    };
    hosts_here().filter(|host| host.runs(plugin.kind)).map(place).collect()
}

fn gateways(plugin: &Plugin, found: &Inspection) -> Vec<Place> {
    let place = |gateway: &&dyn tollgate_gateways::Gateway| Place {
        name: gateway.name(),
        version: gateway.version(&Options::default()).ok(),
        objections: gateway.objections(plugin, found),
    };
    GATEWAYS.iter().filter(|gateway| gateway.runs(plugin.kind)).map(place).collect()
}

fn text(report: &Report<'_>, plugin: &Plugin) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "{} ({}, {})", report.plugin, plugin.language, plugin.kind.name())?;
    row(&mut text, "sha256", report.sha256)?;
    match &report.found {
        Inspection::Wasm(found) => wasm(&mut text, found)?,
        Inspection::Lua(found) => lua(&mut text, found)?,
        Inspection::Native => {
            let module = format!("compiled into tollgate; for gateways a module of {} bytes", plugin.bytes.len());
            row(&mut text, "artifact", &module)?;
        }
        Inspection::External => row(&mut text, "artifact", "none: it is a process of tollgate")?,
    }
    for (title, places) in [("hosts (in process)", &report.hosts), ("gateways (live)", &report.gateways)] {
        writeln!(text, "\n{title}")?;
        if places.is_empty() {
            writeln!(text, "  none here runs {} plugins", plugin.kind.name())?;
        }
        for place in places {
            let name = match &place.version {
                Some(version) => format!("{} {version}", place.name),
                None => format!("{} (not installed)", place.name),
            };
            match place.objections.as_slice() {
                [] => writeln!(text, "  {name}: loads it")?,
                objections => {
                    writeln!(text, "  {name}: refuses it")?;
                    for objection in objections {
                        writeln!(text, "    - {objection}")?;
                    }
                }
            }
        }
    }
    let plugin = plugin.path.as_ref().map_or_else(|| plugin.name.clone(), |path| path.display().to_string());
    let takes = |places: &[Place]| places.iter().find(|place| place.objections.is_empty()).map(|place| place.name);
    match (takes(&report.hosts), takes(&report.gateways)) {
        (Some(_), _) => writeln!(text, "\n`tollgate verify --plugin {plugin}` runs it.")?,
        (None, Some(gateway)) => writeln!(text, "\n`tollgate verify --plugin {plugin} --gateway {gateway}` runs it.")?,
        (None, None) => writeln!(text, "\nNothing here runs it until what is refused above is mended.")?,
    }
    Ok(text)
}

fn row(text: &mut String, name: &str, value: &str) -> std::fmt::Result {
    writeln!(text, "  {name:<12}{value}")
}

/// A row of which the value may be nothing.
fn list(text: &mut String, name: &str, values: &[String]) -> std::fmt::Result {
    if values.is_empty() { Ok(()) } else { row(text, name, &values.join(", ")) }
}

fn lua(text: &mut String, found: &LuaInspection) -> std::fmt::Result {
    let defines = |name: &str, there: bool| format!("{name}: {}", if there { "defined" } else { "not defined" });
    row(text, "size", &format!("{} bytes, {} lines", found.size_bytes, found.lines))?;
    row(text, "functions", &defines("envoy_on_request", found.on_request))?;
    row(text, "", &defines("envoy_on_response", found.on_response))
}

fn wasm(text: &mut String, found: &WasmInspection) -> std::fmt::Result {
    let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "none that is known".to_owned());
    row(text, "size", &format!("{} bytes, {} functions", found.size_bytes, found.functions))?;
    row(text, "ABI", &format!("{} (markers: {})", or_none(&found.abi_version), names(&found.abi_markers)))?;
    row(text, "SDK", &found.sdk.as_ref().map_or("no trace of one".to_owned(), |sdk| format!("{sdk}, by its traces")))?;
    list(text, "built with", &found.producers)?;
    imports(text, found)?;
    list(text, "callbacks", &found.callbacks)?;
    list(text, "not there", &found.callbacks_absent)?;
    list(text, "wrong", &found.wrong_signatures)?;
    list(text, "exports", &found.other_exports)?;
    row(text, "allocator", &allocator(found))?;
    row(text, "start", &start(found))?;
    row(text, "memory", &memory(found))?;
    let sections: Vec<String> =
        found.sections.iter().map(|section| format!("{} {}", section.name, section.size_bytes)).collect();
    row(text, "sections", &format!("{} (bytes)", sections.join(", ")))?;
    let debug = match (found.has_function_names, found.has_dwarf) {
        (false, false) => "none: a trap will show no function names",
        (true, false) => "function names",
        (false, true) => "DWARF",
        (true, true) => "function names and DWARF",
    };
    row(text, "debug", debug)
}

fn names(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn imports(text: &mut String, found: &WasmInspection) -> std::fmt::Result {
    if found.imports.is_empty() {
        return row(text, "imports", "none");
    }
    let mut modules: Vec<&str> = found.imports.iter().map(|import| import.module.as_str()).collect();
    modules.sort_unstable();
    modules.dedup();
    for module in modules {
        for (standing, note) in [
            (Standing::Known, ""),
            (Standing::Higress, ", Higress only"),
            (Standing::WrongSignature, ", with a signature that no host has"),
            (Standing::Unknown, ", unknown to every host"),
        ] {
            let of_both = |import: &&tollgate_hosts::Import| import.module == module && import.standing == standing;
            let names: Vec<&str> = found.imports.iter().filter(of_both).map(|import| import.name.as_str()).collect();
            if !names.is_empty() {
                row(text, "imports", &format!("{module}{note} ({}): {}", names.len(), names.join(", ")))?;
            }
        }
    }
    Ok(())
}

fn allocator(found: &WasmInspection) -> String {
    match found.allocators.as_slice() {
        [] => "none: nothing could be handed to it".to_owned(),
        [only] => only.clone(),
        [first, rest @ ..] => format!(
            "{first} (hosts here and Envoy look for it first; {} is there too, and the specification would take that)",
            rest.join(", ")
        ),
    }
}

fn start(found: &WasmInspection) -> String {
    let start = found.start;
    let mut steps = Vec::new();
    if start.section {
        steps.push("start section (before the host knows its memory)");
    }
    match (start.initialize, start.start) {
        (true, _) => steps.push("_initialize"),
        (false, true) => steps.push("_start"),
        (false, false) => {}
    }
    if start.initialize && start.main {
        steps.push("main");
    }
    if steps.is_empty() { "nothing to call".to_owned() } else { steps.join(", then ") }
}

fn memory(found: &WasmInspection) -> String {
    let memory = found.memory;
    let Some(min_pages) = memory.min_pages else { return "none".to_owned() };
    let max_pages = memory.max_pages.map_or("no limit".to_owned(), |pages| format!("{pages}"));
    let exported = if memory.exported { "exported" } else { "NOT exported" };
    let imported = if memory.imported { ", imported" } else { "" };
    let shared = if memory.shared { ", shared" } else { "" };
    let pages = if min_pages == 1 { "page" } else { "pages" };
    format!("{min_pages} {pages} of 64 KiB at the start, at most {max_pages}; {exported}{imported}{shared}")
}
