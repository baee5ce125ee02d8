//! A plugin many times in a row, with one or more workers: what it adds to a request, and what it takes of memory.
//!
//! Latency and memory come from starts of their own. For latency all lengths of one plugin's chain are in one process
//! with both controls, measured as every arm is ([`measure`]); for memory a process has one chain and nothing else.

use std::ops::ControlFlow;
use std::time::Duration;

use fastrand::Rng;
use tollgate_fixtures::Plugin;
use tollgate_record::{
    Chain, Control, Failure, FailureClass, Footprint, Placement, PluginKind, Scale, Scenario, Story, VmUse,
};

use super::process::resident;
use super::{GATEWAY, ScenarioProgress, Watcher, arm, headers};
use crate::envoy::{Envoy, RunningEnvoy, start};
use crate::{Arm, Gateway, GatewayError, Measured, Options, Probe, ProbeError, Running, measure, request_bytes};

/// Operations of each plugin in each of its loops.
const OPERATIONS: u32 = 20;
/// Requests to each worker before memory is read again: V8 compiles anew what runs often.
const REQUESTS: u64 = 500;
/// Connections that are opened at most until each worker has one.
const MOST_CONNECTIONS: usize = 64;
/// How long a response may take; a chain takes as many times longer as it is long.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What a process for memory counts for in the progress.
const FOOTPRINT: Duration = Duration::from_secs(1);

/// What is to be measured.
#[derive(Debug, Clone)]
pub struct ScalePlan {
    /// Plugins, each in chains of its own.
    pub plugins: Vec<Plugin>,
    /// Lengths of the chains, each above 0.
    pub lengths: Vec<u32>,
    /// Numbers of workers, each above 0.
    pub workers: Vec<u32>,
    /// Whether the members of a chain share a VM.
    pub vms: VmUse,
    /// Where the probe and all workers run.
    pub placement: Placement,
    /// Fresh starts for each plugin and number of workers.
    pub starts: u32,
    /// How long requests are timed, all starts together.
    pub duration: Duration,
    /// Rounds that make a block.
    pub rounds_per_block: u32,
    /// Seed of every shuffle.
    pub seed: u64,
}

impl ScalePlan {
    /// What it takes in all, as far as that is planned.
    pub fn planned(&self) -> Duration {
        self.duration + FOOTPRINT * self.footprints() as u32
    }

    fn footprints(&self) -> usize {
        self.workers.len() * (1 + self.plugins.len() * self.lengths.len())
    }

    /// How long requests are timed in one start.
    fn of_start(&self) -> Duration {
        let starts = self.starts.max(1) * (self.workers.len() * self.plugins.len()).max(1) as u32;
        self.duration / starts
    }
}

/// Measures added latency and memory of chains. What fails is in its row, and the others go on.
///
/// # Errors
/// When there is no Envoy.
pub fn scale(plan: &ScalePlan, options: &Options, watcher: Watcher<'_>) -> Result<Scenario, GatewayError> {
    let gateway_version = Envoy.version(options)?;
    let mut scaling = Scaling {
        plan,
        options: Options { vms: plan.vms, ..options.clone() }.placed(&plan.placement),
        watcher,
        done: Duration::ZERO,
        chains: chains(plan),
        footprints: Vec::new(),
    };
    // A stop is no failure: what is finished is here.
    let _ = scaling.run();
    let Scaling { chains, footprints, .. } = scaling;
    Ok(Scenario {
        gateway: GATEWAY.to_owned(),
        gateway_version,
        rate_per_s: None,
        connections: 1,
        process: Vec::new(),
        story: Story::Scale(Scale { vms: plan.vms, starts: plan.starts, chains, footprints }),
        error: None,
    })
}

/// The rows of added latency, still empty.
fn chains(plan: &ScalePlan) -> Vec<Chain> {
    let mut chains = Vec::new();
    for plugin in &plan.plugins {
        for &workers in &plan.workers {
            let lengths = std::iter::once(0).chain(plan.lengths.iter().copied());
            chains.extend(lengths.map(|length| Chain {
                plugin: plugin.name.clone(),
                language: plugin.language.clone(),
                length,
                workers,
                series: Vec::new(),
                proof: None,
                error: None,
            }));
        }
    }
    chains
}

