//! The marks of charts, as a browser has them, against the figures of the records.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tollgate_record::{Cell, Mode, Record};
use tollgate_reports::{
    Article, Place, Summary, SummaryCell, article, breakdowns, course, distributions, places, shift, summarize, trends,
};

use crate::scenario_marks;

/// A mark: its class, and its figures and names in the order of their names.
pub(crate) type Mark = (String, BTreeMap<String, String>);

/// Each mark that has a figure is one of a record, and each that a record asks for is there, once.
pub(crate) fn check(name: &str, seen: &[Value], records: &[Record]) {
    let summaries: Vec<Summary> = records.iter().map(summarize).collect();
    let newest = records.iter().zip(&summaries).max_by_key(|(record, _)| record.started_unix_ms);
    let (record, summary) = newest.expect("a record");
    let mut expected = of_one(record, summary);
    if records.len() > 1 {
        expected.extend(trend(&summaries, summary));
    }
    // The chart's place on the page is in no record.
    let found = seen.iter().filter_map(|mark| found(mark.as_object().expect("a mark")));
    let mut found: Vec<Mark> = found.flat_map(scenario_marks::apart).collect();
    // Which blocks are beyond the edges of their rows is the chart's own; those that are have the record's figure.
    let far = farthest(record, summary);
    let outside = |mark: &Mark| mark.0 == "outside";
    found.iter().filter(|mark| outside(mark)).for_each(|mark| assert!(far.contains(mark), "{name}: {mark:?}"));
    found.retain(|mark| !outside(mark));
    found.sort();
    expected.sort();
    let count = |marks: &[Mark]| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        marks.iter().for_each(|(class, _)| *counts.entry(class.clone()).or_default() += 1);
        counts
    };
    assert_eq!(count(&found), count(&expected), "{name}: marks by kind");
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected, "{name}");
    }
    assert!(found.len() > 40, "{name}: {} marks", found.len());
}

/// What is compared of a mark; none of those that carry a name only.
fn found(mark: &Map<String, Value>) -> Option<Mark> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let figures = mark.iter().filter(|(name, _)| *name != "class" && *name != "chart");
    let figures: BTreeMap<String, String> = figures.map(|(name, value)| (name.clone(), text(value))).collect();
    let class = mark.get("class").map(text).unwrap_or_default();
    let is_name_only = figures.contains_key("failed");
    (!is_name_only).then_some((class, figures))
}

