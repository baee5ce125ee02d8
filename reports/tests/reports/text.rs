//! The renderers that write text: JSON, CSV, Markdown and the terminal table.

use std::collections::BTreeSet;

use crate::synthetic::{Make, hostile_names, record};
use serde_json::Value;
use tollgate_record::Control;
use tollgate_reports::{
    Summary, TableOptions, article, csv, headline, html, json, markdown, median, places, summarize, table,
};

fn usual() -> Summary {
    summarize(&record(&Make { requests: 2_000, ..Make::default() }))
}

fn hostile() -> Summary {
    summarize(&record(&Make { hostile: true, starts: 3, requests: 200, ..Make::default() }))
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn the_json_has_the_shape_of_the_design() {
    let summary = usual();
    let object: Value = serde_json::from_str(&json(&summary)).expect("it is JSON");
    let parts = ["schema", "environment", "cells", "lifecycle", "cost_lines", "loads", "scenarios"];
    assert_eq!(keys(&object), BTreeSet::from(parts));
    assert_eq!(object["schema"], "tollgate/summary/1");
    for known in ["seed", "command_line", "cpu_model", "cores", "kernel", "versions", "placement"] {
        assert!(object["environment"].get(known).is_some(), "the environment has {known}");
    }
    let cells = object["cells"].as_array().expect("an array");
    assert_eq!(cells.len(), summary.cells.len());
    for cell in cells {
        let expected = [
            "plugin",
            "language",
            "kind",
            "variant",
            "mode",
            "host",
            "host_version",
            "workload",
            "phase",
            "rounds",
            "added_ns",
            "gateway_added_ns",
            "instruments_agree",
            "absolute_ns",
            "counters",
            "error",
        ];
        assert_eq!(keys(cell), BTreeSet::from(expected), "{cell}");
        assert!(["in_process", "live"].contains(&cell["mode"].as_str().expect("text")));
        if !cell["added_ns"].is_null() {
            let keys = keys(&cell["added_ns"]);
            assert!(keys.is_superset(&BTreeSet::from(["p50", "low", "high", "confidence"])), "{cell}");
        }
        if cell["gateway_added_ns"].is_null() {
            assert!(cell["instruments_agree"].is_null(), "one figure agrees with nothing: {cell}");
        } else {
            assert_eq!(cell["mode"], "live");
            assert_eq!(keys(&cell["gateway_added_ns"]), keys(&cell["added_ns"]));
        }
        if !cell["absolute_ns"].is_null() {
            assert_eq!(keys(&cell["absolute_ns"]), BTreeSet::from(["p50", "p90", "p99", "p999"]));
        }
        if !cell["counters"].is_null() {
            let expected =
                ["host_calls", "bytes_in", "bytes_out", "allocations", "fuel", "lua_instructions", "varying"];
            assert_eq!(keys(&cell["counters"]), BTreeSet::from(expected));
            assert!(cell["counters"]["host_calls"].is_object());
        }
    }
}

#[test]
fn what_is_not_known_is_null_and_never_zero() {
    let object: Value = serde_json::from_str(&json(&usual())).expect("it is JSON");
    let mut seen = BTreeSet::new();
    for cell in object["cells"].as_array().expect("an array") {
        if !cell["error"].is_null() {
            assert!(cell["added_ns"].is_null() && cell["absolute_ns"].is_null(), "a failure has no figure: {cell}");
            seen.insert("failure");
        } else if cell["phase"] != "request" {
            assert!(cell["added_ns"].is_null(), "no control, nothing added: {cell}");
            assert!(cell["absolute_ns"]["p50"].as_f64().expect("a time") > 0.0);
            assert!(cell["absolute_ns"]["p90"].is_null(), "six times say nothing about p90: {cell}");
            seen.insert("phase");
        } else if cell["plugin"] == "A" {
            assert!(cell["added_ns"].is_null() && cell["kind"].is_null() && cell["language"] == "none");
            seen.insert("control");
        } else {
            assert!(cell["added_ns"]["p50"].is_f64(), "{cell}");
            seen.insert("request");
        }
        if cell["plugin"] == "lua" && cell["phase"] == "request" {
            assert!(cell["counters"]["fuel"].is_null(), "Lua has no fuel");
        }
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
    let few = summarize(&record(&Make { requests: 100, ..Make::default() }));
    let at = few.cells[0].absolute_ns.expect("600 requests were timed");
    assert!(at.p90.is_some() && at.p99.is_none() && at.p999.is_none(), "600 requests carry p90 only: {at:?}");
}

#[test]
fn figures_are_those_of_the_series_and_not_rounded() {
    let record = record(&Make { requests: 200, ..Make::default() });
    let summary = summarize(&record);
    for (cell, raw) in summary.cells.iter().zip(&record.cells).filter(|(_, raw)| raw.error.is_none()) {
        let starts: Vec<f64> = raw
            .series
            .iter()
            .filter_map(|series| {
                let blocks: Vec<f64> = series.added_blocks_ns.iter().map(|&ns| ns as f64 / 20.0).collect();
                median(&blocks)
            })
            .collect();
        assert_eq!(cell.added_ns.map(|added| added.p50), median(&starts), "{}", raw.id);
        let (low, high) = (starts.iter().copied().reduce(f64::min), starts.iter().copied().reduce(f64::max));
        assert_eq!(cell.added_ns.and_then(|added| added.low), low, "six starts: smallest to largest");
        assert_eq!(cell.added_ns.and_then(|added| added.high), high);
    }
}

#[test]
fn places_hold_every_plugin_once_with_its_noise_and_its_sdk_price() {
    let summary = usual();
    let places = places(&summary);
    assert_eq!(
        places.iter().map(|place| place.short_title()).collect::<Vec<_>>(),
        ["wasmtime (in process)", "embedded", "envoy"]
    );
    for place in &places {
        assert_eq!(place.noise.and_then(|cell| cell.control), Some(Control::APrime));
        for row in &place.rows {
            assert_eq!(row.noop.map(|noop| noop.plugin.as_str()), Some(row.cell.plugin.as_str()));
            let raw = row.cell.plugin.replace("-sdk", "-raw");
            let raw = place.rows.iter().find(|other| other.cell.plugin == raw && other.cell.plugin != row.cell.plugin);
            let expected = raw.filter(|_| row.cell.error.is_none()).map(|raw| {
                let both = row.cell.starts.iter().zip(&raw.cell.starts);
                median(&both.map(|(sdk, raw)| sdk.added_ns - raw.added_ns).collect::<Vec<_>>()).expect("six starts")
            });
            assert_eq!(row.sdk_adds.map(|adds| adds.p50), expected, "{}", row.cell.plugin);
        }
    }
    let hosts: BTreeSet<&str> = places[0].rows.iter().map(|row| row.cell.host.as_str()).collect();
    assert_eq!(hosts, BTreeSet::from(["luajit", "native", "wasmtime"]), "single hosts stand beside the many");
}

#[test]
fn the_table_keeps_to_its_width_and_says_everything() {
    for (summary, name) in [(usual(), "usual"), (hostile(), "hostile")] {
        for width in [80, 100, 140, 200] {
            let text = table(&summary, TableOptions { width, colour: false });
            for line in text.lines() {
                assert!(line.chars().count() <= usize::from(width), "{name} at {width}: {line}");
                assert!(!line.contains(|c: char| c.is_control()), "{name}: {line:?}");
            }
            let noise_rows = text.lines().filter(|line| line.trim_start().starts_with("A' ")).count();
            assert!(noise_rows >= 3, "each place shows its noise: {text}");
            for wanted in ["cpp-raw", "assemblyscript-sdk", "The SDK adds: Rust", "function env.abort not found"] {
                let unbroken = text.replace("\n  ", " ");
                assert!(unbroken.contains(wanted), "{name} at {width} has {wanted}:\n{text}");
            }
        }
        let coloured = table(&summary, TableOptions { width: 80, colour: true });
        let plain = table(&summary, TableOptions { width: 80, colour: false });
        let codes = ["\u{1b}[1m", "\u{1b}[2m", "\u{1b}[31m", "\u{1b}[0m"];
        let stripped = codes.iter().fold(coloured.clone(), |text, code| text.replace(code, ""));
        assert_eq!(stripped, plain, "colour adds nothing but colour");
        assert_ne!(coloured, plain);
    }
}

#[test]
fn a_narrow_table_has_fewer_columns_and_no_broken_cell() {
    for (summary, name) in [(usual(), "usual"), (hostile(), "hostile")] {
        for width in [24, 30, 40, 50, 59, 80, 100] {
            let text = table(&summary, TableOptions { width, colour: false });
            let parts: Vec<&str> = text.split("\n\n").filter(|part| part.contains('─')).collect();
            let places = places(&summary);
            // The lives, their soaks and a gateway under load come after the places.
            let loads = usize::from(!summary.loads.is_empty());
            assert_eq!(parts.len(), places.len() + 2 + loads, "{name} at {width}");
            for (part, place) in parts.iter().zip(&places) {
                let rows: Vec<&str> = part.lines().skip_while(|line| !line.starts_with('─')).skip(1).collect();
                let end = rows.iter().position(|row| row.starts_with("A' ")).expect("the noise is the last row");
                assert_eq!(end, place.rows.len(), "{name} at {width}, rows are broken:\n{part}");
                for row in &rows[..=end] {
                    let has_figure = row.contains(|c: char| c.is_ascii_digit()) || row.contains("failed");
                    assert!(row.chars().count() <= usize::from(width) && has_figure, "{name} at {width}: {row}");
                }
            }
            assert!(text.contains("added µs"), "{name} at {width}: {text}");
        }
    }
}

#[test]
fn csv_is_rectangular_and_holds_no_formula() {
    for summary in [usual(), hostile()] {
        let text = csv(&summary);
        let rows: Vec<Vec<String>> = text.lines().map(fields).collect();
        let loaded: usize = summary.loads.iter().map(|load| load.arms.len()).sum();
        assert_eq!(rows.len(), 1 + summary.cells.len() + loaded);
        for row in &rows {
            assert_eq!(row.len(), rows[0].len(), "{row:?}");
            for field in row {
                let acts = field.starts_with(['=', '+', '-', '@']);
                assert!(!acts || field.parse::<f64>().is_ok(), "a spreadsheet would run {field}");
                assert!(!field.contains(|c: char| c.is_control()), "{field:?}");
            }
        }
        let column = rows[0].iter().position(|title| title == "added_p50_ns").expect("the column is there");
        for (row, cell) in rows[1..].iter().zip(&summary.cells) {
            assert_eq!(row[column].parse().ok(), cell.added_ns.map(|added| added.p50), "exact figures");
        }
    }
}

/// Fields of a line of CSV.
pub(crate) fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                fields.last_mut().expect("never empty").push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => fields.last_mut().expect("never empty").push(c),
        }
    }
    assert!(!quoted, "an open quote in {line}");
    fields
}

