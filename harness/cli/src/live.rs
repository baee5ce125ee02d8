//! One start of a gateway with all its arms, in a worker process: its fresh memory layout is part of the replicate, and
//! a plugin that hangs is ended with its process.

use std::time::Duration;

use tollgate_fixtures::Plugin;
use tollgate_gateways::{Gateway, Measured, UrlArm};
use tollgate_record::{CellId, Failure, FailureClass, Placement};

use crate::args::Selectors;
use crate::arm::Arm;
use crate::urls::{self, UrlJob};
use crate::worker::{Job, Message, WorkerArm, WorkerEnd, run_job};

/// How long a worker may say nothing, besides what the gateway may take to become ready: each arm of one that hangs is
/// waited for.
const HANG: Duration = Duration::from_secs(60);

/// What calls a cluster, in a module's imports or in a script.
const CALLS: [&[u8]; 4] = [b"proxy_http_call", b"proxy_grpc_call", b"proxy_grpc_stream", b"httpCall"];

/// How long a worker that starts a gateway may say nothing.
pub(crate) fn silence(selectors: &Selectors) -> Duration {
    selectors.gateway.start_timeout() + HANG
}

/// What one start is to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start<'a> {
    pub(crate) number: u32,
    pub(crate) seed: u64,
    pub(crate) duration: Duration,
    pub(crate) rounds_per_block: u32,
    /// Where the gateway's worker and the probe are.
    pub(crate) placement: &'a Placement,
}

/// Starts the gateway, measures all arms and stops it. When a plugin takes the gateway down with it, its failure is
/// kept and the start is made again without it. What an interrupt left undone is not in the result.
pub(crate) fn measure(
    gateway: &dyn Gateway,
    arms: &[Arm],
    selectors: &Selectors,
    start: Start<'_>,
    progress: &mut dyn FnMut(&CellId, Option<f64>),
) -> anyhow::Result<Vec<Measured>> {
    let mut left = arms.to_vec();
    let mut outcomes = Vec::new();
    loop {
        let measured = measure_once(gateway, &left, selectors, start, progress)?;
        let is_control = |cell: &CellId| left.iter().any(|arm| &arm.id == cell && arm.plugin.is_none());
        let control_failed = measured.iter().any(|arm| is_control(&arm.cell) && arm.proof.is_err());
        let (culprits, others): (Vec<_>, Vec<_>) = measured.into_iter().partition(is_culprit);
        if culprits.is_empty() || !control_failed {
            outcomes.extend(culprits.into_iter().chain(others));
            return Ok(outcomes);
        }
        left.retain(|arm| culprits.iter().all(|culprit| culprit.cell != arm.id));
        outcomes.extend(culprits);
        if left.iter().all(|arm| arm.plugin.is_none()) {
            return Ok(outcomes);
        }
    }
}

fn is_culprit(measured: &Measured) -> bool {
    matches!(&measured.proof, Err(failure) if failure.class == FailureClass::Plugin)
}

fn measure_once(
    gateway: &dyn Gateway,
    arms: &[Arm],
    selectors: &Selectors,
    start: Start<'_>,
    progress: &mut dyn FnMut(&CellId, Option<f64>),
) -> anyhow::Result<Vec<Measured>> {
    let job = Job::Live {
        arms: arms.iter().map(WorkerArm::from).collect(),
        gateway: gateway.name().to_owned(),
        start: start.number,
        seed: start.seed,
        duration_ms: start.duration.as_millis() as u64,
        rounds_per_block: start.rounds_per_block,
        options: selectors.gateway.clone(),
        placement: start.placement.clone(),
    };
    let mut outcomes = run(&job, silence(selectors), gateway.name(), arms.iter().map(|arm| &arm.id), progress)?;
    for outcome in &mut outcomes {
        let plugin = arms.iter().find(|arm| arm.id == outcome.cell).and_then(|arm| arm.plugin.as_ref());
        if let (Err(failure), Some(plugin)) = (&mut outcome.proof, plugin)
            && calls_unnamed(plugin, selectors)
        {
            failure.message.push_str("; it may call a cluster that is not there: name it with --cluster");
        }
    }
    Ok(outcomes)
}

/// Whether a plugin can call clusters and none was named. In process it finds every one.
fn calls_unnamed(plugin: &Plugin, selectors: &Selectors) -> bool {
    let holds = |word: &[u8]| plugin.bytes.windows(word.len()).any(|bytes| bytes == word);
    plugin.path.is_some() && selectors.gateway.clusters.is_empty() && CALLS.into_iter().any(holds)
}

/// Asks each URL for the time of a start.
pub(crate) fn measure_urls(
    arms: &[UrlArm],
    selectors: &Selectors,
    start: Start<'_>,
    progress: &mut dyn FnMut(&CellId, Option<f64>),
) -> anyhow::Result<Vec<Measured>> {
    let job = Job::Urls {
        urls: UrlJob::new(arms, selectors)?,
        start: start.number,
        seed: start.seed,
        duration_ms: start.duration.as_millis() as u64,
        rounds_per_block: start.rounds_per_block,
    };
    run(&job, silence(selectors), urls::URL, arms.iter().map(|arm| &arm.cell), progress)
}

/// Has a worker do it; a cell that nothing is heard of has failed.
fn run<'a>(
    job: &Job,
    silence: Duration,
    name: &str,
    cells: impl Iterator<Item = &'a CellId>,
    progress: &mut dyn FnMut(&CellId, Option<f64>),
) -> anyhow::Result<Vec<Measured>> {
    let mut outcomes: Vec<Measured> = Vec::new();
    let end = run_job(job, silence, &mut |message| {
        match message {
            Message::Live { cell, series, proof } => outcomes.push(Measured { cell, series, proof }),
            Message::Failed { cell, failure } => outcomes.push(Measured::failed(&cell, failure)),
            Message::Progress { cell, added_ns } => progress(&cell, added_ns),
            _ => {}
        }
        Ok(())
    })?;
    let failure = match end {
        Ok(()) | Err(WorkerEnd::Interrupted) => return Ok(outcomes),
        Err(WorkerEnd::Silent { .. }) => {
            format!("nothing was heard of {name} for {} s; run again with fewer plugins", silence.as_secs())
        }
        Err(WorkerEnd::Died { how, .. }) => {
            format!("the process that measures {name} ended ({how}); run again with fewer plugins")
        }
    };
    for cell in cells {
        if outcomes.iter().all(|outcome| &outcome.cell != cell) {
            outcomes.push(Measured::failed(cell, Failure::environment("measure", failure.clone())));
        }
    }
    Ok(outcomes)
}
