//! `tollgate scenario`: what happens to requests while plugins are exchanged, or fail.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tollgate_fixtures::{Plugin, plugins};
use tollgate_gateways::scenario::{ScenarioLoad, ScenarioProgress, can_exchange, failure, reload};
use tollgate_gateways::{GATEWAYS, Gateway, Options};
use tollgate_record::{Entry, Journal, Placement, Plan, PluginKind, Record, SCHEMA, Scenario, TimeBudget};
use tollgate_reports::summarize;

use crate::args::{ReloadArgs, ScenarioArgs, ScenarioName, ScenarioOptions};
use crate::machine::{self, CpuTicks};
use crate::progress::Progress;
use crate::status::{self, Status, usage};
use crate::verbs::{run, summary};
use crate::{interrupt, plan, select};

/// Time for a swap, when no time is given.
const SWAP: Duration = Duration::from_secs(2);

/// Runs a scenario, prints it and writes its record and report.
pub(crate) fn run(args: &ScenarioArgs) -> anyhow::Result<Status> {
    interrupt::install()?;
    let (options, duration) = match &args.scenario {
        ScenarioName::Reload(reload) => (&reload.options, reload.time.unwrap_or(SWAP * reload.swaps)),
        ScenarioName::Failure(failure) => (&failure.options, failure.time),
    };
    let gateway = gateway(&options.gateway)?;
    let plugins = match &args.scenario {
        ScenarioName::Reload(reload) => wanted(reload, gateway.name())?,
        ScenarioName::Failure(_) => Vec::new(),
    };
    let seed = options.seed.unwrap_or_else(run::clock_seed);
    fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot make the folder {}; name another with --out", options.out.display()))?;
    let of_gateway = Options { envoy: options.envoy.clone(), base_port: options.base_port, ..Options::default() };
    let progress = Progress::new(duration, options.quiet);
    let journal_path = options.out.join("journal.jsonl");
    let (mut journal, aside) = Journal::create(&journal_path, begin(gateway, &of_gateway, seed))?;
    if let Some(aside) = aside {
        progress.note(&format!("the journal of a run that was killed is now {}", aside.display()));
    }

    let ticks = CpuTicks::now();
    let load =
        ScenarioLoad { rate: f64::from(options.rate), connections: options.connections as usize, duration, seed };
    let mut watcher = |now: ScenarioProgress<'_>| {
        progress.set_done(now.elapsed.min(duration));
        progress.say(now.doing);
        if interrupt::requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let scenario = match &args.scenario {
        ScenarioName::Reload(args) => reload(&plugins, args.swaps, &load, &of_gateway, &mut watcher),
        ScenarioName::Failure(_) => failure(&load, &of_gateway, &mut watcher),
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
fn wanted(args: &ReloadArgs, gateway: &str) -> anyhow::Result<Vec<Plugin>> {
    if args.plugins.is_empty() {
        return Ok(plugins().iter().filter(|plugin| plugin.kind == PluginKind::ProxyWasm).cloned().collect());
    }
    let found: Vec<Plugin> = args.plugins.iter().map(|plugin| select::plugin(plugin)).collect::<anyhow::Result<_>>()?;
    match found.iter().find(|plugin| !can_exchange(plugin.kind)) {
        None => Ok(found),
        Some(plugin) => Err(usage(format!(
            "{} is {}, and only Lua and Proxy-Wasm plugins can be exchanged while {gateway} runs; leave it out",
            plugin.name,
            plugin.kind.name(),
        ))),
    }
}

/// The record of a scenario that has not begun.
fn begin(gateway: &dyn Gateway, options: &Options, seed: u64) -> Record {
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
            starts: 1,
            rounds_per_block: 1,
            requests_per_batch: 1,
            timed_with_limits: None,
            soak_ms: None,
            workloads: vec!["headers".to_owned()],
            // What varies with each swap.
            operations: BTreeMap::new(),
            // A gateway that loads a plugin needs another core than the one on which it answers, and so does the load.
            placement: BTreeMap::from([(gateway.name().to_owned(), Placement::Unpinned)]),
            live_gate: None,
        },
        cells: Vec::new(),
        loads: Vec::new(),
        scenarios: Vec::new(),
    }
}
