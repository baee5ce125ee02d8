//! Lines through measured points over a quantity, with their names below: what a chart of one plugin's figures against
//! something is made of.

use super::bars::trimmed;
use super::canvas::{About, Anchor, Canvas, INK, MUTED, Mark, RULE, draw};
use super::scale::Scale;
use super::{FONT, WIDTH};
use crate::estimate::Estimate;
use crate::language;
use crate::number::grouped;
use crate::text;

const LEFT: i32 = 46;
/// Room for half of the last name along the axis.
const RIGHT: i32 = WIDTH - 24;
const TOP: i32 = 30;
const BOTTOM: i32 = 280;
const LEGEND: i32 = BOTTOM + 62;
const LINE: i32 = 22;
const COLUMNS: usize = 2;
/// About so many round numbers along an axis.
const TICKS: usize = 6;
/// For lines of one colour, one after the other.
const DASHES: [&str; 4] = ["none", "7 4", "2 4", "12 4 2 4"];

/// What is along and up.
pub(super) struct Titles {
    pub(super) x: &'static str,
    pub(super) y: &'static str,
    /// Places along the axis, which begins and ends at the first and the last, with their names; without any it begins at
    /// zero and has round numbers.
    pub(super) along: Vec<(f64, String)>,
}

/// The ends of a figure's interval, as a point carries them.
pub(super) fn interval_data(figure: &Estimate) -> impl Iterator<Item = (&'static str, String)> {
    let ends = [("data-low-ns", figure.low), ("data-high-ns", figure.high)];
    ends.into_iter().filter_map(|(name, ns)| Some((name, ns?.to_string())))
}

/// A line of one language's colour.
pub(super) struct Line<'a> {
    pub(super) name: String,
    pub(super) language: &'a str,
    /// Class of the line's mark.
    pub(super) class: &'static str,
    /// From left to right.
    pub(super) points: Vec<Point>,
}

/// A measured point, in the units of the axes.
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    /// Ends of its interval, where that is drawn.
    pub(super) interval: Option<(f64, f64)>,
    /// The figures for who reads the chart by a program.
    pub(super) data: Vec<(&'static str, String)>,
    pub(super) tooltip: String,
}

/// What no difference looks like, behind the lines: `(x, low, high)` from left to right.
pub(super) type Band = Vec<(f64, f64, f64)>;

/// The lines, both axes from zero or, where points lie below, from there; none without a point.
pub(super) fn lines(about: &About<'_>, titles: &Titles, lines: &[Line<'_>]) -> Option<String> {
    lines_over(about, titles, lines, &Vec::new())
}

/// The same over a band.
pub(super) fn lines_over(about: &About<'_>, titles: &Titles, lines: &[Line<'_>], band: &Band) -> Option<String> {
    let points = || lines.iter().flat_map(|line| &line.points);
    points().next()?;
    let ends = |point: &Point| point.interval.unwrap_or((point.y, point.y));
    let low = points().map(|point| ends(point).0.min(point.y)).chain(band.iter().map(|at| at.1)).fold(0.0, f64::min);
    let high = points().map(|point| ends(point).1.max(point.y)).chain(band.iter().map(|at| at.2)).fold(0.0, f64::max);
    let height = LEGEND + LINE * lines.len().div_ceil(COLUMNS) as i32;
    Some(draw((WIDTH as u32, height as u32), about, |canvas| {
        let x = match (titles.along.first(), titles.along.last()) {
            (Some((first, _)), Some((last, _))) => Scale::linear((*first, *last), (LEFT, RIGHT)),
            _ => Scale::linear_beyond((0.0, points().map(|point| point.x).fold(0.0, f64::max)), (LEFT, RIGHT), TICKS),
        };
        let y = Scale::linear_beyond((low, high), (BOTTOM, TOP), TICKS);
        axes(canvas, titles, &x, &y);
        draw_band(canvas, band, (&x, &y));
        if low < 0.0 {
            canvas.line(&[(LEFT, y.px(0.0)), (RIGHT, y.px(0.0))], 1, Mark::new(MUTED));
        }
        for (index, line) in lines.iter().enumerate() {
            draw_line(canvas, line, dash(lines, index), (&x, &y));
            name(canvas, line, dash(lines, index), index, lines.len());
        }
    }))
}

