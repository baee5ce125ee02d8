//! `tollgate gate in-process`: measure base against head, or judge what was measured before.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tollgate_record::{GateCell, GatePlan, GateRecord};
use tollgate_reports::gate::{in_process, least_processes, other_machine};

use super::finish;
use crate::args::Selectors;
use crate::args::gate::in_process::{InProcessArgs, Sampling};
use crate::gating::{Artifacts, Contests, Gating, Harnesses, cell, contests, versions};
use crate::out::make_folder;
use crate::progress::Progress;
use crate::status::{Status, usage};
use crate::verbs::resume::unchanged;
use crate::verbs::run::{clock_seed, remove};
use crate::{interrupt, machine};

/// Name of the journal in its folder.
pub(crate) const JOURNAL: &str = "gate-journal.jsonl";
/// Name of the record.
pub(crate) const RECORD: &str = "gate-record.json";

/// The margin when none is named; and between two builds. One build against itself showed no more than 0.1 % (40 processes,
/// busy machine), but where a compiler puts the code of a build is the same in all of its processes, and moves latency by
/// percents without meaning anything.
const MARGIN_PPM: u32 = 5_000;
const APART_MARGIN_PPM: u32 = 50_000;
/// About how long a process takes, for the progress bar.
const PROCESS: Duration = Duration::from_millis(150);

/// Runs the gate.
pub(crate) fn run(options: &InProcessArgs) -> anyhow::Result<Status> {
    if let Some(path) = &options.record {
        return finish(&in_process(&GateRecord::read(path)?), &options.outcome);
    }
    interrupt::install()?;
    let asked = Asked::of(options, options.sampling.seed.unwrap_or_else(clock_seed))?;
    check(&asked.plan, &asked.contests)?;
    if let Some(folder) = &options.outcome.out {
        make_folder(folder)?;
    }
    measure(options, &asked, None)
}

/// What the options ask to compare, and how.
struct Asked {
    /// Base and head in words.
    sides: (String, String),
    contests: Contests,
    plan: GatePlan,
    /// Where base and head are two builds.
    harnesses: Option<Harnesses>,
}

impl Asked {
    fn of(options: &InProcessArgs, seed: u64) -> anyhow::Result<Self> {
        let (sampling, selectors) = (&options.sampling, options.sampling.selectors());
        match (&options.base_harness, &options.head_harness, &options.base, &options.head) {
            (Some(base), Some(head), ..) => {
                let harnesses = Harnesses::of(base, head)?;
                let contests = harnesses.contests(&Selectors { plugins: options.plugins.clone(), ..selectors })?;
                let margin_ppm = sampling.margin.unwrap_or(APART_MARGIN_PPM);
                let plan = GatePlan { margin_ppm, apart: true, ..plan(sampling, seed) };
                Ok(Self { sides: harnesses.names()?, contests, plan, harnesses: Some(harnesses) })
            }
            (_, _, Some(base), Some(head)) => {
                let contests = contests(&selectors, base, head)?;
                Ok(Self { sides: (name(base), name(head)), contests, plan: plan(sampling, seed), harnesses: None })
            }
            _ => Err(usage("give --base and --head, or --base-harness and --head-harness, or a --record")),
        }
    }

    /// Versions of this program and of the hosts, those of each build where there are two.
    fn versions(&self) -> BTreeMap<String, String> {
        let cells = || self.contests.contests.iter().map(|contest| &contest.id);
        match &self.harnesses {
            None => versions(cells()),
            Some(harnesses) => {
                let hosts = cells().flat_map(|cell| harnesses.versions(&cell.host));
                hosts.chain(versions(std::iter::empty())).collect()
            }
        }
    }
}

/// Goes on with the run of a folder, with the options that it was begun with.
pub(crate) fn resume(options: &InProcessArgs, record: GateRecord) -> anyhow::Result<Status> {
    let asked = Asked::of(options, record.plan.seed)?;
    unchanged(changes(&record, &asked))?;
    measure(options, &asked, Some(record))
}

