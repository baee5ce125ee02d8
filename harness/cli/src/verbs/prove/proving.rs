//! The question of a proof: which gate, with which slowdowns, how often; and whether it is that of a record.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tollgate_record::{
    CountersPlan, Environment, GatePlan, LivePlan, PROVE_SCHEMA, Placement, ProveRecord, ProveRun, ProveSubject, PutIn,
};
use tollgate_reports::gate::other_machine;

use crate::args::Selectors;
use crate::args::gate::live::{MARGIN, MARGIN_SHARE};
use crate::args::prove::{ProveArgs, Slowdown, What};
use crate::counting::PROCESSES;
use crate::gating::live::{gate, schedule};
use crate::gating::{CountersProver, Hogs, LiveProver, Prover};
use crate::progress::Progress;
use crate::select::gateway;
use crate::sides::SPIN_NS;
use crate::status::usage;
use crate::verbs::gate::plan_of;
use crate::{machine, plan};

/// Slowdowns of `bias`, in parts per million, and of the live gate in nanoseconds.
const BIAS_PPM: [u64; 5] = [0, 5_000, 10_000, 20_000, 50_000];
const BIAS_NS: [u64; 5] = [0, 500, 1_000, 2_000, 5_000];
/// Slowdowns when none is named.
const SLOWDOWN_PPM: u64 = 10_000;
const SLOWDOWN_NS: u64 = 1_000;
/// About how long a run takes beside its processes, and one of those, for the progress bar; and what a start of a gateway
/// takes beside its measuring.
const RUN: Duration = Duration::from_secs(2);
const PROCESS: Duration = Duration::from_millis(150);
const START: Duration = Duration::from_millis(1_500);
/// About how long a run of the counters gate takes, once all is compiled.
const COUNTED: Duration = Duration::from_millis(100);

/// Which gate is run.
enum Gate {
    InProcess(Box<Prover>),
    Live(Box<LiveProver>, LivePlan),
    Counters(Box<CountersProver>),
}

/// The plan of a gate's runs, of which one is there.
type Plans = (Option<GatePlan>, Option<LivePlan>, Option<CountersPlan>);

/// All runs, of which nothing is measured yet.
pub(super) struct Proving {
    gate: Gate,
    placement: Placement,
    pub(super) seed: u64,
    /// What head is asked to cost more, run by run and then again: in turn, so that a drift of the machine meets all alike.
    /// As [`ProveRun::asked`] gives it.
    steps: Vec<u64>,
    /// How many runs there are to be.
    pub(super) total: u32,
}

/// How many runs are asked for, all slowdowns together.
pub(super) fn total(options: &ProveArgs) -> u32 {
    match options.what {
        _ if options.counters => options.runs * put_in(options.what).len() as u32,
        What::Aa | What::Power | What::Coverage => options.runs,
        What::Bias => options.runs * BIAS_PPM.len() as u32,
        What::Hogs => options.runs * 2,
    }
}

/// What runs of the counters gate put in; nothing for questions that exact figures do not have.
fn put_in(what: What) -> Vec<PutIn> {
    match what {
        What::Aa => vec![PutIn::Nothing],
        What::Power => vec![PutIn::HostCall, PutIn::Byte],
        What::Hogs => PutIn::ALL.to_vec(),
        What::Bias | What::Coverage => Vec::new(),
    }
}

fn steps(options: &ProveArgs) -> anyhow::Result<Vec<u64>> {
    if options.counters {
        let put_in = put_in(options.what);
        if put_in.is_empty() {
            let what = options.what.name();
            return Err(usage(format!(
                "the counters gate estimates nothing, so that it has no {what}; prove aa or power"
            )));
        }
        return Ok(put_in.into_iter().map(|put_in| put_in as u64).collect());
    }
    if options.what == What::Aa && options.slowdown.is_some() {
        return Err(usage("in `aa` both sides are alike; give --slowdown with power, coverage or hogs"));
    }
    let is_live = options.gateway.is_some();
    let slowdown = match (options.slowdown, is_live) {
        (None, false) => SLOWDOWN_PPM,
        (None, true) => SLOWDOWN_NS,
        (Some(Slowdown::Share { ppm }), false) => u64::from(ppm),
        (Some(Slowdown::Time { ns }), true) => ns,
        (Some(Slowdown::Share { .. }), true) => {
            return Err(usage("the live gate's slowdown is a time; give --slowdown 1us"));
        }
        (Some(Slowdown::Time { .. }), false) => {
            return Err(usage("the in-process gate's slowdown is a share; give --slowdown 1%, or a --gateway"));
        }
    };
    Ok(match options.what {
        What::Aa => vec![0],
        What::Power => vec![slowdown],
        What::Bias => if is_live { BIAS_NS } else { BIAS_PPM }.to_vec(),
        What::Coverage | What::Hogs => vec![0, slowdown],
    })
}

