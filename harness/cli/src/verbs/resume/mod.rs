//! `tollgate resume`: goes on with what was interrupted or killed: a run, a gate, a proof.

mod of_run;

use std::path::Path;

use clap::Parser as _;
use tollgate_record::{GateRecord, ProveRecord};

use super::gate::in_process as gate;
use super::{prove, run};
use crate::args::gate::GateName;
use crate::args::{Args, ResumeArgs, Verb};
use crate::interrupt;
use crate::status::{Status, usage};

/// What a folder can hold: the journal of what was killed, and the record of what was stopped in order, which has no
/// journal any more; and who goes on with it.
const KINDS: [(&str, &str, Resume); 3] = [
    (run::JOURNAL, run::RECORD, of_run::resume),
    (gate::JOURNAL, gate::RECORD, of_gate),
    (prove::JOURNAL, prove::RECORD, of_proof),
];

type Resume = fn(&ResumeArgs, &Path) -> anyhow::Result<Status>;

/// Measures what is missing, with the command that it was begun with.
pub(crate) fn run(options: &ResumeArgs) -> anyhow::Result<Status> {
    interrupt::install()?;
    let journals = KINDS.iter().map(|(journal, _, resume)| (journal, resume));
    let records = KINDS.iter().map(|(_, record, resume)| (record, resume));
    let mut all = journals.chain(records).map(|(name, resume)| (options.folder.join(name), resume));
    match all.find(|(path, _)| path.exists()) {
        Some((path, resume)) => resume(options, &path),
        None => Err(usage(format!(
            "{} holds neither a journal nor a record; name the --out of what was interrupted",
            options.folder.display()
        ))),
    }
}

fn of_gate(options: &ResumeArgs, path: &Path) -> anyhow::Result<Status> {
    let record = GateRecord::read(path)?;
    interrupted(record.interrupted, path)?;
    match command(&record.command_line)? {
        Verb::Gate(of_gate) => match of_gate.gate {
            Some(GateName::InProcess(mut of_gate)) => {
                of_gate.sampling.quiet |= options.quiet;
                of_gate.outcome.out = Some(options.folder.clone());
                gate::resume(&of_gate, record)
            }
            _ => Err(usage("that record is of no in-process gate; begin anew")),
        },
        _ => Err(usage("that record is of no gate; begin anew")),
    }
}

fn of_proof(options: &ResumeArgs, path: &Path) -> anyhow::Result<Status> {
    let record = ProveRecord::read(path)?;
    interrupted(record.interrupted, path)?;
    let words = record.sittings.last().map_or(&record.command_line, |sitting| &sitting.command_line);
    match command(words)? {
        Verb::Prove(mut of_proof) => {
            of_proof.sampling.quiet |= options.quiet;
            of_proof.out.clone_from(&options.folder);
            prove::go_on(&of_proof, record)
        }
        _ => Err(usage("that record is of no proof; begin anew")),
    }
}

/// Refuses what is done.
fn interrupted(interrupted: bool, path: &Path) -> anyhow::Result<()> {
    if interrupted {
        return Ok(());
    }
    Err(usage(format!("{} is of a run that was not interrupted; there is nothing to go on with", path.display())))
}

/// The verb that these words were.
fn command(words: &[String]) -> anyhow::Result<Verb> {
    match Args::try_parse_from(words).map(|args| args.verb) {
        Ok(Some(verb)) => Ok(verb),
        Ok(None) => Err(usage("the record does not know its command; begin anew")),
        Err(error) => Err(usage(format!("the command of that run is not understood ({error}); begin anew"))),
    }
}

/// Refuses to go on when something changed.
pub(super) fn unchanged(mut changed: Vec<String>) -> anyhow::Result<()> {
    changed.dedup();
    if changed.is_empty() {
        return Ok(());
    }
    Err(usage(format!("something changed since the run began: {}; begin anew, in another folder", changed.join("; "))))
}
