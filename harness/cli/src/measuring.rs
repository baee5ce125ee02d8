//! The measuring of a run: verification, then starts in process and of each gateway in turn, each finished thing into
//! the journal at once. Places take turns within a start, so that a slow drift of the machine hits all of them.

mod finished;
mod gating;
mod loading;
mod soaking;

use std::collections::BTreeSet;
use std::time::Duration;

use tollgate_gateways::{Gateway, Measured, UrlArm};
use tollgate_record::{Cell, CellId, Entry, Failure, FailureClass, Journal, Phase, Placement, Record, Series};

use crate::args::Selectors;
use crate::arm::Arm;
use crate::machine::CpuTicks;
use crate::plan::{self, IN_PROCESS};
use crate::progress::Progress;
use crate::schedule::Schedule;
use crate::select::Selection;
use crate::verification::{Verdict, arm_limit, culprit, verify};
use crate::worker::{Job, Message, WorkerArm, run_job};
use crate::{interrupt, live, urls};

pub(crate) use finished::without_halves;
pub(crate) use loading::LoadWanted;
pub(crate) use soaking::soaked;

/// A run in the making.
pub(crate) struct Measuring<'a> {
    journal: Journal,
    progress: Progress,
    schedule: Schedule,
    selectors: &'a Selectors,
    /// Planned measuring time that is over.
    done: Duration,
    failed: BTreeSet<CellId>,
}

impl<'a> Measuring<'a> {
    pub(crate) fn new(journal: Journal, progress: Progress, schedule: Schedule, selectors: &'a Selectors) -> Self {
        // Of a run that is taken up again.
        let failed = journal.record().cells.iter().filter(|cell| cell.error.is_some());
        let failed = failed.map(|cell| cell.id.clone()).collect();
        Self { journal, progress, schedule, selectors, done: Duration::ZERO, failed }
    }

    /// Measures everything, or what is possible until an interrupt.
    pub(crate) fn run(
        mut self,
        selection: &Selection,
        load: Option<&LoadWanted>,
        soak: Option<Duration>,
    ) -> anyhow::Result<(Record, Duration)> {
        let ticks = CpuTicks::now();
        self.declare(selection)?;
        self.verify(selection)?;
        for start in 0..self.schedule.starts {
            if selection.measure_in_process && !interrupt::requested() {
                self.in_process(start, selection)?;
            }
            for (place, (gateway, arms)) in selection.live.iter().enumerate() {
                if !interrupt::requested() {
                    self.live(start, place as u64 + 1, *gateway, arms)?;
                }
            }
            if !selection.urls.is_empty() && !interrupt::requested() {
                self.urls(start, selection)?;
            }
        }
        if let Some(wanted) = load {
            self.load(selection, wanted)?;
        }
        if let Some(duration) = soak {
            self.soak(selection, duration)?;
        }
        plan::end(&mut self.journal, ticks)?;
        Ok((self.journal.record().clone(), self.progress.finish()))
    }

    fn declare(&mut self, selection: &Selection) -> anyhow::Result<()> {
        let versions = self.journal.record().environment.versions.clone();
        let in_process = selection.in_process.iter().filter(|_| selection.measure_in_process);
        for arm in in_process.chain(selection.live.iter().flat_map(|(_, arms)| arms)) {
            let version = versions.get(&arm.id.host).cloned().unwrap_or_default();
            self.declare_cell(arm.cell(&version))?;
        }
        for arm in &selection.urls {
            self.declare_cell(urls::cell(arm))?;
        }
        for (cell, failure) in &selection.unloadable {
            self.declare_cell(cell.clone())?;
            self.fail(cell.id.clone(), failure.clone())?;
        }
        Ok(())
    }

    /// A cell that is there already, with what was measured of it, stays as it is.
    fn declare_cell(&mut self, cell: Cell) -> anyhow::Result<()> {
        if self.journal.record().cell(&cell.id).is_none() {
            self.journal.append(Entry::Cell(Box::new(cell)))?;
        }
        Ok(())
    }

    fn verify(&mut self, selection: &Selection) -> anyhow::Result<()> {
        self.progress.stage("verify");
        let left: Vec<Arm> = self.alive(&selection.in_process).cloned().collect();
        verify(&left, &mut |cell, verdict| match verdict {
            Verdict::Verified { counters, proof } => {
                self.progress.arm(cell, None);
                self.journal.append(Entry::Counters { cell: cell.clone(), counters })?;
                self.journal.append(Entry::Proof { cell: cell.clone(), proof })?;
                Ok(())
            }
            Verdict::Failed(failure) => self.fail_in_process(cell, failure, selection),
        })?;
        Ok(())
    }

