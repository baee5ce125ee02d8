//! Scenarios: the figures of a table are those of the record, and charts show what is in it.

use std::collections::BTreeMap;

use roxmltree::Document;
use tollgate_record::{
    Around, Failing, FailingArm, FailingEvent, FailingKind, Failure, Histogram, Outcomes, ProcessSample, Record,
    Reload, Scenario, Story, Swap, SwapKind, SwapOutcome, Traffic, Window,
};
use tollgate_reports::{TableOptions, charts, csv, html, markdown, summarize, table};

use crate::synthetic::{Make, hostile_names, record};
use crate::text::fields;

const SECOND: u64 = 1_000_000_000;

fn histogram(count: u64, ns: u64) -> Histogram {
    let mut histogram = Histogram::new();
    (0..count).for_each(|request| histogram.record(ns + request));
    histogram
}

fn swap(second: u64, plugin: &str, kind: SwapKind, outcome: SwapOutcome, faults: u64) -> Swap {
    Swap {
        at_ns: second * SECOND,
        kind,
        plugin: plugin.to_owned(),
        sha256: "00".to_owned(),
        config: "21".to_owned(),
        outcome,
        complaint: (faults > 0).then(|| "proxy_on_done failed".to_owned()),
        requests: 2_000,
        faults,
        near_ns: histogram(500, second * 1_000_000),
    }
}

fn seen(ms: u64) -> SwapOutcome {
    SwapOutcome::Seen { first_new_ns: ms * 1_000_000, last_old_ns: None, proof: "counted".to_owned() }
}

/// Six swaps: three of one plugin that took effect, one that was refused, one that broke, one by its counters.
fn reload() -> Reload {
    let lost = 120;
    let mut traffic = Traffic { planned: 12_000, sent: 12_000, answered: 12_000 - lost, ..Traffic::default() };
    traffic.faults.status = lost;
    traffic.windows = (0..60)
        .map(|second| Window {
            answered: 200,
            faults: u64::from(second == 40) * lost,
            max_latency_ns: Some(1_000_000 + second),
        })
        .collect();
    traffic.lateness_ns = histogram(12_000, 1_000);
    Reload {
        swaps_planned: 7,
        swaps: vec![
            swap(1, "go-raw", SwapKind::Plugin, seen(3_000), 0),
            swap(2, "go-raw", SwapKind::Plugin, seen(1_000), 0),
            swap(3, "go-raw", SwapKind::Plugin, seen(2_000), 0),
            swap(4, "mine", SwapKind::Plugin, SwapOutcome::Rejected { after_ns: 5 }, 0),
            swap(5, "sdk", SwapKind::Configuration, SwapOutcome::Broken { after_ns: 5 }, lost),
            swap(6, "other", SwapKind::Plugin, SwapOutcome::Counted { after_ns: 5, proof: "counted".to_owned() }, 0),
        ],
        traffic,
        window_ms: 100,
        apart_ns: histogram(9_000, 500_000),
        bin_ms: 25,
        around: vec![Around {
            kind: SwapKind::Plugin,
            first_bin: -1,
            bins: vec![histogram(10, 1_000_000), histogram(10, 9_000_000)],
        }],
    }
}

fn failing() -> Failing {
    let window = |served, bypassed, errors| Outcomes { served, bypassed, errors, lost: 0 };
    let event = |kind, second, recovered_ns| FailingEvent {
        kind,
        at_ns: second * SECOND,
        answer: (kind != FailingKind::Swap).then(|| "503".to_owned()),
        recovered_ns,
        outcomes: window(1, 2, 3),
    };
    let arm = |policy: &str, plugin: Option<&str>, windows: Vec<Outcomes>, events| FailingArm {
        policy: policy.to_owned(),
        plugin: plugin.map(str::to_owned),
        traffic: Traffic {
            planned: 30,
            sent: 30,
            latency_from_intended_ns: histogram(30, 7_000_000),
            ..Traffic::default()
        },
        windows,
        events,
    };
    let events = vec![
        event(FailingKind::Failure, 1, None),
        event(FailingKind::FailureAgain, 1, Some(840_000_000)),
        event(FailingKind::Swap, 2, Some(5_000_000)),
    ];
    Failing {
        window_ms: 1_000,
        arms: vec![
            arm("A", None, vec![window(10, 0, 0); 3], Vec::new()),
            arm("FAIL_OPEN", Some("trap"), vec![window(10, 0, 0), window(1, 9, 0), window(0, 0, 10)], events),
        ],
    }
}

