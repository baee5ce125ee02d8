//! Several records side by side; of two, with what the comparison of records says of each cell. A change that is small is for
//! the gates, which measure both sides in turn.

use std::collections::BTreeMap;

use tollgate_record::{Mode, Phase};

use crate::failures::failures;
use crate::gate::{self, Change, Margin, Outcome, compare_records};
use crate::number::{date, decimals, us};
use crate::place::places;
use crate::summary::SummaryCell;
use crate::text::{escape, name};

use super::View;
use super::answer::interval;
use super::parts::{Cell, TableRow, plugin, table};

/// Cells that mean the same in several records.
type Key<'a> = (Mode, &'a str, &'a str, &'a str);

/// So many records have a column each; of more, the tables of the figures over time say all.
const MOST_COLUMNS: usize = 3;

pub(super) fn section(views: &[View<'_>], shown: &[&View<'_>]) -> String {
    let outcome = match views {
        [base, head] => Some(compare_records(("run 1", base.record), ("run 2", head.record), Margin::default())),
        _ => None,
    };
    let body = if views.len() <= MOST_COLUMNS { figures(views, outcome.as_ref()) } else { String::new() };
    format!(
        "<section id=\"compare\" aria-labelledby=\"compare-h\"><h2 id=\"compare-h\">{}</h2>{}{}{body}</section>",
        if body.is_empty() { "The runs" } else { "Comparison" },
        runs(views, shown),
        outcome.as_ref().map(said).unwrap_or_default(),
    )
}

/// When and on what each was run.
fn runs(views: &[View<'_>], shown: &[&View<'_>]) -> String {
    let item = |view: &View<'_>| {
        let run = &view.summary.environment;
        let cpu = run.machine.cpu_model.as_deref().unwrap_or("CPU not known");
        let began = escape(&date(run.started_unix_ms));
        let began = match shown.iter().any(|other| other.number == view.number) {
            true => format!("<a href=\"#{}top\">{began}</a>", view.prefix),
            false => began,
        };
        let version = name(&run.tollgate_version, 40);
        let failed = match failures(view.summary).len() {
            0 => String::new(),
            1 => ", one failure".to_owned(),
            many => format!(", {many} failures"),
        };
        format!("<li>{began}, {}, seed {}, tollgate {}{failed}</li>", escape(cpu), run.seed, escape(&version))
    };
    let items: String = views.iter().map(item).collect();
    match views.len() {
        0..=9 => format!("<ol>{items}</ol>"),
        many => format!("<details><summary>The {many} runs</summary><ol>{items}</ol></details>"),
    }
}

/// What the comparison says of all, and what holds for all.
fn said(outcome: &Outcome) -> String {
    let notes: String = outcome.notes.iter().map(|note| format!("<li>{}</li>", minus_in(note))).collect();
    let failed = outcome.controls.iter().filter(|control| !control.passed);
    let failed: String =
        failed.map(|control| format!("<li>{}: {}</li>", escape(&control.name), escape(&control.reason))).collect();
    format!(
        "<p><b>Run 2 (head) against run 1 (base): {}.</b></p><ul class=\"note\">{notes}{failed}</ul>",
        escape(&outcome.headline())
    )
}

fn minus_in(words: &str) -> String {
    escape(words).replace(" -", " −").replace("[-", "[−")
}

