//! What a run sets out to do, written down before anything is measured.

use std::collections::BTreeMap;
use std::time::SystemTime;

use tollgate_gateways::{decide_placement, place};
use tollgate_record::{Entry, Environment, Journal, Placement, Plan, Record, SCHEMA, TimeBudget};

use crate::args::{PlacementArg, Selectors, settings};
use crate::machine::CpuTicks;
use crate::schedule::Schedule;
use crate::select::Selection;
use crate::status::usage;
use crate::{interrupt, machine, urls};

/// Key of the placement in process; a gateway's is its name.
pub(crate) const IN_PROCESS: &str = "in_process";

/// The record of a run that has not begun.
pub(crate) fn begin(
    selectors: &Selectors,
    selection: &Selection,
    (time, schedule): (TimeBudget, Schedule),
    live_placement: &Placement,
    seed: u64,
) -> Record {
    let mut versions = BTreeMap::from([("tollgate".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]);
    for host in tollgate_hosts::hosts_here() {
        versions.insert(host.name().to_owned(), host.version());
    }
    for (gateway, _) in &selection.live {
        // A gateway that cannot say its version becomes a failure row when it is started.
        if let Ok(version) = gateway.version(&selectors.gateway.options()) {
            versions.insert(gateway.name().to_owned(), version);
        }
    }
    let mut placements: BTreeMap<String, Placement> =
        selection.live.iter().map(|(gateway, _)| (gateway.name().to_owned(), live_placement.clone())).collect();
    placements.insert(IN_PROCESS.to_owned(), decide_placement());
    if !selection.urls.is_empty() {
        placements.insert(urls::URL.to_owned(), Placement::Unpinned);
    }
    let mut workloads: Vec<String> =
        arms(selection).filter(|arm| arm.plugin.is_some()).map(|arm| arm.id.workload.clone()).collect();
    workloads.sort();
    workloads.dedup();
    let held_to = arms(selection).filter(|arm| arm.plugin.as_ref().is_some_and(|plugin| plugin.workload_checked));
    let operations = held_to.map(|arm| (arm.id.workload.clone(), arm.workload.operations)).collect();

    Record {
        schema: SCHEMA.to_owned(),
        tollgate_version: env!("CARGO_PKG_VERSION").to_owned(),
        command_line: command_line(seed),
        started_unix_ms: unix_ms(),
        finished_unix_ms: None,
        interrupted: false,
        environment: machine::environment(versions),
        plan: Plan {
            seed,
            time,
            starts: schedule.starts,
            rounds_per_block: schedule.rounds_per_block,
            requests_per_batch: schedule.requests_per_batch,
            timed_with_limits: Some(timed_with_limits(selection)),
            soak_ms: None,
            workloads,
            operations,
            placement: placements,
            live_gate: None,
        },
        cells: Vec::new(),
        loads: Vec::new(),
        scenarios: Vec::new(),
    }
}

/// The placement that was asked for, or else the best one.
pub(crate) fn placement(wanted: Option<PlacementArg>) -> anyhow::Result<Placement> {
    match wanted {
        None => Ok(decide_placement()),
        Some(wanted) => place(wanted.into()).map_err(|error| usage(error.to_string())),
    }
}

/// Writes down that the run is over, with what only its end knows; `ticks` are those of its begin.
pub(crate) fn end(journal: &mut Journal, ticks: Option<CpuTicks>) -> anyhow::Result<()> {
    let (finished_unix_ms, interrupted, environment) = ended(&journal.record().environment, ticks);
    journal.append(Entry::End { finished_unix_ms, interrupted, environment })?;
    Ok(())
}

/// When a run ended, whether before it was done, and its environment with what only the end knows.
pub(crate) fn ended(environment: &Environment, ticks: Option<CpuTicks>) -> (u64, bool, Box<Environment>) {
    let steal_share = CpuTicks::now().zip(ticks).and_then(|(now, then)| now.steal_share_since(then));
    (unix_ms(), interrupt::requested(), Box::new(Environment { steal_share, ..environment.clone() }))
}

/// Milliseconds since 1970.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

fn arms(selection: &Selection) -> impl Iterator<Item = &crate::arm::Arm> {
    selection.in_process.iter().chain(selection.live.iter().flat_map(|(_, arms)| arms))
}

/// Whether a host that times plugins meters them. Gateways of ours are made of the same hosts.
fn timed_with_limits(selection: &Selection) -> bool {
    let hosts = arms(selection).filter(|arm| arm.plugin.is_some()).filter_map(|arm| tollgate_hosts::host(&arm.id.host));
    hosts.into_iter().any(tollgate_hosts::Host::is_metered)
}

/// The command that repeats the run: what was typed or set, and the seed where it was drawn. The program's own path is of
/// this machine only and says nothing.
pub(crate) fn command_line(seed: u64) -> Vec<String> {
    let mut words = command_words();
    if !words.iter().any(|word| word == "--seed" || word.starts_with("--seed=")) {
        words.extend(["--seed".to_owned(), seed.to_string()]);
    }
    words
}

/// The same where nothing is drawn.
pub(crate) fn command_words() -> Vec<String> {
    let typed = settings::words();
    let words = typed.iter().skip(1).map(|word| word.to_string_lossy().into_owned());
    ["tollgate".to_owned()].into_iter().chain(words).collect()
}
