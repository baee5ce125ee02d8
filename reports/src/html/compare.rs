//! Several records side by side. No verdict is given here: whether a change is real is the gate's to say.

use std::collections::BTreeMap;

use tollgate_record::{Mode, Phase};

use crate::number::{date, decimals, us};
use crate::place::places;
use crate::summary::SummaryCell;
use crate::text::{escape, name};

use super::View;
use super::answer::interval;
use super::parts::{Cell, TableRow, plugin, table};

/// Cells that mean the same in several records.
type Key<'a> = (Mode, &'a str, &'a str, &'a str);

pub(super) fn section(views: &[View<'_>]) -> String {
    let runs: String = views
        .iter()
        .map(|view| {
            let run = &view.summary.environment;
            let cpu = run.machine.cpu_model.as_deref().unwrap_or("CPU not known");
            format!(
                "<li><a href=\"#{}top\">{}</a>, {}, seed {}</li>",
                view.prefix,
                escape(&date(run.started_unix_ms)),
                escape(cpu),
                run.seed
            )
        })
        .collect();
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
    let largest =
        views.iter().flat_map(|view| places(view.summary)).map(|place| place.largest_ns()).fold(0.0, f64::max);
    let rows: Vec<TableRow> = rows.into_iter().filter_map(|(key, cells)| row(key, &cells, decimals(largest))).collect();
    format!(
        "<section id=\"compare\" aria-labelledby=\"compare-h\"><h2 id=\"compare-h\">Comparison</h2><ol>{runs}</ol>\
         <p class=\"quiet\">Added latency with its interval. Runs on other machines or placements differ for reasons that \
         are not the plugin’s.</p>{}</section>",
        table("Added latency of each run, µs per request", &columns, &rows)
    )
}

fn row((_, host, workload, plugin_name): Key<'_>, cells: &[Option<&SummaryCell>], digits: usize) -> Option<TableRow> {
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
    let class = if first.control.is_some() { "control" } else { "" };
    Some(TableRow { class, cells: row })
}
