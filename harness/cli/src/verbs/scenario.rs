//! `tollgate scenario`: what happens to requests while plugins are exchanged, fail, or are many.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use tollgate_fixtures::{Plugin, plugins};
use tollgate_gateways::scenario::{ScalePlan, ScenarioLoad, ScenarioProgress, can_exchange, failure, reload, scale};
use tollgate_gateways::{GATEWAYS, Gateway, Options};
use tollgate_record::{Entry, Journal, Placement, Plan, PluginKind, Record, SCHEMA, Scenario, TimeBudget};
use tollgate_reports::summarize;

use crate::args::{ReloadArgs, ScaleArgs, ScenarioArgs, ScenarioLoadArgs, ScenarioName, ScenarioOptions};
use crate::machine::{self, CpuTicks};
use crate::out::make_folder;
use crate::progress::Progress;
use crate::schedule::Schedule;
use crate::status::{self, Status, usage};
use crate::verbs::{run, summary};
use crate::{interrupt, plan, select};

/// Time for a swap, when no time is given.
const SWAP: Duration = Duration::from_secs(2);

/// Plugins whose chains are measured when none is named: the floor, a script, and each language's SDK.
const SCALED: [&str; 5] = ["lua", "boundary", "rust-sdk", "go-sdk", "assemblyscript-sdk"];

/// Runs a scenario, prints it and writes its record and report.
pub(crate) fn run(args: &ScenarioArgs) -> anyhow::Result<Status> {
    interrupt::install()?;
    let options = match &args.scenario {
        ScenarioName::Reload(reload) => &reload.options,
        ScenarioName::Failure(failure) => &failure.options,
        ScenarioName::Scale(scale) => &scale.options,
    };
    let gateway = gateway(&options.gateway)?;
    let seed = options.seed.unwrap_or_else(run::clock_seed);
    let task = task(&args.scenario, gateway.name(), seed)?;
    let duration = task.planned();
    make_folder(&options.out)?;
    let of_gateway = options.of_gateway.options();
    let progress = Progress::new(duration, options.quiet);
    let journal_path = options.out.join("journal.jsonl");
    let (mut journal, aside) = Journal::create(&journal_path, begin(gateway, &of_gateway, &task, seed))?;
    if let Some(aside) = aside {
        progress.note(&format!("the journal of a run that was killed is now {}", aside.display()));
    }

    let ticks = CpuTicks::now();
    let mut watcher = |now: ScenarioProgress<'_>| {
        progress.set_done(now.elapsed.min(duration));
        progress.say(now.doing);
        if interrupt::requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let scenario = match &task {
        Task::Reload { plugins, swaps, load } => reload(plugins, *swaps, load, &of_gateway, &mut watcher),
        Task::Failure(load) => failure(load, &of_gateway, &mut watcher),
        Task::Scale(plan) => scale(plan, &of_gateway, &mut watcher),
    };
    let scenario = match scenario {
        Ok(scenario) => scenario,
        Err(error) => {
            run::remove(&journal_path)?;
            return Err(error.into());
        }
    };
    journal.append(Entry::Scenario(Box::new(scenario)))?;
    plan::end(&mut journal, ticks)?;
    let record = journal.record().clone();
    let took = progress.finish();
    finish(&record, options, &journal_path, took)
}

/// Prints what was measured and writes it; the journal stays until the record is safe.
fn finish(record: &Record, options: &ScenarioOptions, journal: &Path, took: Duration) -> anyhow::Result<Status> {
    let written = run::write(&options.out, record).and_then(|()| run::remove(journal));
    summary::print(&summarize(record), options.format);
    written?;
    let file = |name| options.out.join(name).display().to_string();
    eprintln!("\n{} and {}, {:.0} s", file("record.json"), file("report.html"), took.as_secs_f64());
    let errors = record.scenarios.iter().filter_map(|Scenario { error, .. }| error.as_ref());
    errors.for_each(|error| eprintln!("error: {}", error.message));
    Ok(status::of_record(record))
}

/// What is to be done.
enum Task {
    Reload { plugins: Vec<Plugin>, swaps: u32, load: ScenarioLoad },
    Failure(ScenarioLoad),
    Scale(ScalePlan),
}

impl Task {
    fn planned(&self) -> Duration {
        match self {
            Self::Reload { load, .. } | Self::Failure(load) => load.duration,
            Self::Scale(plan) => plan.planned(),
        }
    }

    fn placement(&self) -> Placement {
        match self {
            // A gateway that loads a plugin needs another core than the one on which it answers, and so does the load.
            Self::Reload { .. } | Self::Failure(_) => Placement::Unpinned,
            Self::Scale(plan) => plan.placement.clone(),
        }
    }

    fn rounds_per_block(&self) -> u32 {
        match self {
            Self::Reload { .. } | Self::Failure(_) => 1,
            Self::Scale(plan) => plan.rounds_per_block,
        }
    }

