//! The main job, whole: all plugins in process, on the embedded gateway and on a real Envoy, nginx and HAProxy, to a
//! report that a real browser shows. Where one of these or Chromium is missing the tests say so; `.ci/run` installs all
//! and allows no skip.

#[path = "../../../reports/tests/browser/chromium.rs"]
mod chromium;
mod support;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;
use support::{programs, run, status, stderr, stdout};
use tollgate_fixtures::HeaderPath;
use tollgate_hosts::HOSTS;
use tollgate_record::{Phase, PluginKind, Record};

/// Where the one run of this file left its record and report.
fn finished_run() -> &'static Path {
    static RUN: OnceLock<(PathBuf, tempfile::TempDir)> = OnceLock::new();
    let (path, _) = RUN.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let mut args = vec!["run", "--time", "quick", "--quiet", "--seed", "7", "--out", out.to_str().unwrap()];
        args.extend(programs().into_iter().flat_map(|name| ["--gateway", name]));
        let output = run(&args);
        assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
        // An external plugin runs behind a gateway only.
        let here =
            |plugin: &&tollgate_fixtures::Plugin| plugin.kind != PluginKind::External || programs().contains(&"envoy");
        for plugin in tollgate_fixtures::plugins().iter().filter(here) {
            assert!(stdout(&output).contains(&plugin.name), "{} is not in the table", plugin.name);
        }
        (out, folder)
    });
    path
}

#[test]
fn every_plugin_has_a_figure_in_every_place() {
    let record = Record::read(&finished_run().join("record.json")).unwrap();
    let gateways = ["embedded"].into_iter().chain(programs());
    let gateways: Vec<_> = gateways.filter_map(tollgate_gateways::gateway).collect();
    for plugin in tollgate_fixtures::plugins() {
        let hosts = HOSTS.iter().filter(|host| host.is_default() && host.runs(plugin.kind)).map(|host| host.name());
        let places =
            hosts.chain(gateways.iter().filter(|gateway| gateway.runs(plugin.kind)).map(|gateway| gateway.name()));
        for place in places {
            for workload in tollgate_fixtures::workloads().iter().filter(|it| it.path == HeaderPath::Request) {
                let cell = record
                    .cells
                    .iter()
                    .find(|cell| {
                        cell.id.plugin == plugin.name
                            && cell.id.host == place
                            && cell.id.workload == workload.name
                            && cell.id.phase == Phase::Request
                    })
                    .unwrap_or_else(|| panic!("no cell for {} on {place}", plugin.name));
                assert_eq!(cell.error, None, "{}", cell.id);
                assert_eq!(cell.series.len(), record.plan.starts as usize, "{}", cell.id);
                assert!(cell.proof.is_some(), "{} is not proved", cell.id);
                assert!(!cell.host_version.is_empty());
                for series in &cell.series {
                    assert!(!series.added_blocks_ns.is_empty(), "{}", cell.id);
                    assert!(!series.latency_ns.is_empty(), "{}", cell.id);
                }
            }
        }
    }
    assert_eq!(record.plan.workloads, ["headers", "noop"], "those on the response path are measured when named");
    assert_eq!(record.plan.seed, 7);
    assert!(record.command_line.contains(&"--seed".to_owned()));
}

#[test]
fn the_response_path_is_measured_when_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let mut args = vec!["run", "--time", "quick", "--quiet", "--format", "json", "--out", out];
    args.extend(["--workload", "response-headers", "--operations", "0,40", "--plugin", "lua", "--plugin", "boundary"]);
    args.extend(programs().into_iter().flat_map(|name| ["--gateway", name]));
    let output = run(&args);
    assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let record = Record::read(&folder.path().join("record.json")).unwrap();
    assert_eq!(record.plan.workloads, ["response-headers", "response-headers-0", "response-headers-40"]);
    for cell in record.cells.iter().filter(|cell| cell.control.is_none() && cell.id.phase == Phase::Request) {
        assert!(cell.error.is_none() && cell.proof.is_some(), "{}: {:?}", cell.id, cell.error);
        let plugin = tollgate_fixtures::plugin_on(&cell.id.plugin, HeaderPath::Response).unwrap();
        assert_eq!(cell.artifact.as_ref().unwrap().sha256, plugin.sha256, "{}", cell.id);
    }
    let summary: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let lines = summary["cost_lines"].as_array().unwrap();
    // Each in process, and on each gateway that runs it.
    assert!(lines.len() >= 4 && lines.iter().all(|line| line["on_response"] == true), "{lines:?}");
}

