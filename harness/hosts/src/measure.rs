use std::cell::RefCell;
use std::fmt;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tollgate_fixtures::{Plugin, Workload};
use tollgate_record::{CellId, Collector, Failure, Memory, Series};

use crate::error::OneLine;
use crate::host::time;
use crate::modules::{Compiled, Modules};
use crate::verify::{check, observed_request};
use crate::warm_up::WarmUp;
use crate::{Exchange, Host, HostError, Instance, Operations};

/// What is measured beside the other arms of a run.
#[derive(Clone)]
pub struct Arm {
    /// What names it in the record.
    pub id: CellId,
    /// The host; none for a control, together with the plugin.
    pub host: Option<&'static dyn Host>,
    /// The plugin.
    pub plugin: Option<Plugin>,
    /// The workload, which also says what the exchange is.
    pub workload: Workload,
}

impl fmt::Debug for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arm").field("id", &self.id).finish_non_exhaustive()
    }
}

/// How long an arm took to come to life, in nanoseconds. None of it repeats within a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifecycle {
    /// Artifact to loaded module. Arms of one plugin share a module, and so this figure.
    pub compile_ns: u64,
    /// Module to configured instance.
    pub instantiate_ns: u64,
    /// The first request of that instance.
    pub first_request_ns: u64,
}

/// Arms that are ready to be measured, each with an instance of its own.
pub struct Bench {
    arms: Vec<Prepared>,
    at_work: Arc<AtomicUsize>,
    /// Memory that keeps arms apart.
    pub(crate) padding: Vec<Vec<u8>>,
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.arms.iter().map(|arm| (&arm.id, &arm.failure))).finish()
    }
}

struct Prepared {
    id: CellId,
    /// Held to its workload's effects: so many operations on the headers in each request.
    expected_operations: Option<Operations>,
    is_control: bool,
    exchange: Exchange,
    /// None for a control.
    instance: Option<Box<dyn Instance>>,
    lifecycle: Option<Lifecycle>,
    /// Memory when it came to life, where the host knows it, in bytes.
    start_bytes: Option<u64>,
    /// Requests answered.
    requests: u64,
    failure: Option<Failure>,
}

/// Requests timed one by one after each batch, for the latency histogram: an eighth of the batch.
const SINGLE_REQUESTS: usize = 8;
const STAGE: &str = "measure";
/// Blocks that a start must have, if need be beyond its time: on a busy machine, or beside a very slow plugin, the time
/// may be over before one is.
const LEAST_BLOCKS: usize = 3;
/// How many times its time a start may take for them.
const LONGEST: u32 = 10;

impl Bench {
    /// Compiles, starts and proves each arm, in random order, so that no arm always gets the same place in memory.
    /// An arm that fails is kept with its failure; the others are measured.
    pub fn prepare(arms: Vec<Arm>, progress: &mut dyn FnMut(&CellId)) -> Self {
        let modules = Rc::new(RefCell::new(Modules::default()));
        Self::prepare_with(arms, &mut |_, _| Rc::clone(&modules), progress)
    }

    /// The same, with what `modules_of` gives each arm, by its place, just before it comes to life.
    pub(crate) fn prepare_with(
        arms: Vec<Arm>,
        modules_of: &mut dyn FnMut(usize, &Arm) -> Rc<RefCell<Modules>>,
        progress: &mut dyn FnMut(&CellId),
    ) -> Self {
        // The allocator takes a slower path once there is a second thread, and some runtimes start threads: let that
        // be so for every arm.
        let _ = std::thread::spawn(|| {}).join();
        let mut order: Vec<usize> = (0..arms.len()).collect();
        fastrand::shuffle(&mut order);
        let mut prepared: Vec<Option<Prepared>> = arms.iter().map(|_| None).collect();
        for index in order {
            progress(&arms[index].id);
            let modules = modules_of(index, &arms[index]);
            prepared[index] = Some(Prepared::new(&arms[index], &mut modules.borrow_mut()));
        }
        Self { arms: prepared.into_iter().flatten().collect(), at_work: Arc::default(), padding: Vec::new() }
    }

    /// How many arms there are.
    pub(crate) fn arms(&self) -> usize {
        self.arms.len()
    }

    /// Duration of a batch of requests of an arm in nanoseconds; none once the arm has failed.
    pub(crate) fn batch(&mut self, arm: usize, requests: u64) -> Option<u64> {
        self.at_work.store(arm, Ordering::Relaxed);
        self.arms[arm].batch(requests)
    }

