//! Added latency by language in one place: a bar from zero, whiskers for the interval, a band for the noise.

use tollgate_record::{PluginKind, Variant};

use super::canvas::{About, Anchor, Canvas, INK, MUTED, Mark, RULE, draw};
use super::scale::Scale;
use super::{FONT, WIDTH};
use crate::csv::variant_name;
use crate::language;
use crate::number::{significant, us};
use crate::place::{Place, Row};
use crate::summary::SummaryCell;

pub(super) const LEFT: i32 = 166;
/// Room for the figure behind the longest bar.
pub(super) const RIGHT: i32 = WIDTH - 50;
pub(super) const TOP: i32 = 34;
pub(super) const ROW: i32 = 28;
pub(super) const BAR: i32 = 16;
/// About so many ticks along the axis.
pub(super) const TICKS: usize = 5;
/// A bar that is longer than there is room has a gap so wide before its last pixels, which are so many.
const GAP: i32 = 6;
const REST: i32 = 14;
/// What is asked over a network may cost so many times as much as anything else before its bar is cut, because the
/// others could not be told apart on its axis.
const FAR: f64 = 1.5;

/// The bars of a place, none when no plugin has a figure. `id` must be unique on the page.
pub fn bars(place: &Place<'_>, id: &str) -> Option<String> {
    place.rows.iter().find(|row| row.cell.added_ns.is_some())?;
    let rows = all_rows(place);
    let bottom = TOP + ROW * rows.len() as i32;
    let title = format!("Latency that each plugin adds to a request, {}", place.title());
    let description = "Horizontal bars in microseconds from zero, one per plugin, with whiskers for the interval. \
                       The figures are in the table below the chart.";
    let about = About { id, title: &title, description };
    Some(draw((WIDTH as u32, (bottom + 34) as u32), &about, |canvas| {
        let scale = scale(&rows);
        let (_, high) = extent(&rows);
        axis(canvas, &scale, bottom);
        if let Some(band) = noise_band(place, &scale) {
            draw_band(canvas, band, &scale, bottom);
        }
        for (index, row) in rows.iter().enumerate() {
            let middle = TOP + ROW * index as i32 + ROW / 2;
            bar(canvas, place, row, &scale, middle, is_beyond(row, high));
        }
        let zero = scale.px(0.0);
        canvas.line(&[(zero, TOP - 2), (zero, bottom)], 1, Mark::new(MUTED));
    }))
}

/// Whether the chart of the place has a band for its noise: not when that is narrower than a pixel.
pub(crate) fn shows_noise(place: &Place<'_>) -> bool {
    noise_band(place, &scale(&all_rows(place))).is_some()
}

fn scale(rows: &[Row<'_>]) -> Scale {
    Scale::linear_beyond(extent(rows), (LEFT, RIGHT), TICKS)
}

/// The plugins and, last, A'.
fn all_rows<'a>(place: &Place<'a>) -> Vec<Row<'a>> {
    let noise = place.noise.map(|cell| Row { cell, noop: None, sdk_adds: None });
    place.rows.iter().cloned().chain(noise).collect()
}

/// Whether a bar of the chart has a gap, because it is longer than there is room.
pub(crate) fn cuts_bars(place: &Place<'_>) -> bool {
    let rows = all_rows(place);
    let (_, high) = extent(&rows);
    rows.iter().any(|row| is_beyond(row, high))
}

fn is_external(row: &Row<'_>) -> bool {
    row.cell.kind == Some(PluginKind::External)
}

/// Whether a row is off an axis that goes up to there.
fn is_beyond(row: &Row<'_>, high: f64) -> bool {
    is_external(row) && row.cell.added_ns.is_some_and(|added| added.p50 > high)
}

