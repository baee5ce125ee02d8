//! A replicate: one fresh process that measures its arms against each other, in many layouts.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tollgate_record::{Failure, GatePlan, Placement};

use crate::arm::Arm;
use crate::verification::{arm_limit, culprit};
use crate::worker::{Job, Message, MirroredArm, MirroredJob, run_job_in};

/// Milliseconds after which a process makes its arms anew no more.
pub(super) const LONGEST_MS: u64 = 600;

/// How one fresh process measures.
#[derive(Debug, Clone)]
pub(crate) struct Replicate {
    pub(crate) seed: u64,
    pub(crate) layouts: u32,
    pub(crate) blocks_per_layout: u32,
    pub(crate) rounds_per_block: u32,
    pub(crate) batch_ns: u64,
    pub(crate) core: Option<u32>,
    /// The build that does; none for this one.
    pub(crate) program: Option<PathBuf>,
    /// How long it may say nothing.
    pub(crate) silence: Duration,
}

/// What one fresh process measured.
pub(crate) struct Measured {
    pub(crate) requests_per_batch: u64,
    pub(crate) took_ms: u32,
    pub(crate) pairs: Vec<Vec<[u64; 2]>>,
}

impl Replicate {
    pub(crate) fn with_seed(&self, seed: u64) -> Self {
        Self { seed: fastrand::Rng::with_seed(seed).u64(..), ..self.clone() }
    }

    /// Measures; an error is a failure of a plugin or of the surroundings. None when interrupted.
    pub(crate) fn run(&self, arms: &[MirroredArm], pairs: &[(usize, usize)]) -> anyhow::Result<Option<Measured>> {
        match self.measure(arms, pairs)? {
            Some(Ok(measured)) => Ok(Some(measured)),
            Some(Err(failure)) => anyhow::bail!("{}", failure.message),
            None => Ok(None),
        }
    }

    /// The same, with what failed as a value.
    pub(super) fn measure(
        &self,
        arms: &[MirroredArm],
        pairs: &[(usize, usize)],
    ) -> anyhow::Result<Option<Result<Measured, Failure>>> {
        let job = Job::Mirrored(MirroredJob {
            arms: arms.to_vec(),
            pairs: pairs.to_vec(),
            seed: self.seed,
            layouts: self.layouts,
            longest_ms: LONGEST_MS,
            blocks_per_layout: self.blocks_per_layout,
            rounds_per_block: self.rounds_per_block,
            batch_ns: self.batch_ns,
            core: self.core,
        });
        let begin = Instant::now();
        let mut outcome = None;
        let end = run_job_in(self.program.as_deref(), &job, self.silence, &mut |message| {
            match message {
                Message::Mirrored { requests_per_batch, pairs } => {
                    let took_ms = begin.elapsed().as_millis() as u32;
                    outcome = Some(Ok(Measured { requests_per_batch, took_ms, pairs }));
                }
                Message::Failed { failure, .. } => outcome = Some(Err(failure)),
                _ => {}
            }
            Ok(())
        })?;
        match end {
            Ok(()) => Ok(Some(outcome.context("a worker process was done and had measured nothing")?)),
            Err(end) => Ok(culprit("measure", &end).map(|(_, failure)| Err(failure))),
        }
    }
}

/// How a process of these arms measures.
pub(super) fn replicate<'a>(
    plan: &GatePlan,
    placement: &Placement,
    arms: impl IntoIterator<Item = &'a Arm>,
) -> Replicate {
    let core = placement.shared_core();
    let GatePlan { seed, layouts, blocks_per_layout, rounds_per_block, batch_ns, .. } = *plan;
    let silence = arm_limit(arms);
    Replicate { seed, layouts, blocks_per_layout, rounds_per_block, batch_ns, core, program: None, silence }
}
