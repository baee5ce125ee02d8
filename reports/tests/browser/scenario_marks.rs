//! The marks of scenarios, as the record has their figures.

use tollgate_record::{FailingArm, FailingKind, Histogram, Outcomes, Reload, Scenario, Story, SwapKind};
use tollgate_reports::{ScaleFigures, ScenarioFigures};

use crate::marks::{Mark, mark};

/// Every mark that the charts of a scenario have.
pub(crate) fn of(scenario: &Scenario, figures: &ScenarioFigures) -> Vec<Mark> {
    match &scenario.story {
        Story::Reload(reload) => [over_time(reload), around(reload)].concat(),
        Story::Failure(failing) => failing.arms.iter().flat_map(strips).collect(),
        Story::Scale(_) => chains(figures.scale.as_ref().expect("its figures")),
    }
}

fn spaced<T: ToString>(values: &[T]) -> String {
    values.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
}

fn over_time(reload: &Reload) -> Vec<Mark> {
    let windows = &reload.traffic.windows;
    let swaps = reload.swaps.iter().map(|swap| {
        let figures = [
            ("plugin", swap.plugin.clone()),
            ("config", swap.config.clone()),
            ("atNs", swap.at_ns.to_string()),
            ("faults", swap.faults.to_string()),
        ];
        mark("swap", &figures)
    });
    let lost = windows.iter().enumerate().filter(|(_, window)| window.faults > 0);
    let lost =
        lost.map(|(at, window)| mark("lost", &[("window", at.to_string()), ("lost", window.faults.to_string())]));
    let mut all: Vec<Mark> = swaps.chain(lost).collect();
    let mut at = 0;
    // A curve for each stretch in which every window has an answer.
    for stretch in windows.split_inclusive(|window| window.max_latency_ns.is_none()) {
        let slowest: Vec<u64> = stretch.iter().filter_map(|window| window.max_latency_ns).collect();
        if !slowest.is_empty() {
            all.push(mark("slowest", &[("firstWindow", at.to_string()), ("maxNs", spaced(&slowest))]));
        }
        at += stretch.len();
    }
    all
}

fn around(reload: &Reload) -> Vec<Mark> {
    let mut all = Vec::new();
    for of in &reload.around {
        let kind = match of.kind {
            SwapKind::Plugin => "plugin",
            SwapKind::Configuration => "configuration",
        };
        let held = || of.bins.iter().enumerate().filter(|(_, bin)| !bin.is_empty());
        let ms: Vec<f64> = held().map(|(at, _)| (f64::from(of.first_bin) + at as f64) * reload.bin_ms as f64).collect();
        let median = |bin: &Histogram| bin.value_at_quantile_ns(0.5);
        for (figure, value) in [("p50", &median as &dyn Fn(&Histogram) -> Option<u64>), ("max", &Histogram::max_ns)] {
            let values: Vec<u64> = held().filter_map(|(_, bin)| value(bin)).collect();
            let figures = [
                ("kind", kind.to_owned()),
                ("figure", figure.to_owned()),
                ("ms", spaced(&ms)),
                ("ns", spaced(&values)),
            ];
            all.push(mark("around", &figures));
        }
    }
    all
}

/// One mark for each window and outcome; which ones were drawn together does not matter, see [`apart`].
fn strips(arm: &FailingArm) -> Vec<Mark> {
    let of = |at: usize| move |window: &Outcomes| [window.served, window.bypassed, window.errors, window.lost][at];
    let policy = || ("policy", arm.policy.clone());
    let mut all = Vec::new();
    for (at, kind) in ["served", "bypassed", "errors", "lost"].into_iter().enumerate() {
        let counts = arm.windows.iter().map(of(at)).enumerate().filter(|(_, count)| *count > 0);
        for (window, count) in counts {
            let figures = [policy(), ("firstWindow", window.to_string()), ("requests", count.to_string())];
            all.push(mark(kind, &figures));
        }
    }
    for event in &arm.events {
        let what = match event.kind {
            FailingKind::Failure => "failure",
            FailingKind::FailureAgain => "again",
            FailingKind::Swap => "swap",
        };
        let figures = [policy(), ("event", what.to_owned()), ("atNs", event.at_ns.to_string())];
        all.push(mark("event", &figures));
    }
    all
}

/// A mark that stands for several windows as one for each, so that it does not matter which ones were drawn together.
pub(crate) fn apart((class, figures): Mark) -> Vec<Mark> {
    let (Some(first), Some(requests)) = (figures.get("firstWindow"), figures.get("requests")) else {
        return vec![(class, figures)];
    };
    let first: usize = first.parse().expect("a number");
    let of = |(at, count): (usize, &str)| {
        let mut own = figures.clone();
        own.insert("firstWindow".to_owned(), (first + at).to_string());
        own.insert("requests".to_owned(), count.to_owned());
        (class.clone(), own)
    };
    requests.split(' ').enumerate().map(of).collect()
}

/// Each length of each chain that was measured, and each that was weighed.
fn chains(scale: &ScaleFigures) -> Vec<Mark> {
    let mut all = Vec::new();
    for line in &scale.lines {
        for point in &line.points {
            let named = [
                ("plugin", line.plugin.clone()),
                ("workers", line.workers.to_string()),
                ("length", point.length.to_string()),
            ];
            let known = [
                ("addedNs", point.added_ns.map(|ns| ns.p50.to_string())),
                ("afterBytes", point.after_bytes.map(|size| size.to_string())),
            ];
            for (name, value) in known {
                let value = value.map(|value| (name, value));
                all.extend(value.map(|value| mark("", &named.iter().cloned().chain([value]).collect::<Vec<_>>())));
            }
        }
    }
    all
}