#[test]
fn markdown_shows_hostile_names_as_text() {
    let make = Make { hostile: true, starts: 3, requests: 200, lines: true, ..Make::default() };
    let text = markdown(&summarize(&record(&make)));
    assert!(!text.contains("<script") && !text.contains("</"), "no tag survives");
    assert!(!text.contains("[link](") && !text.contains(" @all"), "no link and no mention survives");
    let lives = text.find("each plugin's life").expect("lives");
    let (costs, loads) = (text.find("Cost against work").expect("costs"), text.find("under load").expect("loads"));
    let parts = [
        // A place whose gateway has its own clock has a column more.
        (&text[..costs], [8, 9]),
        (&text[costs..lives], [6, 6]),
        (&text[lives..loads], [10, 10]),
        (&text[loads..], [9, 9]),
    ];
    for (part, columns) in parts {
        for line in part.lines().filter(|line| line.starts_with('|')) {
            assert!(columns.contains(&(line.matches('|').count() - 1)), "{columns:?} columns: {line}");
        }
    }
    assert!(text.contains("\\\\u{202E}"), "direction marks are written out");
    assert!(hostile_names().iter().all(|name| !name.contains('\u{202e}') || !text.contains(name.as_str())));
}

#[test]
fn a_record_without_figures_still_reads() {
    let mut empty = record(&Make { requests: 10, ..Make::default() });
    empty.cells.clear();
    empty.loads.clear();
    empty.interrupted = true;
    let summary = summarize(&empty);
    assert!(headline(&summary).caveats[0].contains("interrupted"));
    assert!(article(&summary).is_none());
    assert!(!table(&summary, TableOptions::default()).is_empty() && !markdown(&summary).is_empty());
    assert_eq!(csv(&summary).lines().count(), 1);
}

