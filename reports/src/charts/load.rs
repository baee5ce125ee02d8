//! Throughput against latency: how long requests take as a gateway has more of them to answer.

use tollgate_record::Variant;

use super::bars::trimmed;
use super::canvas::{About, Anchor, Canvas, INK, MUTED, Mark, RULE, draw};
use super::scale::Scale;
use super::{FONT, WIDTH};
use crate::language;
use crate::load::{LoadArm, LoadFigures, arms_of};
use crate::number::grouped;
use crate::summary::Absolute;
use crate::workload::is_noop;

const LEFT: i32 = 56;
/// Room for half of the last rate.
const RIGHT: i32 = WIDTH - 38;
/// Height of a panel's plot, and of all that belongs to it.
const PLOT: i32 = 200;
const PANEL: i32 = 286;
const TOP: i32 = 40;
/// Names stand in so many columns.
const COLUMNS: usize = 2;
const LINE: i32 = 22;
/// What tells lines apart that would look the same.
const MORE_DASHES: [&str; 4] = ["12 4 2 4", "3 3", "16 5", "8 3 2 3 2 3"];

/// Characters of a name that fit into a column.
const NAME: usize = 21;

/// A percentile, as a panel shows it.
struct Panel {
    name: &'static str,
    of: fn(&Absolute) -> Option<f64>,
}

const PANELS: [Panel; 2] = [Panel { name: "p50", of: |at| at.p50 }, Panel { name: "p99", of: |at| at.p99 }];

/// How an arm's line looks.
struct Line<'a> {
    arm: &'a LoadArm,
    colour: &'static str,
    dash: &'static str,
}

/// Latency from the planned time against rate, of one gateway; none when nothing was answered at two rates. `id` must be
/// unique on the page.
pub(crate) fn load(steps: &[&LoadFigures], id: &str) -> Option<String> {
    let values = |panel: &Panel| -> Vec<f64> {
        let arms = steps.iter().flat_map(|step| &step.arms).filter(|arm| !is_noop(&arm.workload));
        arms.filter_map(|arm| (panel.of)(&arm.from_intended_ns?)).collect()
    };
    let mut rates: Vec<f64> = steps.iter().filter_map(|step| step.rate_per_s).collect();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    if rates.len() < 2 || PANELS.iter().all(|panel| values(panel).is_empty()) {
        return None;
    }
    let lines = lines(steps);
    let gateway = crate::text::name(&steps[0].gateway, 40);
    let title = format!("Latency against requests a second on {gateway}");
    let description = "One line per plugin and two for no plugin, in two panels, for the median and the 99th percentile; requests \
                       a second to all arms together on a linear axis, latency from the planned time in microseconds on a \
                       logarithmic axis. A cross is a rate whose figures are invalid. The figures are in the table below \
                       the chart.";
    let below = TOP + PANEL * PANELS.len() as i32 - 20;
    let height = below + LINE * lines.len().div_ceil(COLUMNS) as i32;
    let about = About { id, title: &title, description };
    Some(draw((WIDTH as u32, height as u32), &about, |canvas| {
        let x = Scale::linear_beyond((0.0, rates[rates.len() - 1]), (LEFT, RIGHT), 5);
        for (index, panel) in PANELS.iter().enumerate() {
            let top = TOP + PANEL * index as i32;
            let values = values(panel);
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(0.0, f64::max);
            if values.is_empty() || high <= 0.0 {
                continue;
            }
            let y = Scale::log((low.max(1.0) * 0.9, high * 1.1), (top + PLOT, top));
            axes(canvas, panel, (&x, &y), top);
            for line in &lines {
                curve(canvas, steps, panel, line, (&x, &y));
            }
        }
        legend(canvas, &lines, below);
    }))
}

fn lines<'a>(steps: &[&'a LoadFigures]) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    // A chart with twice as many lines shows less.
    for arm in arms_of(steps).into_iter().filter(|arm| !is_noop(&arm.workload)) {
        let colour = if arm.control.is_some() { INK } else { language::colour(&arm.language) };
        let usual = match (arm.control, arm.variant) {
            (Some(_), _) => "1 4",
            (None, Some(Variant::Sdk)) => "7 4",
            _ => "none",
        };
        let free = |dash: &&str| !lines.iter().any(|line| line.colour == colour && line.dash == *dash);
        let dash = std::iter::once(usual).chain(MORE_DASHES).find(free).unwrap_or(usual);
        lines.push(Line { arm, colour, dash });
    }
    lines
}

