//! The measuring of an in-process gate: both sides verified, a known slowdown calibrated, then one fresh process after
//! the other, cells in turn, each finished one into the journal at once. What comes of it is judged elsewhere.

mod apart;
mod artifacts;
mod calibration;
mod contest;
mod counters_prover;
mod harnesses;
mod hogs;
pub(crate) mod live;
mod live_prover;
mod prover;
mod replicate;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tollgate_record::{
    Artifact, Batch, CellId, Counters, Failure, FailureClass, GATE_RECORD_SCHEMA, GateCell, GateEntry, GatePlan,
    GateProcess, GateRecord, Journal, Placement, Slowdown,
};
use tollgate_reports::gate::flagged;

use crate::arm::{Arm, artifact};
use crate::machine::{self, CpuTicks};
use crate::progress::Progress;
use crate::verification::{Verdict, verify_in};
use crate::worker::MirroredArm;
use crate::{interrupt, plan};

pub(crate) use artifacts::Artifacts;
pub(crate) use calibration::Calibration;
use calibration::calibrate;
pub(crate) use contest::{Contest, Contests, contests};
pub(crate) use counters_prover::CountersProver;
pub(crate) use harnesses::{Harnesses, Programs};
pub(crate) use hogs::Hogs;
pub(crate) use live::LiveGating;
pub(crate) use live_prover::LiveProver;
pub(crate) use prover::Prover;

use contest::arms;
use replicate::{Measured, Replicate, replicate};

/// The known slowdown, in margins: well beyond what must be found, as it has to be found each time.
const CONTROL_MARGINS: f64 = 4.0;

/// Of a side that has no bytes of its own.
const NO_ARTIFACT: Artifact = Artifact { sha256: String::new(), size_bytes: 0, toolchain: None, sdk: None };

/// Processes that calibrate it: it need not be exact.
const CALIBRATING: u32 = 3;

/// Everything that a gate needs to run.
pub(crate) struct Gating<'a> {
    pub(crate) plan: GatePlan,
    pub(crate) placement: Placement,
    pub(crate) artifacts: &'a mut Artifacts,
    pub(crate) progress: &'a mut Progress,
    /// The builds that run base and head, where they are two.
    pub(crate) programs: Option<&'a Programs>,
    /// Of this program and of the hosts.
    pub(crate) versions: BTreeMap<String, String>,
    /// What a turn of the loop costs in a cell, where that is known from a run before.
    pub(crate) calibrations: &'a mut BTreeMap<CellId, Calibration>,
}

/// A cell with its four arms, ready: base, head, base again, head slowed down.
struct Ready {
    id: CellId,
    arms: Vec<MirroredArm>,
    replicate: Replicate,
    /// Programs of the arms, where they are two builds.
    programs: Option<Vec<PathBuf>>,
}

impl Ready {
    /// What one process, or one for each arm, measures.
    fn measure(&self, seed: u64) -> anyhow::Result<Option<Result<Measured, Failure>>> {
        let (replicate, pairs) = (self.replicate.with_seed(seed), &PAIRS[..self.arms.len() - 1]);
        match &self.programs {
            None => replicate.measure(&self.arms, pairs),
            Some(programs) => {
                let arms: Vec<_> = programs.iter().cloned().zip(self.arms.iter().cloned()).collect();
                apart::measure(&replicate, &arms, pairs)
            }
        }
    }
}

/// What is compared: head with base, base with itself, head slowed down with head.
const PAIRS: [(usize, usize); 3] = [(0, 1), (0, 2), (1, 3)];