/// From zero, or below it where an interval goes there; as far as the rows inside the gateway go when what is asked over
/// a network goes far beyond.
fn extent(rows: &[Row<'_>]) -> (f64, f64) {
    let within = |of: &dyn Fn(&&Row<'_>) -> bool| extent_of(rows.iter().filter(|row| of(row)));
    let (all, inside) = (within(&|_| true), within(&|row| !is_external(row)));
    let is_inside = |row: &Row<'_>| !is_external(row) && row.cell.control.is_none() && row.cell.added_ns.is_some();
    if rows.iter().any(is_inside) && all.1 > FAR * inside.1 { inside } else { all }
}

fn extent_of<'a>(rows: impl Iterator<Item = &'a Row<'a>>) -> (f64, f64) {
    let added = rows.filter_map(|row| row.cell.added_ns);
    added.fold((0.0, 1.0), |(least, most), added| {
        let (low, high) = added.interval().unwrap_or((added.p50, added.p50));
        (least.min(low).min(added.p50), most.max(high).max(added.p50))
    })
}

fn axis(canvas: &mut Canvas<'_>, scale: &Scale, bottom: i32) {
    for tick in scale.ticks(TICKS) {
        let x = scale.px(tick);
        canvas.line(&[(x, TOP - 2), (x, bottom)], 1, Mark::new(RULE));
        let text = if tick == 0.0 { "0".to_owned() } else { trimmed(tick / 1_000.0) };
        canvas.text(&text, (x, bottom + 14), Anchor::Middle, FONT, Mark::new(MUTED));
    }
    canvas.text("µs added per request", (WIDTH - 4, 13), Anchor::End, FONT, Mark::new(MUTED));
}

/// A round number without the zeros that its digits do not need.
pub(super) fn trimmed(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Interval of the noise with zero in it.
fn noise_band(place: &Place<'_>, scale: &Scale) -> Option<(f64, f64)> {
    let (low, high) = place.noise?.added_ns?.interval()?;
    let band = (low.min(0.0), high.max(0.0));
    (scale.length_px(band.1 - band.0) >= 1.0).then_some(band)
}

fn draw_band(canvas: &mut Canvas<'_>, (low, high): (f64, f64), scale: &Scale, bottom: i32) {
    let (from, to) = (scale.px(low), scale.px(high));
    let mark = Mark::new(MUTED)
        .with("fill-opacity", ".22")
        .with("class", "noise")
        .with_figure("data-low-ns", Some(low))
        .with_figure("data-high-ns", Some(high));
    canvas.rect((from, TOP - 2), (to.max(from + 1), bottom), mark);
}

fn bar(canvas: &mut Canvas<'_>, place: &Place<'_>, row: &Row<'_>, scale: &Scale, middle: i32, is_beyond: bool) {
    let cell = row.cell;
    let label = if cell.control.is_some() { "A' (no plugin)".to_owned() } else { place.label(row) };
    canvas.text(&label, (LEFT - 10, middle), Anchor::End, FONT, Mark::new(INK));
    let Some(added) = cell.added_ns else {
        let why = if cell.error.is_some() { "failed: see the list of failures" } else { "not measured" };
        let mark = Mark::new(MUTED).with("font-style", "italic").with("data-failed", &cell.plugin);
        canvas.text(why, (LEFT + 8, middle), Anchor::Start, FONT, mark);
        return;
    };
    let (zero, end) = (scale.px(0.0), scale.px(added.p50));
    let (from, to) = (zero.min(end), zero.max(end).max(zero.min(end) + 1));
    let mut reach = to;
    if is_beyond {
        let gap = RIGHT - REST - GAP;
        canvas.rect((from, middle - BAR / 2), (gap, middle + BAR / 2), bar_mark(cell, &label).with("data-cut", "true"));
        canvas.rect((gap + GAP, middle - BAR / 2), (RIGHT, middle + BAR / 2), look(cell).with("class", "bar-end"));
        reach = RIGHT;
    } else {
        canvas.rect((from, middle - BAR / 2), (to, middle + BAR / 2), bar_mark(cell, &label));
    }
    if let Some((low, high)) = added.interval().filter(|_| !is_beyond) {
        let (low, high) = (scale.px(low), scale.px(high));
        canvas.line(&[(low, middle), (high, middle)], 1, Mark::new(INK));
        for x in [low, high] {
            canvas.line(&[(x, middle - 5), (x, middle + 5)], 1, Mark::new(INK));
        }
        reach = reach.max(high);
    }
    // As many digits as in the title and the sentences.
    let figure = if added.p50.abs() < 1_000.0 { us(added.p50, 3) } else { significant(added.p50 / 1_000.0) };
    canvas.text(
        &figure.replace('-', "−"),
        (reach + 8, middle),
        Anchor::Start,
        FONT,
        Mark::new(INK).with("class", "figure"),
    );
}

fn bar_mark(cell: &SummaryCell, label: &str) -> Mark {
    let added = cell.added_ns.expect("only measured cells have a bar");
    let mut tooltip = format!("{label} on {}: {} µs", cell.host, significant(added.p50 / 1_000.0));
    if let Some((low, high)) = added.interval() {
        tooltip.push_str(&format!(" [{}, {}]", us(low, 3), us(high, 3)));
    }
    look(cell)
        .with("class", "bar")
        .with("data-plugin", &cell.plugin)
        .with("data-host", &cell.host)
        .with("data-workload", &cell.workload)
        .with("data-variant", cell.variant.map(variant_name).unwrap_or_default())
        .with_figure("data-added-ns", Some(added.p50))
        .with_figure("data-low-ns", added.low)
        .with_figure("data-high-ns", added.high)
        .tooltip(tooltip)
}

/// Raw is solid and SDK is outlined, so that a pair shares its colour and still differs without it.
fn look(cell: &SummaryCell) -> Mark {
    let colour = language::colour(&cell.language);
    let mark = Mark::new(colour);
    match cell.variant {
        Some(Variant::Sdk) => mark.with("stroke", colour).with("stroke-width", "2").with("fill-opacity", ".35"),
        _ => mark,
    }
}