    /// How long an arm, by its place in [`Bench::prepare`], took to come to life; none for a control and an arm that
    /// failed.
    pub fn lifecycle(&self, arm: usize) -> Option<Lifecycle> {
        self.arms.get(arm)?.lifecycle
    }

    /// Why an arm, by its place in [`Bench::prepare`], will not be measured.
    pub fn failure(&self, arm: usize) -> Option<&Failure> {
        self.arms.get(arm)?.failure.as_ref()
    }

    /// The arm, by its place in [`Bench::prepare`], that [`Bench::run`] has at work: to be watched from another thread,
    /// for an arm that never comes back.
    pub fn at_work(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.at_work)
    }

    /// Measures all arms for about `duration`, longer when a few blocks take longer: rounds in which each arm, in random order, handles one batch of requests
    /// that is timed as one. Rounds of the warm-up come first and do not count. `progress` is told each round, and may
    /// break it off. Needs at least one control.
    pub fn run(
        mut self,
        start: u32,
        seed: u64,
        duration: Duration,
        rounds_per_block: u32,
        requests_per_batch: u64,
        progress: &mut dyn FnMut(&CellId, &Collector) -> ControlFlow<()>,
    ) -> Vec<(CellId, Result<Series, Failure>)> {
        let Some(control) = self.arms.iter().position(|arm| arm.is_control) else {
            let advice = "there is no control to compare with; give an arm without host and plugin";
            let failure = || Err(Failure::environment(STAGE, advice));
            return self.arms.into_iter().map(|arm| (arm.id, failure())).collect();
        };
        let mut collector = Collector::new(start, self.arms.len(), control, rounds_per_block, requests_per_batch);
        let mut random = fastrand::Rng::with_seed(seed ^ u64::from(start) << 32);
        let mut order: Vec<usize> = (0..self.arms.len()).collect();
        let mut samples = vec![None; self.arms.len()];
        let mut broken_off = false;
        let begin = Instant::now();
        let mut warm_up = WarmUp::new(self.arms.len(), duration / 4);
        let is_over = |collector: &Collector| match begin.elapsed() {
            elapsed if elapsed < duration => false,
            elapsed => collector.blocks() >= LEAST_BLOCKS || elapsed > duration * LONGEST,
        };
        while !is_over(&collector) && !broken_off {
            random.shuffle(&mut order);
            for &index in &order {
                self.at_work.store(index, Ordering::Relaxed);
                samples[index] = self.arms[index].batch(requests_per_batch);
                self.arms[index].single_requests(|latency_ns| {
                    if warm_up.is_over() {
                        collector.request(index, latency_ns);
                    }
                });
            }
            if warm_up.is_over() {
                collector.round(&samples);
            } else {
                collector.dropped();
                warm_up.round(&samples, begin.elapsed());
            }
            broken_off = progress(&self.arms[order[0]].id, &collector).is_break();
        }
        let series = collector.finish();
        let outcome = |(arm, series): (Prepared, Series)| match arm.failure {
            Some(failure) => (arm.id, Err(failure)),
            None if series.sample_blocks_ns.is_empty() && !broken_off => {
                let advice =
                    "the time was over before one block of rounds was; give it more (`--time`) or fewer plugins";
                (arm.id, Err(Failure::environment(STAGE, advice)))
            }
            None => {
                let memory = arm.memory();
                (arm.id, Ok(Series { memory, ..series }))
            }
        };
        self.arms.into_iter().zip(series).map(outcome).collect()
    }
}

impl Prepared {
    fn new(arm: &Arm, modules: &mut Modules) -> Self {
        let Arm { id, host, plugin, workload } = arm;
        let mut prepared = Self {
            id: id.clone(),
            expected_operations: match plugin {
                None => Some(Operations::default()),
                Some(plugin) => plugin.workload_checked.then(|| Operations::expected(workload)),
            },
            is_control: host.is_none() && plugin.is_none(),
            exchange: Exchange::of(workload),
            instance: None,
            lifecycle: None,
            start_bytes: None,
            requests: 0,
            failure: None,
        };
        match (host, plugin) {
            (Some(host), Some(plugin)) => {
                if let Err(failure) = prepared.come_to_life(*host, plugin, workload, modules) {
                    prepared.fail(failure);
                }
            }
            (None, None) => {}
            _ => prepared.fail(Failure::environment(STAGE, "an arm needs a host and a plugin, or neither")),
        }
        prepared
    }