impl Gating<'_> {
    /// Verifies, calibrates and measures; what was begun before is gone on with. The record is complete, or says that it
    /// was interrupted; a plugin that is wrong is in it as a failure, and then nothing is timed.
    pub(crate) fn run(
        mut self,
        sides: (String, String),
        contests: &Contests,
        journal_path: &Path,
        begun: Option<GateRecord>,
    ) -> anyhow::Result<GateRecord> {
        let ticks = CpuTicks::now();
        let (counters, failures) = self.verify(&contests.contests)?;
        let mut cells: Vec<GateCell> = match &begun {
            Some(record) => record.cells.clone(),
            None => contests.contests.iter().map(cell).collect(),
        };
        let is_wrong = |failure: &Failure| failure.class == FailureClass::Plugin;
        let mut ready = Vec::new();
        if !failures.values().any(is_wrong) && contests.unloadable.is_empty() && !interrupt::requested() {
            for contest in &contests.contests {
                let cell = cells.iter_mut().find(|cell| cell.id == contest.id);
                let cell = cell.filter(|cell| cell.error.is_none() && !failures.contains_key(&cell.id));
                let Some(cell) = cell else { continue };
                self.progress.stage(format!("prepare {}", cell.id));
                let head_spent = counters.get(&contest.id).and_then(spent);
                // What its first process was given, all are.
                let known = (!cell.processes.is_empty()).then_some(cell.slowdown);
                let Some((slowdown, prepared)) = self.prepare(contest, head_spent, known)? else { break };
                cell.slowdown = slowdown;
                ready.push(prepared);
            }
        }
        let mut journal = match begun {
            Some(record) => {
                let record = GateRecord { cells, interrupted: false, finished_unix_ms: None, ..record };
                Journal::reopen(journal_path, record)?
            }
            None => Journal::create(journal_path, self.begin(sides, cells, contests))?.0,
        };
        for (cell, failure) in failures.into_iter().chain(contests.unloadable.iter().cloned()) {
            journal.append(GateEntry::Failure { cell, failure })?;
        }
        self.batch(Batch::First, &mut ready, &mut journal)?;
        let record = journal.record();
        let flagged = |ready: &Ready| {
            let mut cells = record.cells.iter();
            cells.any(|cell| cell.id == ready.id && flagged(&record.plan, record.cells.len(), cell).is_some())
        };
        let mut again: Vec<Ready> = ready.into_iter().filter(flagged).collect();
        self.batch(Batch::Confirmation, &mut again, &mut journal)?;
        let (finished_unix_ms, interrupted, environment) = plan::ended(&journal.record().environment, ticks);
        journal.append(GateEntry::End { finished_unix_ms, interrupted, environment })?;
        Ok(journal.record().clone())
    }

    /// Both sides once: what head counted, and what is wrong, by cell.
    fn verify(
        &mut self,
        contests: &[Contest],
    ) -> anyhow::Result<(BTreeMap<CellId, Counters>, BTreeMap<CellId, Failure>)> {
        self.progress.stage("verify");
        let (mut counted, mut failures) = (BTreeMap::new(), BTreeMap::new());
        let programs = self.programs.map(|programs| [&programs.base, &programs.head]);
        for (side, name) in ["base", "head"].into_iter().enumerate() {
            let of_side = if side == 0 { Contest::base } else { Contest::head };
            let arms: Vec<Arm> = contests.iter().map(of_side).collect();
            let program = programs.map(|programs| programs[side].as_path());
            verify_in(program, &arms, &mut |cell, verdict| {
                match verdict {
                    Verdict::Verified { counters, .. } => {
                        counted.insert(cell.clone(), counters);
                    }
                    Verdict::Failed(failure) => {
                        let message = format!("{name}: {}", failure.message);
                        failures.entry(cell.clone()).or_insert(Failure { message, ..failure });
                    }
                }
                Ok(())
            })?;
        }
        Ok((counted, failures))
    }

    /// The arms of a cell, compiled, and the known slowdown among them: the one that is known already, or one that is
    /// calibrated. None when interrupted.
    fn prepare(
        &mut self,
        contest: &Contest,
        head_spent: Option<u64>,
        known: Option<Option<Slowdown>>,
    ) -> anyhow::Result<Option<(Option<Slowdown>, Ready)>> {
        let mut replicate = replicate(&self.plan, &self.placement, [&contest.base, &contest.head]);
        let of = self.programs.map(|programs| (programs.base.as_path(), programs.head.as_path()));
        let (of_base, of_head) = (of.map(|(base, _)| base), of.map(|(_, head)| head));
        // What is put into head, head's build runs.
        replicate.program = of_head.map(Path::to_owned);
        let ready = |arms: Vec<MirroredArm>| {
            let programs = of.map(|(base, head)| [base, head, base, head].map(Path::to_owned)[..arms.len()].to_vec());
            Ready { id: contest.id.clone(), arms, replicate: replicate.clone(), programs }
        };
        let base = self.artifacts.ready(&contest.base, of_base)?;
        let head = self.artifacts.ready(&contest.head, of_head)?;
        // A plugin into which nothing can be put is measured without this control, which has then failed.
        let (source, already) = contest.source();
        if known == Some(None) || self.artifacts.slowed(source, 1).is_err() {
            return Ok(Some((None, ready(vec![base.clone(), head, base]))));
        }
        if let Some(Some(slowdown)) = known {
            let slowed = self.artifacts.slowed(source, already + slowdown.turns)?;
            let slowed = self.artifacts.ready(&slowed, of_head)?;
            return Ok(Some((Some(slowdown), ready(vec![base.clone(), head, base, slowed]))));
        }
        let calibration = match self.calibrations.get(&contest.id) {
            Some(known) => *known,
            None => match calibrate(source, self.artifacts, &replicate, CALIBRATING)? {
                Some(calibration) => *self.calibrations.entry(contest.id.clone()).or_insert(calibration),
                None => return Ok(None),
            },
        };
        let turns = calibration.turns(f64::from(self.plan.margin_ppm) / 1e6 * CONTROL_MARGINS);
        let slowed = self.artifacts.slowed(source, already + turns)?;
        let slowed_spent = counted(of_head, std::slice::from_ref(&slowed))?.get(&slowed.id).and_then(spent);
        let expected_ppm = (calibration.share(turns) * 1e6).round() as u32;
        let slowdown = Slowdown { turns, expected_ppm, head_spent, slowed_spent };
        let slowed = self.artifacts.ready(&slowed, of_head)?;
        Ok(Some((Some(slowdown), ready(vec![base.clone(), head, base, slowed]))))
    }

    /// As many processes of each cell as are planned, cells in turn and in random order. A cell that fails is left out
    /// from then on.
    fn batch(&mut self, batch: Batch, cells: &mut Vec<Ready>, journal: &mut Journal<GateRecord>) -> anyhow::Result<()> {
        let (word, planned) = match batch {
            Batch::First => ("process", self.plan.processes),
            Batch::Confirmation => ("confirm", self.plan.confirming()),
        };
        let mut random = fastrand::Rng::with_seed(self.plan.seed ^ (batch as u64 + 1));
        for number in 0..planned {
            random.shuffle(cells);
            let mut failed = Vec::new();
            for ready in cells.iter() {
                let id = &ready.id;
                if interrupt::requested() {
                    return Ok(());
                }
                self.progress.stage(format!("{word} {}/{planned}", number + 1));
                self.progress.arm(id, None);
                let seed = random.u64(..);
                // Of a run that was gone on with.
                if journal.record().cells.iter().any(|cell| &cell.id == id && cell.has(batch, number)) {
                    continue;
                }
                match ready.measure(seed)? {
                    None => return Ok(()),
                    Some(Ok(Measured { requests_per_batch, took_ms, pairs })) => {
                        let mut pairs = pairs.into_iter();
                        let mut next = || pairs.next().unwrap_or_default();
                        let (change, same, slowed) = (next(), next(), next());
                        let process = GateProcess { number, requests_per_batch, took_ms, change, same, slowed };
                        journal.append(GateEntry::Process { cell: id.clone(), batch, process })?;
                    }
                    Some(Err(failure)) => {
                        self.progress.note(&format!("failed: {id}: {}", failure.message));
                        failed.push(id.clone());
                        journal.append(GateEntry::Failure { cell: id.clone(), failure })?;
                    }
                }
            }
            cells.retain(|cell| !failed.contains(&cell.id));
        }
        Ok(())
    }

    fn begin(&self, (base, head): (String, String), mut cells: Vec<GateCell>, contests: &Contests) -> GateRecord {
        // What cannot be loaded is a cell all the same, or it would be missing without a word.
        for (id, _) in &contests.unloadable {
            if cells.iter().all(|cell| &cell.id != id) {
                cells.push(empty(id.clone(), NO_ARTIFACT, NO_ARTIFACT));
            }
        }
        GateRecord {
            schema: GATE_RECORD_SCHEMA.to_owned(),
            tollgate_version: env!("CARGO_PKG_VERSION").to_owned(),
            command_line: plan::command_line(self.plan.seed),
            started_unix_ms: plan::unix_ms(),
            finished_unix_ms: None,
            interrupted: false,
            environment: machine::environment(self.versions.clone()),
            placement: self.placement.clone(),
            base,
            head,
            plan: self.plan.clone(),
            cells,
            digest: String::new(),
        }
    }
}

