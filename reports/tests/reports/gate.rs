//! Outcomes of gates: nothing passes for want of data, and every rendering is safe with any name.

use proptest::prelude::*;
use tollgate_record::{CellId, Failure, Mode, Phase};
use tollgate_reports::TableOptions;
use tollgate_reports::gate::{
    COMMENT_LIMIT, Change, Conclusion, ControlCheck, GateKind, Outcome, Row, SmallestEffect, Unit, Verdict, github,
    json, junit, markdown, table,
};

use crate::synthetic::hostile_names;

const VERDICTS: [Verdict; 4] = [Verdict::Regression, Verdict::Inconclusive, Verdict::Improvement, Verdict::Equivalent];

fn cell(plugin: &str) -> CellId {
    let (host, workload) = ("wasmtime".to_owned(), "headers".to_owned());
    CellId { mode: Mode::InProcess, host, plugin: plugin.to_owned(), workload, phase: Phase::Request }
}

fn latency(estimate: f64) -> Change {
    let (low, high) = (Some(estimate - 0.001), Some(estimate + 0.001));
    let what = "latency".to_owned();
    Change::Estimated { what, unit: Unit::Share, estimate, low, high, confidence: Some(0.99) }
}

fn row(plugin: &str, verdict: Verdict) -> Row {
    Row {
        changes: vec![latency(0.0102)],
        smallest_effect: Some(SmallestEffect { size: 0.006, unit: Unit::Share, power: 0.99 }),
        ..Row::judged(cell(plugin), verdict, "40 of 40 processes above the margin")
    }
}

fn outcome(rows: Vec<Row>) -> Outcome {
    let sides = ("old.wasm".to_owned(), "new.wasm".to_owned());
    Outcome::new(GateKind::InProcess, sides, Vec::new(), rows, vec!["margin 0.5 %".to_owned()])
}

fn control(passed: bool) -> ControlCheck {
    let change = Some(latency(0.0));
    ControlCheck { name: "A against A".into(), passed, reason: "0 of 40".into(), change }
}

#[test]
fn no_figure_that_is_none_passes() {
    for broken in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for verdict in VERDICTS {
            let outcome = outcome(vec![Row { changes: vec![latency(broken)], ..row("lua", verdict) }]);
            assert_eq!(outcome.conclusion, Conclusion::Inconclusive, "{broken} {verdict:?}");
            assert!(!outcome.is_undecided(), "there is nothing to go by");
        }
    }
    let upside_down = Change::Estimated {
        what: "latency".into(),
        unit: Unit::Share,
        estimate: 0.0,
        low: Some(1.0),
        high: Some(-1.0),
        confidence: Some(0.99),
    };
    let outcome = outcome(vec![Row { changes: vec![upside_down], ..row("lua", Verdict::Equivalent) }]);
    assert_eq!(outcome.conclusion, Conclusion::Inconclusive);
}

#[test]
fn a_failed_control_leaves_nothing_but_a_wrong_plugin() {
    for verdict in VERDICTS {
        let sides = ("a".to_owned(), "b".to_owned());
        let rows = vec![row("lua", verdict)];
        let outcome = Outcome::new(GateKind::Live, sides, vec![control(true), control(false)], rows, Vec::new());
        assert_eq!(outcome.conclusion, Conclusion::Inconclusive, "{verdict:?}");
        assert_eq!(outcome.rows[0].verdict, Verdict::Inconclusive);
        assert!(outcome.rows[0].reason.contains(verdict.name()) || verdict == Verdict::Inconclusive);
    }
    let wrong = Row::failed(cell("lua"), Failure::plugin("verify", "traps"));
    let sides = ("a".to_owned(), "b".to_owned());
    let outcome = Outcome::new(GateKind::Live, sides, vec![control(false)], vec![wrong], Vec::new());
    assert_eq!(outcome.conclusion, Conclusion::WrongPlugin);
}

fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    let kinds = prop::collection::vec((0usize..6, prop::sample::select(hostile_names())), 0..40);
    kinds.prop_map(|kinds| {
        let make = |(kind, name): (usize, String)| match kind {
            0..4 => Row { reason: name.clone(), ..row(&name, VERDICTS[kind]) },
            4 => Row::incomparable(cell(&name), name),
            _ => Row::failed(cell(&name), Failure::plugin(&name, name.clone())),
        };
        kinds.into_iter().map(make).collect()
    })
}

