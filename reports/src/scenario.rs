//! Scenarios: what requests went through while plugins were exchanged, failed, or were many.

use serde::Serialize;
use tollgate_record::{
    Failing, FailingArm, FailingKind, Faults, Histogram, Outcomes, ProcessSample, Record, Reload, Scenario, Story,
    Swap, SwapKind, SwapOutcome, Traffic,
};

use crate::curve::carries;
use crate::estimate::median;
use crate::number::{duration, percent};
use crate::scaling::{ScaleFigures, scale_figures};

/// A generator that is later than this in one of a hundred requests has measured itself.
const LATEST_P99_NS: u64 = 200_000;
/// The share of the planned requests that must have been sent.
const LEAST_SENT: f64 = 0.999;

/// One scenario. Nanoseconds, never rounded; what is not known is null, never 0.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScenarioFigures {
    /// Name of the gateway.
    pub gateway: String,
    /// Version that it gave of itself.
    pub gateway_version: String,
    /// Requests a second that were planned, all arms together; null where each request waited for the one before.
    pub rate_per_s: Option<f64>,
    /// Connections to each arm.
    pub connections: u32,
    /// Requests that the schedule had; null without one.
    pub planned: Option<u64>,
    /// Those without the answer that they should have had, by what happened; null without a schedule.
    pub faults: Option<Faults>,
    /// Connections that the gateway closed or broke; null without a schedule.
    pub connections_closed: Option<u64>,
    /// One of a hundred requests was sent later than planned by more than that.
    pub lateness_p99_ns: Option<f64>,
    /// Why latencies must not be believed; null when they may. Counts are right in any case.
    pub invalid: Option<String>,
    /// Exchanged plugins; null when the scenario was another.
    pub reload: Option<ReloadFigures>,
    /// Failing plugins; null when the scenario was another.
    pub failure: Option<Vec<FailingFigures>>,
    /// Plugins in a row; null when the scenario was another.
    pub scale: Option<ScaleFigures>,
    /// Why it ended early; null when it did not.
    pub error: Option<String>,
}

/// What came of exchanging plugins.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReloadFigures {
    /// Swaps that were planned.
    pub swaps_planned: u32,
    /// Swaps that were begun.
    pub swaps: u64,
    /// One row per plugin and kind of swap, in the order in which they came first.
    pub rows: Vec<SwapFigures>,
    /// Latency of requests apart from all swaps, from the planned time.
    pub apart: Latency,
    /// Memory of the gateway that was resident, in bytes.
    pub resident_bytes: Course,
    /// Wasm VMs.
    pub vms: Course,
    /// Wasm VMs that were made from the first sample to the last, as far as the gateway has counted; null when not known.
    pub vms_made: Option<u64>,
}

/// Swaps to one plugin, of one kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SwapFigures {
    /// Name of the plugin.
    pub plugin: String,
    /// What was exchanged.
    pub kind: SwapKind,
    /// How often.
    pub swaps: u64,
    /// Answers showed the new configuration.
    pub seen: u64,
    /// The gateway's counters said that it was taken; answers do not show it.
    pub counted: u64,
    /// The gateway refused it and went on with the old one.
    pub rejected: u64,
    /// The gateway took it, and then no request was answered as it should be.
    pub broken: u64,
    /// Nothing of it was seen in time.
    pub lost: u64,
    /// From the rename to the first answer of the new configuration, median; null when none was seen.
    pub until_new_p50_ns: Option<f64>,
    /// The longest of these.
    pub until_new_max_ns: Option<u64>,
    /// Requests planned while they were in effect.
    pub requests: u64,
    /// Those of them without the answer that they should have had.
    pub faults: u64,
    /// Latency of requests around the swaps, from the planned time.
    pub near: Latency,
    /// What the gateway said of the first swap that was refused, or lost requests; null when nothing.
    pub said: Option<String>,
}

/// Latencies in nanoseconds. A percentile is null when fewer than ten values lie above it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// Requests.
    pub requests: u64,
    /// Median.
    pub p50: Option<u64>,
    /// 99 % of requests were at most that slow.
    pub p99: Option<u64>,
    /// The slowest request.
    pub max: Option<u64>,
}

/// Something that changes: at first, at most and at last; null where not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Course {
    /// Before the load.
    pub before: Option<u64>,
    /// The most that was seen.
    pub most: Option<u64>,
    /// After the load.
    pub after: Option<u64>,
}

