//! Cost against work: the line is that of the record's figures, in every renderer.

use roxmltree::Document;
use tollgate_record::{Mode, Record};
use tollgate_reports::{CostLine, Summary, TableOptions, html, json, markdown, places, summarize, table};

use crate::html::of_mark;
use crate::synthetic::{Make, record};

fn made() -> Record {
    record(&Make { requests: 200, lines: true, ..Make::default() })
}

#[test]
fn the_line_is_that_of_the_points() {
    let summary = summarize(&made());
    let failed = summary.cells.iter().filter(|cell| cell.error.is_some() && cell.workload == "headers").count();
    assert_eq!(
        (summary.cost_lines.len(), failed),
        (28, 1),
        "of ten plugins in three places, without what failed and native on Envoy"
    );
    for line in &summary.cost_lines {
        let added = |operations: u32| {
            let point = line.points.iter().find(|point| point.operations == operations);
            point.expect("it was measured").added_ns.p50
        };
        assert_eq!(line.points.len(), 3, "{}", line.plugin);
        // The record is made so: 0.07, 1 and 1.93 of the cost of 60 operations, give or take a few percent.
        let slope = (added(120) - added(0)) / 120.0;
        assert!((line.per_operation_ns.p50 / slope - 1.0).abs() < 0.05, "{line:?}");
        assert!((line.called_ns.p50 - added(0)).abs() < 0.05 * added(60) + 10.0, "{line:?}");
        assert!(line.off_line < 0.05, "{line:?}");
        let (low, high) = line.per_operation_ns.interval().expect("several starts");
        assert!(low <= line.per_operation_ns.p50 && line.per_operation_ns.p50 <= high);
    }
}

#[test]
fn other_amounts_of_work_have_no_table_of_their_own() {
    let summary = summarize(&made());
    assert!(places(&summary).iter().all(|place| place.workload == "headers"));
    let mut without = made();
    without.cells.retain(|cell| cell.id.workload != "headers-40");
    assert!(summarize(&without).cost_lines.is_empty(), "two points are no line");
    let mut unknown = made();
    unknown.plan.operations.clear();
    assert!(summarize(&unknown).cost_lines.is_empty(), "a record of before says nothing of its operations");
}

#[test]
fn every_renderer_has_the_line() {
    let record = made();
    let summary = summarize(&record);
    let line = summary.cost_lines.iter().find(|line| line.mode == Mode::Live && line.host == "envoy").expect("a line");
    let figure = format!("{:.3}", line.per_operation_ns.p50);
    let text = table(&summary, TableOptions { width: 80, colour: false });
    let at = text.find("Cost against work").expect("the table");
    assert!(text[at..].lines().all(|line| line.chars().count() <= 80));
    for rendered in [&text[at..], &markdown(&summary), &html(std::slice::from_ref(&record))] {
        assert!(rendered.contains("Cost against work") && rendered.contains(&figure[..3]), "no {figure} in {rendered}");
    }
    let parsed: serde_json::Value = serde_json::from_str(&json(&summary)).expect("it is JSON");
    let written = parsed["cost_lines"][0]["per_operation_ns"]["p50"].as_f64().expect("a number");
    assert!((written - summary.cost_lines[0].per_operation_ns.p50).abs() < 1e-9);
}

#[test]
fn the_chart_has_the_figures_of_the_summary() {
    let record = made();
    let summary = summarize(&record);
    let page = html(std::slice::from_ref(&record));
    let start = page.find("<main").expect("the main part");
    let end = page.find("</main>").expect("its end") + "</main>".len();
    let document = Document::parse(&page[start..end]).expect("well formed");
    let points: Vec<_> = document.descendants().filter(|node| node.has_attribute("data-operations")).collect();
    assert_eq!(points.len(), summary.cost_lines.iter().map(|line| line.points.len()).sum::<usize>());
    for point in points {
        let attribute = |name: &str| of_mark(&point, name).expect("every point says what it is");
        let line = line(&summary, attribute("data-host"), attribute("data-plugin"));
        let of = line.points.iter().find(|of| of.operations.to_string() == attribute("data-operations"));
        assert_eq!(attribute("data-added-ns"), of.expect("a point of the line").added_ns.p50.to_string());
    }
}

fn line<'s>(summary: &'s Summary, host: &str, plugin: &str) -> &'s CostLine {
    let mut lines = summary.cost_lines.iter().filter(|line| line.host == host && line.plugin == plugin);
    lines.next().expect("a line that was drawn")
}
