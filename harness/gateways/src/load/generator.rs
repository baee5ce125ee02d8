//! The loop: send what is due, take what has come, wait for either.

mod faults;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tollgate_record::Traffic;

use super::connection::{Pending, Step};
use super::pacer::{Clock, ExactTimers, Pacer, Wait};
use super::pool::Pool;
use super::response::{self, Reading};
use super::schedule::{Arrival, Schedule};
use super::tally::Tally;
use super::{Ended, Expected, Fault, LoadPlan, Target};
use crate::GatewayError;
use crate::placement::Pin;

/// Requests to one target that may wait for a connection: some seconds' worth at any rate that a gateway answers.
const MOST_WAITING: usize = 65_536;
/// How long the thread sleeps at most, so that it sees a stop.
const ASK_EVERY_NS: u64 = 50_000_000;

/// Where requests come from.
#[derive(Debug)]
pub(super) enum Source {
    /// A schedule, and the first arrival that was not sent.
    OpenLoop(Schedule, Option<Arrival>),
    /// Each connection's own last response.
    ClosedLoop,
}

impl Source {
    pub(super) fn open_loop(mut schedule: Schedule) -> Self {
        let first = schedule.next();
        Self::OpenLoop(schedule, first)
    }
}

#[derive(Debug)]
struct Deadline {
    at_ns: u64,
    connection: usize,
    request: u64,
}

pub(super) struct Generator<'a> {
    targets: &'a [Target],
    source: Source,
    on_ended: &'a mut dyn FnMut(&Ended<'_>),
    pool: Pool,
    clock: Clock,
    pacer: Pacer,
    tallies: Vec<Tally>,
    /// Per target, the planned times of requests that wait for a connection.
    waiting: Vec<VecDeque<u64>>,
    /// In the order of their times, because all requests have the same time.
    deadlines: VecDeque<Deadline>,
    timeout_ns: u64,
    /// From when on no request begins.
    close_ns: u64,
    /// From when on nothing is waited for.
    end_ns: u64,
    in_flight: usize,
    last_sent_ns: u64,
    /// Content of chunks, put together.
    joined: Vec<u8>,
    _timers: ExactTimers,
    _pin: Option<Pin>,
}

