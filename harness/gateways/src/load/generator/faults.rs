//! What becomes of requests that get no response: on a connection that broke, late, or still under way at the end.

use super::super::connection::Pending;
use super::super::{Ended, Fault};
use super::{Generator, Source};

/// How long the end of what is on its way is waited for after a stop.
const GRACE_NS: u64 = 500_000_000;

impl Generator<'_> {
    /// The connection broke: its request fails.
    pub(super) fn break_off(&mut self, index: usize, fault: Fault) {
        let target = self.pool.connections[index].target;
        self.tallies[target].traffic.connections_closed += 1;
        self.fail(index, fault);
    }

    /// The request on a connection has failed; the connection is closed, and free.
    pub(super) fn fail(&mut self, index: usize, fault: Fault) {
        let connection = &mut self.pool.connections[index];
        connection.close();
        let Some(pending) = connection.pending.take() else { return };
        let target = connection.target;
        self.in_flight -= 1;
        self.tallies[target].ends();
        self.fault(target, pending, fault);
    }

    pub(super) fn drop_request(&mut self, target: usize, intended_ns: u64) {
        self.fault(target, Pending { intended_ns, sent_ns: None }, Fault::Dropped);
    }

    fn fault(&mut self, target: usize, pending: Pending, fault: Fault) {
        self.tallies[target].fault(pending.intended_ns, fault);
        (self.on_ended)(&Ended {
            target,
            intended: self.clock.instant(pending.intended_ns),
            sent: pending.sent_ns.map(|ns| self.clock.instant(ns)),
            ended: self.clock.instant(self.clock.now_ns()),
            response: None,
            fault: Some(fault),
        });
    }

    /// Fails the requests whose time is over.
    pub(super) fn expire(&mut self, now_ns: u64) {
        while let Some(first) = self.deadlines.front() {
            let connection = &self.pool.connections[first.connection];
            let is_over = connection.pending.is_none() || connection.requests != first.request;
            let index = first.connection;
            if !is_over && first.at_ns > now_ns {
                break;
            }
            self.deadlines.pop_front();
            if !is_over {
                self.fail(index, Fault::TimedOut);
                self.serve(index);
            }
        }
    }

    /// Nothing begins any more, and what is on its way has little time.
    pub(super) fn stop(&mut self, now_ns: u64) {
        if let Source::OpenLoop(_, next) = &mut self.source {
            *next = None;
        }
        self.close_ns = self.close_ns.min(now_ns);
        self.end_ns = self.end_ns.min(now_ns + GRACE_NS);
        self.drop_waiting();
    }

    /// The time is over for what is still on its way or waits.
    pub(super) fn give_up(&mut self) {
        self.drop_waiting();
        for index in 0..self.pool.connections.len() {
            self.fail(index, Fault::TimedOut);
        }
    }

    fn drop_waiting(&mut self) {
        for target in 0..self.targets.len() {
            while let Some(at_ns) = self.waiting[target].pop_front() {
                self.drop_request(target, at_ns);
            }
        }
    }
}