/// The seed that the runs of a record have theirs from.
pub(super) fn seed_of(record: &ProveRecord) -> u64 {
    let in_process = record.plan.as_ref().map(|plan| plan.seed);
    in_process.or(record.live.as_ref().map(|live| live.seed)).unwrap_or_default()
}

/// The machine, with the versions of what the runs judge.
pub(super) fn environment(subjects: &[ProveSubject]) -> Environment {
    let ours = ("tollgate".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    let theirs = subjects.iter().map(|subject| (subject.host.clone(), subject.host_version.clone()));
    machine::environment(theirs.chain([ours]).collect::<BTreeMap<_, _>>())
}

impl Proving {
    pub(super) fn of(options: &ProveArgs, seed: u64) -> anyhow::Result<Self> {
        let (steps, total) = (steps(options)?, total(options));
        if options.counters {
            let selectors = options.sampling.selectors();
            let prover = CountersProver::new(&selectors, options.plugin_or_default(), &put_in(options.what))?;
            // Nothing is timed, so that it is no matter where.
            let (gate, placement) = (Gate::Counters(Box::new(prover)), Placement::Unpinned);
            return Ok(Self { gate, placement, seed, steps, total });
        }
        let Some(name) = &options.gateway else {
            let placement = tollgate_gateways::decide_placement();
            let plan = plan_of(&options.sampling, seed);
            let prover =
                Prover::new(&options.sampling.selectors(), options.plugin_or_default(), plan, placement.clone())?;
            return Ok(Self { gate: Gate::InProcess(Box::new(prover)), placement, seed, steps, total });
        };
        let gateway = gateway(name)?;
        let starts = &options.starts;
        let placement = plan::placement(starts.placement)?;
        let sides = ("base".to_owned(), "head".to_owned());
        let plan = LivePlan {
            gateway: name.clone(),
            gate: gate(sides, MARGIN, MARGIN_SHARE, starts),
            start_ms: starts.time.as_millis() as u64,
            rounds_per_block: schedule(starts).rounds_per_block,
            spin_ns: if options.plugin.is_some() { 0 } else { SPIN_NS },
            seed,
        };
        let selectors = Selectors {
            gateway: starts.of_gateway.clone(),
            given: options.sampling.given.clone(),
            workloads: options.sampling.workloads.clone(),
            ..Selectors::default()
        };
        let plugin = plugin_of_live(options)?;
        let prover = LiveProver::new(gateway, plan.clone(), schedule(starts), placement.clone(), selectors, plugin)?;
        Ok(Self { gate: Gate::Live(Box::new(prover), plan), placement, seed, steps, total })
    }

    /// The cells of every run.
    pub(super) fn subjects(&self) -> anyhow::Result<Vec<ProveSubject>> {
        match &self.gate {
            Gate::InProcess(prover) => Ok(prover.subjects()),
            Gate::Live(prover, _) => prover.subjects(),
            Gate::Counters(prover) => Ok(prover.subjects()),
        }
    }

    /// The command that repeats the runs.
    pub(super) fn command_line(&self) -> Vec<String> {
        match self.gate {
            Gate::InProcess(_) | Gate::Live(..) => plan::command_line(self.seed),
            Gate::Counters(_) => plan::command_words(),
        }
    }

    /// The record, in which there is no run yet.
    pub(super) fn begin(&self, options: &ProveArgs) -> anyhow::Result<ProveRecord> {
        let subjects = self.subjects()?;
        let started_unix_ms = plan::unix_ms();
        let (in_process, live, counters) = self.plans(options);
        Ok(ProveRecord {
            schema: PROVE_SCHEMA.to_owned(),
            tollgate_version: env!("CARGO_PKG_VERSION").to_owned(),
            command_line: self.command_line(),
            started_unix_ms,
            finished_unix_ms: started_unix_ms,
            interrupted: false,
            environment: environment(&subjects),
            placement: self.placement.clone(),
            what: options.what.name().to_owned(),
            plugin: self.plugin(options),
            hogs: hogs(options),
            plan: in_process,
            live,
            counters,
            wanted: Some(self.total),
            subjects,
            sittings: Vec::new(),
            runs: Vec::new(),
        })
    }

    fn plans(&self, options: &ProveArgs) -> Plans {
        match &self.gate {
            Gate::InProcess(_) => (Some(plan_of(&options.sampling, self.seed)), None, None),
            Gate::Live(_, plan) => (None, Some(plan.clone()), None),
            Gate::Counters(_) => (None, None, Some(CountersPlan { processes: PROCESSES as u32 })),
        }
    }

    fn plugin(&self, options: &ProveArgs) -> String {
        match &self.gate {
            Gate::InProcess(_) | Gate::Counters(_) => options.plugin_or_default().to_owned(),
            Gate::Live(..) => options.plugin.as_deref().unwrap_or(tollgate_fixtures::SPIN).to_owned(),
        }
    }

    /// Why runs of this cannot be added to those of the record, each in words.
    pub(super) fn changes(
        &self,
        options: &ProveArgs,
        record: &ProveRecord,
        environment: &Environment,
    ) -> anyhow::Result<Vec<String>> {
        let mut changed = other_machine(&record.environment, environment);
        let mut differs = |is: bool, what: &str| changed.extend(is.then(|| what.to_owned()));
        differs(record.placement != self.placement, "another placement");
        differs(record.what != options.what.name(), "another question");
        differs(record.hogs != hogs(options), "another number of busy neighbours");
        differs(record.plugin != self.plugin(options), "another plugin");
        let plans = (record.plan.clone(), record.live.clone(), record.counters.clone());
        differs(plans != self.plans(options), "other settings of the gate");
        let in_turn = record.runs.iter().zip(self.steps.iter().cycle()).all(|(run, step)| run.asked() == *step);
        differs(!in_turn, "another slowdown");
        match record.subjects.as_slice() {
            [] => differs(true, "that record does not say which artifacts it is of"),
            known => {
                let now = self.subjects()?;
                let names = |all: &[ProveSubject]| {
                    all.iter().map(|it| (it.host.clone(), it.workload.clone())).collect::<Vec<_>>()
                };
                differs(names(known) != names(&now), "other hosts or workloads");
                let pairs = || known.iter().zip(&now);
                differs(pairs().any(|(one, other)| one.sha256 != other.sha256), "another artifact of the plugin");
                differs(
                    pairs().any(|(one, other)| one.host_version != other.host_version),
                    "another version of a host",
                );
                differs(pairs().any(|(one, other)| one.request_sha256 != other.request_sha256), "another request");
            }
        }
        Ok(changed)
    }

    /// About how long a run takes, for the progress bar.
    pub(super) fn planned(&self) -> Duration {
        match &self.gate {
            Gate::InProcess(prover) => RUN + PROCESS * prover.processes(),
            Gate::Live(_, plan) => (START + Duration::from_millis(plan.start_ms)) * plan.gate.starts,
            Gate::Counters(_) => COUNTED,
        }
    }

    /// Finds out what is to be known before the first run. False when interrupted.
    pub(super) fn prepare(&mut self, progress: &mut Progress) -> anyhow::Result<bool> {
        match &mut self.gate {
            Gate::InProcess(prover) => prover.calibrate(progress),
            // The plugin that spins does it, each time it is loaded.
            Gate::Live(..) => Ok(true),
            Gate::Counters(prover) => prover.check(progress),
        }
    }

    /// One full run of the gate. None when interrupted.
    pub(super) fn run(&mut self, number: usize, progress: &mut Progress) -> anyhow::Result<Option<ProveRun>> {
        let begin = Instant::now();
        let asked = self.steps[number % self.steps.len()];
        // A seed of its own for each run, whenever it is made.
        let seed = fastrand::Rng::with_seed(self.seed ^ (number as u64 + 1).rotate_left(32)).u64(..);
        let mut run = ProveRun {
            asked_ppm: 0,
            took_ms: 0,
            finished_unix_ms: None,
            cells: Vec::new(),
            live: None,
            counters: None,
        };
        match &mut self.gate {
            Gate::InProcess(prover) => match prover.run(asked as u32, seed, progress)? {
                Some(cells) => (run.asked_ppm, run.cells) = (asked as u32, cells),
                None => return Ok(None),
            },
            Gate::Live(prover, _) => match prover.run(asked, seed)? {
                Some(live) => run.live = Some(live),
                None => return Ok(None),
            },
            Gate::Counters(prover) => {
                let put_in = *PutIn::ALL.get(asked as usize).context("every step has a name")?;
                match prover.run(put_in)? {
                    Some(counters) => run.counters = Some(counters),
                    None => return Ok(None),
                }
            }
        }
        (run.took_ms, run.finished_unix_ms) = (begin.elapsed().as_millis() as u64, Some(plan::unix_ms()));
        Ok(Some(run))
    }
}

/// What both sides of a live gate are; none where they spin, of which alone it is known what more of it costs.
fn plugin_of_live(options: &ProveArgs) -> anyhow::Result<Option<&str>> {
    let sampling = &options.sampling;
    let of_a_plugin =
        || !sampling.workloads.is_empty() || sampling.given.config.is_some() || !sampling.given.root_id.is_empty();
    match options.plugin.as_deref() {
        Some(_) if options.what != What::Aa => Err(usage(
            "live only plugins that spin can be made slower by a known time; leave out --plugin, or prove aa",
        )),
        Some(_) if sampling.workloads.len() > 1 => Err(usage("a run of the live gate has one workload; name one")),
        None if of_a_plugin() => Err(usage(
            "plugins that spin do nothing else; give --workload, --config and --root-id with `aa` and a --plugin",
        )),
        plugin => Ok(plugin),
    }
}

/// Busy neighbours of every run.
fn hogs(options: &ProveArgs) -> u32 {
    if options.what == What::Hogs { Hogs::wanted() } else { 0 }
}
