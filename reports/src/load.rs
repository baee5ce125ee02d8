//! Gateways under load: whether a run of the generator may be believed, and what latency requests had at its rate.

use serde::Serialize;
use tollgate_record::{
    ArmLoad, Arrivals, Capacity, Cell, Control, Failure, Faults, Histogram, Load, Placement, Record, Variant,
};

use crate::curve::carries;
use crate::number::{duration, grouped, percent};
use crate::summary::Absolute;

/// A generator that is later than this in one of a hundred requests has measured itself.
const LATEST_P99_NS: u64 = 200_000;
/// The share of the planned rate that must have been sent.
const LEAST_ACHIEVED: f64 = 0.999;

/// One gateway at one rate. Nanoseconds, never rounded; what is not known is null, never 0.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadFigures {
    /// Name of the gateway.
    pub gateway: String,
    /// Requests a second that were to be sent, all arms together; null when it failed before that was known.
    pub rate_per_s: Option<f64>,
    /// The share of its capacity that this is; null when a rate was asked for.
    pub share: Option<f64>,
    /// Requests a second that it answers at most when its arms take turns ([`capacity_in_turn`]); null when not known.
    pub capacity_per_s: Option<f64>,
    /// How the times between requests are distributed.
    pub arrivals: Arrivals,
    /// How long requests were sent, milliseconds.
    pub duration_ms: u64,
    /// Connections to each arm.
    pub connections: u32,
    /// Cores of the generator (as the probe's) and of the gateway.
    pub placement: Placement,
    /// Requests that the schedule had.
    pub planned: u64,
    /// Requests that were sent.
    pub sent: u64,
    /// Requests a second that were sent, from the begin to the end of the schedule or to the last request, if that is later;
    /// null when nothing was planned.
    pub achieved_per_s: Option<f64>,
    /// Median of how much later than planned the generator came to a request.
    pub lateness_p50_ns: Option<f64>,
    /// One of a hundred requests was later.
    pub lateness_p99_ns: Option<f64>,
    /// Why the figures must not be believed; null when they may.
    pub invalid: Option<String>,
    /// The arms, in the order of the record.
    pub arms: Vec<LoadArm>,
    /// Why there is nothing, or nothing more, of this gateway under load; null when there is all.
    pub error: Option<String>,
}

/// One arm of a gateway at one rate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadArm {
    /// Name of the plugin, `A` or `A'` for a control.
    pub plugin: String,
    /// Its language; `none` for a control.
    pub language: String,
    /// Name of the workload.
    pub workload: String,
    /// Requests a second that it answers at most, alone; null when not known.
    pub capacity_per_s: Option<f64>,
    /// Requests that the schedule had.
    pub planned: u64,
    /// Requests that were answered as they should be.
    pub answered: u64,
    /// Those that were not, by what happened.
    pub faults: Faults,
    /// Connections that were opened again.
    pub connections_reopened: u64,
    /// The most requests that were on their way at the same time.
    pub most_in_flight: u64,
    /// The most requests that waited for a free connection at the same time.
    pub most_waiting: u64,
    /// Latency from the planned time; null when nothing was answered.
    pub from_intended_ns: Option<Absolute>,
    /// Latency from when the request was sent; null when nothing was answered.
    pub from_sent_ns: Option<Absolute>,
    /// What the gateway's counters say against it; null when nothing.
    pub error: Option<String>,
    /// Which control this is, if one.
    #[serde(skip)]
    pub control: Option<Control>,
    /// Bare ABI or SDK, where that is known.
    #[serde(skip)]
    pub variant: Option<Variant>,
}

/// The loads of a run, in the order of its record.
pub(crate) fn loads(record: &Record) -> Vec<LoadFigures> {
    record.loads.iter().map(|load| figures(load, record)).collect()
}

