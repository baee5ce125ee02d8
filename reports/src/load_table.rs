//! Gateways under load in a terminal, below the main table.

use crate::grid::Grid;
use crate::life_table::Part;
use crate::load::{LoadArm, LoadFigures, arms_of, by_gateway};
use crate::number::{grouped, significant};
use crate::text;

/// What the figures are.
pub(crate) const LEGEND: &str = "Latency from the time at which a request was due until its response was there, whether it \
                                 could be sent then or had to wait. All arms take turns at each rate. Alone: requests a \
                                 second that an arm answers at most, in a closed loop.";

/// A table per gateway: a row per arm, and p50 and p99 for each rate.
pub(crate) fn loads(loads: &[LoadFigures], width: u16) -> Vec<Part> {
    by_gateway(loads).iter().map(|steps| part(steps, width)).collect()
}

fn part(all: &[&LoadFigures], width: u16) -> Part {
    let steps: Vec<&LoadFigures> = all.iter().copied().filter(|step| !step.arms.is_empty()).collect();
    let steps = steps.as_slice();
    let titles: Vec<[String; 2]> =
        steps.iter().map(|step| ["p50", "p99"].map(|quantile| format!("{} {quantile}", step.name()))).collect();
    let rates = titles.iter().flatten().map(|title| (title.as_str(), false));
    let columns = [("plugin", true), ("alone/s", false)].into_iter().chain(rates).chain([("failed", false)]);
    let columns: Vec<(&str, bool)> = columns.collect();
    let row = |arm: &&LoadArm| {
        let figures = cells(arm, steps, |ns| significant(ns / 1e3)).into_iter();
        let figures = figures.map(|figure| figure.unwrap_or_else(|| "-".to_owned()));
        [arm.name()].into_iter().chain(figures).collect()
    };
    // A median says least about a load.
    let medians = (0..steps.len()).map(|step| 2 + 2 * step);
    let grid = Grid {
        rows: arms_of(steps).iter().map(row).collect(),
        dispensable: [columns.len() - 1, 1].into_iter().chain(medians).collect(),
        columns,
    };
    let width = usize::from(width);
    let said = |step: &&LoadFigures| text::wrap(&format!("{}: {}", step.name(), step.words()), width);
    let is_good = |step: &&LoadFigures| step.invalid.is_none() && step.error.is_none();
    let (valid, bad): (Vec<&LoadFigures>, Vec<_>) = all.iter().copied().partition(is_good);
    // Of a gateway that failed there is nothing to lay out.
    let table = if steps.is_empty() { Vec::new() } else { grid.lines(width as u16) };
    let legend = if steps.is_empty() { Vec::new() } else { text::wrap(LEGEND, width) };
    let lines = table.into_iter().chain(valid.iter().flat_map(said)).chain(legend);
    let title = format!("Load on {}, latency in µs", text::name(&all[0].gateway, 40));
    Part {
        title: text::elide(&title, width),
        lines: lines.collect(),
        warnings: bad.iter().flat_map(said).chain(troubles(steps).flat_map(|line| text::wrap(&line, width))).collect(),
    }
}

/// What an arm answers alone, its latencies at each rate, and how many of its requests failed. None is what is not known.
pub(crate) fn cells(arm: &LoadArm, steps: &[&LoadFigures], write: impl Fn(f64) -> String) -> Vec<Option<String>> {
    let arms: Vec<Option<&LoadArm>> = steps.iter().map(|step| step.arm(&arm.plugin, &arm.workload)).collect();
    let mut cells = vec![arm.capacity_per_s.map(|per_s| grouped(per_s.round() as u64))];
    for at in &arms {
        let latency = at.and_then(|arm| arm.from_intended_ns);
        cells.extend([latency.and_then(|at| at.p50), latency.and_then(|at| at.p99)].map(|ns| ns.map(&write)));
    }
    let failed = arms.iter().flatten().fold(0, |sum: u64, arm| sum.saturating_add(arm.faults.total()));
    cells.push(Some(grouped(failed)));
    cells
}

/// What failed, in words.
pub(crate) fn troubles(steps: &[&LoadFigures]) -> impl Iterator<Item = String> {
    steps.iter().flat_map(|step| {
        step.arms.iter().flat_map(|arm| {
            let at = format!("{} at {}", arm.name(), step.name());
            let faults = faults(arm).map(|faults| format!("{at}: {faults}"));
            let error = arm.error.as_ref().map(|error| format!("{at}: {}", text::name(error, 600)));
            faults.into_iter().chain(error)
        })
    })
}

/// How many requests failed how; none when none did.
pub(crate) fn faults(arm: &LoadArm) -> Option<String> {
    let faults = arm.faults;
    let kinds = [
        (faults.refused, "refused"),
        (faults.closed, "lost with their connection"),
        (faults.timed_out, "without an answer in time"),
        (faults.status, "answered with another status"),
        (faults.wrong, "answered wrongly"),
        (faults.dropped, "never sent"),
    ];
    let words: Vec<String> = kinds
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", grouped(*count)))
        .collect();
    (!words.is_empty()).then(|| format!("of {} requests {}", grouped(arm.planned), words.join(", ")))
}
