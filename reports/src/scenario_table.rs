//! A scenario as a table with sentences, the same on a terminal, in Markdown and in the report.

use tollgate_record::{FailingKind, SwapKind};

use crate::grid::Grid;
use crate::life_table::Part;
use crate::number::{bytes, duration, grouped, percent};
use crate::scale_table::{self, scale_sheet};
use crate::scenario::{Course, FailingFigures, ReloadFigures, ScenarioFigures, SwapFigures};
use crate::text;

/// A scenario for people. Names in it are already made visible, not yet escaped.
pub(crate) struct Sheet {
    pub(crate) title: String,
    /// Titles, and whether it is text that stands below.
    pub(crate) columns: Vec<(String, bool)>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Columns that a narrow terminal goes without, first to last.
    pub(crate) dispensable: Vec<usize>,
    /// The answer in words.
    pub(crate) sentences: Vec<String>,
    /// What must be seen.
    pub(crate) warnings: Vec<String>,
    /// What the columns mean.
    pub(crate) legend: String,
}

const RELOAD: &str = "until new: from the rename of the new file over the old one until an answer showed the new configuration. \
                      p99 and slowest: requests around the swaps, from their planned times.";
const FAILURE: &str = "served: by the plugin. bypassed: answered, and the plugin did nothing. failing request: what the one that \
                       made the plugin fail got, not counted beside it. recovered: until a request was served by the plugin again; the \
                       second failure comes 0.2 s after the first.";

/// The sheets of all scenarios.
pub(crate) fn sheets(scenarios: &[ScenarioFigures]) -> Vec<Sheet> {
    scenarios.iter().map(sheet).collect()
}

fn sheet(scenario: &ScenarioFigures) -> Sheet {
    let place = text::name(&format!("{} {}", scenario.gateway, scenario.gateway_version), 60);
    let load = scenario.rate_per_s.map_or_else(unknown, |rate| format!("{} requests/s", grouped(rate as u64)));
    let mut sheet = match (&scenario.reload, &scenario.failure, &scenario.scale) {
        (Some(reload), _, _) => reload_sheet(reload, &place, &load),
        (None, Some(arms), _) => failure_sheet(arms, &place, &load),
        (None, None, Some(scale)) => scale_sheet(scale, &place),
        (None, None, None) => failure_sheet(&[], &place, &load),
    };
    sheet.sentences.splice(0..0, requests(scenario));
    if let Some(invalid) = &scenario.invalid {
        sheet.warnings.push(format!("Latencies must not be believed ({invalid}); counts may."));
    }
    if let Some(error) = &scenario.error {
        sheet.warnings.push(format!("It ended early: {}", text::name(error, 600)));
    }
    sheet
}

/// What became of all requests; none without a schedule.
fn requests(scenario: &ScenarioFigures) -> Option<String> {
    let (faults, planned) = (scenario.faults.as_ref()?, scenario.planned?);
    let kinds = [
        (faults.status, "answered with an error's status"),
        (faults.closed, "on a connection that broke"),
        (faults.refused, "without a connection"),
        (faults.timed_out, "not answered in time"),
        (faults.wrong, "answered wrongly"),
        (faults.dropped, "never sent"),
    ];
    let kinds: Vec<String> = kinds
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", grouped(*count)))
        .collect();
    let what = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
    Some(format!(
        "Lost: {} of {} requests{what}; connections closed: {}.",
        grouped(faults.total()),
        grouped(planned),
        scenario.connections_closed.map_or_else(unknown, grouped)
    ))
}

pub(crate) fn columns(titles: &[(&str, bool)]) -> Vec<(String, bool)> {
    titles.iter().map(|(title, is_text)| ((*title).to_owned(), *is_text)).collect()
}

fn time(ns: Option<u64>) -> String {
    ns.map_or_else(unknown, |ns| duration(ns as f64))
}

/// What is not known.
pub(crate) const UNKNOWN: &str = "-";