/// Versions of tollgate and of the hosts of these cells.
pub(crate) fn versions<'a>(cells: impl Iterator<Item = &'a CellId>) -> BTreeMap<String, String> {
    let mut versions = BTreeMap::from([("tollgate".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]);
    for host in cells.filter_map(|cell| tollgate_hosts::host(&cell.host)) {
        versions.insert(host.name().to_owned(), host.version());
    }
    versions
}

impl Contest {
    /// Base under the cell's name.
    fn base(&self) -> Arm {
        Arm { id: self.id.clone(), ..self.base.clone() }
    }

    fn head(&self) -> Arm {
        Arm { id: self.id.clone(), ..self.head.clone() }
    }
}

/// What a request of each arm counts; arms that fail are left out.
fn counted(program: Option<&Path>, arms: &[Arm]) -> anyhow::Result<BTreeMap<CellId, Counters>> {
    let mut counted = BTreeMap::new();
    verify_in(program, arms, &mut |cell, verdict| {
        if let Verdict::Verified { counters, .. } = verdict {
            counted.insert(cell.clone(), counters);
        }
        Ok(())
    })?;
    Ok(counted)
}

/// Fuel of a request, or its Lua instructions.
fn spent(counters: &Counters) -> Option<u64> {
    counters.fuel.or(counters.lua_instructions)
}

/// The cell of a record, of which nothing is measured.
pub(crate) fn cell(contest: &Contest) -> GateCell {
    let side = |arm: &Arm| arm.plugin.as_ref().map_or(NO_ARTIFACT, artifact);
    empty(contest.id.clone(), side(&contest.base), side(&contest.head))
}

fn empty(id: CellId, base: Artifact, head: Artifact) -> GateCell {
    GateCell { id, base, head, slowdown: None, processes: Vec::new(), confirmation: Vec::new(), error: None }
}
