//! One arm alone in its process, measured batch by batch when it is told to: what it is compared with runs in other
//! processes, in between. For arms that cannot share one, of two builds of these hosts.

use std::time::Duration;

use tollgate_record::Failure;

use crate::measure::Bench;
use crate::mirrored::{Contender, FURTHER_ROUNDS, WARM_UP_PART, prepare};

/// Requests before each timed batch, as a part of it: a process that was just switched to is slow.
const UNTIMED_PART: u64 = 4;

/// An arm that waits to be told.
#[derive(Debug)]
pub struct Stepper {
    contender: Contender,
    random: fastrand::Rng,
    bench: Option<Bench>,
}

impl Stepper {
    /// An arm that has not come to life.
    pub fn new(contender: Contender, seed: u64) -> Self {
        Self { contender, random: fastrand::Rng::with_seed(seed), bench: None }
    }

    /// Makes the arm anew, elsewhere in memory, and warms it up for batches of so many requests; of as many as take about
    /// `batch` when it is not said how many. Returns how many.
    ///
    /// # Errors
    /// The arm fails.
    pub fn renew(&mut self, requests: Option<u64>, batch: Duration) -> Result<u64, Failure> {
        let made = prepare(std::slice::from_ref(&self.contender), &mut self.random).map_err(|(_, failure)| failure)?;
        let is_first = self.bench.is_none();
        // The last one goes when the next is there, so that that lies elsewhere.
        let bench = self.bench.insert(made);
        let alone = |(_, failure)| failure;
        let requests = match requests {
            Some(requests) => requests,
            None => bench.requests_for(batch).map_err(alone)?,
        };
        let rounds = (!is_first).then_some(FURTHER_ROUNDS);
        bench.warm(requests.div_ceil(WARM_UP_PART), rounds, &mut self.random).map_err(alone)?;
        Ok(requests)
    }

    /// Nanoseconds of a batch, before which a few requests are not timed.
    ///
    /// # Errors
    /// The arm fails, or was not made.
    pub fn batch(&mut self, requests: u64) -> Result<u64, Failure> {
        let unmade = || Failure::environment("measure", "was to be measured before it was made; report it");
        let bench = self.bench.as_mut().ok_or_else(unmade)?;
        let alone = |(_, failure)| failure;
        bench.batch_of(0, (requests / UNTIMED_PART).max(1)).map_err(alone)?;
        bench.batch_of(0, requests).map_err(alone)
    }
}