impl<'a> Generator<'a> {
    pub(super) fn open(
        targets: &'a [Target],
        plan: &LoadPlan,
        source: Source,
        on_ended: &'a mut dyn FnMut(&Ended<'_>),
    ) -> Result<Self, GatewayError> {
        // Where cores cannot be chosen any more the measurement is worse, not impossible; it shows as lateness.
        let pin = plan.core.and_then(|core| Pin::current_thread(core).ok());
        let pool = Pool::open(targets, plan.connections.max(1), plan.timeout)?;
        let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 4);
        let (close_ns, timeout_ns) = (nanoseconds(plan.duration), nanoseconds(plan.timeout));
        Ok(Self {
            targets,
            source,
            on_ended,
            pool,
            pacer: Pacer { has_own_core: pin.is_some() },
            tallies: targets.iter().map(|_| Tally::new(plan.window)).collect(),
            waiting: targets.iter().map(|_| VecDeque::new()).collect(),
            deadlines: VecDeque::new(),
            timeout_ns,
            close_ns,
            end_ns: close_ns + timeout_ns,
            in_flight: 0,
            last_sent_ns: 0,
            joined: Vec::new(),
            _timers: ExactTimers::new(),
            _pin: pin,
            clock: Clock::start(),
        })
    }

    pub(super) fn run(mut self, stop: &AtomicBool) -> Result<Vec<Traffic>, GatewayError> {
        if self.is_closed_loop() {
            self.begin_closed_loop();
        }
        let mut is_stopped = false;
        loop {
            self.send_due();
            let now_ns = self.clock.now_ns();
            if !is_stopped && stop.load(Ordering::Relaxed) {
                is_stopped = true;
                self.stop(now_ns);
            }
            self.expire(now_ns);
            if now_ns >= self.end_ns || self.is_done(now_ns) {
                break;
            }
            match self.wait(now_ns) {
                Wait::Spin => std::hint::spin_loop(),
                Wait::Look => self.look(Duration::ZERO)?,
                Wait::Sleep(at_most) => self.look(at_most)?,
            }
        }
        if !is_stopped {
            self.give_up();
        }
        Ok(self.tallies.into_iter().map(|tally| tally.traffic).collect())
    }

    fn is_closed_loop(&self) -> bool {
        matches!(self.source, Source::ClosedLoop)
    }

    fn begin_closed_loop(&mut self) {
        for target in 0..self.targets.len() {
            while let Some(connection) = self.pool.take_idle(target) {
                let now_ns = self.clock.now_ns();
                self.send(connection, now_ns);
            }
        }
    }

    fn wait(&self, now_ns: u64) -> Wait {
        let asked_ns = now_ns + ASK_EVERY_NS;
        match &self.source {
            // Its pace is the gateway's.
            Source::ClosedLoop => Wait::Sleep(Duration::from_nanos(ASK_EVERY_NS)),
            Source::OpenLoop(_, next) => {
                let due_ns = next.map_or(asked_ns, |next| next.at_ns.min(asked_ns));
                self.pacer.wait(now_ns, due_ns, (self.in_flight > 0).then_some(self.last_sent_ns))
            }
        }
    }

    /// Whether all is sent and nothing is on its way.
    fn is_done(&self, now_ns: u64) -> bool {
        let is_closed = match &self.source {
            Source::OpenLoop(_, next) => next.is_none(),
            Source::ClosedLoop => now_ns >= self.close_ns,
        };
        is_closed && self.in_flight == 0 && self.waiting.iter().all(VecDeque::is_empty)
    }

    /// Takes what the sockets have, at most after so long, and sends what comes due meanwhile.
    fn look(&mut self, at_most: Duration) -> Result<(), GatewayError> {
        self.pool.wait(at_most)?;
        while let Some((connection, is_writable)) = self.pool.next_event() {
            self.take(connection, is_writable);
            self.send_due();
        }
        Ok(())
    }

    fn send_due(&mut self) {
        while let Source::OpenLoop(schedule, next) = &mut self.source
            && let Some(Arrival { at_ns, target }) = *next
        {
            let now_ns = self.clock.now_ns();
            if now_ns < at_ns {
                break;
            }
            *next = schedule.next();
            self.tallies[target].came_to(now_ns - at_ns);
            match self.pool.take_idle(target) {
                Some(connection) => {
                    if !self.send(connection, at_ns) {
                        self.serve(connection);
                    }
                }
                None => self.queue(target, at_ns),
            }
        }
    }

    fn queue(&mut self, target: usize, at_ns: u64) {
        let waiting = &mut self.waiting[target];
        if waiting.len() < MOST_WAITING {
            waiting.push_back(at_ns);
            self.tallies[target].waits(waiting.len());
        } else {
            self.drop_request(target, at_ns);
        }
    }

    /// Gives a free connection to the request that has waited for the longest time, or puts it back.
    fn serve(&mut self, connection: usize) {
        let target = self.pool.connections[connection].target;
        while let Some(at_ns) = self.next_for(target) {
            if self.send(connection, at_ns) {
                return;
            }
            if self.is_closed_loop() {
                break;
            }
        }
        self.pool.put_idle(connection);
    }

    fn next_for(&mut self, target: usize) -> Option<u64> {
        match self.source {
            Source::OpenLoop(..) => self.waiting[target].pop_front(),
            Source::ClosedLoop => Some(self.clock.now_ns()).filter(|&now_ns| now_ns < self.close_ns),
        }
    }

    /// Puts a request on a free connection. False when it failed there, and the connection is as free as before.
    fn send(&mut self, index: usize, intended_ns: u64) -> bool {
        let is_closed_loop = self.is_closed_loop();
        let connection = &mut self.pool.connections[index];
        let tally = &mut self.tallies[connection.target];
        if is_closed_loop {
            tally.traffic.planned += 1;
        }
        let now_ns = self.clock.now_ns();
        connection.requests += 1;
        connection.pending = Some(Pending { intended_ns, sent_ns: None });
        let deadline = Deadline { at_ns: now_ns + self.timeout_ns, connection: index, request: connection.requests };
        self.deadlines.push_back(deadline);
        self.in_flight += 1;
        tally.begins();
        if !connection.is_open() {
            tally.traffic.connections_reopened += 1;
            match connection.reopen(&self.pool.epoll) {
                Ok(Step::Done) => {}
                Ok(Step::Later) => return true,
                Err(_) => {
                    self.fail(index, Fault::Refused);
                    return false;
                }
            }
        }
        self.write(index, now_ns)
    }

    /// Begins to write the request that is on an open connection. False when that failed.
    fn write(&mut self, index: usize, now_ns: u64) -> bool {
        let connection = &mut self.pool.connections[index];
        if let Some(pending) = &mut connection.pending {
            pending.sent_ns = Some(now_ns);
        }
        self.last_sent_ns = now_ns;
        self.tallies[connection.target].is_sent(now_ns);
        let written = connection.begin(&self.targets[connection.target].request, &self.pool.epoll);
        if written.is_err() {
            self.break_off(index, Fault::Closed);
        }
        written.is_ok()
    }

    /// Takes what a socket has.
    fn take(&mut self, index: usize, is_writable: bool) {
        let connection = &mut self.pool.connections[index];
        if connection.is_connecting() {
            let is_alive = match connection.finish_opening(&self.pool.epoll) {
                Ok(Step::Later) => true,
                Ok(Step::Done) => {
                    let now_ns = self.clock.now_ns();
                    self.write(index, now_ns)
                }
                Err(_) => {
                    self.fail(index, Fault::Refused);
                    false
                }
            };
            // In a closed loop who refuses once would be asked again without a pause.
            if !is_alive && !self.is_closed_loop() {
                self.serve(index);
            }
            return;
        }
        let request = &self.targets[connection.target].request;
        let read = match is_writable {
            true => connection.go_on(request, &self.pool.epoll).and_then(|()| connection.read()),
            false => connection.read(),
        };
        match read {
            Ok(Step::Later) => {}
            Ok(Step::Done) => self.take_response(index),
            Err(_) if connection.pending.is_some() => {
                self.break_off(index, Fault::Closed);
                self.serve(index);
            }
            // It is free: the next request opens it again.
            Err(_) => {
                connection.close();
                self.tallies[connection.target].traffic.connections_closed += 1;
            }
        }
    }

    fn take_response(&mut self, index: usize) {
        let ended_ns = self.clock.now_ns();
        let connection = &mut self.pool.connections[index];
        let Some(pending) = connection.pending else {
            // Nobody asked.
            connection.close();
            self.tallies[connection.target].traffic.connections_closed += 1;
            return;
        };
        let target = connection.target;
        let (response, fault, is_in_order) = match response::read(connection.received(), &mut self.joined) {
            Ok(Reading::Partial) => return,
            Err(_) => (None, Some(Fault::Wrong), false),
            Ok(Reading::Whole(response, length)) => {
                let is_in_order = length == connection.received().len();
                let (status, is_right) = match &self.targets[target].expected {
                    Expected::Arm(label) => (200, response::is_of(&response, label)),
                    Expected::Status(status) => (*status, true),
                };
                let fault = match response.status == status {
                    true if is_in_order && is_right => None,
                    true => Some(Fault::Wrong),
                    false => Some(Fault::Status),
                };
                (Some(response), fault, is_in_order)
            }
        };
        let tally = &mut self.tallies[target];
        let sent_ns = pending.sent_ns.unwrap_or(pending.intended_ns);
        match fault {
            None => tally.answered(pending.intended_ns, sent_ns, ended_ns),
            Some(fault) => tally.fault(pending.intended_ns, fault),
        }
        tally.ends();
        self.in_flight -= 1;
        (self.on_ended)(&Ended {
            target,
            intended: self.clock.instant(pending.intended_ns),
            sent: pending.sent_ns.map(|ns| self.clock.instant(ns)),
            ended: self.clock.instant(ended_ns),
            response,
            fault,
        });
        connection.pending = None;
        if !is_in_order {
            // What comes next on it cannot be told from this.
            connection.close();
        }
        self.serve(index);
    }
}