    /// What is wrong in process is not let loose on a gateway, where a hang would take all arms.
    fn fail_in_process(&mut self, cell: &CellId, failure: Failure, selection: &Selection) -> anyhow::Result<()> {
        let same = |arm: &&Arm| arm.id.plugin == cell.plugin && arm.id.workload == cell.workload;
        if failure.class == FailureClass::Plugin {
            for arm in selection.live.iter().flat_map(|(_, arms)| arms).filter(same) {
                let message = format!("not taken to a gateway: on {} it {}", cell.host, failure.message);
                self.fail(arm.id.clone(), Failure { message, ..failure.clone() })?;
            }
        }
        self.fail(cell.clone(), failure)
    }

    /// One fresh process with all arms. An arm that hangs or crashes it is taken out and the process started again.
    fn in_process(&mut self, start: u32, selection: &Selection) -> anyhow::Result<()> {
        let arms = &selection.in_process;
        if finished::is_finished(self.journal.record(), arms.iter().map(|arm| &arm.id), start) {
            self.pass(self.schedule.in_process);
            return Ok(());
        }
        self.progress.stage(format!("process {}/{}", start + 1, self.schedule.starts));
        let core = self.core(IN_PROCESS);
        loop {
            if self.alive(arms).all(|arm| arm.plugin.is_none()) {
                break;
            }
            let job = Job::Measure {
                arms: self.alive(arms).map(WorkerArm::from).collect(),
                start,
                seed: self.seed(start, 0),
                duration_ms: self.schedule.in_process.as_millis() as u64,
                rounds_per_block: self.schedule.rounds_per_block,
                requests_per_batch: self.schedule.requests_per_batch,
                core,
            };
            let end = run_job(&job, arm_limit(arms), &mut |message| self.hear(start, message, selection))?;
            let Err(end) = end else { break };
            let Some((cell, failure)) = culprit("measure", &end) else { return Ok(()) };
            // Without a culprit, or with a control as one, the next process would end in the same way.
            let culprit = cell.filter(|cell| arms.iter().any(|arm| &arm.id == cell && arm.plugin.is_some()));
            let Some(cell) = culprit else { anyhow::bail!("a worker process {}", failure.message) };
            self.fail_in_process(&cell, failure, selection)?;
        }
        self.pass(self.schedule.in_process);
        Ok(())
    }

    fn hear(&mut self, start: u32, message: Message, selection: &Selection) -> anyhow::Result<()> {
        match message {
            Message::Series { cell, series } => self.journal.append(Entry::Series { cell, series })?,
            Message::Failed { cell, failure } => self.fail_in_process(&cell, failure, selection)?,
            Message::Progress { cell, added_ns } => self.progress.arm(&cell, added_ns),
            Message::Doing(cell) => self.progress.arm(&cell, None),
            Message::Lifecycle { cell, compile_ns, instantiate_ns, first_request_ns } => {
                let phases = [
                    (Phase::Compile, compile_ns),
                    (Phase::Instantiate, instantiate_ns),
                    (Phase::FirstRequest, first_request_ns),
                ];
                for (phase, value_ns) in phases {
                    self.phase(&cell, phase, Series::of_values(start, &[value_ns]))?;
                }
            }
            // Of other jobs.
            Message::At(_)
            | Message::Verified { .. }
            | Message::Repeated { .. }
            | Message::Repeating
            | Message::Soaking { .. }
            | Message::Soaked(_)
            | Message::Live { .. }
            | Message::Load(_)
            | Message::Mirrored { .. }
            | Message::Renewed { .. }
            | Message::Timed { .. }
            | Message::Precompiled { .. }
            | Message::Done => {}
        }
        Ok(())
    }

    /// Adds to the cell of another phase, which is declared when its first figure comes.
    fn phase(&mut self, cell: &CellId, phase: Phase, series: Series) -> anyhow::Result<()> {
        let id = CellId { phase, ..cell.clone() };
        if self.journal.record().cell(&id).is_none()
            && let Some(request) = self.journal.record().cell(cell).cloned()
        {
            let declared =
                Cell { id: id.clone(), series: Vec::new(), counters: None, soak: None, proof: None, ..request };
            self.journal.append(Entry::Cell(Box::new(declared)))?;
        }
        self.journal.append(Entry::Series { cell: id, series })?;
        Ok(())
    }