proptest! {
    #[test]
    fn every_rendering_is_whole_and_obeys_no_name(rows in any_rows(), passed: bool) {
        let wrong = rows.iter().filter(|row| row.failure.is_some()).count();
        let sides = (hostile_names().concat(), "head".to_owned());
        let notes = hostile_names();
        let outcome = Outcome::new(GateKind::Counters, sides, vec![control(passed)], rows, notes);

        let expected = outcome.rows.iter().map(|row| row.verdict).min();
        let conclusion = match expected {
            _ if wrong > 0 => Conclusion::WrongPlugin,
            Some(Verdict::Regression) => Conclusion::Regression,
            Some(Verdict::Improvement | Verdict::Equivalent) => Conclusion::Pass,
            Some(Verdict::Inconclusive) | None => Conclusion::Inconclusive,
        };
        prop_assert_eq!(outcome.conclusion, conclusion);

        let value: serde_json::Value = serde_json::from_str(&json(&outcome)).unwrap();
        prop_assert_eq!(value["rows"].as_array().unwrap().len(), outcome.rows.len());

        let text = table(&outcome, TableOptions { width: 80, colour: false });
        for line in text.lines() {
            prop_assert!(line.chars().count() <= 80, "{}", line);
            prop_assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{:?}", line);
        }

        let text = markdown(&outcome);
        prop_assert!(text.len() < COMMENT_LIMIT, "{}", text.len());
        let unescaped = text.replace("\\](", "");
        prop_assert!(!text.contains("<script") && !unescaped.contains("](") && !text.contains("@all"), "{}", text);
        for line in text.lines().filter(|line| line.starts_with("| ")) {
            prop_assert_eq!(line.matches(" | ").count(), 6, "{}", line);
        }
        prop_assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());

        let text = junit(&outcome);
        let document = roxmltree::Document::parse(&text).unwrap();
        let cases: Vec<_> = document.descendants().filter(|node| node.has_tag_name("testcase")).collect();
        prop_assert_eq!(cases.len(), outcome.rows.len() + 1);
        let count = |tag: &str| document.descendants().filter(|node| node.has_tag_name(tag)).count().to_string();
        let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
        for (attribute, tag) in [("failures", "failure"), ("errors", "error"), ("skipped", "skipped")] {
            prop_assert_eq!(suite.attribute(attribute).unwrap(), count(tag), "{}", attribute);
        }

        let text = github(&outcome);
        prop_assert!(text.lines().count() <= 32);
        for line in text.lines() {
            let level = line.strip_prefix("::").and_then(|line| line.split_once(" title=")).map(|(level, _)| level);
            prop_assert!(matches!(level, Some("error" | "warning" | "notice")), "{}", line);
            let (_, rest) = line.split_once(" title=").unwrap();
            let (title, _) = rest.split_once("::").unwrap();
            prop_assert!(!title.contains([':', ',']), "{}", line);
        }
    }
}

#[test]
fn a_comment_of_a_thousand_cells_is_short_enough_and_says_what_is_left_out() {
    for verdict in [Verdict::Regression, Verdict::Equivalent] {
        let rows = (0..1_000).map(|number| row(&format!("{number}{}", "_".repeat(60)), verdict)).collect();
        let text = markdown(&outcome(rows));
        assert!(text.len() < COMMENT_LIMIT, "{}", text.len());
        assert!(text.contains("more rows are in gate.json"), "{verdict:?}");
        assert!(text.contains("margin 0.5 %"), "notes stand all the same");
    }
}

#[test]
fn what_changed_stands_first_and_the_rest_is_folded() {
    let rows = vec![row("same", Verdict::Equivalent), row("slower", Verdict::Regression)];
    let outcome = outcome(rows);
    let text = markdown(&outcome);
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("no {what}: {text}"));
    assert!(at("| slower |") < at("<details>") && at("<details>") < at("| same |"), "{text}");
    assert!(text.contains("latency +1.02 \\[+0.92, +1.12\\] %"), "never a bare percentage: {text}");
    let text = table(&outcome, TableOptions { width: 120, colour: false });
    assert!(text.contains("in-process gate: regression (1 regression, 1 equivalent)"), "{text}");
    assert!(text.contains("+0.60 %") && text.contains("probability of 99 %"), "the smallest effect: {text}");
    assert!(github(&outcome).starts_with("::error title=slower on wasmtime (headers)%3A regression::"));
}

#[test]
fn exact_changes_read_as_such() {
    let exact = |base, head| Change::Exact { what: "fuel".to_owned(), base, head }.words();
    assert_eq!(exact(Some(1_000), Some(1_002)), "fuel 1,000 to 1,002 (+2)");
    assert_eq!(exact(Some(u64::MAX), Some(0)), "fuel 18,446,744,073,709,551,615 to 0 (-18,446,744,073,709,551,615)");
    assert_eq!(exact(None, Some(3)), "fuel none to 3");
}