struct Scaling<'a> {
    plan: &'a ScalePlan,
    options: Options,
    watcher: Watcher<'a>,
    /// Planned time that is over.
    done: Duration,
    chains: Vec<Chain>,
    footprints: Vec<Footprint>,
}

impl Scaling<'_> {
    /// Everything, or what is possible until the watcher stops it. Plugins take turns within a start, so that a slow
    /// drift of the machine hits all of them.
    fn run(&mut self) -> ControlFlow<()> {
        let plan = self.plan;
        let mut seeds = Rng::with_seed(plan.seed);
        for number in 0..plan.starts {
            for &workers in &plan.workers {
                for plugin in &plan.plugins {
                    self.latency(number, workers, plugin, seeds.u64(..))?;
                    self.done += plan.of_start();
                }
            }
        }
        for &workers in &plan.workers {
            self.footprint(workers, None)?;
            for plugin in &plan.plugins {
                for &length in &plan.lengths {
                    self.footprint(workers, Some((plugin, length)))?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn tell(&mut self, doing: &str) -> ControlFlow<()> {
        (self.watcher)(ScenarioProgress { elapsed: self.done, doing })
    }

    /// One fresh start: the controls, and each length of one plugin's chain that has not failed.
    fn latency(&mut self, number: u32, workers: u32, plugin: &Plugin, seed: u64) -> ControlFlow<()> {
        let doing = format!("{}, {workers} workers, start {}/{}", plugin.name, number + 1, self.plan.starts);
        self.tell(&doing)?;
        let row = |chain: &Chain| chain.plugin == plugin.name && chain.workers == workers;
        let left = self.chains.iter().filter(|chain| row(chain) && chain.error.is_none());
        let lengths: Vec<u32> = left.map(|chain| chain.length).filter(|&length| length > 0).collect();
        if lengths.is_empty() {
            return ControlFlow::Continue(());
        }
        let mut arms = arms(plugin, &lengths);
        // No arm always has the same place among the gateway's listeners and the probe's connections.
        Rng::with_seed(seed).shuffle(&mut arms);
        let options = Options { workers, ..self.options.clone() };
        let mut flow = ControlFlow::Continue(());
        let measured = match start(&arms, &options).and_then(|mut envoy| {
            trace(&mut envoy, &arms)?;
            Ok(envoy)
        }) {
            Err(error) => {
                let failure = error.into_failure();
                arms.iter().map(|arm| Measured::failed(&arm.id, failure.clone())).collect()
            }
            Ok(mut envoy) => {
                let (watcher, elapsed) = (&mut self.watcher, self.done);
                let duration = self.plan.of_start();
                measure(&mut envoy, &arms, number, seed, duration, self.plan.rounds_per_block, &mut |_, _| {
                    flow = watcher(ScenarioProgress { elapsed, doing: &doing });
                    flow
                })
            }
        };
        for (arm, measured) in arms.iter().zip(measured) {
            // Control A is what the others are compared with.
            let length = if arm.plugin.is_some() { arm.chain } else { 0 };
            let is_row =
                |chain: &&mut Chain| chain.plugin == plugin.name && chain.workers == workers && chain.length == length;
            if arm.id.plugin != Control::A.to_string()
                && let Some(chain) = self.chains.iter_mut().find(is_row)
            {
                keep(chain, measured, flow.is_break());
            }
        }
        flow
    }

    /// One process with one chain, or without a plugin.
    fn footprint(&mut self, workers: u32, of: Option<(&Plugin, u32)>) -> ControlFlow<()> {
        let name = of.map_or_else(|| "no plugin".to_owned(), |(plugin, length)| format!("{} x {length}", plugin.name));
        self.tell(&format!("memory: {name}, {workers} workers"))?;
        let mut footprint = Footprint {
            plugin: of.map(|(plugin, _)| plugin.name.clone()),
            language: of.map_or_else(|| "none".to_owned(), |(plugin, _)| plugin.language.clone()),
            length: of.map_or(0, |(_, length)| length),
            workers,
            vms: None,
            ready_bytes: None,
            requests: Vec::new(),
            after_bytes: None,
            error: None,
        };
        let arm = of.map_or_else(|| control(Control::A), |(plugin, length)| member(plugin, length));
        let options = Options { workers, ..self.options.clone() };
        if let Err(failure) = fill(&mut footprint, &arm, &options) {
            footprint.error = Some(failure);
        }
        self.footprints.push(footprint);
        self.done += FOOTPRINT;
        ControlFlow::Continue(())
    }
}

/// Control A and A', and the plugin so many times in a row.
fn arms(plugin: &Plugin, lengths: &[u32]) -> Vec<Arm> {
    let controls = [Control::A, Control::APrime].map(control);
    controls.into_iter().chain(lengths.iter().map(|&length| member(plugin, length))).collect()
}

fn control(control: Control) -> Arm {
    arm(&control.to_string(), None, OPERATIONS, headers())
}

fn member(plugin: &Plugin, length: u32) -> Arm {
    Arm { chain: length, ..arm(&format!("{} x{length}", plugin.name), Some(plugin), OPERATIONS, headers()) }
}

/// Lets Envoy say once for each chain how often it calls the plugin: its counters do not know Wasm filters apart.
fn trace(envoy: &mut RunningEnvoy, arms: &[Arm]) -> Result<(), GatewayError> {
    for (index, arm) in arms.iter().enumerate() {
        envoy.trace(index, &request_bytes(&arm.workload, true), TIMEOUT)?;
    }
    Ok(())
}

/// Puts what came of a start into its row.
fn keep(chain: &mut Chain, measured: Measured, is_stopped: bool) {
    // Of an arm that failed, too: what was finished before stays.
    chain.series.extend(measured.series);
    match measured.proof {
        Ok(proof) => chain.proof = Some(proof),
        // A start that was broken off may have no block, and a gateway may go down on the same Ctrl-C.
        Err(failure) if is_stopped && failure.class == FailureClass::Environment => {}
        Err(failure) => {
            chain.error.get_or_insert(failure);
        }
    }
}

/// Starts a gateway with one arm and reads its memory before and after requests to each worker.
fn fill(footprint: &mut Footprint, arm: &Arm, options: &Options) -> Result<(), Failure> {
    let failed = GatewayError::into_failure;
    let mut envoy = start(std::slice::from_ref(arm), options).map_err(failed)?;
    if let Some((_, failure)) = envoy.refused().first() {
        return Err(failure.clone());
    }
    footprint.ready_bytes = resident(envoy.id()).map(|resident| resident.bytes);
    // Envoy counts no states of Lua, no modules and no processes.
    if arm.plugin.as_ref().is_none_or(|plugin| plugin.kind == PluginKind::ProxyWasm) {
        footprint.vms = Some(envoy.vms().map_err(failed)?.active);
    }
    let request = request_bytes(&arm.workload, false);
    let mut probes = Vec::new();
    let is_reached = |taken: &[u64]| taken.len() >= options.workers as usize && taken.iter().all(|&count| count > 0);
    while !is_reached(&envoy.connections(0).map_err(failed)?) {
        if probes.len() == MOST_CONNECTIONS {
            let message = format!("of {MOST_CONNECTIONS} connections one worker got none; run again");
            return Err(Failure::environment("measure", message));
        }
        let connect = || -> Result<Probe, ProbeError> {
            let mut probe = Probe::connect(envoy.address(0), TIMEOUT)?;
            probe.exchange(&request)?;
            Ok(probe)
        };
        probes.push(connect().map_err(|error| lost(&mut envoy, &error))?);
    }
    let mut sent = probes.len() as u64;
    for probe in &mut probes {
        for _ in 1..REQUESTS {
            probe.exchange(&request).map_err(|error| lost(&mut envoy, &error))?;
            sent += 1;
        }
    }
    footprint.requests = envoy.connections(0).map_err(failed)?.iter().map(|count| count * REQUESTS).collect();
    footprint.after_bytes = resident(envoy.id()).map(|resident| resident.bytes);
    envoy.prove(&[sent]).swap_remove(0).map(drop)
}

/// Why a request got no answer: a gateway that is dead, or the connection.
fn lost(envoy: &mut RunningEnvoy, error: &ProbeError) -> Failure {
    match envoy.check_alive() {
        Err(death) => death.into_failure(),
        Ok(()) => Failure::environment("measure", format!("{error}; run again, with shorter chains")),
    }
}
