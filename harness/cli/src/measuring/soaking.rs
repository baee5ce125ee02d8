//! Soaking: each plugin on each host alone in a fresh process for a while, its memory watched. After all measuring, so
//! that nothing that is timed shares the machine with it.

use std::time::Duration;

use tollgate_record::{CellId, Entry, Failure, FailureClass, PluginKind, Soak};

use super::Measuring;
use crate::arm::Arm;
use crate::interrupt;
use crate::plan::IN_PROCESS;
use crate::select::Selection;
use crate::verification::{arm_limit, culprit};
use crate::worker::{Job, Message, WorkerArm, run_job};

const STAGE: &str = "soak";

/// The arms that are soaked: each plugin on each host once, with the first of its workloads. The memory of a native
/// plugin is the process's.
pub(crate) fn soaked(selection: &Selection) -> Vec<&Arm> {
    let mut arms: Vec<&Arm> = Vec::new();
    let has_memory = |arm: &&Arm| arm.plugin.as_ref().is_some_and(|plugin| plugin.kind != PluginKind::Native);
    for arm in selection.in_process.iter().filter(has_memory).filter(|_| selection.measure_in_process) {
        let same = |other: &&Arm| (&other.id.host, &other.id.plugin) == (&arm.id.host, &arm.id.plugin);
        if !arms.iter().any(same) {
            arms.push(arm);
        }
    }
    arms
}

impl Measuring<'_> {
    /// Soaks what is not known to be wrong; a failure ends one soak and is in its row.
    pub(super) fn soak(&mut self, selection: &Selection, duration: Duration) -> anyhow::Result<()> {
        for arm in soaked(selection) {
            if interrupt::requested() {
                break;
            }
            let cell = self.journal.record().cell(&arm.id);
            // In a run that is taken up again.
            if cell.is_some_and(|cell| cell.soak.is_some()) {
                self.pass(duration);
                continue;
            }
            let failure = cell.and_then(|cell| cell.error.as_ref());
            // A machine that was too busy to measure on is not the plugin's fault.
            let is_wrong = failure.is_some_and(|failure| failure.class == FailureClass::Plugin);
            if !is_wrong && let Some(soak) = self.soak_arm(arm, duration)? {
                if let Some(failure) = &soak.error {
                    self.progress.note(&format!("soak failed: {}: {}", arm.id, failure.message));
                }
                self.journal.append(Entry::Soak { cell: arm.id.clone(), soak })?;
            }
            self.pass(duration);
        }
        Ok(())
    }

    /// None when it was interrupted, or when the host does not know the memory of its instances.
    fn soak_arm(&mut self, arm: &Arm, duration: Duration) -> anyhow::Result<Option<Soak>> {
        self.progress.stage(format!("soak {} s", duration.as_secs_f64()));
        self.progress.arm(&arm.id, None);
        let duration_ms = duration.as_millis() as u64;
        let job = Job::Soak { arm: Box::new(WorkerArm::from(arm)), duration_ms, core: self.core(IN_PROCESS) };
        let (mut soaked, mut failed, mut requests) = (None, None, 0);
        let end = run_job(&job, arm_limit([arm]), &mut |message| {
            match message {
                Message::Soaked(soak) => soaked = soak,
                Message::Failed { failure, .. } => failed = Some(failure),
                Message::Soaking { requests: so_far } => requests = so_far,
                _ => {}
            }
            Ok(())
        })?;
        let died = |failure: Failure| Soak {
            duration_ms,
            requests,
            samples: Vec::new(),
            limit_bytes: None,
            error: Some(Failure { stage: STAGE.to_owned(), ..failure }),
        };
        Ok(match end {
            Ok(()) => soaked.or(failed.map(died)),
            Err(end) => culprit(STAGE, &end).map(|(_, failure): (Option<CellId>, Failure)| died(failure)),
        })
    }
}