fn axes(canvas: &mut Canvas<'_>, titles: &Titles, x: &Scale, y: &Scale) {
    for tick in y.ticks(TICKS) {
        let at = y.px(tick);
        canvas.line(&[(LEFT, at), (RIGHT, at)], 1, Mark::new(RULE));
        let text = if tick == 0.0 { "0".to_owned() } else { trimmed(tick).replace('-', "−") };
        canvas.text(&text, (LEFT - 8, at), Anchor::End, FONT, Mark::new(MUTED));
    }
    let round = || x.ticks(TICKS).into_iter().map(|tick| (tick, grouped(tick as u64))).collect();
    for (tick, text) in if titles.along.is_empty() { round() } else { titles.along.clone() } {
        let at = x.px(tick);
        canvas.line(&[(at, TOP), (at, BOTTOM)], 1, Mark::new(RULE));
        if !text.is_empty() {
            canvas.text(&text, (at, BOTTOM + 16), Anchor::Middle, FONT, Mark::new(MUTED));
        }
    }
    canvas.text(titles.y, (0, 13), Anchor::Start, FONT, Mark::new(MUTED));
    let middle = (LEFT + RIGHT) / 2;
    canvas.text(titles.x, (middle, BOTTOM + 36), Anchor::Middle, FONT, Mark::new(MUTED));
}

fn draw_band(canvas: &mut Canvas<'_>, band: &Band, (x, y): (&Scale, &Scale)) {
    let lower = band.iter().map(|&(at, low, _)| (x.px(at), y.px(low)));
    let upper = band.iter().rev().map(|&(at, _, high)| (x.px(at), y.px(high)));
    let around: Vec<(i32, i32)> = lower.chain(upper).collect();
    if around.len() > 2 {
        canvas.polygon(&around, Mark::new(MUTED).with("fill-opacity", ".22").with("class", "noise"));
    }
}

/// Lines of one language have one colour, so each after the first is dashed in its own way.
fn dash(lines: &[Line<'_>], index: usize) -> &'static str {
    let before = lines[..index].iter().filter(|line| line.language == lines[index].language).count();
    DASHES[before % DASHES.len()]
}

fn mark(line: &Line<'_>, dash: &str) -> Mark {
    Mark::new(language::colour(line.language)).with("stroke-dasharray", dash).with("stroke-linejoin", "round")
}

fn draw_line(canvas: &mut Canvas<'_>, line: &Line<'_>, dash: &str, (x, y): (&Scale, &Scale)) {
    let through: Vec<(i32, i32)> = line.points.iter().map(|point| (x.px(point.x), y.px(point.y))).collect();
    canvas.line(&through, 2, mark(line, dash).with("class", line.class));
    for (point, at) in line.points.iter().zip(through) {
        if let Some((low, high)) = point.interval {
            let whisker = Mark::new(language::colour(line.language)).with("class", "whisker");
            canvas.line(&[(at.0, y.px(low)), (at.0, y.px(high))], 1, whisker);
        }
        let mark = Mark::new(language::colour(line.language));
        let mark = point.data.iter().fold(mark, |mark, (name, value)| mark.with(name, value));
        canvas.circle(at, 3, mark.tooltip(point.tooltip.clone()));
    }
}

/// A line's name below the plot.
fn name(canvas: &mut Canvas<'_>, line: &Line<'_>, dash: &str, index: usize, of: usize) {
    let rows = of.div_ceil(COLUMNS);
    let x = WIDTH / COLUMNS as i32 * (index / rows) as i32 + 8;
    let y = LEGEND + LINE * (index % rows) as i32;
    canvas.line(&[(x, y), (x + 34, y)], 2, mark(line, dash).with("class", "key-line"));
    canvas.text(&text::name(&line.name, 22), (x + 44, y), Anchor::Start, FONT, Mark::new(INK).with("class", "name"));
}