    fn come_to_life(
        &mut self,
        host: &dyn Host,
        plugin: &Plugin,
        workload: &Workload,
        modules: &mut Modules,
    ) -> Result<(), Failure> {
        let Compiled { module, compile_ns } = modules.compile(host, plugin).map_err(HostError::into_failure)?;
        let begin = Instant::now();
        let mut instance = module.instantiate(&workload.config()).map_err(HostError::into_failure)?;
        let elapsed = elapsed_ns(begin);
        let instantiate_ns = instance.took_ns().unwrap_or(elapsed);
        self.start_bytes = instance.memory_bytes();
        let begin = Instant::now();
        instance.request(&mut self.exchange).map_err(HostError::into_failure)?;
        let elapsed = elapsed_ns(begin);
        let first_request_ns = instance.took_ns().unwrap_or(elapsed);
        // The proof belongs to the very instance that will be timed.
        let seen =
            observed_request(instance.as_mut(), &mut self.exchange, workload).map_err(HostError::into_failure)?;
        if self.expected_operations.is_some() {
            check(&seen, &workload.expected_trace(), workload, 1)?;
        }
        self.lifecycle = Some(Lifecycle { compile_ns, instantiate_ns, first_request_ns });
        self.requests = 2;
        self.instance = Some(instance);
        Ok(())
    }

    fn fail(&mut self, failure: Failure) {
        self.instance = None;
        self.failure.get_or_insert(failure);
    }

    /// Duration of a batch of requests in nanoseconds; none once the arm has failed.
    fn batch(&mut self, requests: u64) -> Option<u64> {
        let mut batch_ns = None;
        self.batches(requests, 1, |ns| batch_ns = Some(ns));
        batch_ns
    }

    fn single_requests(&mut self, record: impl FnMut(u64)) {
        self.batches(1, SINGLE_REQUESTS, record);
    }

    /// Times batches until one fails. After each the clock has stopped: see whether the work was done.
    fn batches(&mut self, requests: u64, batches: usize, mut record: impl FnMut(u64)) {
        if self.failure.is_some() {
            return;
        }
        let expected = self.expected_operations.map(|operations| operations * requests);
        let mut operations = self.exchange.operations();
        let mut wrong = None;
        let answered = &mut self.requests;
        let mut after = |exchange: &Exchange, batch_ns| {
            let before = std::mem::replace(&mut operations, exchange.operations());
            match see_the_work(exchange, operations - before, expected, requests) {
                Ok(()) => {
                    *answered += requests;
                    record(batch_ns);
                }
                Err(failure) => wrong = Some(failure),
            }
            if wrong.is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let outcome = match &mut self.instance {
            Some(instance) => instance.time(&mut self.exchange, requests, batches, &mut after),
            None => time(&mut self.exchange, requests, batches, &mut after, |_| Ok(())),
        };
        if let Some(failure) = wrong.or(outcome.err().map(HostError::into_failure)) {
            self.fail(failure);
        }
    }

    /// Memory of the instance at the beginning and now.
    fn memory(&self) -> Option<Memory> {
        let end_bytes = self.instance.as_ref()?.memory_bytes()?;
        Some(Memory { start_bytes: self.start_bytes?, requests: self.requests, end_bytes })
    }
}

/// Whether so many requests each did the expected number of operations and left the headers as they were. A plugin that
/// stops working when nobody traces it is found here.
fn see_the_work(
    exchange: &Exchange,
    seen: Operations,
    expected: Option<Operations>,
    requests: u64,
) -> Result<(), Failure> {
    let Some(expected) = expected else { return Ok(()) };
    if seen != expected {
        let message = format!(
            "did {seen} in {requests} timed requests and not {expected}: it does other work than when it was verified"
        );
        return Err(Failure::plugin(STAGE, message));
    }
    if !exchange.is_as_new() {
        let Exchange { request, response, .. } = exchange;
        let left = format!("{request:?}, {response:?}");
        let message = format!("a timed request left other headers than it found: {}", OneLine(&left));
        return Err(Failure::plugin(STAGE, message));
    }
    Ok(())
}

fn elapsed_ns(begin: Instant) -> u64 {
    begin.elapsed().as_nanos() as u64
}
