//! Gateways under load: what is invalid is said to be, and every renderer has the figures of the record.

use crate::html::of_mark;
use crate::synthetic::{Make, record};
use roxmltree::Document;
use serde_json::Value;
use tollgate_record::{Capacity, Histogram, Load, Record};
use tollgate_reports::{
    LoadFigures, Summary, TableOptions, capacity_in_turn, csv, html, json, markdown, summarize, table,
};

fn small() -> Record {
    record(&Make { requests: 20, ..Make::default() })
}

fn summary() -> Summary {
    summarize(&small())
}

/// The first load of the record, changed.
fn figures(change: impl FnOnce(&mut Load)) -> LoadFigures {
    let mut record = small();
    change(&mut record.loads[0]);
    summarize(&record).loads.swap_remove(0)
}

#[test]
fn a_run_is_invalid_when_it_was_late_slow_or_opened_connections_again_and_says_which() {
    let good = figures(|_| {});
    assert_eq!((&good.invalid, good.lateness_p99_ns), (&None, Some(100.0)));
    assert_eq!(good.achieved_per_s, Some(good.planned as f64 / 1.0), "{good:?}");
    type Change = fn(&mut Load);
    let cases: [(Change, &str); 6] = [
        // All arms together, not each for itself: of this one alone every request is late.
        (|load| (0..2_000).for_each(|_| load.arms[0].traffic.lateness_ns.record(201_000)), "late: p99 201 µs"),
        (|load| load.arms[0].traffic.sent -= 100, "% of the planned rate was sent"),
        (|load| load.arms[3].traffic.last_sent_ns = Some(1_002_000_000), "99.8 % of the planned rate was sent"),
        (|load| load.arms[3].traffic.connections_reopened = 3, "connections opened again: 3"),
        (|load| load.arms.iter_mut().for_each(|arm| arm.traffic.planned = 0), "0 % of the planned rate was sent"),
        (|load| load.arms.clear(), "0 % of the planned rate was sent"),
    ];
    for (change, expected) in cases {
        let invalid = figures(change).invalid.unwrap_or_else(|| panic!("valid, and not {expected}"));
        assert!(invalid.contains(expected), "{invalid}, and not {expected}");
    }
    let edges: [Change; 2] = [
        |load| load.arms.iter_mut().for_each(|arm| (0..20).for_each(|_| arm.traffic.lateness_ns.record(9_999_999))),
        |load| load.arms[3].traffic.last_sent_ns = Some(1_000_900_000),
    ];
    for change in edges {
        assert_eq!(figures(change).invalid, None, "one of a hundred may be late, one of a thousand missing");
    }
}

#[test]
fn lateness_is_that_of_all_requests_and_no_average_of_percentiles() {
    let figures = figures(|load| {
        load.arms.truncate(2);
        for (arm, late_ns) in load.arms.iter_mut().zip([10, 1_000]) {
            arm.traffic.lateness_ns = Histogram::new();
            (0..2_000).for_each(|_| arm.traffic.lateness_ns.record(late_ns));
        }
    });
    assert_eq!((figures.lateness_p50_ns, figures.lateness_p99_ns), (Some(10.0), Some(1_000.0)));
}

#[test]
fn arms_in_turn_answer_as_many_as_the_time_of_one_of_each_allows() {
    let of = |answered| Capacity { answered, duration_ms: 1_000, connections: 16 };
    // 100 us and 300 us: two requests in 400 us.
    let mixed = capacity_in_turn(&[of(10_000), of(3_333)]).unwrap();
    assert!((mixed - 5_000.0).abs() < 1.0, "{mixed}");
    assert_eq!(capacity_in_turn(&[of(7)]), Some(7.0));
    assert_eq!((capacity_in_turn(&[]), capacity_in_turn(&[of(7), of(0)])), (None, None));
}

#[test]
fn what_is_not_known_is_null_and_a_percentile_needs_its_requests() {
    let text = json(&summary());
    let value: Value = serde_json::from_str(&text).unwrap();
    let loads = value["loads"].as_array().unwrap();
    assert_eq!(loads.len(), 4);
    let arm = &loads[0]["arms"][0];
    // 2,000 requests carry p99 and not p99.9.
    assert!(arm["from_intended_ns"]["p99"].is_f64() && arm["from_intended_ns"]["p999"].is_null(), "{arm}");
    assert!(arm["from_intended_ns"]["p50"].as_f64() > arm["from_sent_ns"]["p50"].as_f64(), "{arm}");
    assert_eq!((&loads[0]["invalid"], &loads[0]["error"]), (&Value::Null, &Value::Null));
    assert!(loads[2]["invalid"].as_str().unwrap().contains("late"));
    let failed = &loads[3];
    for unknown in ["rate_per_s", "share", "capacity_per_s", "achieved_per_s", "lateness_p99_ns", "invalid"] {
        assert!(failed[unknown].is_null(), "{unknown} in {failed}");
    }
    assert!(failed["error"].as_str().unwrap().contains("not ready"));
    let unanswered = figures(|load| load.arms[0].traffic.latency_from_intended_ns = Histogram::new());
    assert_eq!(unanswered.arms[0].from_intended_ns, None);
}

