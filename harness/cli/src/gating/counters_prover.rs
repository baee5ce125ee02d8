//! Runs of the counters gate whose right answer is known: head is base with one host call or one byte more, or base itself.

use anyhow::Context as _;
use tollgate_record::{ChangedFigure, FailureClass, ProveSubject, ProvedCount, ProvedCounters, PutIn};
use tollgate_reports::gate::{Change, Row};

use super::Artifacts;
use super::prover::{named, subject};
use crate::args::Selectors;
use crate::arm::Arm;
use crate::counting::compare;
use crate::progress::Progress;
use crate::select::Selection;
use crate::status::PluginError;
use crate::verification::{Verdict, verify_keeping};

/// What is the same for all runs.
pub(crate) struct CountersProver {
    arms: Vec<Arm>,
    artifacts: Artifacts,
    /// What is put in, and the arms of base and of head with it.
    sides: Vec<(PutIn, [Vec<Arm>; 2])>,
}

/// Lines that each side logs, and bytes of a line: what differs is one of either.
fn lines_and_bytes(put_in: PutIn) -> Option<[(u32, u32); 2]> {
    match put_in {
        PutIn::Nothing => None,
        PutIn::HostCall => Some([(0, 0), (1, 0)]),
        PutIn::Byte => Some([(1, 0), (1, 1)]),
    }
}

impl CountersProver {
    /// What is judged in each run, with each of these put in; nothing is counted yet.
    pub(crate) fn new(selectors: &Selectors, plugin: &str, put_in: &[PutIn]) -> anyhow::Result<Self> {
        let (arms, artifacts) = (named(selectors, plugin)?, Artifacts::new()?);
        let side = |side: Option<(u32, u32)>| -> anyhow::Result<Vec<Arm>> {
            let arm = |arm: &Arm| match side {
                None => Ok(arm.clone()),
                Some((lines, bytes)) => artifacts.logged(arm, lines, bytes),
            };
            arms.iter().map(arm).collect()
        };
        let sides = put_in.iter().map(|&put_in| {
            let [base, head] = lines_and_bytes(put_in).map_or([None, None], |sides| sides.map(Some));
            Ok((put_in, [side(base)?, side(head)?]))
        });
        let sides = sides.collect::<anyhow::Result<_>>()?;
        Ok(Self { arms, artifacts, sides })
    }

    /// The cells of every run.
    pub(crate) fn subjects(&self) -> Vec<ProveSubject> {
        self.arms.iter().map(subject).collect()
    }

    /// Shows that no side fails by itself: what does so later is the gate's. False when interrupted.
    pub(crate) fn check(&self, progress: &mut Progress) -> anyhow::Result<bool> {
        progress.stage("verify");
        for (_, sides) in &self.sides {
            for arms in sides {
                let finished = verify_keeping(Some(self.artifacts.path()), arms, &mut |cell, verdict| match verdict {
                    Verdict::Verified { .. } => Ok(()),
                    Verdict::Failed(failure) => {
                        let words = format!("{cell} failed at {}: {}", failure.stage, failure.message);
                        match failure.class {
                            FailureClass::Plugin => Err(PluginError(words).into()),
                            FailureClass::Environment => Err(anyhow::anyhow!(words)),
                        }
                    }
                })?;
                if !finished {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// One full run of the gate. None when interrupted.
    pub(crate) fn run(&self, put_in: PutIn) -> anyhow::Result<Option<ProvedCounters>> {
        let sides = self.sides.iter().find(|(known, _)| *known == put_in);
        let (_, [base, head]) = sides.context("every side is made")?;
        let side = |arms: &[Arm]| Selection { in_process: arms.to_vec(), ..Selection::default() };
        // Machine code of the same bytes is the same in every run, so that one alone compiles.
        let outcome = compare(side(base), side(head), ("base", "head"), Some(self.artifacts.path()))?;
        Ok(outcome.map(|outcome| ProvedCounters { put_in, cells: outcome.rows.iter().map(proved).collect() }))
    }
}

fn proved(row: &Row) -> ProvedCount {
    let changed = |change: &Change| match change {
        Change::Exact { what, base, head } => Some(ChangedFigure { what: what.clone(), base: *base, head: *head }),
        Change::Estimated { .. } => None,
    };
    ProvedCount {
        host: row.cell.host.clone(),
        workload: row.cell.workload.clone(),
        verdict: row.verdict.name().to_owned(),
        changes: row.changes.iter().filter_map(changed).collect(),
        failure: row.failure.as_ref().map(|failure| format!("{}: {}", failure.stage, failure.message)),
    }
}
