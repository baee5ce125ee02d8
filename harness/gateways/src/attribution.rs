//! Attribution: what each plugin adds to a request, with all arms in one gateway process.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tollgate_record::{CellId, Collector, Control, Failure, LiveGate, Series};

use crate::lane::Lane;
use crate::own_rounds::OwnRounds;
use crate::placement::Pin;
use crate::warmup::Warmup;
use crate::{Arm, OwnTime, Running};

/// At most this share of the time goes into warming up.
const WARMUP_SHARE: u32 = 3;
/// Requests to an arm right before the timed one, sent and checked like it and not timed. After a round of other
/// plugins an arm finds its caches cold, so without them a figure depends on who else is in the run: with 2 and with 11
/// other arms Lua on Envoy cost 18.9 and 24.8 us, with one such request 18.6 and 20.4 us, and A' scattered a fifth.
const LEADING_REQUESTS: u32 = 1;
/// Rounds at least from one turn of canaries and of the gateway's own clock to the next, however small the blocks are.
const ROUNDS_PER_TURN: u32 = 15;
/// Turns that a start must have, if need be beyond its time: on a busy machine the time may be over before one is.
const LEAST_TURNS: u32 = LiveGate::LEAST_ROUNDS.div_ceil(ROUNDS_PER_TURN);
/// How many times its time a start may take for them.
const LONGEST: u32 = 10;
/// How often the caller is asked whether to go on.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// What came of an arm.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The arm's cell.
    pub cell: CellId,
    /// What was measured: all of it, or the blocks that were finished before the arm failed; none when there is none.
    pub series: Option<Series>,
    /// How it was shown that the plugin did its work for every request, or what failed.
    pub proof: Result<String, Failure>,
}

/// Sends every arm the same request in shuffled rounds for `duration`, warm-up included, over one keep-alive
/// connection each, and proves in the end that each plugin ran for each request.
///
/// An arm that fails becomes a failure, and the others go on; when the gateway or control A fails, all arms do.
/// `progress` is called with an arm in turn after each turn of rounds and every 0.1 s; `Break` ends the measurement early, and
/// what was measured by then is returned. While it runs, the calling thread is kept on [`Running::probe_core`].
pub fn measure(
    running: &mut dyn Running,
    arms: &[Arm],
    start: u32,
    seed: u64,
    duration: Duration,
    rounds_per_block: u32,
    progress: &mut dyn FnMut(&CellId, &Collector) -> ControlFlow<()>,
) -> Vec<Measured> {
    let Some(control) = control_of(arms) else {
        let failure = Failure::environment("measure", "the arms hold no control A to compare with; add it to the plan");
        return arms.iter().map(|arm| Measured::failed(&arm.id, failure.clone())).collect();
    };
    // Where cores cannot be chosen any more the measurement is worse, not impossible.
    let _pin = running.probe_core().and_then(|core| Pin::current_thread(core).ok());
    let lanes = (0..arms.len()).map(|arm| Lane::open(arm, arms, running)).collect();
    // Whole blocks, so that none of the gateway's own is of two turns.
    let rounds_per_turn = ROUNDS_PER_TURN.next_multiple_of(rounds_per_block | 1);
    let mut run = Run {
        running,
        arms,
        control,
        lanes,
        order: (0..arms.len()).collect(),
        rng: Rng::with_seed(seed),
        samples: vec![None; arms.len()],
        collector: Collector::new(start, arms.len(), control, rounds_per_block, 1),
        own: OwnRounds::new(rounds_per_block, rounds_per_turn),
        rounds_per_turn,
        rounds: 0,
        progress,
        asked: Instant::now(),
        reported: 0,
    };
    run.canaries();
    // Early, because a Lua script that fails on each request answers like one that does not: counters only tell.
    run.prove();
    let begin = Instant::now();
    if run.warm_up(duration / WARMUP_SHARE).is_continue() {
        run.rounds(begin + duration, begin + duration * LONGEST);
    }
    run.canaries();
    let times = run.running.own_times(run.own.requests());
    let proofs = run.prove();
    run.finish(proofs, &times)
}

/// Index of control A.
fn control_of(arms: &[Arm]) -> Option<usize> {
    let name = Control::A.to_string();
    arms.iter().position(|arm| arm.plugin.is_none() && arm.id.plugin == name)
}

struct Run<'a> {
    running: &'a mut dyn Running,
    arms: &'a [Arm],
    control: usize,
    lanes: Vec<Lane>,
    order: Vec<usize>,
    rng: Rng,
    samples: Vec<Option<u64>>,
    collector: Collector,
    own: OwnRounds,
    rounds_per_turn: u32,
    /// Timed rounds so far.
    rounds: u32,
    progress: &'a mut dyn FnMut(&CellId, &Collector) -> ControlFlow<()>,
    asked: Instant,
    /// The arm of which `progress` was told.
    reported: usize,
}

