//! Hot reload: the slowest requests over time with a mark for each swap, and latency around the moment of the swap.

use tollgate_record::{Around, Histogram, Reload, SwapKind, SwapOutcome};

use super::bars::trimmed;
use super::canvas::{About, Anchor, Canvas, INK, MUTED, Mark, RULE, draw};
use super::scale::Scale;
use super::{FONT, WIDTH};

const LEFT: i32 = 52;
/// Room for half of the last number below the axis.
const RIGHT: i32 = WIDTH - 24;
const TOP: i32 = 30;
const BOTTOM: i32 = 230;
/// Where the names of the curves stand.
const LEGEND: i32 = BOTTOM + 58;
/// About so many round numbers along an axis.
const TICKS: usize = 6;
/// Of swaps that took effect, and of those that did not.
const SWAP: &str = "#5b8fc7";
const TROUBLE: &str = "#d0453a";

/// The slowest request of each window, with a line for each swap and a dot for each window with a lost request. None
/// without requests. `id` must be unique on the page.
pub fn reload(reload: &Reload, id: &str) -> Option<String> {
    let windows = &reload.traffic.windows;
    let known = || windows.iter().filter_map(|window| window.max_latency_ns);
    let (low, high) = (known().min()?, known().max()?);
    let seconds = |index: usize| (index as u64 * reload.window_ms) as f64 / 1e3;
    let about = About {
        id,
        title: "The slowest requests during hot reload",
        description: "Latency of the slowest request of each window over time, on a logarithmic axis, with a vertical line \
                      for each swap and a dot for each window in which a request was lost. The swaps are in the table below.",
    };
    Some(draw((WIDTH as u32, (LEGEND + 34) as u32), &about, |canvas| {
        let x = Scale::linear((0.0, seconds(windows.len())), (LEFT, RIGHT));
        let y = Scale::log((low.max(1) as f64 * 0.9, high as f64 * 1.1), (BOTTOM, TOP));
        axes(canvas, (&x, "time of the run, s"), &y, "slowest request, ms");
        for swap in &reload.swaps {
            let at = x.px(swap.at_ns as f64 / 1e9);
            let is_right = matches!(swap.outcome, SwapOutcome::Seen { .. } | SwapOutcome::Counted { .. });
            let mark = Mark::new(if is_right { SWAP } else { TROUBLE })
                .with("class", "swap")
                .with("data-plugin", &swap.plugin)
                .with("data-config", &swap.config)
                .with("data-at-ns", &swap.at_ns.to_string())
                .with("data-faults", &swap.faults.to_string())
                .tooltip(format!("to {} {}", swap.plugin, swap.config));
            canvas.line(&[(at, TOP), (at, BOTTOM)], 1, mark);
        }
        // Where no request was answered rightly there is no curve.
        let answered: Vec<(usize, u64)> =
            windows.iter().enumerate().filter_map(|(index, window)| Some((index, window.max_latency_ns?))).collect();
        for run in answered.chunk_by(|before, after| before.0 + 1 == after.0) {
            let points: Vec<(i32, i32)> = run.iter().map(|&(at, ns)| (x.px(seconds(at)), y.px(ns as f64))).collect();
            let mark = curve(INK, "none")
                .with("class", "slowest")
                .with("data-first-window", &run[0].0.to_string())
                .with_list("data-max-ns", run.iter().map(|(_, ns)| ns));
            canvas.line(&points, 1, mark);
        }
        for (index, window) in windows.iter().enumerate().filter(|(_, window)| window.faults > 0) {
            let mark = Mark::new(TROUBLE)
                .with("class", "lost")
                .with("data-window", &index.to_string())
                .with("data-lost", &window.faults.to_string())
                .tooltip(format!("{} lost", window.faults));
            canvas.circle((x.px(seconds(index)), TOP), 3, mark);
        }
        legend(
            canvas,
            &[(INK, "none", "slowest request"), (SWAP, "none", "swap"), (TROUBLE, "none", "lost, or no effect")],
        );
    }))
}

