//! The load generator: requests at times that are fixed beforehand, whether the gateway keeps up or not.
//!
//! Most generators wait for a response before they send the next request: when the gateway stands still they stop
//! asking, and the time for which nobody was served is in one sample instead of in all that it hit (*coordinated
//! omission*). Here every request has its time in a [`Schedule`], and its latency counts from that time. What keeps the
//! generator itself from being on time is measured too, as lateness.
//!
//! One thread does it all: it sends what is due, and in the time between asks the sockets. [`run`] and [`capacity`] work
//! on the thread that calls them and block it; call them on one of their own.

mod connection;
mod generator;
mod pacer;
mod pool;
mod response;
mod schedule;
mod tally;

use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use tollgate_record::{Arrivals, Traffic};

use crate::{Arm, GatewayError, Response, arm_label, request_bytes};
use generator::{Generator, Source};
pub use schedule::{Arrival, Schedule};

/// Whom requests go to, and what must come back.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// A whole request in bytes.
    pub request: Vec<u8>,
    /// What its responses must be.
    pub expected: Expected,
}

/// What a response must be to count as an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// That of an arm of ours by the contract, with this label in [`crate::ARM_HEADER`].
    Arm(String),
    /// Any with this status, of a gateway that somebody else runs.
    Status(u16),
}

impl Target {
    /// An arm of a gateway that listens there.
    pub fn of_arm(arm: &Arm, address: SocketAddr) -> Self {
        Self { address, request: request_bytes(&arm.workload, false), expected: Expected::Arm(arm_label(arm)) }
    }
}

/// What a run of the generator is to do.
#[derive(Debug, Clone)]
pub struct LoadPlan {
    /// Requests a second, all targets together; above zero.
    pub rate: f64,
    /// How the times between them are distributed.
    pub arrivals: Arrivals,
    /// How long requests are sent. What is on its way then is waited for.
    pub duration: Duration,
    /// Connections to each target. A request for which none is free waits.
    pub connections: usize,
    /// How long a response may take from when its request was sent.
    pub timeout: Duration,
    /// Seed of the times and of the order of targets.
    pub seed: u64,
    /// A core that the generator has for itself, where it may spin while responses are on their way. None when it shares
    /// its core with the gateway, or has no core of its own: then it sleeps whenever it can.
    pub core: Option<u32>,
    /// Length of the windows of [`Traffic::windows`]; none keeps none.
    pub window: Option<Duration>,
}

impl Default for LoadPlan {
    /// 1,000 requests a second for ten seconds.
    fn default() -> Self {
        Self {
            rate: 1_000.0,
            arrivals: Arrivals::Fixed,
            duration: Duration::from_secs(10),
            connections: 16,
            timeout: Duration::from_secs(5),
            seed: 0,
            core: None,
            window: None,
        }
    }
}

/// What can happen to a request; counted in [`tollgate_record::Faults`], which says what each one means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the counters of the same names have it")]
pub enum Fault {
    Refused,
    Closed,
    TimedOut,
    Status,
    Wrong,
    Dropped,
}

/// A request that came to its end.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// Index of the target.
    pub target: usize,
    /// When the schedule had it.
    pub intended: Instant,
    /// When it was sent; none when it never was.
    pub sent: Option<Instant>,
    /// When the response was whole, or the fault was found.
    pub ended: Instant,
    /// The response, if there was one, right or wrong.
    pub response: Option<Response<'a>>,
    /// What was wrong; none when it was answered as it should be.
    pub fault: Option<Fault>,
}

/// Sends requests to all targets at the plan's rate, and returns what became of them, per target.
///
/// `on_ended` is called for each request at its end, on the thread that keeps the time: it must be quick. When `stop` is
/// set no more are sent, and those on their way get half a second. A gateway that fails is no error: it is what is
/// counted. Connections that were closed are opened again when a request needs them.
///
/// It ends at the latest when the plan's duration and time-out are over.
///
/// # Errors
/// When the system does not let us have the sockets.
pub fn run(
    targets: &[Target],
    plan: &LoadPlan,
    stop: &AtomicBool,
    on_ended: &mut dyn FnMut(&Ended<'_>),
) -> Result<Vec<Traffic>, GatewayError> {
    let schedule = Schedule::new(plan.arrivals, plan.rate, plan.duration, targets.len(), plan.seed);
    Generator::open(targets, plan, Source::open_loop(schedule), on_ended)?.run(stop)
}

/// What the gateway can do at most: every connection sends its next request as soon as it has a response, for the plan's
/// duration; its rate plays no part. Latency is counted from when a request was sent, twice.
///
/// # Errors
/// When the system does not let us have the sockets.
pub fn capacity(targets: &[Target], plan: &LoadPlan, stop: &AtomicBool) -> Result<Vec<Traffic>, GatewayError> {
    Generator::open(targets, plan, Source::ClosedLoop, &mut |_| {})?.run(stop)
}