    /// One fresh start of a gateway with all arms.
    fn live(&mut self, start: u32, place: u64, gateway: &dyn Gateway, arms: &[Arm]) -> anyhow::Result<()> {
        if finished::is_finished(self.journal.record(), arms.iter().map(|arm| &arm.id), start) {
            self.pass(self.schedule.live);
            return Ok(());
        }
        let left: Vec<Arm> = self.alive(arms).cloned().collect();
        // Without its control there is nothing to compare with: the gateway itself has failed. Controls alone are
        // measured when nothing else was asked for, and not when all plugins have failed.
        let plugins = |arms: &[Arm]| arms.iter().any(|arm| arm.plugin.is_some());
        if left.first().is_none_or(|arm| arm.id.plugin != "A") || (plugins(arms) && !plugins(&left)) {
            return Ok(());
        }
        self.progress.stage(format!("{} {}/{}", gateway.name(), start + 1, self.schedule.starts));
        let placement = self.placement(gateway.name());
        let plan = live::Start {
            number: start,
            seed: self.seed(start, place),
            duration: self.schedule.live,
            rounds_per_block: self.schedule.rounds_per_block,
            placement: &placement,
        };
        let progress = &self.progress;
        let results =
            live::measure(gateway, &left, self.selectors, plan, &mut |cell, added_ns| progress.arm(cell, added_ns))?;
        self.keep_measured(results)?;
        self.pass(self.schedule.live);
        Ok(())
    }

    /// The time of one start at the gateways that somebody else runs.
    fn urls(&mut self, start: u32, selection: &Selection) -> anyhow::Result<()> {
        if finished::is_finished(self.journal.record(), selection.urls.iter().map(|arm| &arm.cell), start) {
            self.pass(self.schedule.live);
            return Ok(());
        }
        let left = self.urls_left(selection);
        if left.is_empty() {
            return Ok(());
        }
        self.progress.stage(format!("{} {}/{}", urls::URL, start + 1, self.schedule.starts));
        let plan = live::Start {
            number: start,
            seed: self.seed(start, selection.live.len() as u64 + 1),
            duration: self.schedule.live,
            rounds_per_block: self.schedule.rounds_per_block,
            placement: &Placement::Unpinned,
        };
        let progress = &self.progress;
        let results = live::measure_urls(&left, self.selectors, plan, &mut |cell, ns| progress.arm(cell, ns))?;
        self.keep_measured(results)?;
        self.pass(self.schedule.live);
        Ok(())
    }

    /// URLs that have not failed; none when what they are compared with has, or nothing is left to compare.
    fn urls_left(&self, selection: &Selection) -> Vec<UrlArm> {
        let left: Vec<UrlArm> = selection.urls.iter().filter(|arm| !self.failed.contains(&arm.cell)).cloned().collect();
        let has_baseline = left.first().is_some_and(|first| first.cell == selection.urls[0].cell);
        if has_baseline && left.len() >= 3 { left } else { Vec::new() }
    }

    fn keep_measured(&mut self, results: Vec<Measured>) -> anyhow::Result<()> {
        for Measured { cell, series, proof } in results {
            // Of an arm that failed, too: what was finished before stays in the record.
            if let Some(series) = series {
                self.journal.append(Entry::Series { cell: cell.clone(), series })?;
            }
            match proof {
                Ok(proof) => self.journal.append(Entry::Proof { cell, proof })?,
                // A gateway that goes down with us, on the same Ctrl-C, has not failed.
                Err(failure) if interrupt::requested() && failure.class == FailureClass::Environment => {}
                Err(failure) => self.fail(cell, failure)?,
            }
        }
        Ok(())
    }

    fn alive<'b>(&self, arms: &'b [Arm]) -> impl Iterator<Item = &'b Arm> + use<'_, 'b, 'a> {
        arms.iter().filter(|arm| !self.failed.contains(&arm.id))
    }

    fn fail(&mut self, cell: CellId, failure: Failure) -> anyhow::Result<()> {
        if self.failed.insert(cell.clone()) {
            self.progress.note(&format!("failed: {cell}: {}", failure.message));
        }
        self.journal.append(Entry::Failure { cell, failure })?;
        Ok(())
    }

    fn pass(&mut self, planned: Duration) {
        self.done += planned;
        self.progress.set_done(self.done);
    }

    /// A seed of its own for each start of each place.
    fn seed(&self, start: u32, place: u64) -> u64 {
        fastrand::Rng::with_seed(self.journal.record().plan.seed ^ (u64::from(start) << 32 | place)).u64(..)
    }

    fn placement(&self, place: &str) -> Placement {
        self.journal.record().plan.placement.get(place).cloned().unwrap_or(Placement::Unpinned)
    }

    /// Core of what has one end only.
    fn core(&self, place: &str) -> Option<u32> {
        self.placement(place).shared_core()
    }
}
