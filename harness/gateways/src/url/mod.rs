//! A gateway that somebody else runs, asked by URL: one with the plugin, one without.
//!
//! Nothing is started here, so nothing can be proved either: which plugin answers, and whether it did anything, is what the one
//! who names the URLs says. What is checked is that each URL goes on answering as it did at first.

mod client;
mod load;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tollgate_fixtures::Workload;
use tollgate_record::{CellId, Collector, Failure, Series};

use crate::Measured;
use crate::warmup::Warmup;
use client::Client;
pub use client::{HttpVersion, UrlError, UrlOptions};
pub use load::{UrlsRunning, check_url_load};

/// Stands at the beginning of each proof of such an arm.
pub const UNPROVED: &str = "unproved";

/// At most this share of the time goes into warming up.
const WARMUP_SHARE: u32 = 3;
/// How often the caller is asked whether to go on.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// One URL of a run. The first is the baseline, control A.
#[derive(Debug, Clone)]
pub struct UrlArm {
    /// The arm's cell.
    pub cell: CellId,
    /// What is asked.
    pub url: String,
    /// The request that is sent to it: its method, headers and body; the URL stands for path and authority.
    pub workload: Workload,
}

/// Whether a URL can be asked so, without asking it.
pub fn check_url(url: &str, workload: &Workload, options: &UrlOptions) -> Result<(), UrlError> {
    Client::new(url, workload, options).map(drop)
}

/// Sends every arm the same request in shuffled rounds for `duration`, warm-up included, each over a connection of its own. As for
/// [`crate::measure`] a timed request follows an untimed one, and samples are paired with those of the first arm in the same
/// round.
pub fn measure_urls(
    arms: &[UrlArm],
    options: &UrlOptions,
    start: u32,
    seed: u64,
    duration: Duration,
    rounds_per_block: u32,
    progress: &mut dyn FnMut(&CellId, &Collector) -> ControlFlow<()>,
) -> Vec<Measured> {
    let lanes: Vec<Lane> = arms.iter().map(|arm| Lane::open(arm, options)).collect();
    let collector = Collector::new(start, arms.len(), 0, rounds_per_block, 1);
    let mut run = Run { lanes, collector, samples: vec![None; arms.len()], rng: Rng::with_seed(seed) };
    let (begin, mut asked, mut turn) = (Instant::now(), Instant::now(), 0);
    let mut warmup = Some(Warmup::new(arms.len(), 0));
    while begin.elapsed() < duration && run.lanes.first().is_some_and(|lane| lane.failure.is_none()) {
        run.round();
        match &mut warmup {
            Some(warm) => {
                warm.round(&run.samples);
                run.collector.dropped();
                if warm.is_settled() || begin.elapsed() > duration / WARMUP_SHARE {
                    warmup = None;
                }
            }
            None => run.count(),
        }
        if asked.elapsed() > ASK_EVERY {
            (asked, turn) = (Instant::now(), (turn + 1) % arms.len());
            if progress(&arms[turn].cell, &run.collector).is_break() {
                break;
            }
        }
    }
    run.finish(arms)
}

struct Run {
    lanes: Vec<Lane>,
    collector: Collector,
    samples: Vec<Option<u64>>,
    rng: Rng,
}

impl Run {
    fn round(&mut self) {
        let mut order: Vec<usize> = (0..self.lanes.len()).collect();
        self.rng.shuffle(&mut order);
        for arm in order {
            self.lanes[arm].time();
            self.samples[arm] = self.lanes[arm].time();
        }
    }

    fn count(&mut self) {
        if self.samples[0].is_none() {
            return;
        }
        for (arm, sample) in self.samples.iter().enumerate() {
            if let Some(ns) = sample {
                self.collector.request(arm, *ns);
            }
        }
        self.collector.round(&self.samples);
    }

    fn finish(self, arms: &[UrlArm]) -> Vec<Measured> {
        let lost_baseline = self.lanes.first().and_then(|lane| lane.failure.clone()).map(|failure| {
            let message = format!("the baseline failed, so nothing can be compared: {}", failure.message);
            Failure::environment("measure", message)
        });
        let outcomes = self.lanes.into_iter().zip(self.collector.finish()).zip(arms);
        outcomes.map(|((lane, series), arm)| lane.finish(series, arm, lost_baseline.as_ref())).collect()
    }
}

/// A URL with its client, and what it answered first.
struct Lane {
    client: Option<Client>,
    first: Option<client::Answer>,
    answered: u64,
    failure: Option<Failure>,
}

impl Lane {
    fn open(arm: &UrlArm, options: &UrlOptions) -> Self {
        let (client, failure) = match Client::new(&arm.url, &arm.workload, options) {
            Ok(client) => (Some(client), None),
            Err(error) => (None, Some(error.into_failure())),
        };
        Self { client, first: None, answered: 0, failure }
    }

    /// One request, in nanoseconds; none once the URL has failed.
    fn time(&mut self) -> Option<u64> {
        let client = self.client.as_mut().filter(|_| self.failure.is_none())?;
        let (ns, answer) = match client.exchange() {
            Ok(answered) => answered,
            Err(error) => {
                self.failure = Some(error.into_failure());
                return None;
            }
        };
        if let Some(what) = answer.is_error() {
            self.failure = Some(Failure::environment("measure", what));
            return None;
        }
        let first = self.first.get_or_insert_with(|| answer.clone());
        if let Some(difference) = first.differs_from(&answer) {
            self.failure = Some(Failure::environment("measure", difference));
            return None;
        }
        self.answered += 1;
        Some(ns)
    }

    fn finish(self, series: Series, arm: &UrlArm, lost_baseline: Option<&Failure>) -> Measured {
        let series = Some(series).filter(|series| !series.sample_blocks_ns.is_empty());
        let proof = match (self.failure.as_ref().or(lost_baseline), &series, &self.first) {
            (Some(failure), _, _) => Err(failure.clone()),
            (None, Some(_), Some(first)) => Ok(format!(
                "{UNPROVED}: {} requests answered alike ({first}); what runs behind the URL is not seen from here",
                self.answered
            )),
            (None, _, _) => Err(Failure::environment(
                "measure",
                "the time was over before one block of rounds was; give it more (`--time`) or fewer URLs",
            )),
        };
        Measured { cell: arm.cell.clone(), series, proof }
    }
}