pub(crate) fn scenario(story: Story) -> Scenario {
    let sample = |at_ns, resident_bytes, vms: Option<(u64, u64)>| ProcessSample {
        at_ns,
        resident_bytes,
        vms_active: vms.map(|(active, _)| active),
        vms_created: vms.map(|(_, created)| created),
    };
    let process = vec![
        sample(-5, Some(80 << 20), Some((3, 4))),
        sample(5, Some(200 << 20), None),
        // A gateway that counted anew.
        sample(6, None, Some((6, 9))),
        sample(7, None, Some((3, 2))),
        sample(9, Some(150 << 20), Some((3, 3))),
    ];
    Scenario {
        gateway: "envoy".to_owned(),
        gateway_version: "1.40.0".to_owned(),
        rate_per_s: Some(2_000.0),
        connections: 8,
        story,
        process,
        error: None,
    }
}

/// A record of scenarios alone.
pub(crate) fn of(scenarios: Vec<Scenario>) -> Record {
    let mut record = record(&Make { requests: 5, ..Make::default() });
    record.cells.clear();
    record.loads.clear();
    record.plan.placement = BTreeMap::new();
    record.scenarios = scenarios;
    record
}

/// A record with every scenario.
pub(crate) fn all() -> Record {
    let scale = crate::scale::story(crate::scale::scale());
    of(vec![scenario(Story::Reload(reload())), scenario(Story::Failure(failing())), scale])
}

pub(crate) fn shown(record: &Record) -> String {
    table(&summarize(record), TableOptions { width: 120, colour: false })
}

#[test]
fn a_reload_is_told_by_plugin_and_kind() {
    let record = of(vec![scenario(Story::Reload(reload()))]);
    let summary = summarize(&record);
    let figures = summary.scenarios[0].reload.as_ref().unwrap();
    assert_eq!((figures.rows.len(), figures.swaps, figures.swaps_planned), (4, 6, 7));
    let go = &figures.rows[0];
    assert_eq!((go.swaps, go.seen, go.requests, go.faults), (3, 3, 6_000, 0));
    assert_eq!((go.until_new_p50_ns, go.until_new_max_ns), (Some(2e9), Some(3_000_000_000)));
    assert_eq!((go.near.requests, go.near.max), (1_500, Some(3_000_499)));
    assert_eq!(figures.resident_bytes.most, Some(200 << 20));
    assert_eq!((figures.vms.before, figures.vms.most, figures.vms.after), (Some(3), Some(6), Some(3)));
    assert_eq!(figures.vms_made, Some(5 + 2 + 1));
    assert_eq!(summary.scenarios[0].invalid, None);

    assert!(
        !shown(&record).contains("control A") && !markdown(&summary).contains("control A"),
        "there are no differences"
    );
    for text in [shown(&record), markdown(&summary), html(std::slice::from_ref(&record))] {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "Hot reload on envoy 1.40.0: 6 of 7 swaps at 2,000 requests/s",
            "Lost: 120 of 12,000 requests (120 answered with an error",
            "Took effect: 4 of 6 swaps",
            "80.0 MiB before, 200 MiB at most, 150 MiB after",
            "1 of 1 refused",
            "120 of 2,000 requests lost while in effect: proxy",
        ] {
            // Markdown has its own escapes.
            assert!(text.replace('\\', "").contains(part), "{part} is not in\n{text}");
        }
    }
}

#[test]
fn failing_plugins_are_told_by_policy() {
    let record = of(vec![scenario(Story::Failure(failing()))]);
    let text = shown(&record);
    let line = text.lines().find(|line| line.starts_with("FAIL_OPEN")).unwrap();
    let fields: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(fields, ["FAIL_OPEN", "11", "9", "10", "0", "503", "never", "840", "ms", "5.00", "ms"], "{text}");
    assert!(text.contains("30 of 30 requests served (100 %), the slowest in 7.00 ms"), "{text}");
}