/// Requests a second that arms of one worker answer at most when they take turns: each turn takes as long as one
/// request of each. None when one of them answers nothing, or when there are none.
pub fn capacity_in_turn(capacities: &[Capacity]) -> Option<f64> {
    let seconds: f64 = capacities.iter().map(|capacity| 1.0 / capacity.per_s()).sum();
    Some(capacities.len() as f64 / seconds).filter(|per_s| per_s.is_finite() && *per_s > 0.0)
}

fn figures(load: &Load, record: &Record) -> LoadFigures {
    let sum = |of: fn(&ArmLoad) -> u64| load.arms.iter().map(of).fold(0, u64::saturating_add);
    let (planned, sent) = (sum(|arm| arm.traffic.planned), sum(|arm| arm.traffic.sent));
    let last_ns = load.arms.iter().filter_map(|arm| arm.traffic.last_sent_ns).max().unwrap_or(0);
    let planned_s = load.duration_ms as f64 / 1e3;
    let achieved_per_s = (planned > 0 && planned_s > 0.0).then(|| sent as f64 / planned_s.max(last_ns as f64 / 1e9));
    let mut lateness = Histogram::new();
    load.arms.iter().for_each(|arm| lateness.merge(&arm.traffic.lateness_ns));
    let capacities: Option<Vec<Capacity>> = load.arms.iter().map(|arm| arm.capacity).collect();
    let reasons = [
        lateness.value_at_quantile_ns(0.99).filter(|&ns| ns > LATEST_P99_NS).map(|ns| {
            format!("the generator was late: p99 {}, {} allowed", duration(ns as f64), duration(LATEST_P99_NS as f64))
        }),
        achieved_per_s
            .map_or(Some(0.0), |achieved| Some(achieved * planned_s / planned as f64))
            .filter(|share| *share < LEAST_ACHIEVED)
            .map(|share| format!("{} of the planned rate was sent", percent(share))),
        Some(sum(|arm| arm.traffic.connections_reopened))
            .filter(|&reopened| reopened > 0)
            .map(|reopened| format!("connections opened again: {}", grouped(reopened))),
    ];
    let reasons: Vec<String> = reasons.into_iter().flatten().collect();
    LoadFigures {
        gateway: load.gateway.clone(),
        rate_per_s: load.rate_per_s,
        share: load.share,
        capacity_per_s: capacities.and_then(|capacities| capacity_in_turn(&capacities)),
        arrivals: load.arrivals,
        duration_ms: load.duration_ms,
        connections: load.connections,
        placement: load.placement.clone(),
        planned,
        sent,
        achieved_per_s,
        lateness_p50_ns: at(&lateness, 0.5),
        lateness_p99_ns: at(&lateness, 0.99),
        invalid: (load.error.is_none() && !reasons.is_empty()).then(|| reasons.join("; ")),
        arms: load.arms.iter().map(|arm| arm_figures(arm, record.cell(&arm.cell))).collect(),
        error: load.error.as_ref().map(said),
    }
}

fn arm_figures(arm: &ArmLoad, cell: Option<&Cell>) -> LoadArm {
    let traffic = &arm.traffic;
    LoadArm {
        plugin: arm.cell.plugin.clone(),
        language: cell.map_or_else(|| "none".to_owned(), |cell| cell.language.clone()),
        workload: arm.cell.workload.clone(),
        capacity_per_s: arm.capacity.map(|capacity| capacity.per_s()),
        planned: traffic.planned,
        answered: traffic.answered,
        faults: traffic.faults,
        connections_reopened: traffic.connections_reopened,
        most_in_flight: traffic.most_in_flight,
        most_waiting: traffic.most_waiting,
        from_intended_ns: percentiles(&traffic.latency_from_intended_ns),
        from_sent_ns: percentiles(&traffic.latency_from_sent_ns),
        error: arm.error.as_ref().map(said),
        control: cell.and_then(|cell| cell.control),
        variant: cell.and_then(|cell| cell.variant),
    }
}

fn said(failure: &Failure) -> String {
    format!("{}: {}", failure.stage, failure.message)
}

