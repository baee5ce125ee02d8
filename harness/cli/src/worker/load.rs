//! One start of a gateway under load: what each arm answers at most, then all of them in turn at one rate after another.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tollgate_gateways::load::{LoadPlan, Target, capacity, run};
use tollgate_gateways::{Arm, Options, Running, UrlArm, UrlOptions, UrlsRunning};
use tollgate_record::{ArmLoad, Arrivals, Capacity, CellId, Failure, Load, Placement, Traffic};
use tollgate_reports::capacity_in_turn;

use super::protocol::Message;
use super::serve::say;
use crate::urls::URL;

/// How long each arm is asked for all that it can, and how long before that so that it is warm (V8 tiers up).
pub(crate) const CAPACITY: Duration = Duration::from_millis(500);
pub(crate) const WARM_UP: Duration = Duration::from_millis(250);

/// What a gateway is put under.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LoadSteps {
    pub(crate) rates: Rates,
    pub(crate) arrivals: Arrivals,
    /// Of each rate.
    pub(crate) duration_ms: u64,
    /// To each arm.
    pub(crate) connections: u32,
    pub(crate) seed: u64,
    pub(crate) placement: Placement,
}

/// The rates of the steps.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Rates {
    /// Shares of what the gateway answers at most.
    Shares(Vec<f64>),
    /// Requests a second.
    PerSecond(Vec<f64>),
}

impl Rates {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Shares(rates) | Self::PerSecond(rates) => rates.len(),
        }
    }
}

/// Says a [`Message::Load`] for each step that is finished, and one with its error when the gateway fails.
pub(super) fn load(arms: &[Arm], gateway: &str, options: Options, steps: &LoadSteps) -> anyhow::Result<()> {
    let (core, gateway_core) = match steps.placement {
        Placement::TwoCores { probe, gateway } => (Some(probe), Some(gateway)),
        // The generator has no core for itself, so it must not spin.
        Placement::SameCore { core } => (None, Some(core)),
        Placement::Unpinned => (None, None),
    };
    let gateway = tollgate_gateways::gateway(gateway).context("worker and parent differ; build again")?;
    let failed = |failure| say(&Message::Load(Box::new(steps.empty(gateway.name(), Some(failure)))));
    let mut running = match gateway.start(arms, &Options { gateway_core, ..options }) {
        Ok(running) => running,
        Err(error) => return failed(error.into_failure()),
    };
    let is_refused = |arm: usize| running.refused().iter().any(|(refused, _)| *refused == arm);
    let targets = arms.iter().enumerate().filter(|(index, _)| !is_refused(*index));
    let targets = targets.map(|(index, arm)| (index, arm.id.clone(), Target::of_arm(arm, running.address(index))));
    let targets: Vec<_> = targets.collect();
    Under { running: running.as_mut(), steps, core, started: arms.len(), arms: Vec::new() }
        .load(gateway.name(), targets)
}

/// The same with gateways that somebody else runs. One that cannot be asked ends it: there would be nothing to compare.
pub(super) fn load_urls(arms: &[UrlArm], options: &UrlOptions, steps: &LoadSteps) -> anyhow::Result<()> {
    let mut running = UrlsRunning::open(arms, options);
    if let Some((arm, failure)) = running.refused().first() {
        let message = format!("{}: {}", arms[*arm].cell, failure.message);
        let failure = Failure { message, ..failure.clone() };
        return say(&Message::Load(Box::new(steps.empty(URL, Some(failure)))));
    }
    let target = |(index, arm): (usize, &UrlArm)| Some((index, arm.cell.clone(), running.target(index)?.clone()));
    let targets = arms.iter().enumerate().filter_map(target).collect();
    Under { running: &mut running, steps, core: None, started: arms.len(), arms: Vec::new() }.load(URL, targets)
}

impl LoadSteps {
    /// A step of which nothing is known yet.
    pub(crate) fn empty(&self, gateway: &str, error: Option<Failure>) -> Load {
        Load {
            gateway: gateway.to_owned(),
            rate_per_s: None,
            share: None,
            arrivals: self.arrivals,
            duration_ms: self.duration_ms,
            connections: self.connections,
            seed: self.seed,
            placement: self.placement.clone(),
            arms: Vec::new(),
            error,
        }
    }

    fn plan(&self, core: Option<u32>, duration: Duration) -> LoadPlan {
        LoadPlan {
            arrivals: self.arrivals,
            duration,
            connections: self.connections as usize,
            seed: self.seed,
            core,
            ..LoadPlan::default()
        }
    }
}

/// A gateway under load.
struct Under<'a> {
    running: &'a mut dyn Running,
    steps: &'a LoadSteps,
    core: Option<u32>,
    /// Arms that the gateway was started with.
    started: usize,
    arms: Vec<Loaded>,
}

