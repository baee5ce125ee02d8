use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What the gateway itself counts of one arm: what `prove` asks for. Written by the gateway's thread only, so relaxed
/// is enough; who reads it has got the response before.
#[derive(Debug, Default)]
pub(super) struct Tally {
    requests: AtomicU64,
    runs: AtomicU64,
    errors: AtomicU64,
    last_error: Mutex<Option<String>>,
    /// Rounds and nanoseconds of the requests that asked to be timed.
    own_times: Mutex<Vec<(u32, u64)>>,
}

impl Tally {
    /// A request has come in.
    pub(super) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// The plugin has run for it to its end.
    pub(super) fn run(&self) {
        self.runs.fetch_add(1, Ordering::Relaxed);
    }

    /// The plugin has failed on it.
    pub(super) fn error(&self, message: String) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        // The first of several is the cause; the later ones only say that the instance is dead.
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(message);
    }

    /// A request of a round took so many nanoseconds.
    pub(super) fn own_time(&self, round: u32, ns: u64) {
        self.own_times.lock().unwrap_or_else(PoisonError::into_inner).push((round, ns));
    }

    /// What was told of own times since the last call.
    pub(super) fn take_own_times(&self) -> Vec<(u32, u64)> {
        std::mem::take(&mut self.own_times.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Requests, runs and errors.
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (load(&self.requests), load(&self.runs), load(&self.errors))
    }

    /// The error since the last call, if there was one.
    pub(super) fn take_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