pub(crate) fn unknown() -> String {
    UNKNOWN.to_owned()
}

fn kind(kind: SwapKind) -> &'static str {
    match kind {
        SwapKind::Plugin => "plugin",
        SwapKind::Configuration => "config",
    }
}

fn reload_sheet(reload: &ReloadFigures, place: &str, load: &str) -> Sheet {
    let row = |row: &SwapFigures| {
        vec![
            text::name(&row.plugin, 24),
            kind(row.kind).to_owned(),
            row.swaps.to_string(),
            (row.seen + row.counted).to_string(),
            row.until_new_p50_ns.map_or_else(unknown, duration),
            time(row.until_new_max_ns),
            grouped(row.faults),
            time(row.near.p99),
            time(row.near.max),
        ]
    };
    let apart = vec![
        "between swaps".to_owned(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        time(reload.apart.p99),
        time(reload.apart.max),
    ];
    Sheet {
        title: format!(
            "Hot reload on {place}: {} of {} swaps at {load}",
            grouped(reload.swaps),
            grouped(u64::from(reload.swaps_planned))
        ),
        columns: columns(&[
            ("new plugin", true),
            ("swap", true),
            ("swaps", false),
            ("took effect", false),
            ("until new", false),
            ("longest", false),
            ("lost", false),
            ("p99", false),
            ("slowest", false),
        ]),
        rows: reload.rows.iter().map(row).chain([apart]).collect(),
        dispensable: vec![5, 7, 2, 4, 8, 1],
        sentences: vec![took_effect(reload), memory(reload)],
        warnings: reload.rows.iter().filter_map(not_taken).collect(),
        legend: RELOAD.to_owned(),
    }
}

/// Whether every swap did.
fn took_effect(reload: &ReloadFigures) -> String {
    let sum = |of: fn(&SwapFigures) -> u64| reload.rows.iter().map(of).sum::<u64>();
    let (seen, counted) = (sum(|row| row.seen), sum(|row| row.counted));
    let by_counters = match counted {
        0 => String::new(),
        counted => format!(", {} by the gateway's counters alone", grouped(counted)),
    };
    format!(
        "Took effect: {} of {} swaps; answers show {}{by_counters}.",
        grouped(seen + counted),
        grouped(reload.swaps),
        grouped(seen)
    )
}

fn memory(reload: &ReloadFigures) -> String {
    let course = |course: Course, words: &dyn Fn(u64) -> String| {
        let said = |value: Option<u64>| value.map_or_else(unknown, words);
        format!("{} before, {} at most, {} after", said(course.before), said(course.most), said(course.after))
    };
    let made = reload.vms_made.map(|made| format!("; {} made meanwhile", grouped(made))).unwrap_or_default();
    format!(
        "Resident memory: {}. Wasm VMs: {}{made}.",
        course(reload.resident_bytes, &bytes),
        course(reload.vms, &grouped)
    )
}

/// What did not take effect, or broke.
fn not_taken(row: &SwapFigures) -> Option<String> {
    let kinds = [
        (row.rejected, "refused, and the old one went on"),
        (row.broken, "taken, and then no request was answered as it should be"),
        (row.lost, "not seen to take effect in time"),
    ];
    let mut kinds: Vec<String> = kinds
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} of {} {what}", row.swaps))
        .collect();
    if row.faults > 0 {
        kinds.push(format!("{} of {} requests lost while in effect", grouped(row.faults), grouped(row.requests)));
    }
    let said = row.said.as_ref().map(|said| format!(": {}", text::name(said, 600))).unwrap_or_default();
    (!kinds.is_empty())
        .then(|| format!("{}, {}: {}{said}", text::name(&row.plugin, 24), kind(row.kind), kinds.join("; ")))
}