impl Run<'_> {
    /// Rounds that are not counted, until the medians stand still or the time is over.
    fn warm_up(&mut self, at_most: Duration) -> ControlFlow<()> {
        let begin = Instant::now();
        let mut warmup = Warmup::new(self.arms.len(), self.control);
        while !warmup.is_settled() && begin.elapsed() < at_most && self.can_go_on() {
            self.round();
            warmup.round(&self.samples);
            self.collector.dropped();
            if self.asked.elapsed() > ASK_EVERY {
                self.ask()?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether the time is over and enough was measured, or the longest time is.
    fn is_over(&self, end: Instant, latest: Instant) -> bool {
        match Instant::now() {
            now if now < end => false,
            now => self.rounds / self.rounds_per_turn >= LEAST_TURNS || now > latest,
        }
    }

    /// Rounds that count.
    fn rounds(&mut self, end: Instant, latest: Instant) {
        while !self.is_over(end, latest) && self.can_go_on() {
            self.round();
            if self.samples[self.control].is_none() {
                break;
            }
            for (arm, sample) in self.samples.iter().enumerate() {
                if let Some(latency_ns) = sample {
                    self.collector.request(arm, *latency_ns);
                }
            }
            self.collector.round(&self.samples);
            self.rounds += 1;
            let is_turn = self.rounds.is_multiple_of(self.rounds_per_turn);
            if is_turn {
                self.canaries();
                if self.running.times_requests() && OwnRounds::is_turn(self.rounds / self.rounds_per_turn) {
                    self.own_turn();
                }
            }
            if (is_turn || self.asked.elapsed() > ASK_EVERY) && self.ask().is_break() {
                break;
            }
        }
    }

    /// One timed request to each arm, in an order of its own.
    fn round(&mut self) {
        self.rng.shuffle(&mut self.order);
        for at in 0..self.order.len() {
            let arm = self.order[at];
            for _ in 0..LEADING_REQUESTS {
                self.lanes[arm].time(self.running);
            }
            self.samples[arm] = self.lanes[arm].time(self.running);
            self.check_hang(arm);
        }
    }

    /// A turn of rounds that the gateway times itself; otherwise as those that the probe times.
    fn own_turn(&mut self) {
        for round in self.own.next_turn() {
            self.rng.shuffle(&mut self.order);
            for at in 0..self.order.len() {
                let arm = self.order[at];
                for _ in 0..LEADING_REQUESTS {
                    self.lanes[arm].time(self.running);
                }
                if self.lanes[arm].send_stamped(round, self.running) {
                    self.own.sent();
                }
                self.check_hang(arm);
            }
        }
    }

    fn canaries(&mut self) {
        for arm in 0..self.lanes.len() {
            self.lanes[arm].send_canary(self.running);
            self.check_hang(arm);
        }
    }

    /// A plugin that never returns may keep the whole gateway busy: then waiting for each other arm tells no more.
    fn check_hang(&mut self, arm: usize) {
        if !self.lanes[arm].take_timeout() {
            return;
        }
        self.lanes[self.control].send_canary(self.running);
        if !self.lanes[self.control].is_up() {
            let message =
                format!("the gateway answers nobody since {} got no answer; leave that plugin out", self.arms[arm].id);
            self.lanes.iter_mut().for_each(|lane| lane.give_up(Failure::environment("measure", message.clone())));
        }
    }

    /// Without the control there is nothing to compare with; without a plugin there is nothing to compare.
    fn can_go_on(&self) -> bool {
        let plugins = || self.lanes.iter().zip(self.arms).filter(|(_, arm)| arm.plugin.is_some());
        self.lanes[self.control].is_up() && (plugins().count() == 0 || plugins().any(|(lane, _)| lane.is_up()))
    }

    fn ask(&mut self) -> ControlFlow<()> {
        self.asked = Instant::now();
        self.reported = (self.reported + 1) % self.arms.len();
        (self.progress)(&self.arms[self.reported].id, &self.collector)
    }

    /// Asks the gateway, and takes out each arm that its counters speak against.
    fn prove(&mut self) -> Vec<Result<String, Failure>> {
        let sent: Vec<u64> = self.lanes.iter().map(|lane| lane.sent).collect();
        let proofs = self.running.prove(&sent);
        for (lane, proof) in self.lanes.iter_mut().zip(&proofs) {
            if let Err(failure) = proof {
                lane.give_up(failure.clone());
            }
        }
        proofs
    }

    fn finish(self, proofs: Vec<Result<String, Failure>>, times: &[OwnTime]) -> Vec<Measured> {
        let own = self.own.added_blocks_ns(times, self.arms.len(), self.control);
        let lost_control = self.lanes[self.control].failure.clone().map(|failure| {
            Failure::environment(
                "measure",
                format!("control A failed, so nothing can be compared: {}", failure.message),
            )
        });
        let outcomes = self.lanes.into_iter().zip(proofs).zip(self.collector.finish());
        let measured = outcomes.zip(own).zip(self.arms).map(|((((lane, proof), series), own), arm)| {
            let series = Some(Series { gateway_added_blocks_ns: own, ..series });
            let series = series.filter(|series| !series.sample_blocks_ns.is_empty());
            let proof = match (lane.failure.or(lost_control.clone()), &series) {
                (Some(failure), _) => Err(failure),
                (None, Some(_)) => {
                    proof.map(|proof| format!("{proof}; {} of {} canaries as expected", lane.canaries, lane.canaries))
                }
                (None, None) => Err(Failure::environment(
                    "measure",
                    "the time was over before one block of rounds was; give it more (`--time`) or fewer plugins",
                )),
            };
            Measured { cell: arm.id.clone(), series, proof }
        });
        measured.collect()
    }
}

impl Measured {
    /// An arm that was not measured at all.
    pub fn failed(cell: &CellId, failure: Failure) -> Self {
        Self { cell: cell.clone(), series: None, proof: Err(failure) }
    }
}