    fn starts(&self) -> u32 {
        match self {
            Self::Reload { .. } | Self::Failure(_) => 1,
            Self::Scale(plan) => plan.starts,
        }
    }
}

fn task(scenario: &ScenarioName, gateway: &str, seed: u64) -> anyhow::Result<Task> {
    let load = |load: &ScenarioLoadArgs, duration| ScenarioLoad {
        rate: f64::from(load.rate),
        connections: load.connections as usize,
        duration,
        seed,
    };
    Ok(match scenario {
        ScenarioName::Reload(args) => Task::Reload {
            plugins: exchanged(args, gateway)?,
            swaps: args.swaps,
            load: load(&args.load, args.time.unwrap_or(SWAP * args.swaps)),
        },
        ScenarioName::Failure(args) => Task::Failure(load(&args.load, args.time)),
        ScenarioName::Scale(args) => Task::Scale(scale_plan(args, seed)?),
    })
}

fn scale_plan(args: &ScaleArgs, seed: u64) -> anyhow::Result<ScalePlan> {
    let names: Vec<String> = match args.plugins.as_slice() {
        [] => SCALED.map(str::to_owned).to_vec(),
        names => names.to_vec(),
    };
    let once = |numbers: &[u32]| BTreeSet::from_iter(numbers.iter().copied()).into_iter().collect();
    Ok(ScalePlan {
        plugins: named(&names)?,
        lengths: once(&args.chain),
        workers: once(&args.workers),
        vms: args.vms.into(),
        placement: plan::placement(args.placement)?,
        starts: args.starts,
        duration: args.time,
        rounds_per_block: Schedule::of(TimeBudget::Standard).rounds_per_block,
        seed,
    })
}

/// The gateway of that name, if it can do this.
fn gateway(name: &str) -> anyhow::Result<&'static dyn Gateway> {
    let able = || {
        let able: Vec<&str> =
            GATEWAYS.iter().filter(|gateway| gateway.runs_scenarios()).map(|gateway| gateway.name()).collect();
        able.join(", ")
    };
    match tollgate_gateways::gateway(name) {
        Some(gateway) if gateway.runs_scenarios() => Ok(gateway),
        Some(_) => Err(usage(format!(
            "the plugins of {name} cannot be exchanged or made to fail while it runs; take --gateway {}",
            able()
        ))),
        None => {
            Err(usage(format!("there is no gateway {name} that a scenario could start; take --gateway {}", able())))
        }
    }
}

/// The plugins to exchange.
fn exchanged(args: &ReloadArgs, gateway: &str) -> anyhow::Result<Vec<Plugin>> {
    if args.plugins.is_empty() {
        return Ok(plugins().iter().filter(|plugin| plugin.kind == PluginKind::ProxyWasm).cloned().collect());
    }
    let found = named(&args.plugins)?;
    match found.iter().find(|plugin| !can_exchange(plugin.kind)) {
        None => Ok(found),
        Some(plugin) => Err(usage(format!(
            "{} is {}, and only Lua and Proxy-Wasm plugins can be exchanged while {gateway} runs; leave it out",
            plugin.name,
            plugin.kind.name(),
        ))),
    }
}

/// Plugins by their names or paths, each once.
fn named(names: &[String]) -> anyhow::Result<Vec<Plugin>> {
    let mut found: Vec<Plugin> = Vec::new();
    for name in names {
        let mut plugin = select::plugin(name)?;
        if found.iter().any(|other| (&other.name, &other.sha256) == (&plugin.name, &plugin.sha256)) {
            continue;
        }
        if found.iter().any(|other| other.name == plugin.name) {
            plugin.name = name.clone();
        }
        found.push(plugin);
    }
    Ok(found)
}

/// The record of a scenario that has not begun.
fn begin(gateway: &dyn Gateway, options: &Options, task: &Task, seed: u64) -> Record {
    let mut versions = BTreeMap::from([("tollgate".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]);
    // One that cannot say its version will not start either, and that is told then.
    if let Ok(version) = gateway.version(options) {
        versions.insert(gateway.name().to_owned(), version);
    }
    Record {
        schema: SCHEMA.to_owned(),
        tollgate_version: env!("CARGO_PKG_VERSION").to_owned(),
        command_line: plan::command_line(seed),
        started_unix_ms: plan::unix_ms(),
        finished_unix_ms: None,
        interrupted: false,
        environment: machine::environment(versions),
        plan: Plan {
            seed,
            time: TimeBudget::Standard,
            starts: task.starts(),
            rounds_per_block: task.rounds_per_block(),
            requests_per_batch: 1,
            timed_with_limits: None,
            soak_ms: None,
            workloads: vec!["headers".to_owned()],
            // What varies with each swap.
            operations: BTreeMap::new(),
            placement: BTreeMap::from([(gateway.name().to_owned(), task.placement())]),
            live_gate: None,
        },
        cells: Vec::new(),
        loads: Vec::new(),
        scenarios: Vec::new(),
    }
}