#[test]
fn the_terminal_has_a_row_per_arm_and_two_columns_per_rate() {
    let summary = summary();
    let wide = table(&summary, TableOptions { width: 140, colour: false });
    let load = &wide[wide.find("Load on envoy").expect("a table")..];
    let titles = load.lines().nth(1).unwrap();
    for title in ["plugin", "alone/s", "25% p50", "25% p99", "50% p99", "75% p50", "75% p99", "failed"] {
        assert!(titles.contains(title), "no {title}: {titles}");
    }
    let row = |name: &str| load.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}"));
    assert_eq!(row("go-sdk ").split_whitespace().count(), 9, "{}", row("go-sdk"));
    assert!(row("go-sdk ").ends_with(" 10") && row("go-sdk (noop)").ends_with(" 10") && row("A ").ends_with(" 0"));
    let said = load.replace('\n', " ");
    assert!(said.contains("lateness p50 and p99 100 ns and 100 ns; valid"), "{said}");
    assert!(said.contains("75%: 75 %") && said.contains("INVALID: the generator was late: p99 300 µs"), "{said}");
    assert!(said.contains("go-sdk at 75%: of 2,000 requests 10 answered with another status"), "{said}");
    assert!(said.contains("Load on embedded") && said.contains("failed: start: embedded was not ready"), "{said}");
    for width in [60, 80] {
        let narrow = table(&summary, TableOptions { width, colour: false });
        assert!(narrow.lines().all(|line| line.chars().count() <= usize::from(width)), "{narrow}");
        let load = &narrow[narrow.find("Load on envoy").unwrap()..];
        assert!(load.lines().nth(1).unwrap().contains("75% p99"), "tails stay longest: {load}");
    }
    let mut none = small();
    none.loads.clear();
    assert!(!table(&summarize(&none), TableOptions::default()).contains("Load on"));
}

#[test]
fn markdown_and_csv_have_every_arm_at_every_rate() {
    let summary = summary();
    let text = markdown(&summary);
    let load = &text[text.find("### envoy under load").expect("a part")..];
    let rows: Vec<&str> =
        load.lines().take_while(|line| !line.starts_with("- ")).filter(|line| line.starts_with("| ")).collect();
    assert_eq!(rows.len(), 1 + summary.loads[0].arms.len());
    assert!(rows.iter().all(|row| row.matches(" |").count() == rows[0].matches(" |").count()), "{rows:#?}");
    assert!(load.contains("INVALID") && load.contains("embedded was not ready"), "{load}");

    let text = csv(&summary);
    let mut lines = text.lines();
    let titles: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at = |name: &str| titles.iter().position(|title| *title == name).unwrap_or_else(|| panic!("no {name}"));
    let loads: Vec<Vec<&str>> =
        lines.map(|line| line.split(',').collect()).filter(|line: &Vec<&str>| line[at("phase")] == "load").collect();
    assert_eq!(loads.len(), 3 * summary.loads[0].arms.len());
    let arm = &summary.loads[0].arms[2];
    let line = &loads[2];
    assert_eq!(line[at("plugin")], arm.plugin);
    let p99 = arm.from_intended_ns.and_then(|at| at.p99).unwrap();
    assert_eq!(line[at("absolute_p99_ns")].parse(), Ok(p99), "not rounded");
    assert_eq!(line[at("load_rate_per_s")].parse(), Ok(10_000.0));
    assert_eq!((line[at("load_faults")], line[at("load_invalid")]), ("0", ""));
}

#[test]
fn the_chart_has_a_point_per_arm_rate_and_percentile_and_crosses_out_what_is_invalid() {
    let record = small();
    let summary = summarize(&record);
    let page = html(std::slice::from_ref(&record));
    let begin = page.find("<svg class=\"chart\" id=\"load0\"").expect("a chart");
    let svg = &page[begin..begin + page[begin..].find("</svg>").unwrap() + "</svg>".len()];
    let document = Document::parse(svg).unwrap();
    let points: Vec<_> = document.descendants().filter(|node| node.attribute("data-quantile").is_some()).collect();
    let arms = summary.loads[0].arms.iter().filter(|arm| arm.workload != "noop").count();
    assert_eq!(points.len(), 2 * 3 * arms, "what does nothing is in the table only");
    for point in points {
        let get = |name: &str| of_mark(&point, name).unwrap();
        let rate: f64 = get("data-rate").parse().unwrap();
        let load = summary.loads.iter().find(|load| load.rate_per_s == Some(rate)).unwrap();
        let is_it = |arm: &&tollgate_reports::LoadArm| {
            (arm.plugin.as_str(), arm.workload.as_str()) == (get("data-plugin"), get("data-workload"))
        };
        let latency = load.arms.iter().find(is_it).unwrap().from_intended_ns.unwrap();
        let expected = if get("data-quantile") == "p50" { latency.p50 } else { latency.p99 };
        assert_eq!(get("data-ns").parse().ok(), expected);
        assert_eq!(get("class").contains("invalid"), load.invalid.is_some());
        assert_eq!(point.has_tag_name("circle"), load.invalid.is_none(), "a cross is no circle");
    }
    let section = &page[page.find("<section id=\"load\"").unwrap()..];
    assert!(section.contains("INVALID: the generator was late") && section.contains("embedded was not ready"));
    assert!(section.contains("10 answered with another status"));
    // One rate makes no line.
    let mut one = record;
    one.loads.truncate(1);
    let page = html(&[one]);
    assert!(page.contains("<section id=\"load\"") && !page.contains("id=\"load0\""));
}
