//! Plugins that fail: what clients got over time, a strip for each policy.

use tollgate_record::{Failing, FailingArm, FailingKind, Outcomes};

use super::bars::trimmed;
use super::canvas::{About, Anchor, Canvas, INK, MUTED, Mark, draw};
use super::scale::Scale;
use super::{FONT, WIDTH};
use crate::text;

const LEFT: i32 = 8;
const RIGHT: i32 = WIDTH - 8;
const TOP: i32 = 10;
/// Height of a strip with its name.
const ROW: i32 = 62;
const STRIP: i32 = 34;
/// About so many round numbers along the axis.
const TICKS: usize = 6;
/// What an outcome is called, and its colour.
const KINDS: [(&str, &str); 4] =
    [("served", "#6fa287"), ("bypassed", "#e0a93b"), ("errors", "#d0453a"), ("lost", "#7d5aa6")];

/// Strips of outcomes by their shares. None without requests. `id` must be unique on the page.
pub fn failing(failing: &Failing, id: &str) -> Option<String> {
    let windows = failing.arms.iter().map(|arm| arm.windows.len()).max().filter(|&windows| windows > 0)?;
    let seconds = |index: usize| (index as u64 * failing.window_ms) as f64 / 1e3;
    let bottom = TOP + ROW * failing.arms.len() as i32;
    let about = About {
        id,
        title: "What clients got while plugins failed",
        description: "One strip per policy over time: the shares of requests that were served by the plugin, passed without it, \
                      got an error or no answer. Vertical lines are failures and the swap. The figures are in the table.",
    };
    Some(draw((WIDTH as u32, (bottom + 72) as u32), &about, |canvas| {
        let x = Scale::linear((0.0, seconds(windows)), (LEFT, RIGHT));
        for (index, arm) in failing.arms.iter().enumerate() {
            strip(canvas, arm, TOP + ROW * index as i32, &|window| x.px(seconds(window)), &x);
        }
        for tick in x.ticks(TICKS) {
            let at = x.px(tick);
            canvas.text(&trimmed(tick), (at, bottom + 10), Anchor::Middle, FONT, Mark::new(MUTED));
        }
        let middle = (LEFT + RIGHT) / 2;
        canvas.text("time of the run, s", (middle, bottom + 30), Anchor::Middle, FONT, Mark::new(MUTED));
        for (index, (name, colour)) in KINDS.iter().enumerate() {
            let (x, y) = (LEFT + 112 * index as i32, bottom + 56);
            canvas.rect((x, y - 6), (x + 12, y + 6), Mark::new(colour));
            canvas.text(name, (x + 18, y), Anchor::Start, FONT, Mark::new(INK));
        }
    }))
}

fn strip(canvas: &mut Canvas<'_>, arm: &FailingArm, top: i32, at: &dyn Fn(usize) -> i32, x: &Scale) {
    let name = if arm.plugin.is_none() { format!("{} (no plugin)", arm.policy) } else { arm.policy.clone() };
    canvas.text(&text::name(&name, 40), (LEFT, top + 8), Anchor::Start, FONT, Mark::new(INK));
    let (upper, lower) = (top + 20, top + 20 + STRIP);
    let heights: Vec<[i32; 4]> = arm.windows.iter().map(shares).collect();
    let mut from = 0;
    // Equal neighbours are one mark.
    while let Some(of) = heights.get(from) {
        let until = from + heights[from..].iter().take_while(|other| *other == of).count();
        let mut y = lower;
        for (at_kind, (kind, height)) in KINDS.iter().zip(of).enumerate().filter(|(_, (_, height))| **height > 0) {
            let mark = Mark::new(kind.1)
                .with("class", kind.0)
                .with("data-policy", &arm.policy)
                .with("data-first-window", &from.to_string())
                .with_list("data-requests", arm.windows[from..until].iter().map(|window| counts(window)[at_kind]));
            canvas.rect((at(from), y - height), (at(until), y), mark);
            y -= height;
        }
        from = until;
    }
    for event in &arm.events {
        let px = x.px(event.at_ns as f64 / 1e9);
        let what = match event.kind {
            FailingKind::Failure => "failure",
            FailingKind::FailureAgain => "again",
            FailingKind::Swap => "swap",
        };
        let mark = Mark::new(INK)
            .with("class", "event")
            .with("data-policy", &arm.policy)
            .with("data-event", what)
            .with("data-at-ns", &event.at_ns.to_string())
            .tooltip(what.to_owned());
        canvas.line(&[(px, upper - 3), (px, lower + 3)], 1, mark);
    }
}

/// The requests of each kind.
fn counts(outcomes: &Outcomes) -> [u64; 4] {
    let Outcomes { served, bypassed, errors, lost } = *outcomes;
    [served, bypassed, errors, lost]
}

/// Heights of the outcomes in pixels: what is there at all is seen.
fn shares(outcomes: &Outcomes) -> [i32; 4] {
    let all = outcomes.total();
    let height = |count: u64| match count {
        0 => 0,
        _ => ((f64::from(STRIP) * count as f64 / all as f64).round() as i32).max(1),
    };
    let mut heights = counts(outcomes).map(height);
    // What rounding is too much of goes from the largest.
    let excess = heights.iter().sum::<i32>() - STRIP;
    if let (true, Some(largest)) = (all > 0, heights.iter_mut().max()) {
        *largest -= excess;
    }
    heights
}
