//! Rounds over time: a row per plugin, all starts beside each other, each block as far from the row's line as it is from the
//! row's figure.

use super::canvas::{About, Anchor, Canvas, INK, MUTED, Mark, RULE, draw};
use super::{FONT, WIDTH};
use crate::estimate::median;
use crate::language;
use crate::number::{significant, us};
use crate::rounds::{RoundCourse, StartCourse};
use crate::summary::SummaryCell;

const LEFT: i32 = 166;
const RIGHT: i32 = WIDTH - 8;
const TOP: i32 = 34;
const ROW: i32 = 34;
/// From a row's line to its edges.
const HALF: i32 = 15;
/// Between two starts.
const GAP: i32 = 3;
/// So many times what the usual plugin's line reaches is shown; a row's farthest block stands at the edge as a dot.
const REACH: f64 = 2.0;
const OUTSIDE: &str = "#d0453a";

/// A row: what it is called, its cell and its course.
pub(crate) struct Track<'a> {
    pub(crate) label: String,
    pub(crate) cell: &'a SummaryCell,
    pub(crate) course: RoundCourse,
}

/// How far from a row's line its edges are, nanoseconds per request: twice as far as 19 of 20 points are in the middle of the
/// plugins, so that neither one that is far from still flattens the others nor a control decides.
fn reach_ns(tracks: &[Track<'_>]) -> f64 {
    let reach = |track: &Track<'_>| {
        let figure = track.course.figure_ns()?;
        let points = track.course.starts.iter().flat_map(|start| &start.points);
        let mut far: Vec<f64> = points.map(|point| (point.median_ns - figure).abs()).collect();
        far.sort_by(f64::total_cmp);
        far.get(far.len() * 19 / 20).copied()
    };
    let plugins = tracks.iter().filter(|track| track.cell.control.is_none());
    let middle = median(&plugins.filter_map(reach).collect::<Vec<_>>()).unwrap_or(0.0);
    (REACH * middle).max(1.0)
}

/// The rows of a place; none without any. `id` must be unique on the page.
pub(crate) fn rounds(title: &str, tracks: &[Track<'_>], id: &str) -> Option<String> {
    let starts = tracks.iter().map(|track| track.course.starts.len()).max()?;
    let bottom = TOP + ROW * tracks.len() as i32;
    let title = format!("Added latency over the time of the run, {title}");
    let description = "One row per plugin with its starts beside each other; each point is some blocks of rounds, as high above or \
                       below the row's line as their median is above or below the plugin's figure. The figures of the starts are in \
                       the table below the chart.";
    let about = About { id, title: &title, description };
    let reach = reach_ns(tracks);
    Some(draw((WIDTH as u32, (bottom + 30) as u32), &about, |canvas| {
        let words = format!("row height: ±{} µs around its figure", significant(reach / 1e3));
        canvas.text(&words, (WIDTH - 4, 13), Anchor::End, FONT, Mark::new(MUTED));
        for (index, track) in tracks.iter().enumerate() {
            let middle = TOP + ROW * index as i32 + ROW / 2;
            canvas.text(&track.label, (LEFT - 10, middle), Anchor::End, FONT, Mark::new(INK));
            canvas.line(&[(LEFT, middle), (RIGHT, middle)], 1, Mark::new(RULE));
            for (at, start) in track.course.starts.iter().enumerate() {
                draw_start(canvas, track, start, span(at, starts), middle, reach);
            }
            for is_above in [true, false] {
                draw_farthest(canvas, track, (starts, is_above), middle, reach);
            }
        }
        for at in 1..starts {
            let x = span(at, starts).0 - GAP / 2 - 1;
            canvas.line(&[(x, TOP), (x, bottom)], 1, Mark::new(RULE));
        }
        canvas.text("start 1", (LEFT, bottom + 14), Anchor::Start, FONT, Mark::new(MUTED));
        if starts > 1 {
            canvas.text(&format!("start {starts}"), (RIGHT, bottom + 14), Anchor::End, FONT, Mark::new(MUTED));
        }
    }))
}

/// From where to where a start is.
fn span(at: usize, of: usize) -> (i32, i32) {
    let x = |at: usize| LEFT + ((RIGHT - LEFT) as f64 * at as f64 / of as f64).round() as i32;
    (x(at) + GAP / 2, x(at + 1) - GAP / 2 - 1)
}

fn draw_start(
    canvas: &mut Canvas<'_>,
    track: &Track<'_>,
    start: &StartCourse,
    (from, to): (i32, i32),
    middle: i32,
    reach: f64,
) {
    let figure = track.course.figure_ns().unwrap_or(0.0);
    let high = f64::from(HALF);
    let y = |ns: f64| middle - ((ns - figure) / reach * high).round().clamp(-high, high) as i32;
    let points = start.points.iter().enumerate();
    let points: Vec<(i32, i32)> =
        points.map(|(at, point)| (along(start, (from, to), at), y(point.median_ns))).collect();
    let colour = if track.cell.control.is_some() { MUTED } else { language::colour(&track.cell.language) };
    let mark = Mark::new(colour)
        .with("class", "start")
        .with("data-plugin", &track.cell.plugin)
        .with("data-host", &track.cell.host)
        .with("data-start", &start.start.to_string())
        .with("data-blocks", &start.blocks.to_string())
        .with_figure("data-median-ns", Some(start.median_ns))
        .with("stroke-linejoin", "round")
        .tooltip(format!("{}, start {}: {} µs", track.label, start.start + 1, us(start.median_ns, 2)));
    match points.as_slice() {
        [(_, y)] => canvas.line(&[(from, *y), (to, *y)], 2, mark),
        _ => canvas.line(&points, 2, mark),
    }
}

/// Where in a start's room each of its points is.
fn along(start: &StartCourse, (from, to): (i32, i32), at: usize) -> i32 {
    let share = (at as f64 + 0.5) / start.points.len() as f64;
    from + (share * f64::from(to - from)).round() as i32
}

/// A row's farthest block above or below, at the edge, where it is beyond that. It stands for all that are.
fn draw_farthest(canvas: &mut Canvas<'_>, track: &Track<'_>, (of, is_above): (usize, bool), middle: i32, reach: f64) {
    let figure = track.course.figure_ns().unwrap_or(0.0);
    let Some((number, at, ns)) = track.course.farthest(is_above) else { return };
    if (ns - figure).abs() <= reach {
        return;
    }
    let start = &track.course.starts[number];
    let edge = if is_above { middle - HALF } else { middle + HALF };
    let mark = Mark::new(OUTSIDE)
        .with("class", "outside")
        .with("data-plugin", &track.cell.plugin)
        .with("data-host", &track.cell.host)
        .with("data-start", &start.start.to_string())
        .with_figure("data-block-ns", Some(ns))
        .tooltip(format!("{}, start {}: a block of {} µs", track.label, start.start + 1, us(ns, 2)));
    canvas.circle((along(start, span(number, of), at), edge), 2, mark);
}
