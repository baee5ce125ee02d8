//! Being on time: sleep until shortly before, then spin.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use rustix::thread::{current_timer_slack, set_current_timer_slack};

/// Sleeping ends this long before a request is due: a wake-up takes tens of microseconds.
const LEAD_NS: u64 = 100_000;
/// This long before a request is due the sockets are not asked any more: a look at them takes up to so long.
const LAST_NS: u64 = 2_000;
/// How long the sockets are asked without a pause for a response that is on its way. A response that takes longer is
/// slept for, and the wake-up is little beside it.
const BUSY_NS: u64 = 1_000_000;

/// What to do until there is something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Nothing but look at the clock.
    Spin,
    /// Ask the sockets and come back at once.
    Look,
    /// Sleep until a socket has something, at most so long.
    Sleep(Duration),
}

/// Whether the thread may keep its core busy while responses are on their way: it must not where the gateway needs the
/// same core.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pacer {
    pub(super) has_own_core: bool,
}

impl Pacer {
    /// What to do at `now_ns` when the next thing is due at `due_ns`. `sent_ns` is when the last request was sent, if there
    /// is one without a response.
    pub(super) fn wait(self, now_ns: u64, due_ns: u64, sent_ns: Option<u64>) -> Wait {
        let left_ns = due_ns.saturating_sub(now_ns);
        if left_ns <= LAST_NS {
            return Wait::Spin;
        }
        let is_busy = self.has_own_core && sent_ns.is_some_and(|sent_ns| now_ns < sent_ns + BUSY_NS);
        if left_ns <= LEAD_NS || is_busy {
            return Wait::Look;
        }
        Wait::Sleep(Duration::from_nanos(left_ns - LEAD_NS))
    }
}

/// Time since the begin of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    begin: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { begin: Instant::now() }
    }

    pub(super) fn now_ns(self) -> u64 {
        u64::try_from(self.begin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    pub(super) fn instant(self, ns: u64) -> Instant {
        self.begin + Duration::from_nanos(ns)
    }
}

/// The calling thread's sleeps end on time while this lives: a thread's timers are 50 us late by default, so that the
/// kernel can wake several at once.
#[derive(Debug)]
pub(super) struct ExactTimers {
    before: Option<NonZeroU64>,
    /// It is the thread that was changed that must be changed back.
    not_send: std::marker::PhantomData<*const ()>,
}

impl ExactTimers {
    pub(super) fn new() -> Self {
        let before = current_timer_slack().ok().and_then(NonZeroU64::new);
        // Where it is forbidden sleeps end later, and the spin is shorter: that shows as lateness.
        let _ = set_current_timer_slack(NonZeroU64::new(1));
        Self { before, not_send: std::marker::PhantomData }
    }
}

impl Drop for ExactTimers {
    fn drop(&mut self) {
        // Zero stands for the default.
        let _ = set_current_timer_slack(self.before);
    }
}
