//! Every arm once before anything is timed: a plugin that does other work than its workload asks for is not measured.

use std::path::Path;
use std::time::Duration;

use tollgate_record::{CellId, Counters, Failure};

use crate::arm::Arm;
use crate::worker::{Job, Message, WorkerArm, WorkerEnd, run_job_in};

/// How long one arm may take to compile and answer its first requests before it is taken to hang. The largest plugins
/// of the catalogue take about a second.
const ARM_LIMIT: Duration = Duration::from_secs(20);
/// How much longer for each whole MiB of the artifact: an optimizing compiler takes a second or two for one, metered
/// and on a busy machine some more.
const ARM_LIMIT_PER_MIB: Duration = Duration::from_secs(5);

/// What came of one arm.
pub(crate) enum Verdict {
    /// Its effects are those expected.
    Verified { counters: Counters, proof: String },
    /// It is wrong, and why.
    Failed(Failure),
}

/// How long a worker that has these arms may say nothing.
pub(crate) fn arm_limit<'a>(arms: impl IntoIterator<Item = &'a Arm>) -> Duration {
    let sizes = arms.into_iter().filter_map(|arm| arm.plugin.as_ref()).map(|plugin| plugin.bytes.len() >> 20);
    ARM_LIMIT + ARM_LIMIT_PER_MIB * sizes.max().unwrap_or_default() as u32
}

/// Verifies in-process arms in worker processes; `on` gets each result as it comes. Controls have nothing to verify.
/// Returns false when interrupted.
pub(crate) fn verify(arms: &[Arm], on: &mut dyn FnMut(&CellId, Verdict) -> anyhow::Result<()>) -> anyhow::Result<bool> {
    verify_as(None, None, arms, on)
}

/// The same in processes of that program: another build.
pub(crate) fn verify_in(
    program: Option<&Path>,
    arms: &[Arm],
    on: &mut dyn FnMut(&CellId, Verdict) -> anyhow::Result<()>,
) -> anyhow::Result<bool> {
    verify_as(program, None, arms, on)
}

/// The same in processes that leave machine code to the next ones, in a folder that only we can write.
pub(crate) fn verify_keeping(
    code: Option<&Path>,
    arms: &[Arm],
    on: &mut dyn FnMut(&CellId, Verdict) -> anyhow::Result<()>,
) -> anyhow::Result<bool> {
    verify_as(None, code, arms, on)
}

fn verify_as(
    program: Option<&Path>,
    code: Option<&Path>,
    arms: &[Arm],
    on: &mut dyn FnMut(&CellId, Verdict) -> anyhow::Result<()>,
) -> anyhow::Result<bool> {
    let mut left: Vec<WorkerArm> = arms.iter().filter(|arm| arm.plugin.is_some()).map(WorkerArm::from).collect();
    while !left.is_empty() {
        let job = Job::Verify { arms: left.clone(), code: code.map(Path::to_owned) };
        let end = run_job_in(program, &job, arm_limit(arms), &mut |message| {
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
        WorkerEnd::Silent { cell, after } => {
            let message = format!(
                "gave no answer for {} s and was stopped: an endless loop, or long to compile? Look for a loop that \
                 depends on its input, see with `tollgate inspect` whether it compiles, or leave the plugin out with \
                 --skip",
                after.as_secs()
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

#[cfg(test)]
mod tests {
    use tollgate_record::{Mode, Phase};

    use super::*;

    #[test]
    fn a_large_artifact_may_take_longer() {
        let workload = tollgate_fixtures::workload("headers").unwrap().clone();
        let arm = |mib: Option<usize>| {
            let mut plugin = tollgate_fixtures::plugin("boundary").unwrap().clone();
            plugin.bytes = vec![0; mib.unwrap_or_default() << 20].into();
            let (host, workload_name) = ("wasmtime".to_owned(), workload.name.clone());
            let (mode, phase) = (Mode::InProcess, Phase::Request);
            let id = CellId { mode, host, plugin: plugin.name.clone(), workload: workload_name, phase };
            Arm { id, plugin: mib.map(|_| plugin), workload: workload.clone() }
        };
        let limit = |mib: &[Option<usize>]| arm_limit(&mib.iter().map(|mib| arm(*mib)).collect::<Vec<_>>());
        assert_eq!(limit(&[None, Some(0)]), ARM_LIMIT);
        assert_eq!(limit(&[Some(3), Some(24), None]), ARM_LIMIT + 24 * ARM_LIMIT_PER_MIB);
    }
}
