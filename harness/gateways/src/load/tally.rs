//! What became of the requests to one target, as it is counted.

use std::time::Duration;

use tollgate_record::{Traffic, Window};

use super::Fault;

#[derive(Debug)]
pub(super) struct Tally {
    pub(super) traffic: Traffic,
    window_ns: Option<u64>,
    in_flight: u64,
}

impl Tally {
    pub(super) fn new(window: Option<Duration>) -> Self {
        let window_ns = window.map(|window| u64::try_from(window.as_nanos()).unwrap_or(u64::MAX).max(1));
        Self { traffic: Traffic::default(), window_ns, in_flight: 0 }
    }

    /// The generator came to a request of the schedule.
    pub(super) fn came_to(&mut self, lateness_ns: u64) {
        self.traffic.planned += 1;
        self.traffic.lateness_ns.record(lateness_ns);
    }

    pub(super) fn waits(&mut self, waiting: usize) {
        self.traffic.most_waiting = self.traffic.most_waiting.max(waiting as u64);
    }

    /// A request got a connection.
    pub(super) fn begins(&mut self) {
        self.in_flight += 1;
        self.traffic.most_in_flight = self.traffic.most_in_flight.max(self.in_flight);
    }

    pub(super) fn is_sent(&mut self, at_ns: u64) {
        self.traffic.sent += 1;
        self.traffic.last_sent_ns = Some(at_ns);
    }

    /// A request that had a connection has it no more.
    pub(super) fn ends(&mut self) {
        self.in_flight -= 1;
    }

    pub(super) fn answered(&mut self, intended_ns: u64, sent_ns: u64, ended_ns: u64) {
        let latency_ns = ended_ns.saturating_sub(intended_ns);
        self.traffic.answered += 1;
        self.traffic.latency_from_intended_ns.record(latency_ns);
        self.traffic.latency_from_sent_ns.record(ended_ns.saturating_sub(sent_ns));
        if let Some(window) = self.window(intended_ns) {
            window.answered += 1;
            window.max_latency_ns = window.max_latency_ns.max(Some(latency_ns));
        }
    }

    pub(super) fn fault(&mut self, intended_ns: u64, fault: Fault) {
        let faults = &mut self.traffic.faults;
        *match fault {
            Fault::Refused => &mut faults.refused,
            Fault::Closed => &mut faults.closed,
            Fault::TimedOut => &mut faults.timed_out,
            Fault::Status => &mut faults.status,
            Fault::Wrong => &mut faults.wrong,
            Fault::Dropped => &mut faults.dropped,
        } += 1;
        if let Some(window) = self.window(intended_ns) {
            window.faults += 1;
        }
    }

    fn window(&mut self, intended_ns: u64) -> Option<&mut Window> {
        let index = (intended_ns / self.window_ns?) as usize;
        let windows = &mut self.traffic.windows;
        if windows.len() <= index {
            windows.resize(index + 1, Window::default());
        }
        windows.get_mut(index)
    }
}
