//! An outcome in a terminal: a row per cell, then why.

use super::{Change, Conclusion, Outcome, Row};
use crate::grid::Grid;
use crate::table::{Paint, TableOptions};
use crate::text;

/// So many rows are told in full, whatever came of them.
const FEW: usize = 4;

/// The outcome for people: what differs first, then the reasons, controls and notes.
pub fn table(outcome: &Outcome, options: TableOptions) -> String {
    let (paint, width) = (Paint(options.colour), options.width as usize);
    let headline = text::elide(&outcome.headline(), width);
    let mut lines = vec![match outcome.conclusion {
        Conclusion::Pass => paint.bold(&headline),
        _ => paint.red(&headline),
    }];
    let sides = format!("base: {}; head: {}", text::name(&outcome.base, 200), text::name(&outcome.head, 200));
    lines.extend(text::wrap(&sides, width).into_iter().map(|line| paint.dim(&line)));
    lines.push(String::new());
    let rows = outcome.by_weight();
    if !rows.is_empty() {
        lines.extend(grid(&rows).lines(options.width));
        lines.push(String::new());
    }
    // Of a few, all are told; of many, those that differ.
    for row in rows.iter().filter(|row| row.is_changed() || rows.len() <= FEW) {
        let changes = row.change_words(20);
        let colon = if changes.is_empty() { "" } else { ": " };
        let line = format!("{}: {}; {}{colon}{changes}", row.title(), row.word(), text::name(&row.reason, 600));
        lines.extend(hanging(&line, width));
    }
    if rows.iter().any(|row| row.smallest_effect.is_some()) {
        let power = rows.iter().filter_map(|row| row.smallest_effect).map(|effect| effect.power).fold(1.0, f64::min);
        let power = crate::number::percent(power);
        let words = format!("smallest: the smallest slowdown that this run finds with a probability of {power}.");
        lines.extend(text::wrap(&words, width).into_iter().map(|line| paint.dim(&line)));
    }
    for remark in outcome.remarks() {
        lines.extend(text::wrap(&text::name(&remark, 600), width).into_iter().map(|line| paint.dim(&line)));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn grid<'a>(rows: &[&Row]) -> Grid<'a> {
    let mut columns = vec![("plugin", true), ("host", true), ("workload", true), ("verdict", true), ("change", true)];
    let phases = rows.iter().any(|row| row.phase() != "request");
    if phases {
        columns.push(("phase", true));
    }
    let smallest = rows.iter().any(|row| row.smallest_effect.is_some());
    if smallest {
        columns.push(("smallest", false));
    }
    let fields = |row: &&Row| {
        let short = |text: &str| text::name(text, 24);
        let mut fields = vec![
            short(&row.cell.plugin),
            text::name(&row.cell.host, 16),
            text::name(&row.cell.workload, 16),
            row.word(),
            text::name(&short_change(row), 48),
        ];
        fields.extend(phases.then(|| row.phase().to_owned()));
        fields.extend(smallest.then(|| row.smallest_words()));
        fields
    };
    let last = columns.len() - 1;
    Grid {
        columns,
        rows: rows.iter().map(fields).collect(),
        dispensable: if smallest { vec![last, 4] } else { vec![4] },
    }
}

/// The weightiest change, and that there are others.
fn short_change(row: &Row) -> String {
    let more = if row.changes.len() > 1 && matches!(row.changes[0], Change::Exact { .. }) { ", …" } else { "" };
    row.changes.first().map(|change| format!("{}{more}", change.short())).unwrap_or_default()
}

/// A paragraph whose further lines stand in.
fn hanging(text: &str, width: usize) -> Vec<String> {
    let mut lines = text::wrap(text, width.saturating_sub(2)).into_iter();
    let first = lines.next().into_iter();
    first.chain(lines.map(|line| format!("  {line}"))).collect()
}
