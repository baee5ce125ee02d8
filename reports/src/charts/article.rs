//! Published figures beside measured ones, on a logarithmic axis because they are orders apart.

use tollgate_record::Mode;

use super::bars::trimmed;
use super::canvas::{About, Anchor, Canvas, INK, MUTED, Mark, RULE, draw};
use super::scale::Scale;
use crate::article::{Article, ArticleRow, Measured};
use crate::language;
use crate::number::significant;

const WIDTH: i32 = 640;
const LEFT: i32 = 124;
const RIGHT: i32 = WIDTH - 16;
const TOP: i32 = 62;
const ROW: i32 = 52;

/// The chart. `id` must be unique on the page.
pub fn article(article: &Article, id: &str) -> String {
    let bottom = TOP + ROW * article.rows.len() as i32;
    let about = About {
        id,
        title: "Published and measured latency of the same workload",
        description: "One row per language with the published figure and the measured ones in microseconds on a \
                      logarithmic axis. The figures are in the table below the chart.",
    };
    draw((WIDTH as u32, (bottom + 36) as u32), &about, |canvas| {
        let scale = Scale::log(extent(article), (LEFT, RIGHT));
        for tick in scale.ticks(9) {
            let x = scale.px(tick);
            canvas.line(&[(x, TOP - 6), (x, bottom)], 1, Mark::new(RULE));
            canvas.text(&trimmed(tick / 1_000.0), (x, bottom + 14), Anchor::Middle, 12.0, Mark::new(MUTED));
        }
        legend(canvas, article);
        for (index, row) in article.rows.iter().enumerate() {
            draw_row(canvas, row, &scale, TOP + ROW * index as i32 + ROW / 2, index > 0);
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

/// Shapes, not only colours, tell places apart: circle for in process, square for the embedded gateway, triangle for
/// a gateway of its own.
fn shape(canvas: &mut Canvas<'_>, place: (Mode, &str), at: (i32, i32), mark: Mark) {
    let (x, y) = at;
    match place {
        (Mode::InProcess, _) => canvas.circle(at, 6, mark),
        (Mode::Live, "embedded") => canvas.rect((x - 6, y - 6), (x + 6, y + 6), mark),
        (Mode::Live, _) => canvas.polygon(&[(x - 7, y + 6), (x, y - 7), (x + 7, y + 6)], mark),
    }
}

fn diamond(canvas: &mut Canvas<'_>, (x, y): (i32, i32), mark: Mark) {
    canvas.polygon(&[(x, y - 8), (x + 8, y), (x, y + 8), (x - 8, y)], mark);
}

fn legend(canvas: &mut Canvas<'_>, article: &Article) {
    let mut places: Vec<(Mode, &str, &str)> = Vec::new();
    for measured in article.rows.iter().flat_map(|row| &row.measured) {
        let place = (measured.mode, measured.host.as_str(), measured.place.as_str());
        if !places.iter().any(|(_, _, name)| *name == place.2) {
            places.push(place);
        }
    }
    let mut x = LEFT;
    diamond(canvas, (x + 8, 14), Mark::new(INK));
    canvas.text("published", (x + 24, 14), Anchor::Start, 13.0, Mark::new(INK));
    x += 112;
    for (mode, host, name) in places {
        shape(canvas, (mode, host), (x + 8, 14), Mark::new(MUTED));
        canvas.text(name, (x + 22, 14), Anchor::Start, 13.0, Mark::new(INK));
        x += 44 + 7 * name.chars().count() as i32;
    }
    canvas.text("µs, logarithmic", (RIGHT, 40), Anchor::End, 12.0, Mark::new(MUTED));
}

fn draw_row(canvas: &mut Canvas<'_>, row: &ArticleRow, scale: &Scale, middle: i32, ruled: bool) {
    if ruled {
        canvas.line(&[(0, middle - ROW / 2), (RIGHT, middle - ROW / 2)], 1, Mark::new(RULE));
    }
    canvas.text(row.published.name, (LEFT - 14, middle), Anchor::End, 14.0, Mark::new(INK));
    let published = row.published.ms * 1e6;
    let mark = Mark::new(INK)
        .with("class", "published")
        .with("data-language", row.published.language)
        .with_figure("data-published-ns", Some(published))
        .tooltip(format!("{}, published: {} ms", row.published.name, row.published.ms));
    diamond(canvas, (scale.px(published), middle), mark);
    for measured in &row.measured {
        point(canvas, row, measured, scale, middle);
    }
}

fn point(canvas: &mut Canvas<'_>, row: &ArticleRow, measured: &Measured, scale: &Scale, middle: i32) {
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
    shape(canvas, (measured.mode, &measured.host), (scale.px(added.p50), middle), mark);
}
