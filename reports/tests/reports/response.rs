//! Workloads on the response path, alone and beside those on the request path.

use std::collections::BTreeSet;

use tollgate_record::Record;
use tollgate_reports::{TableOptions, front_page, headline, markdown, places, summarize, table};

use crate::synthetic::{Make, record};

/// The record with the twin of each workload beside it.
pub(crate) fn both(request: &Record) -> Record {
    let mut both = request.clone();
    let twin = |workload: &str| format!("response-{workload}");
    for cell in request.cells.iter().filter(|cell| cell.control.is_none()) {
        let mut cell = cell.clone();
        cell.id.workload = twin(&cell.id.workload);
        both.cells.push(cell);
    }
    both.plan.workloads.extend(request.plan.workloads.iter().map(|workload| twin(workload)));
    both.plan.operations.extend(request.plan.operations.iter().map(|(workload, count)| (twin(workload), *count)));
    both
}

/// Only the twins.
pub(crate) fn alone(both: &Record) -> Record {
    let mut alone = both.clone();
    alone.cells.retain(|cell| cell.control.is_some() || cell.id.workload.starts_with("response-"));
    alone.plan.workloads.retain(|workload| workload.starts_with("response-"));
    alone.plan.operations.retain(|workload, _| workload.starts_with("response-"));
    alone
}

fn made() -> Record {
    record(&Make { requests: 50, lines: true, ..Make::default() })
}

#[test]
fn each_path_has_its_own_table_with_its_own_price_of_being_called() {
    let record = both(&made());
    let summary = summarize(&record);
    let places = places(&summary);
    let workloads: BTreeSet<&str> = places.iter().map(|place| place.workload).collect();
    assert_eq!(workloads, BTreeSet::from(["headers", "response-headers"]));
    for row in places.iter().flat_map(|place| &place.rows) {
        let noop = row.noop.unwrap_or_else(|| panic!("{} has no noop", row.cell.plugin));
        assert_eq!(noop.workload.starts_with("response-"), row.cell.workload.starts_with("response-"));
    }
    for text in [table(&summary, TableOptions { width: 120, colour: false }), markdown(&summary)] {
        assert!(text.contains("workload headers") && text.contains("workload response-headers"), "{text}");
    }
}

#[test]
fn a_front_page_has_the_chart_and_of_several_workloads_the_shared_one() {
    let both = both(&made());
    let page = front_page(&summarize(&both), "answer.svg");
    assert!(page.contains("](answer.svg)") && page.contains("workload headers\n"), "{page}");
    assert!(!page.contains("workload response-headers\n"), "{page}");
    let only = front_page(&summarize(&alone(&both)), "answer.svg");
    assert!(only.contains("workload response-headers\n"), "{only}");
}

#[test]
fn the_headline_stays_with_the_request_path_and_says_when_there_is_only_the_other() {
    let request = made();
    let both = both(&request);
    let [before, with, only] = [&request, &both, &alone(&both)].map(|record| headline(&summarize(record)));
    assert_eq!(before.title, with.title);
    assert_eq!(only.title, format!("{} by its work on the response's headers", before.title));
    let places: BTreeSet<&str> = with.places.iter().map(|place| place.place.as_str()).collect();
    assert_eq!(places.len(), with.places.len(), "no two paragraphs begin alike: {places:?}");
    assert!(only.places.iter().all(|place| place.place.ends_with(", on response headers")), "{:?}", only.places);
}

#[test]
fn lines_of_cost_do_not_mix_paths() {
    let request = made();
    let both = both(&request);
    let [before, with, only] = [&request, &both, &alone(&both)].map(|record| summarize(record).cost_lines);
    let on = |response: bool| with.iter().filter(|line| line.on_response == response).cloned().collect::<Vec<_>>();
    assert_eq!(on(false), before);
    assert_eq!(on(true), only);
    assert_eq!(only.len(), before.len());
    assert!(only.iter().zip(&before).all(|(one, other)| one.points == other.points));
}