fn figures(views: &[View<'_>], outcome: Option<&Outcome>) -> String {
    let mut rows: BTreeMap<Key<'_>, Vec<Option<&SummaryCell>>> = BTreeMap::new();
    for (index, view) in views.iter().enumerate() {
        for cell in view.summary.cells.iter().filter(|cell| cell.phase == Phase::Request && cell.error.is_none()) {
            let key = (cell.mode, cell.host.as_str(), cell.workload.as_str(), cell.plugin.as_str());
            rows.entry(key).or_insert_with(|| vec![None; views.len()])[index] = Some(cell);
        }
    }
    let titles: Vec<String> = (1..=views.len()).map(|number| format!(">run {number}, added µs")).collect();
    let mut columns = vec!["Plugin", "host", "workload"];
    columns.extend(titles.iter().map(String::as_str));
    columns.push(">last ÷ first");
    columns.extend(outcome.iter().flat_map(|_| [">change, µs", "verdict", "why"]));
    let largest =
        views.iter().flat_map(|view| places(view.summary)).map(|place| place.largest_ns()).fold(0.0, f64::max);
    // Reasons are long, and many rows have the same.
    let mut reasons = Vec::new();
    let rows: Vec<TableRow> = rows
        .into_iter()
        .filter_map(|(key, cells)| row(key, &cells, decimals(largest), outcome, &mut reasons))
        .collect();
    let note = |(index, reason): (usize, &String)| format!("<li id=\"why{}\">{}</li>", index + 1, minus_in(reason));
    let notes: String = reasons.iter().enumerate().map(note).collect();
    let notes = if notes.is_empty() { notes } else { format!("<ol class=\"note\">{notes}</ol>") };
    format!(
        "<p class=\"quiet\">Added latency with its interval. Runs on other machines or placements differ for reasons that \
         are not the plugin’s.</p>{}{notes}",
        table("Added latency of each run, µs per request", &columns, &rows)
    )
}

fn row(
    key: Key<'_>,
    cells: &[Option<&SummaryCell>],
    digits: usize,
    outcome: Option<&Outcome>,
    reasons: &mut Vec<String>,
) -> Option<TableRow> {
    let (_, host, workload, plugin_name) = key;
    let known: Vec<&SummaryCell> = cells.iter().flatten().copied().filter(|cell| cell.added_ns.is_some()).collect();
    let first = known.first()?;
    let mut row =
        vec![plugin(plugin_name, &first.language), Cell::Text(name(host, 40)), Cell::Text(name(workload, 40))];
    for cell in cells {
        let added = cell.and_then(|cell| cell.added_ns);
        row.push(Cell::Number(match added {
            Some(added) => {
                let ends = added.interval().map(|(low, high)| format!(" {}", interval(low, high, digits)));
                format!("{}{}", us(added.p50, digits), ends.unwrap_or_default())
            }
            None => "–".to_owned(),
        }));
    }
    let ends = cells
        .first()
        .copied()
        .flatten()
        .and_then(|cell| cell.added_ns)
        .zip(cells.last().copied().flatten().and_then(|cell| cell.added_ns));
    row.push(Cell::Number(match ends {
        Some((from, to)) if first.control.is_none() && from.p50 > 0.0 && to.p50 > 0.0 => {
            let overlap = if from.overlaps(&to).unwrap_or(true) { ", overlapping" } else { "" };
            format!("{:.3}{overlap}", to.p50 / from.p50)
        }
        _ => "–".to_owned(),
    }));
    row.extend(outcome.into_iter().flat_map(|outcome| judged(key, outcome, reasons)));
    let class = if first.control.is_some() { "control" } else { "" };
    Some(TableRow { class, cells: row })
}

/// Change, verdict and the number of its reason, which is added where it is new; a control has none.
fn judged((mode, host, workload, plugin): Key<'_>, outcome: &Outcome, reasons: &mut Vec<String>) -> [Cell; 3] {
    let is_it = |row: &&gate::Row| {
        (row.cell.mode, row.cell.host.as_str(), row.cell.workload.as_str(), row.cell.plugin.as_str())
            == (mode, host, workload, plugin)
    };
    let Some(row) = outcome.rows.iter().find(is_it) else {
        return [Cell::Number("–".to_owned()), Cell::Text(String::new()), Cell::Text(String::new())];
    };
    let change = row.changes.first().map(Change::words);
    let change = change.map(|words| words.trim_start_matches("added latency ").trim_end_matches(" µs").to_owned());
    let reason = name(&row.reason, 400);
    let number = reasons.iter().position(|other| *other == reason).unwrap_or_else(|| {
        reasons.push(reason);
        reasons.len() - 1
    }) + 1;
    [
        Cell::Number(change.unwrap_or_else(|| "–".to_owned())),
        Cell::Text(row.verdict.name().to_owned()),
        Cell::Html(format!("<a class=\"nowrap\" href=\"#why{number}\">note {number}</a>")),
    ]
}
