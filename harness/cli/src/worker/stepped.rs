//! An arm of a gate alone in this process: it does a batch whenever it is told to.

use std::io::BufRead;
use std::time::Duration;

use anyhow::Context as _;
use tollgate_hosts::Stepper;

use super::mirrored::{contender, pin};
use super::protocol::{Message, Step, SteppedJob};
use super::serve::say;

pub(super) fn stepped(job: SteppedJob) -> anyhow::Result<()> {
    let SteppedJob { arm, seed, core } = job;
    let cell = arm.arm.id.clone();
    let contender = match contender(arm)? {
        Ok(contender) => contender,
        Err(failed) => return say(&failed),
    };
    pin(core);
    let mut stepper = Stepper::new(contender, seed);
    // Our parent's end of the pipe is the end of our reason to be here.
    for line in std::io::stdin().lock().lines() {
        let step = serde_json::from_str(&line.context("cannot read what is to be done next")?);
        let said = match step.context("cannot understand what is to be done next")? {
            Step::Renew { requests, batch_ns } => stepper
                .renew(requests, Duration::from_nanos(batch_ns))
                .map(|requests_per_batch| Message::Renewed { requests_per_batch }),
            Step::Batch { requests } => stepper.batch(requests).map(|ns| Message::Timed { ns }),
        };
        say(&said.unwrap_or_else(|failure| Message::Failed { cell: cell.clone(), failure }))?;
    }
    Ok(())
}
