//! `tollgate resume`: goes on with a run that was interrupted or killed.

use clap::Parser as _;
use tollgate_record::{Journal, Record};
use tollgate_reports::gate::incomparable;

use super::run;
use crate::args::{Args, ResumeArgs, RunArgs, Verb};
use crate::interrupt;
use crate::measuring::{LoadWanted, without_halves};
use crate::select::{Selection, select};
use crate::status::{Status, usage};

/// Measures what is missing, with the command that the run was begun with.
pub(crate) fn run(options: &ResumeArgs) -> anyhow::Result<Status> {
    interrupt::install()?;
    let folder = &options.folder;
    let journal_path = folder.join(run::JOURNAL);
    // A run that was stopped in order has no journal any more.
    let path = if journal_path.exists() { journal_path.clone() } else { folder.join(run::RECORD) };
    let record = Record::read(&path)?;
    if !record.interrupted {
        return Err(usage(format!(
            "{} is of a run that was not interrupted; there is nothing to go on with",
            path.display()
        )));
    }
    let mut of_run = command(&record)?;
    (of_run.out, of_run.quiet) = (folder.clone(), of_run.quiet || options.quiet);
    let selection = select(&of_run.selectors, run::unasked(of_run.time))?;
    let anew = run::begin(&of_run, &selection, record.plan.seed)?;
    check(&record, &anew, &selection)?;
    let record = without_halves(record, LoadWanted::of(&of_run.load).as_ref());
    run::measure(&of_run, &selection, Journal::reopen(&journal_path, record)?)
}

/// The options that the run was begun with.
fn command(record: &Record) -> anyhow::Result<RunArgs> {
    let words = &record.command_line;
    match Args::try_parse_from(words).map(|args| args.verb) {
        Ok(Some(Verb::Run(options))) => Ok(options),
        Ok(_) => Err(usage("only a `tollgate run` can be gone on with; begin anew")),
        Err(error) => Err(usage(format!("the command of that run is not understood ({error}); begin anew"))),
    }
}

/// Starts of one run are replicates only when nothing changed between them.
fn check(record: &Record, anew: &Record, selection: &Selection) -> anyhow::Result<()> {
    let mut changed = incomparable(record, anew);
    if record.tollgate_version != anew.tollgate_version || record.environment.versions != anew.environment.versions {
        changed.push("other versions of tollgate, hosts or gateways".to_owned());
    }
    if record.plan != anew.plan {
        changed.push("another plan".to_owned());
    }
    let arms = selection.in_process.iter().chain(selection.live.iter().flat_map(|(_, arms)| arms));
    for arm in arms {
        let Some(cell) = record.cell(&arm.id) else { continue };
        if cell.artifact != arm.cell(&cell.host_version).artifact {
            changed.push(format!("another artifact of {}", arm.id.plugin));
        }
    }
    changed.dedup();
    if changed.is_empty() {
        return Ok(());
    }
    Err(usage(format!("something changed since the run began: {}; begin anew, in another folder", changed.join("; "))))
}