/// What came of one policy for plugins that fail.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FailingFigures {
    /// Name of the policy; `A` for the control without a plugin.
    pub policy: String,
    /// Name of the plugin; null for the control.
    pub plugin: Option<String>,
    /// Requests by what their clients got, the ones that made the plugin fail left aside.
    pub outcomes: Outcomes,
    /// Connections that the gateway closed or broke.
    pub connections_closed: u64,
    /// What was done, and what came of it.
    pub events: Vec<EventFigures>,
    /// Latency of answered requests from the planned time.
    pub latency: Latency,
}

/// Something that was done to an arm, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventFigures {
    /// What was done.
    pub kind: FailingKind,
    /// What the request that made the plugin fail got; null for a swap.
    pub answer: Option<String>,
    /// Until a request was served by the plugin again, nanoseconds; null when none was before the next event.
    pub recovered_ns: Option<u64>,
    /// Requests from then until the next event.
    pub outcomes: Outcomes,
}

/// The scenarios of a record, in its order.
pub(crate) fn scenarios(record: &Record) -> Vec<ScenarioFigures> {
    record.scenarios.iter().map(figures).collect()
}

fn figures(scenario: &Scenario) -> ScenarioFigures {
    let traffics: Vec<&Traffic> = match &scenario.story {
        Story::Reload(reload) => vec![&reload.traffic],
        Story::Failure(failing) => failing.arms.iter().map(|arm| &arm.traffic).collect(),
        Story::Scale(_) => Vec::new(),
    };
    let has_schedule = !matches!(scenario.story, Story::Scale(_));
    let sum = |of: &dyn Fn(&Traffic) -> u64| traffics.iter().map(|traffic| of(traffic)).fold(0, u64::saturating_add);
    let mut lateness = Histogram::new();
    traffics.iter().for_each(|traffic| lateness.merge(&traffic.lateness_ns));
    let (planned, sent) = (sum(&|traffic| traffic.planned), sum(&|traffic| traffic.sent));
    let late = lateness.value_at_quantile_ns(0.99).filter(|_| carries(lateness.len(), 0.99));
    let reasons = [
        late.filter(|&ns| ns > LATEST_P99_NS).map(|ns| {
            format!("the generator was late: p99 {}, {} allowed", duration(ns as f64), duration(LATEST_P99_NS as f64))
        }),
        Some(sent as f64 / planned as f64)
            .filter(|share| planned > 0 && *share < LEAST_SENT)
            .map(|share| format!("{} of the planned requests were sent", percent(share))),
    ];
    let reasons: Vec<String> = reasons.into_iter().flatten().collect();
    ScenarioFigures {
        gateway: scenario.gateway.clone(),
        gateway_version: scenario.gateway_version.clone(),
        rate_per_s: scenario.rate_per_s,
        connections: scenario.connections,
        planned: has_schedule.then_some(planned),
        faults: has_schedule.then(|| Faults {
            refused: sum(&|traffic| traffic.faults.refused),
            closed: sum(&|traffic| traffic.faults.closed),
            timed_out: sum(&|traffic| traffic.faults.timed_out),
            status: sum(&|traffic| traffic.faults.status),
            wrong: sum(&|traffic| traffic.faults.wrong),
            dropped: sum(&|traffic| traffic.faults.dropped),
        }),
        connections_closed: has_schedule.then(|| sum(&|traffic| traffic.connections_closed)),
        lateness_p99_ns: late.map(|ns| ns as f64),
        invalid: (!reasons.is_empty()).then(|| reasons.join("; ")),
        reload: match &scenario.story {
            Story::Reload(reload) => Some(reload_figures(reload, &scenario.process)),
            Story::Failure(_) | Story::Scale(_) => None,
        },
        failure: match &scenario.story {
            Story::Failure(Failing { arms, .. }) => Some(arms.iter().map(failing_figures).collect()),
            Story::Reload(_) | Story::Scale(_) => None,
        },
        scale: match &scenario.story {
            Story::Scale(scale) => Some(scale_figures(scale)),
            Story::Reload(_) | Story::Failure(_) => None,
        },
        error: scenario.error.as_ref().map(|failure| format!("{}: {}", failure.stage, failure.message)),
    }
}