#[test]
fn late_generators_and_early_ends_are_told() {
    let mut late = reload();
    late.traffic.lateness_ns = histogram(12_000, 300_000);
    late.traffic.sent = 11_000;
    let mut scenario = scenario(Story::Reload(late));
    scenario.error = Some(Failure::environment("measure", "envoy died (signal 9)"));
    let text = shown(&of(vec![scenario]));
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "the generator was late",
        "91.7 % of the planned requests were sent",
        "It ended early: measure: envoy died (signal 9)",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn charts_show_every_swap_and_every_loss() {
    let reload = reload();
    let count = |svg: &str, class: &str| {
        let document = Document::parse(svg).unwrap_or_else(|error| panic!("{error}\n{svg}"));
        document.descendants().filter(|node| node.attribute("class") == Some(class)).count()
    };
    let svg = charts::reload(&reload, "a").unwrap();
    assert_eq!((count(&svg, "swap"), count(&svg, "lost"), count(&svg, "slowest")), (6, 1, 1));
    assert_eq!(count(&charts::around(&reload, "b").unwrap(), "around"), 2);
    let svg = charts::failing(&failing(), "c").unwrap();
    // Three equal windows are one mark, and three different ones are three, of which one has two colours.
    assert_eq!((count(&svg, "served"), count(&svg, "bypassed"), count(&svg, "errors")), (3, 1, 1));
    assert_eq!(count(&svg, "event"), 3);
    assert_eq!(charts::failing(&Failing { arms: Vec::new(), window_ms: 1 }, "d"), None);
    assert_eq!(charts::reload(&Reload { traffic: Traffic::default(), ..reload }, "e"), None);
}

#[test]
fn csv_has_a_line_for_each_kind_of_swap_and_policy() {
    let summary = summarize(&of(vec![scenario(Story::Reload(reload())), scenario(Story::Failure(failing()))]));
    let rows: Vec<Vec<String>> = csv(&summary).lines().map(fields).collect();
    assert_eq!(rows.len(), 1 + 4 + 2);
    assert!(rows.iter().all(|row| row.len() == rows[0].len()));
    let at = |name: &str| rows[0].iter().position(|title| title == name).unwrap_or_else(|| panic!("no {name}"));
    let of = |row: &Vec<String>, names: &[&str]| names.iter().map(|name| row[at(name)].clone()).collect::<Vec<_>>();
    assert_eq!(
        of(&rows[1], &["phase", "plugin", "scenario_what", "scenario_swaps", "scenario_until_new_p50_ns"]),
        ["reload", "go-raw", "plugin", "3", "2000000000"]
    );
    assert_eq!(of(&rows[2], &["plugin", "scenario_took_effect", "scenario_until_new_p50_ns"]), ["mine", "0", ""]);
    assert_eq!(
        of(&rows[6], &["phase", "scenario_what", "scenario_bypassed", "scenario_recovered_ns", "load_rate_per_s"]),
        ["failure", "FAIL_OPEN", "9", "", "2000"]
    );
    assert_eq!(of(&rows[6], &["scenario_recovered_again_ns"]), ["840000000"]);
}

#[test]
fn hostile_names_show_as_text() {
    let mut scenarios = Vec::new();
    for name in hostile_names() {
        let mut reload = reload();
        for swap in &mut reload.swaps {
            (swap.plugin, swap.config, swap.complaint) = (name.clone(), name.clone(), Some(name.clone()));
        }
        let mut failing = failing();
        for arm in &mut failing.arms {
            (arm.policy, arm.plugin) = (name.clone(), Some(name.clone()));
            arm.events.iter_mut().for_each(|event| event.answer = Some(name.clone()));
        }
        for story in [Story::Reload(reload), Story::Failure(failing)] {
            scenarios.push(Scenario { gateway: name.clone(), gateway_version: name.clone(), ..scenario(story) });
        }
    }
    let record = of(scenarios);
    let page = html(std::slice::from_ref(&record));
    assert!(!page.contains("<script>alert") && !page.contains('\u{1b}') && !page.contains('\u{202e}'));
    let text = shown(&record);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
    assert!(!markdown(&summarize(&record)).contains("<script>"));
    let (from, to) = (page.find("<main").unwrap(), page.find("</main>").unwrap());
    Document::parse(&page[from..to + 7]).unwrap_or_else(|error| panic!("{error}"));
}
