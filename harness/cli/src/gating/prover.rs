//! Runs of the gate whose right answer is known: head is base with a loop whose cost was calibrated.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use tollgate_record::{CellId, GatePlan, Placement, ProveSubject, ProvedCell};
use tollgate_reports::gate::{Change, Outcome, Row, in_process};

use super::calibration::BASE_TURNS;
use super::{Artifacts, Calibration, Contest, Contests, Gating, arms, calibrate, counted, spent};
use crate::args::Selectors;
use crate::arm::Arm;
use crate::interrupt;
use crate::progress::Progress;
use crate::status::usage;
use crate::verbs::run::remove;

/// Processes that calibrate the loop: all runs are held to what they say.
const CALIBRATING: u32 = 25;

/// What is the same for all runs.
pub(crate) struct Prover {
    arms: Vec<Arm>,
    artifacts: Artifacts,
    plan: GatePlan,
    placement: Placement,
    truth: BTreeMap<CellId, Calibration>,
    /// Of the known slowdown within each run.
    controls: BTreeMap<CellId, Calibration>,
}

impl Prover {
    /// What is judged in each run; nothing is measured yet.
    pub(crate) fn new(
        selectors: &Selectors,
        plugin: &str,
        plan: GatePlan,
        placement: Placement,
    ) -> anyhow::Result<Self> {
        let arms = named(selectors, plugin)?;
        let (truth, controls) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { arms, artifacts: Artifacts::new()?, plan, placement, truth, controls })
    }

    /// The cells of every run.
    pub(crate) fn subjects(&self) -> Vec<ProveSubject> {
        self.arms.iter().map(subject).collect()
    }

    /// Processes of a run that flags nothing.
    pub(crate) fn processes(&self) -> u32 {
        self.plan.processes * self.arms.len() as u32
    }

    /// Calibrates the loop in each cell. False when interrupted.
    pub(crate) fn calibrate(&mut self, progress: &mut Progress) -> anyhow::Result<bool> {
        for arm in &self.arms {
            progress.stage(format!("calibrate {}", arm.id));
            let replicate = super::replicate(&self.plan, &self.placement, [arm]);
            let Some(calibration) = calibrate(arm, &mut self.artifacts, &replicate, CALIBRATING)? else {
                return Ok(false);
            };
            self.truth.insert(arm.id.clone(), calibration);
        }
        Ok(true)
    }

    /// One full run of the gate, from verification to confirmation, with head asked to be so much slower. None when
    /// interrupted.
    pub(crate) fn run(
        &mut self,
        asked_ppm: u32,
        seed: u64,
        progress: &mut Progress,
    ) -> anyhow::Result<Option<Vec<ProvedCell>>> {
        let (mut contests, mut known) = (Vec::new(), Vec::new());
        for arm in &self.arms {
            let calibration = self.truth.get(&arm.id).context("every arm is calibrated")?;
            let turns = if asked_ppm == 0 { 0 } else { calibration.turns(f64::from(asked_ppm) / 1e6) };
            // Both sides have the loop, so that they differ in its turns only.
            let (base, head) =
                (self.artifacts.slowed(arm, BASE_TURNS)?, self.artifacts.slowed(arm, BASE_TURNS + turns)?);
            contests.push(Contest { id: arm.id.clone(), base, head, made_of: Some((arm.clone(), BASE_TURNS + turns)) });
            known.push((turns, calibration.share(turns)));
        }
        let journal = self.artifacts.path().join("journal.jsonl");
        // That of the run before.
        remove(&journal)?;
        let spent_more = self.spent_more(&contests)?;
        let gating = Gating {
            plan: GatePlan { seed, ..self.plan.clone() },
            placement: self.placement.clone(),
            artifacts: &mut self.artifacts,
            progress,
            programs: None,
            versions: super::versions(contests.iter().map(|contest| &contest.id)),
            calibrations: &mut self.controls,
        };
        let contests = Contests { contests, unloadable: Vec::new() };
        let record = gating.run(("base".to_owned(), "head".to_owned()), &contests, Path::new(&journal), None)?;
        if record.interrupted || interrupt::requested() {
            return Ok(None);
        }
        let outcome = in_process(&record);
        let cell = |((row, (turns, truth)), spent_more)| proved(&outcome, row, turns, truth, spent_more);
        Ok(Some(outcome.rows.iter().zip(known).zip(spent_more).map(cell).collect()))
    }

    /// What head counts more than base, by cell: an independent check of what was put in.
    fn spent_more(&self, contests: &[Contest]) -> anyhow::Result<Vec<Option<u64>>> {
        let side = |side: fn(&Contest) -> &Arm| counted(None, &contests.iter().map(side).cloned().collect::<Vec<_>>());
        let (base, head) = (side(|contest| &contest.base)?, side(|contest| &contest.head)?);
        let more = |contest: &Contest| {
            let of = |counted: &BTreeMap<CellId, _>| counted.get(&contest.id).and_then(spent);
            of(&head)?.checked_sub(of(&base)?)
        };
        Ok(contests.iter().map(more).collect())
    }
}

/// The arms of the plugin that runs are about.
pub(super) fn named(selectors: &Selectors, plugin: &str) -> anyhow::Result<Vec<Arm>> {
    let (arms, unloadable) = arms(selectors, plugin)?;
    match unloadable.first() {
        Some((_, failure)) => Err(usage(format!("{plugin} cannot be loaded: {}", failure.message))),
        None => Ok(arms),
    }
}

/// What is judged of an arm.
pub(super) fn subject(arm: &Arm) -> ProveSubject {
    ProveSubject {
        host: arm.id.host.clone(),
        host_version: tollgate_hosts::host(&arm.id.host).map(|host| host.version()).unwrap_or_default(),
        workload: arm.id.workload.clone(),
        sha256: arm.plugin.as_ref().map(|plugin| plugin.sha256.clone()).unwrap_or_default(),
        request_sha256: given(arm),
    }
}

/// Digest of what a plugin is given: its root id and all of a request.
fn given(arm: &Arm) -> String {
    let root_id = arm.plugin.as_ref().map(|plugin| plugin.root_id.as_str()).unwrap_or_default();
    tollgate_fixtures::sha256(format!("{root_id}\0{}", arm.workload.sha256()).as_bytes())
}

/// The first estimate of a row, and the ends of its interval.
pub(super) fn estimated(row: &Row) -> (Option<f64>, Option<f64>, Option<f64>) {
    match row.changes.first() {
        Some(Change::Estimated { estimate, low, high, .. }) => (Some(*estimate), *low, *high),
        Some(Change::Exact { .. }) | None => (None, None, None),
    }
}

/// Whether the verdicts of an outcome are for want of a control that held.
pub(super) fn a_control_failed(outcome: &Outcome) -> bool {
    outcome.controls.iter().any(|control| !control.passed)
}

fn proved(outcome: &Outcome, row: &Row, turns: u32, truth: f64, spent_more: Option<u64>) -> ProvedCell {
    let ppb = |share: f64| (share * 1e9).round() as i64;
    let (estimate, low, high) = estimated(row);
    ProvedCell {
        host: row.cell.host.clone(),
        workload: row.cell.workload.clone(),
        turns,
        truth_ppb: ppb(truth),
        spent_more,
        verdict: row.verdict.name().to_owned(),
        control_failed: a_control_failed(outcome),
        estimate_ppb: estimate.map(ppb),
        low_ppb: low.map(ppb),
        high_ppb: high.map(ppb),
        smallest_ppb: row.smallest_effect.map(|effect| ppb(effect.size)),
    }
}