fn axes(canvas: &mut Canvas<'_>, panel: &Panel, (x, y): (&Scale, &Scale), top: i32) {
    for tick in y.ticks(9) {
        let at = y.px(tick);
        canvas.line(&[(LEFT, at), (RIGHT, at)], 1, Mark::new(RULE));
        canvas.text(&trimmed(tick / 1_000.0), (LEFT - 8, at), Anchor::End, FONT, Mark::new(MUTED));
    }
    for tick in x.ticks(5) {
        let at = x.px(tick);
        canvas.line(&[(at, top), (at, top + PLOT)], 1, Mark::new(RULE));
        canvas.text(&grouped(tick as u64), (at, top + PLOT + 18), Anchor::Middle, FONT, Mark::new(MUTED));
    }
    let title = format!("{}, µs", panel.name);
    canvas.text(&title, (0, top - 20), Anchor::Start, FONT, Mark::new(MUTED));
    canvas.text("requests/s", (RIGHT, top + PLOT + 40), Anchor::End, FONT, Mark::new(MUTED));
}

fn curve(canvas: &mut Canvas<'_>, steps: &[&LoadFigures], panel: &Panel, line: &Line<'_>, (x, y): (&Scale, &Scale)) {
    let Line { arm, colour, dash } = line;
    let point = |step: &LoadFigures| {
        let at = step.arm(&arm.plugin, &arm.workload)?.from_intended_ns?;
        Some((step.rate_per_s?, (panel.of)(&at)?))
    };
    let mut points: Vec<(&LoadFigures, f64, f64)> =
        steps.iter().filter_map(|step| point(step).map(|(rate, ns)| (*step, rate, ns))).collect();
    points.sort_by(|(_, a, _), (_, b, _)| a.total_cmp(b));
    let pixels: Vec<(i32, i32)> = points.iter().map(|(_, rate, ns)| (x.px(*rate), y.px(*ns))).collect();
    let name = arm.name();
    if pixels.len() > 1 {
        canvas.line(&pixels, 2, line_mark(colour, dash).tooltip(format!("{name}, {}", panel.name)));
    }
    for ((step, rate, ns), &at) in points.iter().zip(&pixels) {
        let mark = Mark::new(colour)
            .with("class", if step.invalid.is_some() { "load invalid" } else { "load" })
            .with("data-plugin", &arm.plugin)
            .with("data-workload", &arm.workload)
            .with("data-quantile", panel.name)
            .with_figure("data-rate", Some(*rate))
            .with_figure("data-ns", Some(*ns))
            .tooltip(format!("{name}, {}: {} µs at {}", panel.name, crate::number::significant(ns / 1e3), step.name()));
        match step.invalid {
            None => canvas.circle(at, 3, mark),
            Some(_) => {
                canvas.line(&[(at.0 - 4, at.1 - 4), (at.0 + 4, at.1 + 4)], 2, mark);
                canvas.line(&[(at.0 - 4, at.1 + 4), (at.0 + 4, at.1 - 4)], 2, Mark::new(colour));
            }
        }
    }
}

fn line_mark(colour: &str, dash: &str) -> Mark {
    Mark::new(colour).with("stroke-dasharray", dash).with("stroke-linejoin", "round").with("stroke-linecap", "round")
}

fn legend(canvas: &mut Canvas<'_>, lines: &[Line<'_>], top: i32) {
    let rows = lines.len().div_ceil(COLUMNS);
    for (index, line) in lines.iter().enumerate() {
        let x = WIDTH / COLUMNS as i32 * (index / rows) as i32 + 8;
        let y = top + LINE * (index % rows) as i32;
        canvas.line(&[(x, y), (x + 34, y)], 2, line_mark(line.colour, line.dash).with("class", "key-line"));
        let name = match line.arm.control {
            Some(_) => format!("no plugin ({})", line.arm.name()),
            None => line.arm.name(),
        };
        canvas.text(
            &crate::text::elide(&name, NAME),
            (x + 44, y),
            Anchor::Start,
            FONT,
            Mark::new(INK).with("class", "name"),
        );
    }
}