/// Processes of one run are replicates only when nothing changed between them.
fn changes(record: &GateRecord, asked: &Asked) -> Vec<String> {
    let versions = asked.versions();
    let mut changed = other_machine(&record.environment, &machine::environment(versions.clone()));
    if record.tollgate_version != env!("CARGO_PKG_VERSION") || record.environment.versions != versions {
        changed.push("other versions of tollgate or hosts".to_owned());
    }
    if (&record.base, &record.head) != (&asked.sides.0, &asked.sides.1) {
        changed.push("another base or head".to_owned());
    }
    if record.plan != asked.plan || record.placement != tollgate_gateways::decide_placement() {
        changed.push("another plan or placement".to_owned());
    }
    let anew: Vec<GateCell> = asked.contests.contests.iter().map(cell).collect();
    for known in record.cells.iter().filter(|known| known.error.is_none()) {
        match anew.iter().find(|cell| cell.id == known.id) {
            None => changed.push(format!("{} is gone", known.id)),
            Some(cell) if (&cell.base, &cell.head) != (&known.base, &known.head) => {
                changed.push(format!("another artifact of {}", known.id));
            }
            Some(_) => {}
        }
    }
    changed
}

/// Measures what is not in the record yet, writes and judges.
fn measure(options: &InProcessArgs, asked: &Asked, begun: Option<GateRecord>) -> anyhow::Result<Status> {
    let Asked { sides, contests, plan, harnesses } = asked;
    let mut artifacts = Artifacts::new()?;
    let folder = options.outcome.out.clone().unwrap_or_else(|| artifacts.path().to_owned());
    let journal = folder.join(JOURNAL);
    let processes = plan.processes * contests.contests.len() as u32;
    let mut progress = Progress::new(PROCESS * processes, options.sampling.quiet);
    let gating = Gating {
        plan: plan.clone(),
        placement: tollgate_gateways::decide_placement(),
        artifacts: &mut artifacts,
        progress: &mut progress,
        programs: harnesses.as_ref().map(|harnesses| &harnesses.programs),
        versions: asked.versions(),
        calibrations: &mut BTreeMap::new(),
    };
    let record = gating.run(sides.clone(), contests, &journal, begun)?;
    progress.finish();
    let written = record.write(&folder.join(RECORD)).map_err(anyhow::Error::from);
    // What was measured is shown whatever becomes of the files; the journal stays until the record is safe.
    let status = finish(&in_process(&record), &options.outcome)?;
    written.and_then(|()| remove(&journal))?;
    if !record.interrupted {
        return Ok(status);
    }
    if let Some(folder) = &options.outcome.out {
        eprintln!("interrupted: go on with `tollgate resume {}`", folder.display());
    }
    Ok(Status::Interrupted)
}

/// A file without its folder: where it lies is of no interest to who reads the outcome elsewhere.
fn name(plugin: &str) -> String {
    Path::new(plugin).file_name().map_or_else(|| plugin.to_owned(), |name| name.to_string_lossy().into_owned())
}

/// How the gate measures and judges.
pub(crate) fn plan(sampling: &Sampling, seed: u64) -> GatePlan {
    GatePlan {
        seed,
        processes: sampling.processes,
        confirm_processes: Some(confirming(sampling.processes)),
        layouts: sampling.layouts,
        blocks_per_layout: 1,
        rounds_per_block: 5,
        batch_ns: 20_000,
        margin_ppm: sampling.margin.unwrap_or(MARGIN_PPM),
        apart: false,
        alpha_ppm: 1_000,
        confirm_alpha_ppm: 10_000,
        equivalence_alpha_ppm: 50_000,
    }
}

/// How many processes confirm what so many flag. Fewer do: at 1 %, not at one part in a thousand split over the cells, and of a
/// change that the first ones find, nearly all processes lie above the margin. Of 24 it takes 19, which of a true change
/// of twice the margin (where 19 of 20 processes are above it) are there in 999 of 1,000 runs; of 40, as good as always.
fn confirming(processes: u32) -> u32 {
    // Ten are the fewest that a gate can have.
    (processes * 3 / 5).max(processes.min(10))
}

/// Refuses a plan that could never say anything.
pub(crate) fn check(plan: &GatePlan, contests: &Contests) -> anyhow::Result<()> {
    let cells = contests.contests.len() + contests.unloadable.len();
    let least = least_processes(plan, cells);
    if plan.processes < least {
        let advice =
            format!("with {} processes no slowdown could be found; give --processes {least} or more", plan.processes);
        return Err(usage(advice));
    }
    Ok(())
}