fn percentiles(histogram: &Histogram) -> Option<Absolute> {
    let at = |quantile| at(histogram, quantile);
    (!histogram.is_empty()).then(|| Absolute { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999) })
}

fn at(histogram: &Histogram, quantile: f64) -> Option<f64> {
    let value_ns = histogram.value_at_quantile_ns(quantile).filter(|_| carries(histogram.len(), quantile));
    value_ns.map(|ns| ns as f64)
}

impl LoadFigures {
    /// What it is called in a column: the share of the capacity, or the rate.
    pub(crate) fn name(&self) -> String {
        match (self.share, self.rate_per_s) {
            (Some(share), _) => percent(share).replace(' ', ""),
            (None, Some(rate)) => format!("{rate:.0}/s"),
            (None, None) => "any rate".to_owned(),
        }
    }

    /// What it was, in words.
    pub(crate) fn words(&self) -> String {
        if let Some(error) = &self.error {
            return format!("failed: {}", crate::text::name(error, 600));
        }
        let rate = self.rate_per_s.map_or_else(|| "?".to_owned(), |rate| grouped(rate.round() as u64));
        let of = match (self.share, self.capacity_per_s) {
            (Some(share), Some(capacity)) => {
                format!("{} of {} requests/s: ", percent(share), grouped(capacity.round() as u64))
            }
            _ => String::new(),
        };
        let missing = || "not known".to_owned();
        let lateness =
            [self.lateness_p50_ns, self.lateness_p99_ns].map(|ns| ns.map_or_else(missing, duration)).join(" and ");
        let valid = match &self.invalid {
            Some(reason) => format!("INVALID: {reason}"),
            None => "valid".to_owned(),
        };
        format!(
            "{of}{rate} requests/s, {}, for {} s; lateness p50 and p99 {lateness}; {valid}",
            arrivals_name(self.arrivals),
            self.duration_ms as f64 / 1e3,
        )
    }

    /// The arm of the same plugin and workload.
    pub(crate) fn arm(&self, plugin: &str, workload: &str) -> Option<&LoadArm> {
        self.arms.iter().find(|arm| (arm.plugin.as_str(), arm.workload.as_str()) == (plugin, workload))
    }
}

impl LoadArm {
    /// What it is called among the arms of a gateway.
    pub(crate) fn name(&self) -> String {
        match (self.control, self.workload.as_str()) {
            (Some(_), _) | (None, "headers" | "own") => crate::text::name(&self.plugin, 24),
            (None, "response-headers") => format!("{} (response)", crate::text::name(&self.plugin, 24)),
            (None, workload) => {
                format!("{} ({})", crate::text::name(&self.plugin, 24), crate::text::name(workload, 12))
            }
        }
    }
}

/// Gateways of a run with the loads that they were put under, in its order.
pub(crate) fn by_gateway(loads: &[LoadFigures]) -> Vec<Vec<&LoadFigures>> {
    let mut gateways: Vec<Vec<&LoadFigures>> = Vec::new();
    for load in loads {
        match gateways.iter_mut().find(|others| others[0].gateway == load.gateway) {
            Some(others) => others.push(load),
            None => gateways.push(vec![load]),
        }
    }
    gateways
}

/// All arms that one of the loads had, with the first figures of each.
pub(crate) fn arms_of<'a>(loads: &[&'a LoadFigures]) -> Vec<&'a LoadArm> {
    let mut arms: Vec<&LoadArm> = Vec::new();
    for arm in loads.iter().flat_map(|load| &load.arms) {
        if arms.iter().all(|other| (&other.plugin, &other.workload) != (&arm.plugin, &arm.workload)) {
            arms.push(arm);
        }
    }
    arms
}

/// Names as in the record's JSON.
pub(crate) fn arrivals_name(arrivals: Arrivals) -> &'static str {
    match arrivals {
        Arrivals::Fixed => "fixed",
        Arrivals::Poisson => "poisson",
    }
}