pub(crate) fn mark(class: &str, figures: &[(&str, String)]) -> Mark {
    (class.to_owned(), figures.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

/// With those that are known only.
fn with(figures: &[(&'static str, String)], known: &[(&'static str, Option<f64>)]) -> Vec<(&'static str, String)> {
    let known = known.iter().filter_map(|(name, ns)| Some((*name, (*ns)?.to_string())));
    figures.iter().cloned().chain(known).collect()
}

fn names(cell: &SummaryCell) -> [(&'static str, String); 3] {
    [("plugin", cell.plugin.clone()), ("host", cell.host.clone()), ("workload", cell.workload.clone())]
}

fn variant(cell: &SummaryCell) -> (&'static str, String) {
    ("variant", cell.variant.map(|variant| format!("{variant:?}").to_lowercase()).unwrap_or_default())
}

fn of_one(record: &Record, summary: &Summary) -> Vec<Mark> {
    let source = |cell: &SummaryCell| -> &Cell {
        let at = summary.cells.iter().position(|other| std::ptr::eq(other, cell)).expect("a cell of the summary");
        &record.cells[at]
    };
    let mut all = Vec::new();
    for place in &places(summary) {
        all.extend(bars(place));
        all.extend(curves(place));
        all.extend(rounds(place, source));
        all.extend(spread(place, source));
        for row in &place.rows {
            let [plugin, host, _] = names(row.cell);
            for point in shift(source(row.cell), source(place.control.expect("a control"))) {
                let difference = point.difference_ns;
                let known = [("lowNs", difference.low), ("highNs", difference.high)];
                let named = [
                    plugin.clone(),
                    host.clone(),
                    ("quantile", point.quantile.to_string()),
                    ("differenceNs", difference.p50.to_string()),
                ];
                all.push(mark("", &with(&named, &known)));
            }
        }
        for of in breakdowns(place) {
            let [plugin, host, workload] = names(of.row.cell);
            for (part, ns) in &of.parts {
                let figures = [("part", part.name().to_owned()), ("ns", ns.to_string())];
                let named: Vec<_> =
                    [plugin.clone(), host.clone(), workload.clone()].into_iter().chain(figures).collect();
                all.push(mark("part", &named));
            }
            all.push(mark("whole", &[("addedNs", of.added_ns.to_string())]));
        }
    }
    all.extend(article(summary).iter().flat_map(published));
    for line in &summary.cost_lines {
        for point in &line.points {
            let mode = if line.mode == Mode::Live { "live" } else { "in_process" };
            let figures = [
                ("plugin", line.plugin.clone()),
                ("host", line.host.clone()),
                ("mode", mode.to_owned()),
                ("operations", point.operations.to_string()),
                ("addedNs", point.added_ns.p50.to_string()),
            ];
            all.push(mark("", &figures));
        }
    }
    all.extend(loads(summary));
    all.extend(lives(summary));
    let scenarios = record.scenarios.iter().zip(&summary.scenarios);
    all.extend(scenarios.flat_map(|(scenario, figures)| scenario_marks::of(scenario, figures)));
    all
}

/// Times and memory of each plugin in process.
fn lives(summary: &Summary) -> Vec<Mark> {
    let mut all = Vec::new();
    for life in &summary.lifecycle {
        let named = [("plugin", life.plugin.clone()), ("host", life.host.clone())];
        let with = |figures: &[(&'static str, String)]| named.iter().chain(figures).cloned().collect::<Vec<_>>();
        let times = [
            ("compile", life.compile_ns),
            ("instantiate", life.instantiate_ns),
            ("first request", life.first_request_ns),
            ("request, p50", life.request_ns),
        ];
        // A warm request alone is no life.
        if times[..3].iter().any(|(_, ns)| ns.is_some()) {
            for (phase, ns) in times.into_iter().filter_map(|(phase, ns)| Some((phase, ns?))) {
                all.push(mark("life", &with(&[("phase", phase.to_owned()), ("ns", ns.to_string())])));
            }
        }
        if let Some(memory) = life.memory {
            let sizes = [("startBytes", memory.start_bytes), ("endBytes", memory.end_bytes)];
            all.push(mark("memory", &with(&sizes.map(|(name, size)| (name, size.to_string())))));
        }
    }
    all
}

/// How requests are spread: in process without a row for no plugin.
fn spread<'r>(place: &Place<'_>, source: impl Fn(&SummaryCell) -> &'r Cell) -> Vec<Mark> {
    let control = place.control.filter(|_| place.mode == Mode::Live);
    let cells: Vec<&SummaryCell> = control.into_iter().chain(place.rows.iter().map(|row| row.cell)).collect();
    let sources: Vec<&Cell> = cells.iter().map(|cell| source(cell)).collect();
    let Some(seen) = distributions(&sources) else { return Vec::new() };
    let ends = [seen.edges_ns.first(), seen.edges_ns.last()].map(|ns| ns.expect("an edge").to_string());
    let [from, to] = ends;
    let bins = (seen.edges_ns.len() - 1).to_string();
    let mut all = vec![mark("bins", &[("fromNs", from), ("toNs", to), ("bins", bins)])];
    for (cell, of) in cells.iter().zip(&seen.cells) {
        let Some(of) = of else { continue };
        let first = of.counts.iter().position(|count| *count > 0).expect("a request");
        let last = of.counts.iter().rposition(|count| *count > 0).expect("a request");
        let counts: Vec<String> = of.counts[first..=last].iter().map(u64::to_string).collect();
        let figures = [
            ("faster", of.faster.to_string()),
            ("slower", of.slower.to_string()),
            ("firstBin", first.to_string()),
            ("counts", counts.join(" ")),
        ];
        let [plugin, host, workload] = names(cell);
        let named = [plugin.clone(), host.clone(), workload, variant(cell)];
        all.push(mark("ridge", &named.into_iter().chain(figures).collect::<Vec<_>>()));
        all.push(mark("median", &[plugin, host, ("p50Ns", of.p50_ns().to_string())]));
    }
    all
}

/// Each arm that does something at each rate, in a panel for the median and one for the 99th percentile.
fn loads(summary: &Summary) -> Vec<Mark> {
    let mut all = Vec::new();
    for load in &summary.loads {
        let class = if load.invalid.is_some() { "load invalid" } else { "load" };
        for arm in load.arms.iter().filter(|arm| arm.workload != "noop") {
            let at = arm.from_intended_ns;
            for (quantile, ns) in [("p50", at.and_then(|at| at.p50)), ("p99", at.and_then(|at| at.p99))] {
                let (Some(rate), Some(ns)) = (load.rate_per_s, ns) else { continue };
                let figures = [
                    ("plugin", arm.plugin.clone()),
                    ("workload", arm.workload.clone()),
                    ("quantile", quantile.to_owned()),
                    ("rate", rate.to_string()),
                    ("ns", ns.to_string()),
                ];
                all.push(mark(class, &figures));
            }
        }
    }
    all
}

fn bars(place: &Place<'_>) -> Vec<Mark> {
    let cells = place.rows.iter().map(|row| row.cell).chain(place.noise);
    let bar = |cell: &SummaryCell| {
        let added = cell.added_ns?;
        let named: Vec<_> = names(cell).into_iter().chain([variant(cell)]).collect();
        let known = [("addedNs", Some(added.p50)), ("lowNs", added.low), ("highNs", added.high)];
        Some(mark("bar", &with(&named, &known)))
    };
    let mut all: Vec<Mark> = cells.filter_map(bar).collect();
    // The band is there where it is a pixel wide, and then has the figures of A'.
    let noise = place.noise.and_then(|cell| cell.added_ns?.interval());
    if let Some((low, high)) =
        noise.filter(|_| tollgate_reports::charts::bars(place, "x").is_some_and(|svg| svg.contains("class=\"noise\"")))
    {
        all.push(mark("noise", &[("lowNs", low.min(0.0).to_string()), ("highNs", high.max(0.0).to_string())]));
    }
    all
}

fn curves(place: &Place<'_>) -> Vec<Mark> {
    let cells = place.rows.iter().map(|row| row.cell).chain(place.control);
    let curve = |cell: &SummaryCell| {
        let at = cell.absolute_ns.expect("a curve has figures");
        let named: Vec<_> = names(cell).into_iter().chain([variant(cell)]).collect();
        mark("curve", &with(&named, &[("p50Ns", at.p50), ("p99Ns", at.p99), ("p999Ns", at.p999)]))
    };
    cells.filter(|cell| cell.curve.len() > 1).map(curve).collect()
}

fn rounds<'r>(place: &Place<'_>, source: impl Fn(&SummaryCell) -> &'r Cell) -> Vec<Mark> {
    let cells = place.rows.iter().map(|row| row.cell).chain(place.noise).chain(place.control);
    let mut all = Vec::new();
    for cell in cells {
        for start in course(source(cell)).into_iter().flat_map(|course| course.starts) {
            // Where there is a control the summary has the start's figure as well.
            if let Some(of_start) = cell.starts.iter().find(|other| other.start == start.start) {
                assert_eq!(of_start.added_ns, start.median_ns);
            }
            let figures = [
                ("start", start.start.to_string()),
                ("blocks", start.blocks.to_string()),
                ("medianNs", start.median_ns.to_string()),
            ];
            let [plugin, host, _] = names(cell);
            all.push(mark("start", &[plugin, host].into_iter().chain(figures).collect::<Vec<_>>()));
        }
    }
    all
}

/// The farthest blocks of each cell.
fn farthest(record: &Record, summary: &Summary) -> Vec<Mark> {
    let mut all = Vec::new();
    for (cell, source) in summary.cells.iter().zip(&record.cells) {
        let Some(course) = course(source) else { continue };
        for (number, _, ns) in [true, false].into_iter().filter_map(|is_above| course.farthest(is_above)) {
            let [plugin, host, _] = names(cell);
            let start = course.starts[number].start;
            all.push(mark("outside", &[plugin, host, ("start", start.to_string()), ("blockNs", ns.to_string())]));
        }
    }
    all
}

fn published(article: &Article) -> Vec<Mark> {
    let mut all = Vec::new();
    for row in &article.rows {
        let figures =
            [("language", row.published.language.to_owned()), ("publishedNs", (row.published.ms * 1e6).to_string())];
        all.push(mark("published", &figures));
        for measured in row.measured.iter().filter(|measured| measured.added_ns.p50 > 0.0) {
            let figures = [
                ("plugin", measured.plugin.clone()),
                ("host", measured.host.clone()),
                ("addedNs", measured.added_ns.p50.to_string()),
            ];
            all.push(mark("measured", &figures));
        }
    }
    all
}

fn trend(summaries: &[Summary], newest: &Summary) -> Vec<Mark> {
    let trends = trends(summaries);
    let mut all = Vec::new();
    for row in places(newest).iter().flat_map(|place| &place.rows) {
        let cell = row.cell;
        let is_it = |trend: &&tollgate_reports::Trend| {
            (trend.mode, &trend.host, &trend.workload, &trend.plugin)
                == (cell.mode, &cell.host, &cell.workload, &cell.plugin)
        };
        for point in trends.iter().find(is_it).into_iter().flat_map(|trend| &trend.points) {
            let named: Vec<_> =
                names(cell).into_iter().chain([("startedUnixMs", point.started_unix_ms.to_string())]).collect();
            let added = point.added_ns;
            let known = [("addedNs", Some(added.p50)), ("lowNs", added.low), ("highNs", added.high)];
            all.push(mark("", &with(&named, &known)));
        }
    }
    all
}
