//! Measuring in a child process: a fresh process is the replicate (memory layout alone moves results by percents), and
//! a plugin that hangs or crashes takes down a child, not the run.

mod about;
mod arm;
mod load;
mod mirrored;
mod protocol;
mod serve;
mod stepped;
mod supervise;

pub(crate) use about::{About, AboutPlugin};
pub(crate) use arm::WorkerArm;
pub(crate) use load::{CAPACITY, LoadSteps, Rates, WARM_UP};
pub(crate) use protocol::{Job, Message, MirroredArm, MirroredJob, Step, SteppedJob};
pub(crate) use serve::serve;
pub(crate) use supervise::{Stepping, WorkerEnd, run_job, run_job_in};