#[test]
fn the_summary_has_the_fields_that_the_design_promises() {
    let record = finished_run().join("record.json");
    let output = run(&["summary", record.to_str().unwrap(), "--format", "json"]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let summary: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(summary["schema"].is_string() && summary["environment"].is_object());
    let cells = summary["cells"].as_array().unwrap();
    assert!(!cells.is_empty());
    for cell in cells {
        for field in [
            "plugin",
            "language",
            "kind",
            "mode",
            "host",
            "host_version",
            "workload",
            "phase",
            "rounds",
            "added_ns",
            "absolute_ns",
            "counters",
            "error",
        ] {
            assert!(cell.get(field).is_some(), "{field} is missing: {cell}");
        }
    }
    let wasm = cells.iter().find(|cell| {
        cell["plugin"] == "rust-raw"
            && cell["host"] == "wasmtime"
            && cell["workload"] == "headers"
            && cell["phase"] == "request"
    });
    let wasm = wasm.expect("the cell is there");
    for (object, fields) in [("added_ns", &["p50", "low", "high"][..]), ("absolute_ns", &["p50", "p90", "p99", "p999"])]
    {
        for field in fields {
            assert!(wasm[object].get(field).is_some(), "{object}.{field} is missing: {wasm}");
        }
    }
    assert!(wasm["added_ns"]["p50"].as_f64().unwrap() > 0.0);
    let calls: u64 = wasm["counters"]["host_calls"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(calls, 60, "60 host calls a request, no more and no less: {wasm}");
    let lives = summary["lifecycle"].as_array().unwrap();
    // What runs in process; an external plugin is a process of its own.
    for plugin in tollgate_fixtures::plugins().iter().filter(|plugin| plugin.kind != PluginKind::External) {
        let life = lives.iter().find(|life| life["plugin"] == plugin.name.as_str()).expect("each has a life");
        for phase in ["compile_ns", "instantiate_ns", "first_request_ns", "request_ns"] {
            assert!(life[phase].as_f64().is_some_and(|ns| ns > 0.0), "{phase}: {life}");
        }
        // The native plugin is in our own binary and our own memory.
        let is_native = plugin.kind == PluginKind::Native;
        assert_eq!(life["artifact_bytes"].as_u64(), (!is_native).then_some(plugin.bytes.len() as u64), "{life}");
        assert_eq!(life["memory"]["end_bytes"].as_u64().is_some_and(|bytes| bytes > 50_000), !is_native, "{life}");
        assert!(life["soak"].is_null(), "none was asked for: {life}");
    }
    for format in ["csv", "markdown", "table"] {
        let output = run(&["summary", record.to_str().unwrap(), "--format", format]);
        assert_eq!(status(&output), 0);
        assert!(stdout(&output).contains("assemblyscript-sdk"), "{format}");
    }
}

#[test]
fn a_browser_shows_every_chart_and_has_nothing_to_complain_of() {
    let out = finished_run();
    let report = out.join("report.html");
    let profile = tempfile::tempdir().unwrap();
    let Some(chromium::Opened { dom, log }) = chromium::open(&report, profile.path(), &[]) else { return };
    assert!(!log.contains("CONSOLE"), "the console is not empty:\n{log}");
    let source = std::fs::read_to_string(&report).unwrap();
    let charts = dom.matches("<svg").count();
    assert!(charts >= 4, "{charts} charts");
    assert_eq!(charts, source.matches("<svg").count(), "the browser kept every chart");
    for foreign in ["src=\"", "rel=\"stylesheet", "@import", "url(http"] {
        assert!(!source.contains(foreign), "the report asks the network: {foreign}");
    }
    for (width, height) in [(400, 900), (1280, 2400)] {
        // CI keeps the screenshots for people to look at.
        let folder = std::env::var_os("TOLLGATE_SCREENSHOTS").map_or_else(|| out.to_owned(), PathBuf::from);
        let picture = folder.join(format!("report-{width}.png"));
        chromium::picture(&report, profile.path(), &[format!("--window-size={width},{height}")], &picture);
        assert!(picture.metadata().unwrap().len() > 10_000, "the screenshot at {width} px is nearly empty");
    }
}
