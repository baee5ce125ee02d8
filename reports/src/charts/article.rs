//! Published figures beside measured ones, on a logarithmic axis because they are orders apart.

use tollgate_record::Mode;

use super::bars::trimmed;
use super::canvas::{About, Anchor, Canvas, INK, MUTED, Mark, RULE, draw};
use super::scale::Scale;
use super::shapes::{Shape, draw_shape};
use super::{FONT, WIDTH};
use crate::article::{Article, ArticleRow, Measured};
use crate::language;
use crate::number::significant;
use crate::place::is_embedded;

const LEFT: i32 = 124;
const RIGHT: i32 = WIDTH - 16;
/// Height of a line of the legend.
const LINE: i32 = 24;
const ROW: i32 = 48;

/// The chart. `id` must be unique on the page.
pub fn article(article: &Article, id: &str) -> String {
    let legend = legend(article);
    let top = legend.last().map_or(0, |item| item.at.1) + 44;
    let bottom = top + ROW * article.rows.len() as i32;
    let about = About {
        id,
        title: "Published and measured latency of the same workload",
        description: "One row per language with the published figure and the measured ones in microseconds on a \
                      logarithmic axis. The figures are in the table below the chart.",
    };
    draw((WIDTH as u32, (bottom + 36) as u32), &about, |canvas| {
        let scale = Scale::log(extent(article), (LEFT, RIGHT));
        for tick in scale.ticks(7) {
            let x = scale.px(tick);
            canvas.line(&[(x, top - 6), (x, bottom)], 1, Mark::new(RULE));
            canvas.text(&trimmed(tick / 1_000.0), (x, bottom + 16), Anchor::Middle, FONT, Mark::new(MUTED));
        }
        draw_legend(canvas, &legend);
        canvas.text("µs, logarithmic", (RIGHT, top - 20), Anchor::End, FONT, Mark::new(MUTED));
        for (index, row) in article.rows.iter().enumerate() {
            let upper = top + ROW * index as i32;
            if index > 0 {
                canvas.line(&[(0, upper), (RIGHT, upper)], 1, Mark::new(RULE));
            }
            draw_row(canvas, row, &legend, &scale, upper + ROW / 2);
        }
    })
}

fn extent(article: &Article) -> (f64, f64) {
    let published = article.rows.iter().map(|row| row.published.ms * 1e6);
    let measured = article.rows.iter().flat_map(|row| &row.measured).map(|measured| measured.added_ns.p50);
    let (low, high) = published
        .chain(measured.filter(|ns| *ns > 0.0))
        .fold((f64::INFINITY, 0.0f64), |(low, high), ns| (low.min(ns), high.max(ns)));
    (low * 0.7, high * 1.5)
}

/// Shapes, not only colours, tell places apart: circle for the first host in process and a tip for others, square for the
/// embedded gateway, triangle for a gateway of its own. A diamond is what is published.
fn shape(measured: &Measured, known: &[Item<'_>]) -> Shape {
    match measured.mode {
        Mode::InProcess if known.iter().any(|item| item.shape == Shape::Circle) => Shape::Tip,
        Mode::InProcess => Shape::Circle,
        Mode::Live if is_embedded(&measured.host) => Shape::Square,
        Mode::Live => Shape::Triangle,
    }
}

/// What the legend says of a place, or of what is published.
struct Item<'a> {
    name: &'a str,
    shape: Shape,
    at: (i32, i32),
}

/// The published figures and all places, in lines that the chart is wide enough for.
fn legend(article: &Article) -> Vec<Item<'_>> {
    let mut items = vec![Item { name: "published", shape: Shape::Diamond, at: (0, 0) }];
    for measured in article.rows.iter().flat_map(|row| &row.measured) {
        if !items.iter().any(|item| item.name == measured.place) {
            let shape = shape(measured, &items);
            items.push(Item { name: &measured.place, shape, at: (0, 0) });
        }
    }
    let (mut x, mut y) = (0, 14);
    for item in &mut items {
        let width = 42 + 8 * item.name.chars().count() as i32;
        if x > 0 && x + width > WIDTH {
            (x, y) = (0, y + LINE);
        }
        item.at = (x, y);
        x += width;
    }
    items
}

fn draw_legend(canvas: &mut Canvas<'_>, items: &[Item<'_>]) {
    for item in items {
        let (x, y) = item.at;
        let colour = if item.shape == Shape::Diamond { INK } else { MUTED };
        draw_shape(canvas, item.shape, (x + 10, y), Mark::new(colour));
        canvas.text(item.name, (x + 26, y), Anchor::Start, FONT, Mark::new(INK));
    }
}

fn draw_row(canvas: &mut Canvas<'_>, row: &ArticleRow, legend: &[Item<'_>], scale: &Scale, middle: i32) {
    canvas.text(row.published.name, (LEFT - 14, middle), Anchor::End, FONT, Mark::new(INK));
    let published = row.published.ms * 1e6;
    let mark = Mark::new(INK)
        .with("class", "published")
        .with("data-language", row.published.language)
        .with_figure("data-published-ns", Some(published))
        .tooltip(format!("{}, published: {} ms", row.published.name, row.published.ms));
    draw_shape(canvas, Shape::Diamond, (scale.px(published), middle), mark);
    for measured in &row.measured {
        let shape = legend.iter().find(|item| item.name == measured.place).map_or(Shape::Circle, |item| item.shape);
        point(canvas, row, (measured, shape), scale, middle);
    }
}

fn point(canvas: &mut Canvas<'_>, row: &ArticleRow, (measured, shape): (&Measured, Shape), scale: &Scale, middle: i32) {
    let added = measured.added_ns;
    if added.p50 <= 0.0 {
        return;
    }
    if let Some((low, high)) = added.interval() {
        canvas.line(&[(scale.px(low), middle), (scale.px(high), middle)], 1, Mark::new(INK));
    }
    let mark = Mark::new(language::colour(row.published.language))
        .with("class", "measured")
        .with("data-plugin", &measured.plugin)
        .with("data-host", &measured.host)
        .with_figure("data-added-ns", Some(added.p50))
        .tooltip(format!("{}, {}: {} µs", measured.plugin, measured.place, significant(added.p50 / 1_000.0)));
    draw_shape(canvas, shape, (scale.px(added.p50), middle), mark);
}