#[test]
fn markdown_says_how_to_repeat_the_run_and_on_what_it_was_made() {
    let text = markdown(&usual());
    assert!(text.contains("\n```sh\ntollgate run --gateway envoy --seed 42\n```\n"), "{text}");
    let line = text.lines().find(|line| line.starts_with("Measured ")).expect("a line of facts");
    for fact in [
        "UTC",
        "Xeon",
        "2 cores",
        "wasmtime 48.0.8",
        "envoy 1.40.0",
        "tollgate 0.1.0",
        "6 starts",
        "96.9 % confidence",
        "envoy probe on core 0 and gateway on core 1",
        "seed 42",
    ] {
        assert!(line.contains(fact), "no {fact} in {line}");
    }
    let sdk = text.lines().find(|line| line.starts_with("The SDK adds: Rust ")).expect("the SDKs' price");
    assert!(sdk.matches("\\[").count() >= 3, "each with its interval: {sdk}");

    let mut fenced = record(&Make { requests: 20, ..Make::default() });
    fenced.command_line = ["tollgate", "run", "a\n````\n# b"].map(str::to_owned).to_vec();
    let text = markdown(&summarize(&fenced));
    assert!(text.contains("\n`````sh\ntollgate run 'a\\n````\\n# b'\n`````\n"), "nothing ends the block early: {text}");
}