fn latency(histogram: &Histogram) -> Latency {
    let at = |quantile| histogram.value_at_quantile_ns(quantile).filter(|_| carries(histogram.len(), quantile));
    Latency { requests: histogram.len(), p50: at(0.5), p99: at(0.99), max: histogram.max_ns() }
}

fn reload_figures(reload: &Reload, process: &[ProcessSample]) -> ReloadFigures {
    let mut rows: Vec<(&str, SwapKind)> = Vec::new();
    for swap in &reload.swaps {
        if !rows.contains(&(&swap.plugin, swap.kind)) {
            rows.push((&swap.plugin, swap.kind));
        }
    }
    let made: Vec<u64> = process.iter().filter_map(|sample| sample.vms_created).collect();
    ReloadFigures {
        swaps_planned: reload.swaps_planned,
        swaps: reload.swaps.len() as u64,
        rows: rows.into_iter().map(|(plugin, kind)| swap_figures(&reload.swaps, plugin, kind)).collect(),
        apart: latency(&reload.apart_ns),
        resident_bytes: course(process, |sample| sample.resident_bytes),
        vms: course(process, |sample| sample.vms_active),
        // A gateway may begin to count anew.
        vms_made: (made.len() > 1)
            .then(|| made.windows(2).map(|pair| if pair[1] < pair[0] { pair[1] } else { pair[1] - pair[0] }).sum()),
    }
}

fn course(process: &[ProcessSample], of: impl Fn(&ProcessSample) -> Option<u64>) -> Course {
    let known = || process.iter().filter(|sample| of(sample).is_some());
    Course {
        before: known().rfind(|sample| sample.at_ns < 0).and_then(&of),
        most: known().filter_map(&of).max(),
        after: known().last().filter(|sample| sample.at_ns >= 0).and_then(&of),
    }
}

fn swap_figures(swaps: &[Swap], plugin: &str, kind: SwapKind) -> SwapFigures {
    let swaps: Vec<&Swap> = swaps.iter().filter(|swap| swap.plugin == plugin && swap.kind == kind).collect();
    let count = |is: fn(&SwapOutcome) -> bool| swaps.iter().filter(|swap| is(&swap.outcome)).count() as u64;
    let until_new: Vec<u64> = swaps
        .iter()
        .filter_map(|swap| match swap.outcome {
            SwapOutcome::Seen { first_new_ns, .. } => Some(first_new_ns),
            _ => None,
        })
        .collect();
    let mut near = Histogram::new();
    swaps.iter().for_each(|swap| near.merge(&swap.near_ns));
    let durations: Vec<f64> = until_new.iter().map(|&ns| ns as f64).collect();
    SwapFigures {
        plugin: plugin.to_owned(),
        kind,
        swaps: swaps.len() as u64,
        seen: count(|outcome| matches!(outcome, SwapOutcome::Seen { .. })),
        counted: count(|outcome| matches!(outcome, SwapOutcome::Counted { .. })),
        rejected: count(|outcome| matches!(outcome, SwapOutcome::Rejected { .. })),
        broken: count(|outcome| matches!(outcome, SwapOutcome::Broken { .. })),
        lost: count(|outcome| matches!(outcome, SwapOutcome::Lost { .. })),
        until_new_p50_ns: median(&durations),
        until_new_max_ns: until_new.iter().copied().max(),
        requests: swaps.iter().map(|swap| swap.requests).fold(0, u64::saturating_add),
        faults: swaps.iter().map(|swap| swap.faults).fold(0, u64::saturating_add),
        near: latency(&near),
        said: swaps
            .iter()
            .filter(|swap| swap.faults > 0 || !matches!(swap.outcome, SwapOutcome::Seen { .. }))
            .find_map(|swap| swap.complaint.clone()),
    }
}

fn failing_figures(arm: &FailingArm) -> FailingFigures {
    let mut outcomes = Outcomes::default();
    arm.windows.iter().for_each(|window| outcomes.add(window));
    FailingFigures {
        policy: arm.policy.clone(),
        plugin: arm.plugin.clone(),
        outcomes,
        connections_closed: arm.traffic.connections_closed,
        events: arm
            .events
            .iter()
            .map(|event| EventFigures {
                kind: event.kind,
                answer: event.answer.clone(),
                recovered_ns: event.recovered_ns,
                outcomes: event.outcomes,
            })
            .collect(),
        latency: latency(&arm.traffic.latency_from_intended_ns),
    }
}
