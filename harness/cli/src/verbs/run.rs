//! `tollgate run`: verify, measure, print, write.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use tollgate_record::{Journal, Record, write_atomically};
use tollgate_reports::summarize;

use crate::args::{RunArgs, Time};
use crate::measuring::{LoadWanted, Measuring, soaked};
use crate::out::make_folder;
use crate::progress::Progress;
use crate::schedule::Schedule;
use crate::select::{Selection, Unasked, select};
use crate::status::{self, Status};
use crate::verbs::summary;
use crate::{interrupt, plan, urls};

/// Name of the journal in its folder.
pub(crate) const JOURNAL: &str = "journal.jsonl";
/// Name of the record.
pub(super) const RECORD: &str = "record.json";

/// Runs the main job.
pub(crate) fn run(options: &RunArgs) -> anyhow::Result<Status> {
    interrupt::install()?;
    let selection = select(&options.selectors, unasked(options.time))?;
    if options.soak.is_some() && soaked(&selection).is_empty() {
        return Err(status::usage(
            "there is nothing to soak: memory is watched in process, and not a native plugin's; change --only or --plugin",
        ));
    }
    let load = LoadWanted::of(&options.load);
    if load.is_some() {
        if selection.live.is_empty() && selection.urls.is_empty() {
            return Err(status::usage(
                "there is no gateway to put under load: leave out `--only in-process`, or name one with --gateway",
            ));
        }
        urls::check_load(&selection.urls, &options.selectors)?;
    }
    if options.placement.is_some() && selection.live.is_empty() {
        return Err(status::usage(
            "there is no gateway of ours to place: leave out --placement, or name a gateway with --gateway",
        ));
    }
    let begin = begin(options, &selection, options.seed.unwrap_or_else(clock_seed))?;
    make_folder(&options.out)?;

    let (journal, aside) = Journal::create(&options.out.join(JOURNAL), begin)?;
    if let Some(aside) = aside {
        eprintln!("the journal of a run that was killed is now {}", aside.display());
    }
    measure(options, &selection, journal)
}

/// The record of the run, in which nothing is measured yet.
pub(super) fn begin(options: &RunArgs, selection: &Selection, seed: u64) -> anyhow::Result<Record> {
    let (time, placement) = (options.time.into(), plan::placement(options.placement)?);
    let mut begin = plan::begin(&options.selectors, selection, (time, Schedule::of(time)), &placement, seed);
    begin.plan.soak_ms = options.soak.map(|soak| soak.as_millis() as u64);
    Ok(begin)
}

/// Measures what the journal has not got yet, prints and writes.
pub(super) fn measure(options: &RunArgs, selection: &Selection, journal: Journal) -> anyhow::Result<Status> {
    let (schedule, load) = (Schedule::of(options.time.into()), LoadWanted::of(&options.load));
    let live = selection.live.len() as u32 + u32::from(!selection.urls.is_empty());
    let soaks = options.soak.map_or(Duration::ZERO, |soak| soak * soaked(selection).len() as u32);
    let planned = (schedule.in_process + schedule.live * live) * schedule.starts + soaks;
    let loads = load.as_ref().map_or(Duration::ZERO, |load| load.planned(selection));
    let progress = Progress::new(planned + loads, options.quiet);
    let journal_path = options.out.join(JOURNAL);
    let (record, took) =
        Measuring::new(journal, progress, schedule, &options.selectors).run(selection, load.as_ref(), options.soak)?;
    if record.interrupted && record.cells.iter().all(|cell| cell.series.is_empty()) {
        // Nothing to keep, and there may be a good record of an earlier run.
        remove(&journal_path)?;
        eprintln!("interrupted before anything was finished; nothing is written");
        return Ok(Status::Interrupted);
    }
    // What was measured is shown whatever becomes of the files; the journal stays until the record is safe.
    let written = write(&options.out, &record).and_then(|()| remove(&journal_path));
    summary::print(&summarize(&record), options.format);
    written?;
    say_where(&options.out, took, &record);
    if record.interrupted {
        eprintln!("interrupted: go on with `tollgate resume {}`", options.out.display());
    }
    Ok(status::of_record(&record))
}

/// A thorough run has the time for every host and workload.
pub(super) fn unasked(time: Time) -> Unasked {
    match time {
        Time::Quick | Time::Standard => Unasked::Defaults,
        Time::Thorough => Unasked::Everything,
    }
}

/// Writes the record and its report.
pub(super) fn write(out: &Path, record: &Record) -> anyhow::Result<()> {
    record.write(&out.join(RECORD))?;
    write_atomically(&out.join("report.html"), tollgate_reports::html(std::slice::from_ref(record)).as_bytes())?;
    Ok(())
}

/// Removes a file; that it is gone already is fine.
pub(crate) fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn say_where(out: &Path, took: Duration, record: &Record) {
    eprintln!(
        "\n{} and {}, {:.0} s",
        out.join(RECORD).display(),
        out.join("report.html").display(),
        took.as_secs_f64()
    );
    let failures = record.cells.iter().filter(|cell| cell.error.is_some()).count();
    let leaks = |cell: &&tollgate_record::Cell| cell.soak.as_ref().is_some_and(status::leaks);
    match record.cells.iter().filter(leaks).count() {
        0 => {}
        1 => eprintln!("1 plugin leaks memory; its row says how much"),
        leaks => eprintln!("{leaks} plugins leak memory; their rows say how much"),
    }
    match tollgate_reports::summarize(record).loads.iter().filter(|load| load.invalid.is_some()).count() {
        0 => {}
        invalid => eprintln!("{invalid} of {} loads are invalid; each one says why", record.loads.len()),
    }
    if failures > 0 {
        eprintln!("{failures} of {} cells failed; each row says why", record.cells.len());
    }
}

/// A seed from the clock; it is in the record, so that the order can be had again.
pub(super) fn clock_seed() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_nanos() as u64
}
