//! Every arm once before anything is timed: a plugin that does other work than its workload asks for is not measured.

use std::time::Duration;

use tollgate_record::{CellId, Counters, Failure};

use crate::select::Arm;
use crate::worker::{Job, Message, WorkerArm, WorkerEnd, run_job};

/// How long one arm may take to compile and answer its first requests before it is taken to hang. The largest plugins
/// of the catalogue take about a second.
pub(crate) const ARM_LIMIT: Duration = Duration::from_secs(20);

/// What came of one arm.
pub(crate) enum Verdict {
    /// Its effects are those expected.
    Verified { counters: Counters, proof: String },
    /// It is wrong, and why.
    Failed(Failure),
}

/// Verifies in-process arms in worker processes; `on` gets each result as it comes. Controls have nothing to verify.
/// Returns false when interrupted.
pub(crate) fn verify(arms: &[Arm], on: &mut dyn FnMut(&CellId, Verdict) -> anyhow::Result<()>) -> anyhow::Result<bool> {
    let mut left: Vec<WorkerArm> = arms.iter().filter(|arm| arm.plugin.is_some()).map(WorkerArm::from).collect();
    while !left.is_empty() {
        let job = Job::Verify { arms: left.clone() };
        let end = run_job(&job, ARM_LIMIT, &mut |message| {
            let (cell, verdict) = match message {
                Message::Verified { cell, counters, proof } => (cell, Verdict::Verified { counters, proof }),
                Message::Failed { cell, failure } => (cell, Verdict::Failed(failure)),
                _ => return Ok(()),
            };
            left.retain(|arm| arm.id != cell);
            on(&cell, verdict)
        })?;
        let Err(end) = end else { break };
        match culprit("verify", &end) {
            None => return Ok(false),
            Some((cell, failure)) => {
                // Without a culprit the next worker would end in the same way.
                let Some(cell) = cell else { anyhow::bail!("a worker process {}", failure.message) };
                left.retain(|arm| arm.id != cell);
                on(&cell, Verdict::Failed(failure))?;
            }
        }
    }
    Ok(true)
}

/// The cell to blame for a worker's end, and the failure; none for an interrupt.
pub(crate) fn culprit(stage: &str, end: &WorkerEnd) -> Option<(Option<CellId>, Failure)> {
    match end {
        WorkerEnd::Interrupted => None,
        WorkerEnd::Silent { cell } => {
            let message = format!(
                "gave no answer for {} s and was stopped: an endless loop? Look for a loop that depends on its input, \
                 or leave the plugin out with --skip",
                ARM_LIMIT.as_secs()
            );
            Some((cell.clone(), Failure::plugin(stage, message)))
        }
        WorkerEnd::Died { cell, how } => {
            let message =
                format!("brought down the process it ran in ({how}); leave it out with --skip, and report it");
            Some((cell.clone(), Failure::plugin(stage, message)))
        }
    }
}
