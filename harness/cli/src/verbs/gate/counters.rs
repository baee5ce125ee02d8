//! `tollgate gate counters`: exact figures against those of a baseline, or of another artifact.

use tempfile::TempDir;
use tollgate_record::{Baseline, BaselineError, BaselineKey};
use tollgate_reports::gate::{GateKind, Outcome, Update, judge_counters};

use super::finish;
use crate::args::gate::CountersArgs;
use crate::counting::{absent, compare, count, note};
use crate::interrupt;
use crate::out::scratch_folder;
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
    let code = code_folder();
    let counted = count(&selection, code.as_ref().map(TempDir::path))?;
    let Some(counted) = counted else { return Ok(Status::Interrupted) };

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
    let code = code_folder();
    match compare(of(base)?, of(head)?, (base, head), code.as_ref().map(TempDir::path))? {
        Some(outcome) => finish(&outcome, &options.outcome),
        None => Ok(Status::Interrupted),
    }
}

/// Where processes leave machine code to the next ones; without room for it each compiles.
fn code_folder() -> Option<TempDir> {
    scratch_folder("tollgate-code-").ok()
}

/// One host for each kind of plugin, and those of the baseline that are here.
fn hosts_for(baseline: &Baseline) -> Vec<String> {
    let in_baseline = |name: &str| baseline.cells().iter().any(|cell| cell.host == name);
    let wanted = tollgate_hosts::hosts_here().filter(|host| host.is_default() || in_baseline(host.name()));
    wanted.map(|host| host.name().to_owned()).collect()
}