#[test]
fn two_instruments_that_disagree_are_said_to_with_their_figures() {
    let mut odd = record(&Make { requests: 200, ..Make::default() });
    let agreeing = summarize(&odd);
    assert!(agreeing.cells.iter().filter_map(|cell| cell.instruments_agree).all(|agree| agree));
    for text in [table(&agreeing, TableOptions { width: 200, colour: false }), markdown(&agreeing)] {
        assert!(text.contains("own clock") && !text.contains('≠'), "{text}");
    }
    let cell = odd.cells.iter_mut().find(|cell| (&*cell.id.host, &*cell.id.plugin) == ("envoy", "lua"));
    for series in &mut cell.expect("it is measured").series {
        series.gateway_added_blocks_ns = Some(vec![123_456]);
    }
    let summary = summarize(&odd);
    let apart: Vec<_> = summary.cells.iter().filter(|cell| cell.instruments_agree == Some(false)).collect();
    assert_eq!(apart.iter().map(|cell| cell.plugin.as_str()).collect::<Vec<_>>(), ["lua"]);
    assert_eq!(apart[0].gateway_added_ns.map(|own| own.p50), Some(123_456.0), "never rounded");
    let page = html(std::slice::from_ref(&odd));
    for text in [table(&summary, TableOptions { width: 200, colour: false }), markdown(&summary), page] {
        assert!(text.contains("≠ 123.") && text.contains("≠ Probe and gateway disagree"), "{text}");
    }
    let narrow = table(&summary, TableOptions { width: 40, colour: false });
    assert!(narrow.contains("≠ Probe and gateway"), "a narrow terminal is told too: {narrow}");
}