/// Latency around the moment of the swaps of each kind. None without any. `id` must be unique on the page.
pub fn around(reload: &Reload, id: &str) -> Option<String> {
    let bins = || reload.around.iter().flat_map(|around| &around.bins).filter(|bin| !bin.is_empty());
    let low = bins().filter_map(|bin| bin.value_at_quantile_ns(0.5)).min()?;
    let high = bins().filter_map(Histogram::max_ns).max()?;
    let ms = |around: &Around, index: usize| (i64::from(around.first_bin) + index as i64) as f64 * reload.bin_ms as f64;
    let first = reload.around.iter().map(|around| ms(around, 0)).fold(f64::INFINITY, f64::min);
    let last = reload.around.iter().map(|around| ms(around, around.bins.len())).fold(0.0, f64::max);
    let about = About {
        id,
        title: "Latency around swaps",
        description: "Median and slowest request by the time from the first answer of the new configuration, all swaps of a \
                      kind together, on a logarithmic axis.",
    };
    Some(draw((WIDTH as u32, (LEGEND + 34) as u32), &about, |canvas| {
        let x = Scale::linear((first, last), (LEFT, RIGHT));
        let y = Scale::log((low.max(1) as f64 * 0.9, high as f64 * 1.1), (BOTTOM, TOP));
        axes(canvas, (&x, "ms from the first new answer"), &y, "latency, ms");
        let zero = x.px(0.0);
        canvas.line(&[(zero, TOP), (zero, BOTTOM)], 1, Mark::new(MUTED));
        for of in &reload.around {
            let (colour, kind) = look(of.kind);
            let median = |bin: &Histogram| bin.value_at_quantile_ns(0.5);
            for (name, dash, at) in
                [("p50", "none", &median as &dyn Fn(&Histogram) -> Option<u64>), ("max", "4 3", &Histogram::max_ns)]
            {
                let known: Vec<(f64, u64)> =
                    of.bins.iter().enumerate().filter_map(|(index, bin)| Some((ms(of, index), at(bin)?))).collect();
                // The middle of a bin stands for it.
                let point = |&(ms, ns): &(f64, u64)| (x.px(ms + reload.bin_ms as f64 / 2.0), y.px(ns as f64));
                let mark = curve(colour, dash)
                    .with("class", "around")
                    .with("data-kind", kind)
                    .with("data-figure", name)
                    .with_list("data-ms", known.iter().map(|(ms, _)| ms))
                    .with_list("data-ns", known.iter().map(|(_, ns)| ns));
                canvas.line(&known.iter().map(point).collect::<Vec<_>>(), 2, mark);
            }
        }
        let names: Vec<(&str, &str, &str)> = reload
            .around
            .iter()
            .flat_map(|of| match of.kind {
                SwapKind::Plugin => [(PLUGIN, "none", "plugin, p50"), (PLUGIN, "4 3", "plugin, slowest")],
                SwapKind::Configuration => {
                    [(SWAP, "none", "configuration, p50"), (SWAP, "4 3", "configuration, slowest")]
                }
            })
            .collect();
        legend(canvas, &names);
    }))
}

/// Of swaps to another plugin.
const PLUGIN: &str = "#c77f2b";

fn look(kind: SwapKind) -> (&'static str, &'static str) {
    match kind {
        SwapKind::Plugin => (PLUGIN, "plugin"),
        SwapKind::Configuration => (SWAP, "configuration"),
    }
}

fn axes(canvas: &mut Canvas<'_>, (x, unit): (&Scale, &str), y: &Scale, title: &str) {
    for tick in y.ticks(TICKS) {
        let at = y.px(tick);
        canvas.line(&[(LEFT, at), (RIGHT, at)], 1, Mark::new(RULE));
        canvas.text(&trimmed(tick / 1e6), (LEFT - 8, at), Anchor::End, FONT, Mark::new(MUTED));
    }
    for tick in x.ticks(TICKS) {
        let text = trimmed(tick).replace('-', "−");
        canvas.text(&text, (x.px(tick), BOTTOM + 16), Anchor::Middle, FONT, Mark::new(MUTED));
    }
    canvas.text(unit, ((LEFT + RIGHT) / 2, BOTTOM + 36), Anchor::Middle, FONT, Mark::new(MUTED));
    canvas.text(title, (0, 13), Anchor::Start, FONT, Mark::new(MUTED));
}

fn curve(colour: &str, dash: &str) -> Mark {
    Mark::new(colour).with("stroke-dasharray", dash).with("stroke-linejoin", "round")
}

/// Names below the plot, two to a line.
fn legend(canvas: &mut Canvas<'_>, names: &[(&str, &str, &str)]) {
    for (index, (colour, dash, name)) in names.iter().enumerate() {
        let x = WIDTH / 2 * (index % 2) as i32 + 8;
        let y = LEGEND + 22 * (index / 2) as i32;
        canvas.line(&[(x, y), (x + 30, y)], 2, curve(colour, dash).with("class", "key-line"));
        canvas.text(name, (x + 38, y), Anchor::Start, FONT, Mark::new(INK));
    }
}
