//! `tollgate gate counters`: exact figures against those of a baseline, or of another artifact.

use tollgate_record::{Baseline, BaselineError, BaselineKey};
use tollgate_reports::gate::{Counted, GateKind, Outcome, Row, Update, judge_counters};

use super::finish;
use crate::args::gate::CountersArgs;
use crate::counting::count;
use crate::interrupt;
use crate::select::{exactly, is_path};
use crate::status::{Status, usage};

/// Counts, compares, prints, and writes the baseline where that is wanted.
pub(crate) fn run(options: &CountersArgs) -> anyhow::Result<Status> {
    interrupt::install()?;
    match options.base.as_ref().zip(options.head.as_ref()) {
        Some((base, head)) => two(options, base, head),
        None => against_baseline(options),
    }
}

fn against_baseline(options: &CountersArgs) -> anyhow::Result<Status> {
    let path = &options.baseline;
    let baseline = match Baseline::read(path) {
        Err(BaselineError::Missing(_)) if options.update => Baseline::new([]),
        read => read?,
    };
    let hosts = if options.hosts.is_empty() { hosts_for(&baseline) } else { options.hosts.clone() };
    let selection = exactly(&options.selectors(options.plugins.clone(), hosts))?;
    let Some(counted) = count(&selection)? else { return Ok(Status::Interrupted) };

    // A plugin by path goes by the name that it was given.
    let names = |plugin: &str| selection.in_process.iter().any(|arm| arm.id.plugin == plugin);
    let asked = |(plugin, host, workload): BaselineKey<'_>| {
        (options.plugins.is_empty() || options.plugins.iter().any(|name| name == plugin) || names(plugin))
            && (options.hosts.is_empty() || options.hosts.iter().any(|name| name == host))
            && !options.skip.iter().any(|name| name == plugin || name == host)
            && (options.workloads.is_empty() || options.workloads.iter().any(|name| name == workload))
    };
    let update = match (options.update, options.accept) {
        (false, _) => Update::Keep,
        (true, false) => Update::Ratchet,
        (true, true) => Update::Accept,
    };
    let (rows, next) = judge_counters(&baseline, &counted, &asked, &absent, update);
    let mut notes = vec![note(&rows)];
    match baseline.cells().iter().filter(|cell| !asked(cell.key())).count() {
        0 => {}
        others => notes.push(format!("{others} cells of the baseline were not asked for")),
    }
    if update != Update::Keep && next != baseline {
        next.write(path)?;
        notes.push(format!("the baseline {} is written; commit it", path.display()));
    }
    let sides = (format!("baseline {}", path.display()), format!("tollgate {}", env!("CARGO_PKG_VERSION")));
    finish(&Outcome::new(GateKind::Counters, sides, Vec::new(), rows, notes), &options.outcome)
}

/// Base and head as if the one were the baseline of the other.
fn two(options: &CountersArgs, base: &str, head: &str) -> anyhow::Result<Status> {
    if is_path(base) != is_path(head) && options.workloads.is_empty() {
        return Err(usage(
            "one side is of the catalogue and the other a file: name what both do, as `--workload headers`",
        ));
    }
    let of = |plugin: &str| exactly(&options.selectors(vec![plugin.to_owned()], options.hosts.clone()));
    let (before, mut selection) = (of(base)?, of(head)?);
    // Both in the same processes, under names that differ: head's own is shorter than what holds all of its path.
    let name = selection.in_process.first().map(|arm| arm.id.plugin.clone());
    let as_base = |plugin: &str| format!("{plugin} (base of {head})");
    selection.in_process.extend(before.in_process.into_iter().map(|mut arm| {
        arm.id.plugin = as_base(&arm.id.plugin);
        arm
    }));
    selection.unloadable.extend(before.unloadable.into_iter().map(|(mut cell, failure)| {
        cell.id.plugin = as_base(&cell.id.plugin);
        (cell, failure)
    }));
    let Some(counted) = count(&selection)? else { return Ok(Status::Interrupted) };
    let suffix = as_base("");
    let is_base = |counted: &Counted| counted.id().plugin.ends_with(&suffix);
    let (before, counted): (Vec<Counted>, Vec<Counted>) = counted.into_iter().partition(is_base);
    let mut rows = Vec::new();
    let mut figures = Vec::new();
    for counted in before {
        match (counted, &name) {
            (Counted::Figures(cell), Some(name)) => figures.push(cell.renamed(name)),
            (Counted::Figures(_), None) => {}
            (Counted::Failed(id, failure), _) => rows.push(Row::failed(id, failure)),
        }
    }
    let (judged, _) = judge_counters(&Baseline::new(figures), &counted, &|_| true, &absent, Update::Compare);
    rows.extend(judged);
    let notes = vec![note(&rows)];
    finish(
        &Outcome::new(GateKind::Counters, (base.to_owned(), head.to_owned()), Vec::new(), rows, notes),
        &options.outcome,
    )
}

/// One host for each kind of plugin, and those of the baseline that are here.
fn hosts_for(baseline: &Baseline) -> Vec<String> {
    let in_baseline = |name: &str| baseline.cells().iter().any(|cell| cell.host == name);
    let wanted = tollgate_hosts::hosts_here().filter(|host| host.is_default() || in_baseline(host.name()));
    wanted.map(|host| host.name().to_owned()).collect()
}

/// Why a host is not here; none when it is.
fn absent(name: &str) -> Option<String> {
    match tollgate_hosts::host(name) {
        Some(host) => host.absent(),
        None => {
            let known = tollgate_hosts::ABSENT_HOSTS.iter().find(|(absent, _)| *absent == name);
            Some(known.map_or_else(|| "this tollgate does not know it".to_owned(), |(_, way)| (*way).to_owned()))
        }
    }
}

fn note(rows: &[Row]) -> String {
    let compared = rows.iter().filter(|row| row.comparable).count();
    format!(
        "counted in two fresh processes each, {compared} of {} cells compared; figures are exact, so there is no margin",
        rows.len()
    )
}
