//! How the requests of each plugin in a place are spread: a row each, all on one axis.

use tollgate_record::Variant;

use super::bars::{LEFT, trimmed};
use super::canvas::{About, Anchor, Canvas, INK, MUTED, Mark, RULE, draw};
use super::scale::Scale;
use super::{FONT, WIDTH};
use crate::csv::variant_name;
use crate::distribution::Distribution;
use crate::language;
use crate::number::{grouped, percent, significant};
use crate::summary::SummaryCell;

/// Room for half of the last number below the axis.
const RIGHT: i32 = WIDTH - 14;
const TOP: i32 = 34;
const ROW: i32 = 34;
/// What the fullest bin of a row is high.
const HIGH: i32 = 26;
/// About so many round numbers along the axis.
const TICKS: usize = 8;

/// A row: what it is called, its cell and how its requests are spread.
pub(crate) struct Ridge<'a> {
    pub(crate) label: String,
    pub(crate) cell: &'a SummaryCell,
    pub(crate) of: &'a Distribution,
}

/// The rows of a place over the bins between these ends; none without any. `id` must be unique on the page.
pub(crate) fn distribution(title: &str, rows: &[Ridge<'_>], edges_ns: &[f64], id: &str) -> Option<String> {
    rows.first()?;
    let ends = (*edges_ns.first()?, *edges_ns.last()?);
    let bottom = TOP + ROW * rows.len() as i32;
    let title = format!("How requests are spread, {title}");
    let description = "One row per plugin and one for no plugin; requests counted in bins along a logarithmic axis of latency in \
                       microseconds, heights roots of counts, each row as high as its fullest bin, with a mark at its median. The figures are in the table below \
                       the chart.";
    Some(draw((WIDTH as u32, (bottom + 24) as u32), &About { id, title: &title, description }, |canvas| {
        let x = Scale::log(ends, (LEFT, RIGHT));
        for tick in x.ticks(TICKS) {
            let at = x.px(tick);
            canvas.line(&[(at, TOP - 6), (at, bottom)], 1, Mark::new(RULE));
            canvas.text(&trimmed(tick / 1e3), (at, bottom + 14), Anchor::Middle, FONT, Mark::new(MUTED));
        }
        let axis = Mark::new(RULE).with("class", "bins").with("data-bins", &(edges_ns.len() - 1).to_string());
        let axis = axis.with_figure("data-from-ns", Some(ends.0)).with_figure("data-to-ns", Some(ends.1));
        canvas.line(&[(LEFT, bottom), (RIGHT, bottom)], 1, axis);
        canvas.text("µs per request", (WIDTH - 4, 13), Anchor::End, FONT, Mark::new(MUTED));
        for (index, row) in rows.iter().enumerate() {
            ridge(canvas, row, edges_ns, &x, TOP + ROW * (index + 1) as i32);
        }
        // Over all rows, so that each can be held against it.
        for control in rows.iter().filter(|row| row.cell.control.is_some()) {
            let at = x.px(control.of.p50_ns() as f64);
            canvas.line(&[(at, TOP - 6), (at, bottom)], 1, Mark::new(INK).with("stroke-dasharray", "1 4"));
        }
    }))
}

/// A row above its line.
fn ridge(canvas: &mut Canvas<'_>, row: &Ridge<'_>, edges_ns: &[f64], x: &Scale, line: i32) {
    let Ridge { label, cell, of } = row;
    canvas.text(label, (LEFT - 10, line - HIGH / 2 + 4), Anchor::End, FONT, Mark::new(INK));
    canvas.line(&[(LEFT, line), (RIGHT, line)], 1, Mark::new(RULE));
    let p50 = x.px(of.p50_ns() as f64);
    canvas.polygon(&outline(of, edges_ns, x, line), mark(row));
    let median = Mark::new(INK)
        .with("class", "median")
        .with("data-plugin", &cell.plugin)
        .with("data-host", &cell.host)
        .with_figure("data-p50-ns", Some(of.p50_ns() as f64));
    canvas.line(&[(p50, line - HIGH - 1), (p50, line)], 1, median);
}

/// The bins as steps, from the first that holds something to the last.
fn outline(of: &Distribution, edges_ns: &[f64], x: &Scale, line: i32) -> Vec<(i32, i32)> {
    let most = of.counts.iter().copied().max().unwrap_or(0).max(1);
    // The root, so that a tail of hundredths is seen beside its hill.
    let height = |count: u64| (f64::from(HIGH) * (count as f64 / most as f64).sqrt()).round() as i32;
    let (from, until) = held(of);
    let mut points = vec![(x.px(edges_ns[from]), line)];
    for at in from..until {
        let top = line - height(of.counts[at]);
        points.extend([(x.px(edges_ns[at]), top), (x.px(edges_ns[at + 1]), top)]);
    }
    points.push((x.px(edges_ns[until]), line));
    points
}

/// From the first bin that holds something to behind the last.
fn held(of: &Distribution) -> (usize, usize) {
    let holds = |count: &u64| *count > 0;
    (of.counts.iter().position(holds).unwrap_or(0), of.counts.iter().rposition(holds).map_or(0, |at| at + 1))
}

fn mark(row: &Ridge<'_>) -> Mark {
    let Ridge { label, cell, of } = row;
    let colour = if cell.control.is_some() { MUTED } else { language::colour(&cell.language) };
    let [low, .., high] = of.quantiles_ns.map(|ns| significant(ns as f64 / 1e3));
    let (from, until) = held(of);
    let mark = Mark::new(colour);
    // Raw is solid and SDK is outlined, as in the bars.
    let mark = match cell.variant {
        Some(Variant::Sdk) => mark.with("stroke", colour).with("fill-opacity", ".35"),
        _ => mark,
    };
    mark.with("class", "ridge")
        .with("data-plugin", &cell.plugin)
        .with("data-host", &cell.host)
        .with("data-workload", &cell.workload)
        .with("data-variant", cell.variant.map(variant_name).unwrap_or_default())
        .with("data-faster", &of.faster.to_string())
        .with("data-slower", &of.slower.to_string())
        .with("data-first-bin", &from.to_string())
        .with_list("data-counts", of.counts[from..until].iter())
        .tooltip(format!(
            "{label}: median {} µs, 8 of 10 requests from {low} to {high} µs, {} of {} beyond the axis",
            significant(of.p50_ns() as f64 / 1e3),
            percent(of.beyond()),
            grouped(of.requests()),
        ))
}
