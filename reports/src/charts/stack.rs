//! Where the time goes: each plugin's added latency as a bar of its parts.

use super::bars::trimmed;
use super::bars::{BAR, LEFT, RIGHT, ROW, TICKS, TOP};
use super::canvas::{About, Anchor, Canvas, INK, MUTED, Mark, RULE, draw};
use super::scale::Scale;
use super::{FONT, WIDTH};
use crate::breakdown::{Breakdown, Part};
use crate::number::{significant, us};
use crate::place::Place;

/// Names of parts stand two to a line.
const COLUMNS: usize = 2;
const LINE: i32 = 22;

/// Apart in lightness as well as in hue; none is a language's.
fn colour(part: Part) -> &'static str {
    match part {
        Part::HostFloor => "#8A8F98",
        Part::Crossings | Part::Calls => "#6C5BC2",
        Part::HeaderWork => "#AFA5EA",
        Part::GuestCode => "#1F8A99",
        Part::Sdk => "#7CCBD6",
        Part::Rest => MUTED,
    }
}

fn mark(part: Part) -> Mark {
    let mark = Mark::new(colour(part));
    match part {
        Part::Rest => mark.with("fill-opacity", ".3").with("stroke", MUTED).with("stroke-width", "1"),
        _ => mark,
    }
}

/// The bars of a place; none without any. `id` must be unique on the page.
pub(crate) fn stack(place: &Place<'_>, breakdowns: &[Breakdown<'_>], id: &str) -> Option<String> {
    let most = breakdowns.iter().map(|of| of.added_ns.max(stacked(of))).reduce(f64::max)?;
    let there = |part: &Part| breakdowns.iter().any(|of| of.parts.iter().any(|(other, _)| other == part));
    let parts: Vec<Part> = Part::ALL.into_iter().filter(there).collect();
    let bottom = TOP + ROW * breakdowns.len() as i32;
    let title = format!("Where the added latency goes, {}", place.title());
    let description = "One horizontal bar per plugin in microseconds from zero, made of its parts, with a mark at what was measured \
                       of the whole. The figures are in the table below the chart.";
    let legend = bottom + 46;
    let height = legend + LINE * parts.len().div_ceil(COLUMNS) as i32;
    Some(draw((WIDTH as u32, height as u32), &About { id, title: &title, description }, |canvas| {
        let scale = Scale::linear_beyond((0.0, most), (LEFT, RIGHT), TICKS);
        for tick in scale.ticks(TICKS) {
            let x = scale.px(tick);
            canvas.line(&[(x, TOP - 2), (x, bottom)], 1, Mark::new(RULE));
            canvas.text(&trimmed(tick / 1e3), (x, bottom + 14), Anchor::Middle, FONT, Mark::new(MUTED));
        }
        canvas.text("µs added per request", (WIDTH - 4, 13), Anchor::End, FONT, Mark::new(MUTED));
        for (index, of) in breakdowns.iter().enumerate() {
            bar(canvas, place, of, &scale, TOP + ROW * index as i32 + ROW / 2);
        }
        for (index, part) in parts.iter().enumerate() {
            let rows = parts.len().div_ceil(COLUMNS);
            let x = WIDTH / COLUMNS as i32 * (index / rows) as i32 + 8;
            let y = legend + LINE * (index % rows) as i32;
            canvas.rect((x, y - 6), (x + 20, y + 6), mark(*part).with("class", "key-part"));
            canvas.text(part.name(), (x + 28, y), Anchor::Start, FONT, Mark::new(INK).with("class", "name"));
        }
    }))
}

/// How far a bar goes: what is below zero takes no room in it.
fn stacked(of: &Breakdown<'_>) -> f64 {
    of.parts.iter().map(|(_, ns)| ns.max(0.0)).sum()
}

fn bar(canvas: &mut Canvas<'_>, place: &Place<'_>, of: &Breakdown<'_>, scale: &Scale, middle: i32) {
    let label = place.label(&of.row);
    let cell = of.row.cell;
    canvas.text(&label, (LEFT - 10, middle), Anchor::End, FONT, Mark::new(INK));
    let mut from = 0.0;
    for &(part, ns) in &of.parts {
        let to = from + ns.max(0.0);
        let mark = mark(part)
            .with("class", "part")
            .with("data-plugin", &cell.plugin)
            .with("data-host", &cell.host)
            .with("data-workload", &cell.workload)
            .with("data-part", part.name())
            .with_figure("data-ns", Some(ns))
            .tooltip(format!("{label}, {}: {} µs", part.name(), us(ns, 3)));
        let (left, right) = (scale.px(from), scale.px(to));
        // A hairline between two parts, where there is room for one.
        let left = if right - left > 2 && from > 0.0 { left + 1 } else { left };
        canvas.rect((left, middle - BAR / 2), (right, middle + BAR / 2), mark);
        from = to;
    }
    let whole = scale.px(of.added_ns);
    let mark = Mark::new(INK).with("class", "whole").with_figure("data-added-ns", Some(of.added_ns));
    canvas.line(&[(whole, middle - BAR / 2 - 3), (whole, middle + BAR / 2 + 3)], 1, mark);
    let figure = if of.added_ns.abs() < 1e3 { us(of.added_ns, 3) } else { significant(of.added_ns / 1e3) };
    let reach = whole.max(scale.px(from));
    canvas.text(&figure.replace('-', "−"), (reach + 8, middle), Anchor::Start, FONT, Mark::new(INK));
}
