use serde::{Deserialize, Serialize};

use crate::{CellId, Failure, Histogram, Placement};

/// One gateway under one rate of requests, all its arms in turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Name of the gateway.
    pub gateway: String,
    /// Requests a second that were to be sent, all arms together; none when it failed before that was known.
    pub rate_per_s: Option<f64>,
    /// The share of its capacity that this is, as it was asked for; none when a rate was.
    pub share: Option<f64>,
    /// How the times between requests are distributed.
    pub arrivals: Arrivals,
    /// How long requests were sent, milliseconds.
    pub duration_ms: u64,
    /// Connections to each arm.
    pub connections: u32,
    /// Seed of the times and of the order of arms.
    pub seed: u64,
    /// Cores of the generator (as the probe's) and of the gateway.
    pub placement: Placement,
    /// What became of each arm's requests. Arms that failed before are not among them.
    pub arms: Vec<ArmLoad>,
    /// Why there is nothing, or nothing more, of this gateway under load.
    pub error: Option<Failure>,
}

/// One arm under load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmLoad {
    /// The cell.
    pub cell: CellId,
    /// What it answers at most: alone, in a closed loop, before the loads of this start; none when it was not asked for.
    pub capacity: Option<Capacity>,
    /// What became of its requests.
    pub traffic: Traffic,
    /// How it was shown that the plugin did its work for every request; none when it was not.
    pub proof: Option<String>,
    /// What the gateway's counters say against it.
    pub error: Option<Failure>,
}

/// What one arm answers when each connection sends its next request as soon as it has a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// Requests that were answered.
    pub answered: u64,
    /// In so many milliseconds.
    pub duration_ms: u64,
    /// Over so many connections.
    pub connections: u32,
}

impl Capacity {
    /// Requests a second.
    pub fn per_s(&self) -> f64 {
        self.answered as f64 * 1_000.0 / self.duration_ms.max(1) as f64
    }
}

/// How the times between requests are distributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// All the same.
    Fixed,
    /// Exponentially, as those of many clients that know nothing of each other.
    Poisson,
}

/// What became of the requests to one arm while a load generator sent them.
///
/// Every request that was planned is answered, or in one of the [`Faults`]; after a run that was stopped early, those in
/// flight by then are in neither.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// Requests that the schedule had by the end; in a closed loop, those that were sent.
    pub planned: u64,
    /// Requests of which at least the first byte was to be written.
    pub sent: u64,
    /// Requests that came back as the contract has it: only these are in the histograms of latency.
    pub answered: u64,
    /// Requests that did not.
    pub faults: Faults,
    /// Connections that the gateway closed or broke, with or without a request on them.
    pub connections_closed: u64,
    /// Connections that were opened again after the first ones.
    pub connections_reopened: u64,
    /// The most requests that were on their way at the same time.
    pub most_in_flight: u64,
    /// The most requests that waited for a free connection at the same time.
    pub most_waiting: u64,
    /// When the last request was sent, nanoseconds from the begin; none when none was.
    pub last_sent_ns: Option<u64>,
    /// From the time at which the schedule has a request until its response was whole: what a user sees, whether the
    /// generator could send it then or all connections were busy.
    pub latency_from_intended_ns: Histogram,
    /// From the time at which it was really sent.
    pub latency_from_sent_ns: Histogram,
    /// How much later than planned the generator came to a request: its own fault, and no wait for a connection.
    pub lateness_ns: Histogram,
    /// Latency over time; empty when it was not asked for.
    pub windows: Vec<Window>,
}

/// Requests without the answer that they should have had, by what happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// No connection could be opened for it.
    pub refused: u64,
    /// The connection was closed or broke before the response was whole.
    pub closed: u64,
    /// No whole response in time.
    pub timed_out: u64,
    /// A response with another status than 200.
    pub status: u64,
    /// A response with status 200 that is not HTTP/1.1, or has another arm's label or another body.
    pub wrong: u64,
    /// Never sent: too many waited for a connection, or the time was over first.
    pub dropped: u64,
}

impl Faults {
    /// All of them.
    pub fn total(&self) -> u64 {
        let kinds = [self.refused, self.closed, self.timed_out, self.status, self.wrong, self.dropped];
        // A file may hold anything.
        kinds.into_iter().fold(0, u64::saturating_add)
    }
}

/// Requests whose planned time is in one stretch of a run. Stretches are of equal length, the first one begins with the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Answered as they should be.
    pub answered: u64,
    /// Not so.
    pub faults: u64,
    /// The longest latency from the planned time, of those that were answered; none when none was.
    pub max_latency_ns: Option<u64>,
}
