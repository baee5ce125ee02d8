//! Phases, artifacts, memory and soaks: one row per plugin and host in every renderer, with the figures of the record.

use crate::synthetic::{Make, record};
use serde_json::Value;
use tollgate_record::{Memory, Phase};
use tollgate_reports::{SoakVerdict, Summary, TableOptions, csv, html, json, markdown, summarize, table};

fn summary() -> Summary {
    summarize(&record(&Make { requests: 2_000, ..Make::default() }))
}

fn at_80(summary: &Summary) -> String {
    table(summary, TableOptions { width: 80, colour: false })
}

#[test]
fn a_life_has_the_figures_of_its_cells() {
    let summary = summary();
    let cells = summary.cells.iter().filter(|cell| cell.mode == tollgate_record::Mode::InProcess);
    let cells: Vec<_> = cells.collect();
    assert_eq!(summary.lifecycle.len(), 9, "every plugin but the native one, whose memory and phases are not known");
    for life in &summary.lifecycle {
        let of = |phase| {
            let is = |cell: &&&tollgate_reports::SummaryCell| {
                (&cell.plugin, &cell.host, cell.phase) == (&life.plugin, &life.host, phase)
                    && cell.workload == "headers"
            };
            cells.iter().find(is).and_then(|cell| cell.absolute_ns).and_then(|at| at.p50)
        };
        assert!(life.compile_ns.is_some_and(|ns| ns > 0.0));
        assert_eq!(life.compile_ns, of(Phase::Compile));
        assert_eq!(life.instantiate_ns, of(Phase::Instantiate));
        assert_eq!(life.first_request_ns, of(Phase::FirstRequest));
        assert_eq!(life.request_ns, of(Phase::Request));
        let start_bytes = if life.language == "Go" { 4_259_840 } else { 131_072 };
        let most = Memory { start_bytes, requests: 4_005, end_bytes: start_bytes + 65_536 };
        assert_eq!(life.memory, Some(most), "of the start with most requests");
        let soak = life.soak.as_ref().unwrap();
        let expected = match life.plugin.as_str() {
            "assemblyscript-raw" => (SoakVerdict::Leak, Some(16.0)),
            "rust-sdk" => (SoakVerdict::Inconclusive, Some(0.0)),
            _ => (SoakVerdict::NoLeak, Some(0.0)),
        };
        assert_eq!((soak.verdict, soak.bytes_per_request), expected, "{life:?}");
        assert_eq!(soak.error.is_some(), life.plugin == "rust-sdk");
    }
    let mut failed = record(&Make { requests: 20, ..Make::default() });
    for cell in &mut failed.cells {
        cell.error = Some(tollgate_record::Failure::plugin("verify", "wrong; mend it"));
        cell.soak = None;
    }
    assert!(summarize(&failed).lifecycle.is_empty(), "figures of a failed cell are not used");
}

#[test]
fn the_terminal_shows_lives_and_soaks_in_80_columns_below_the_main_table() {
    let summary = summary();
    let text = at_80(&summary);
    let main = text.find("assemblyscript-sdk").expect("the main table");
    let lives = text.find("each plugin's life").expect("the lives");
    let soaks = text.find("Soak, 60 s each").expect("the soaks");
    assert!(main < lives && lives < soaks, "{text}");
    let titles = text[lives..].lines().nth(1).unwrap();
    for title in ["plugin", "host", "size", "compile", "inst.", "first", "p50", "memory"] {
        assert!(titles.contains(title), "no {title}: {text}");
    }
    let titles = text[soaks..].lines().nth(1).unwrap();
    for title in ["plugin", "host", "requests", "memory", "B/request", "verdict"] {
        assert!(titles.contains(title), "no {title}: {text}");
    }
    let row = |name: &str| text[soaks..].lines().find(|line| line.starts_with(name)).unwrap();
    assert!(row("assemblyscript-raw").ends_with(" leak") && row("lua").ends_with(" no leak"), "{text}");
    let said = text[soaks..].replace('\n', " ");
    assert!(said.contains("assemblyscript-raw on wasmtime: leak: grew again in each doubling"), "{said}");
    assert!(
        said.contains("rust-sdk on wasmtime: inconclusive: failed after") && said.contains("unreachable"),
        "{said}"
    );

    let mut unsoaked = record(&Make { requests: 20, ..Make::default() });
    unsoaked.cells.iter_mut().for_each(|cell| cell.soak = None);
    let unsoaked = summarize(&unsoaked);
    assert!(!at_80(&unsoaked).contains("Soak") && !markdown(&unsoaked).contains("B/request"));
    assert!(at_80(&unsoaked).contains("each plugin's life"));
}

#[test]
fn markdown_csv_and_json_have_them_too() {
    let summary = summary();
    let text = markdown(&summary);
    let row = text.lines().find(|line| line.starts_with("| go-sdk | wasmtime | 2.20 MiB |")).expect("a life");
    assert!(
        row.contains("4.12 MiB")
            && row.ends_with("| 0 | no leak: stood still over the last half of 4,915,200 requests |")
    );
    assert!(text.contains("Memory: held after 4,005 requests."), "{text}");

    let text = csv(&summary);
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let titles = lines.next().unwrap();
    let column = |name: &str| titles.iter().position(|title| title == name).unwrap_or_else(|| panic!("no {name}"));
    // Fields before the error hold no comma here.
    let row = |plugin: &str, phase: &str| {
        let is = |row: &Vec<String>| row[0] == plugin && row[5] != "embedded" && row[7] == "headers" && row[8] == phase;
        lines.clone().find(is).unwrap()
    };
    let request = row("assemblyscript-raw", "request");
    assert_eq!(request[column("memory_end_bytes")], "196608");
    assert_eq!(request[column("soak_bytes_per_request")], "16");
    assert_eq!(request[column("soak_verdict")], "leak");
    assert_eq!(row("lua", "request")[column("lua_instructions")], "585");
    assert_eq!(row("lua", "compile")[column("memory_end_bytes")], "", "only on the row of the requests");

    let object: Value = serde_json::from_str(&json(&summary)).unwrap();
    for life in object["lifecycle"].as_array().unwrap() {
        for field in
            ["artifact_bytes", "compile_ns", "instantiate_ns", "first_request_ns", "request_ns", "memory", "soak"]
        {
            assert!(life.get(field).is_some_and(|value| !value.is_null()), "{field}: {life}");
        }
        let verdict = life["soak"]["verdict"].as_str().unwrap();
        assert!(["leak", "no_leak", "inconclusive"].contains(&verdict));
    }
    assert_eq!(object["environment"]["timed_with_limits"], false);
}

#[test]
fn the_report_shows_lives_soaks_what_varies_and_that_limits_were_off() {
    let mut run = record(&Make { requests: 200, ..Make::default() });
    let page = html(std::slice::from_ref(&run));
    for text in [
        "Memory in a soak",
        "leak: grew again in each doubling of 4,915,200 requests",
        "192 KiB",
        ">585<",
        "9,265 to 92,650",
        "clock_time_get 0 to 2",
        "No limits (fuel, epochs, counted instructions) were on",
    ] {
        assert!(page.contains(text), "no {text}");
    }
    run.plan.timed_with_limits = Some(true);
    assert!(html(std::slice::from_ref(&run)).contains("which slows them down"));
    run.plan.timed_with_limits = None;
    let page = html(std::slice::from_ref(&run));
    assert!(page.contains("not recorded") && !page.contains("No limits (fuel"), "what is not known is not said");
}