fn failure_sheet(arms: &[FailingFigures], place: &str, load: &str) -> Sheet {
    let row = |arm: &FailingFigures| {
        let event = |kind| arm.events.iter().find(|event| event.kind == kind);
        let recovered = |kind| match event(kind) {
            None => unknown(),
            Some(event) => event.recovered_ns.map_or_else(|| "never".to_owned(), |ns| duration(ns as f64)),
        };
        let outcomes = arm.outcomes;
        let answer = event(FailingKind::Failure).and_then(|event| event.answer.as_deref());
        vec![
            if arm.plugin.is_none() {
                format!("{} (no plugin)", text::name(&arm.policy, 20))
            } else {
                text::name(&arm.policy, 20)
            },
            grouped(outcomes.served),
            grouped(outcomes.bypassed),
            grouped(outcomes.errors),
            grouped(outcomes.lost),
            answer.map_or_else(unknown, |answer| text::name(answer, 24)),
            recovered(FailingKind::Failure),
            recovered(FailingKind::FailureAgain),
            recovered(FailingKind::Swap),
        ]
    };
    Sheet {
        title: format!("Plugins that fail on {place}, {load} over all arms"),
        columns: columns(&[
            ("policy", true),
            ("served", false),
            ("bypassed", false),
            ("errors", false),
            ("lost", false),
            ("failing request", true),
            ("recovered", false),
            ("2nd time", false),
            ("by a swap", false),
        ]),
        rows: arms.iter().map(row).collect(),
        dispensable: vec![5, 4, 8, 1, 7],
        sentences: vec![up(arms)],
        warnings: Vec::new(),
        legend: FAILURE.to_owned(),
    }
}

/// What a failing plugin did to those beside it.
fn up(arms: &[FailingFigures]) -> String {
    let Some(control) = arms.iter().find(|arm| arm.plugin.is_none()) else { return String::new() };
    let all = control.outcomes.total();
    let share = if all == 0 { 0.0 } else { control.outcomes.served as f64 / all as f64 };
    format!(
        "Beside them, without a plugin: {} of {} requests served ({}), the slowest in {}.",
        grouped(control.outcomes.served),
        grouped(all),
        percent(share),
        time(control.latency.max)
    )
}

/// The parts of a terminal's page, one for each scenario.
pub(crate) fn parts(scenarios: &[ScenarioFigures], width: u16) -> Vec<Part> {
    let wide = usize::from(width);
    let part = |sheet: Sheet| {
        let wrap = |texts: &[String]| texts.iter().flat_map(|text| text::wrap(text, wide)).collect::<Vec<_>>();
        let (sentences, warnings) = (wrap(&sheet.sentences), wrap(&sheet.warnings));
        let columns = sheet.columns.iter().map(|(title, is_text)| (title.as_str(), *is_text)).collect();
        let grid = Grid { columns, rows: sheet.rows, dispensable: sheet.dispensable };
        let below = sentences.into_iter().chain(text::wrap(&sheet.legend, wide));
        Part { title: sheet.title, lines: grid.lines(width).into_iter().chain(below).collect(), warnings }
    };
    sheets(scenarios).into_iter().map(part).collect()
}

/// What the scenarios say, in one line; none without any.
pub(crate) fn headline(scenarios: &[ScenarioFigures]) -> Option<String> {
    let first = scenarios.first()?;
    let gateway = text::name(&first.gateway, 24);
    let of = || {
        let (faults, planned) = (first.faults.as_ref()?, first.planned?);
        Some(format!(", {} of {} requests lost", grouped(faults.total()), grouped(planned)))
    };
    Some(match (&first.reload, &first.scale) {
        (Some(reload), _) => {
            format!("Hot reload on {gateway}: {} swaps{}", grouped(reload.swaps), of().unwrap_or_default())
        }
        (None, Some(scale)) => scale_table::headline(scale, &gateway),
        (None, None) if first.error.is_none() => format!("Plugins that fail leave {gateway} up"),
        (None, None) => format!("Plugins that fail on {gateway}: it ended early"),
    })
}
