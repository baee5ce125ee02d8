//! `tollgate prove`: full runs of a gate whose right answer is known. Hundreds of them take hours: each one is in the
//! journal when it is done, and more can be added at another time.

mod proving;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use tollgate_record::{Journal, ProveEntry, ProveRecord, Sitting};
use tollgate_reports::gate::proof_text;

use super::run::{clock_seed, remove};
use crate::args::prove::{ProveArgs, What};
use crate::gating::Hogs;
use crate::out::make_folder;
use crate::progress::Progress;
use crate::status::{Status, usage};
use crate::verbs::resume::unchanged;
use crate::{interrupt, out, plan};

use proving::{Proving, environment};

/// Name of the journal in its folder.
pub(crate) const JOURNAL: &str = "prove-journal.jsonl";
/// Name of the record.
pub(crate) const RECORD: &str = "prove.json";

/// Runs the gate again and again.
pub(crate) fn run(options: &ProveArgs) -> anyhow::Result<Status> {
    interrupt::install()?;
    if let Some(path) = &options.continued {
        let record = ProveRecord::read(path)?;
        if record.runs.len() as u64 >= u64::from(proving::total(options)) {
            let (path, runs) = (path.display(), record.runs.len());
            return Err(usage(format!("{path} has {runs} runs already; give more --runs to add some")));
        }
        let (proving, begin) = added(options, record)?;
        return measure(options, proving, journal(options, begin)?);
    }
    let seed = options.sampling.seed.unwrap_or_else(clock_seed);
    let proving = Proving::of(options, seed)?;
    let begin = proving.begin(options)?;
    measure(options, proving, journal(options, begin)?)
}

/// Goes on with the proof of a folder, with the options that it was begun with.
pub(crate) fn go_on(options: &ProveArgs, record: ProveRecord) -> anyhow::Result<Status> {
    let (proving, begin) = added(options, record)?;
    measure(options, proving, Journal::reopen(&options.out.join(JOURNAL), begin)?)
}

/// The record to which more runs are added, if they are of the same question.
fn added(options: &ProveArgs, mut record: ProveRecord) -> anyhow::Result<(Proving, ProveRecord)> {
    let seed = proving::seed_of(&record);
    if options.sampling.seed.is_some_and(|asked| asked != seed) {
        return Err(usage(format!("those runs have their seeds from {seed}; leave out --seed to go on with it")));
    }
    let proving = Proving::of(options, seed)?;
    let environment = environment(&proving.subjects()?);
    unchanged(proving.changes(options, &record, &environment)?)?;
    record.sittings.push(Sitting {
        tollgate_version: env!("CARGO_PKG_VERSION").to_owned(),
        command_line: proving.command_line(),
        started_unix_ms: plan::unix_ms(),
        environment,
        first_run: record.runs.len() as u32,
    });
    (record.wanted, record.interrupted) = (Some(proving.total), false);
    Ok((proving, record))
}

fn journal(options: &ProveArgs, begin: ProveRecord) -> anyhow::Result<Journal<ProveRecord>> {
    let folder = &options.out;
    make_folder(folder)?;
    let (journal, aside) = Journal::create(&folder.join(JOURNAL), begin)?;
    if let Some(aside) = aside {
        eprintln!("the journal of a proof that was killed is now {}", aside.display());
    }
    Ok(journal)
}

/// Makes the runs that the journal has not got yet, writes and prints.
fn measure(options: &ProveArgs, mut proving: Proving, mut journal: Journal<ProveRecord>) -> anyhow::Result<Status> {
    let begin = Instant::now();
    let (planned, total) = (proving.planned(), proving.total as usize);
    let left = total.saturating_sub(journal.record().runs.len()) as u32;
    let mut progress = Progress::new(planned * left, options.sampling.quiet);
    let hogs = (options.what == What::Hogs).then(Hogs::on_every_core);
    let ready = left == 0 || proving.prepare(&mut progress)?;
    let mut done = Duration::ZERO;
    while ready && journal.record().runs.len() < total && !interrupt::requested() {
        if options.time_limit.is_some_and(|limit| begin.elapsed() >= limit) {
            break;
        }
        let number = journal.record().runs.len();
        progress.stage(format!("run {}/{total}", number + 1));
        let run = proving.run(number, &mut progress).with_context(|| {
            let folder = options.out.display();
            format!("{number} of {total} runs are done and kept; go on with `tollgate resume {folder}`")
        });
        let Some(run) = run? else { break };
        journal.append(ProveEntry::Run(run))?;
        done += planned;
        progress.set_done(done);
    }
    drop(hogs);
    progress.finish();
    finish(options, journal, total)
}

/// Writes and prints what there is.
fn finish(options: &ProveArgs, mut journal: Journal<ProveRecord>, total: usize) -> anyhow::Result<Status> {
    let folder = &options.out;
    let runs = journal.record().runs.len();
    if runs == 0 {
        remove(&folder.join(JOURNAL))?;
        eprintln!("stopped before a run was done; nothing is written");
        return Ok(if interrupt::requested() { Status::Interrupted } else { Status::Pass });
    }
    journal.append(ProveEntry::End { finished_unix_ms: plan::unix_ms(), interrupted: runs < total })?;
    let record = journal.record();
    // What was measured is shown whatever becomes of the files; the journal stays until the record is safe.
    let written = record.write(&folder.join(RECORD)).map_err(anyhow::Error::from);
    out::line(proof_text(record).trim_end());
    written.and_then(|()| remove(&folder.join(JOURNAL)))?;
    if runs < total {
        eprintln!("{runs} of {total} runs are done: go on with `tollgate resume {}`", folder.display());
    }
    Ok(if interrupt::requested() { Status::Interrupted } else { Status::Pass })
}