/// An arm that answers.
struct Loaded {
    /// Among those of the gateway.
    index: usize,
    cell: CellId,
    target: Target,
    capacity: Capacity,
    /// Requests sent to it by now.
    sent: u64,
}

impl Under<'_> {
    fn load(&mut self, gateway: &str, targets: Vec<(usize, CellId, Target)>) -> anyhow::Result<()> {
        match self.find_capacities(targets) {
            Ok(()) => self.climb(gateway),
            Err(failure) => say(&Message::Load(Box::new(self.steps.empty(gateway, Some(failure))))),
        }
    }

    fn find_capacities(&mut self, targets: Vec<(usize, CellId, Target)>) -> Result<(), Failure> {
        for (index, cell, target) in targets {
            // A parent that is gone is noticed by the thread on stdin.
            let _ = say(&Message::Progress { cell: cell.clone(), added_ns: None });
            let all = |duration| -> Result<Traffic, Failure> {
                let plan = self.steps.plan(self.core, duration);
                let traffic = capacity(std::slice::from_ref(&target), &plan, &NEVER);
                Ok(traffic.map_err(tollgate_gateways::GatewayError::into_failure)?.swap_remove(0))
            };
            let (warm_up, traffic) = (all(WARM_UP)?, all(CAPACITY)?);
            self.running.check_alive().map_err(tollgate_gateways::GatewayError::into_failure)?;
            let capacity = Capacity {
                answered: traffic.answered,
                duration_ms: CAPACITY.as_millis() as u64,
                connections: self.steps.connections,
            };
            let sent = warm_up.sent + traffic.sent;
            self.arms.push(Loaded { index, cell, target, capacity, sent });
        }
        Ok(())
    }

    fn climb(&mut self, gateway: &str) -> anyhow::Result<()> {
        let capacities: Vec<Capacity> = self.arms.iter().map(|loaded| loaded.capacity).collect();
        let rates: Vec<(Option<f64>, Option<f64>)> = match &self.steps.rates {
            Rates::PerSecond(rates) => rates.iter().map(|&rate| (None, Some(rate))).collect(),
            Rates::Shares(shares) => {
                let capacity = capacity_in_turn(&capacities);
                shares.iter().map(|&share| (Some(share), capacity.map(|capacity| share * capacity))).collect()
            }
        };
        for (share, rate) in rates {
            let mut load = Load { share, rate_per_s: rate, ..self.steps.empty(gateway, None) };
            match rate {
                None => load.error = Some(self.unknown_capacity()),
                Some(rate) => match self.step(rate) {
                    Ok(arms) => load.arms = arms,
                    Err(failure) => load.error = Some(failure),
                },
            }
            let is_over = load.error.is_some();
            say(&Message::Load(Box::new(load)))?;
            if is_over {
                break;
            }
        }
        Ok(())
    }

    fn unknown_capacity(&self) -> Failure {
        let silent = self.arms.iter().find(|loaded| loaded.capacity.answered == 0);
        let who = silent.map_or("no arm at all".to_owned(), |loaded| loaded.cell.to_string());
        Failure::environment("load", format!("answers nothing in a closed loop: {who}; leave it out with --skip"))
    }

    fn step(&mut self, rate: f64) -> Result<Vec<ArmLoad>, Failure> {
        let targets: Vec<Target> = self.arms.iter().map(|loaded| loaded.target.clone()).collect();
        let plan = LoadPlan { rate, ..self.steps.plan(self.core, Duration::from_millis(self.steps.duration_ms)) };
        let traffic =
            run(&targets, &plan, &NEVER, &mut |_| {}).map_err(tollgate_gateways::GatewayError::into_failure)?;
        self.running.check_alive().map_err(tollgate_gateways::GatewayError::into_failure)?;
        let mut sent = vec![0; self.started];
        for (loaded, traffic) in self.arms.iter_mut().zip(&traffic) {
            loaded.sent += traffic.sent;
            sent[loaded.index] = loaded.sent;
        }
        let proofs = self.running.prove(&sent);
        let arms = self.arms.iter().zip(traffic).map(|(loaded, traffic)| {
            let (proof, error) = match &proofs[loaded.index] {
                Ok(proof) => (Some(proof.clone()), None),
                Err(failure) => (None, Some(failure.clone())),
            };
            ArmLoad { cell: loaded.cell.clone(), capacity: Some(loaded.capacity), traffic, proof, error }
        });
        Ok(arms.collect())
    }
}

/// The parent ends this process when the user wants no more: what is finished is in its journal by then.
static NEVER: AtomicBool = AtomicBool::new(false);
