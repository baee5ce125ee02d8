//! `tollgate verify`: every arm once; proof of equal effects.

use std::ops::ControlFlow;
use std::time::Duration;

use tollgate_record::{CellId, Failure, FailureClass};

use crate::args::{Only, VerifyArgs};
use crate::select::{Unasked, select};
use crate::status::Status;
use crate::verification::{Verdict, verify};
use crate::{interrupt, live};

/// Long enough for a few canaries and some thousand requests of each arm.
const LIVE_DURATION: Duration = Duration::from_millis(500);

/// Verifies in process, and live on the gateways that were named (the embedded one runs what the hosts run).
pub(crate) fn run(options: &VerifyArgs) -> anyhow::Result<Status> {
    interrupt::install()?;
    let mut selection = select(&options.selectors, Unasked::EveryHost)?;
    let named = &options.selectors.gateways;
    selection.live.retain(|(gateway, _)| {
        options.selectors.only == Some(Only::Live) || named.iter().any(|name| name == gateway.name())
    });
    let mut tally = Tally::default();
    for (cell, failure) in selection.unloadable {
        tally.add(&cell.id, Err(failure));
    }
    let finished = verify(&selection.in_process, &mut |cell, verdict| {
        tally.add(
            cell,
            match verdict {
                Verdict::Verified { proof, .. } => Ok(proof),
                Verdict::Failed(failure) => Err(failure),
            },
        );
        Ok(())
    })?;
    for (gateway, arms) in &selection.live {
        if interrupt::requested() {
            break;
        }
        let start = live::Start { number: 0, seed: 0, duration: LIVE_DURATION, rounds_per_block: 15 };
        let gateway_options = live::options(&options.selectors, None);
        let mut go_on = |_: &CellId, _: &_| ControlFlow::Continue(());
        for (arm, measured) in arms.iter().zip(live::measure(*gateway, arms, &gateway_options, start, &mut go_on)) {
            // A control has nothing to prove, but its failure is the gateway's.
            if arm.plugin.is_some() || measured.proof.is_err() {
                tally.add(&measured.cell, measured.proof);
            }
        }
    }
    println!("{} verified, {} failed", tally.verified, tally.failures.len());
    if !finished || interrupt::requested() {
        return Ok(Status::Interrupted);
    }
    Ok(tally.status())
}

#[derive(Default)]
struct Tally {
    verified: usize,
    failures: Vec<FailureClass>,
}

impl Tally {
    fn add(&mut self, cell: &CellId, result: Result<String, Failure>) {
        match result {
            Ok(proof) => {
                self.verified += 1;
                println!("ok    {cell}: {proof}");
            }
            Err(failure) => {
                println!("FAIL  {cell}: {}: {}", failure.stage, failure.message);
                self.failures.push(failure.class);
            }
        }
    }

    fn status(&self) -> Status {
        match self.failures.iter().max() {
            None => Status::Pass,
            Some(FailureClass::Environment) => Status::Environment,
            Some(FailureClass::Plugin) => Status::Plugin,
        }
    }
}
