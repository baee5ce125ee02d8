//! `tollgate verify`: every arm once; proof of equal effects.

use std::collections::BTreeSet;
use std::time::Duration;

use tollgate_record::{CellId, Failure, FailureClass, Placement};

use crate::args::{Only, VerifyArgs};
use crate::arm::Arm;
use crate::repeating::Outcome;
use crate::select::{Unasked, select};
use crate::status::Status;
use crate::verification::{Verdict, verify};
use crate::{interrupt, live, out, repeating};

/// Long enough for a few canaries and some thousand requests of each arm.
const LIVE_DURATION: Duration = Duration::from_millis(500);

/// Verifies in process, and live on the gateways that were named (the embedded one runs what the hosts run).
pub(crate) fn run(options: &VerifyArgs) -> anyhow::Result<Status> {
    interrupt::install()?;
    let mut selection = select(&options.selectors, Unasked::Everything)?;
    let named = &options.selectors.gateways;
    selection.live.retain(|(gateway, _)| {
        options.selectors.only == Some(Only::Live) || named.iter().any(|name| name == gateway.name())
    });
    let mut tally = Tally::default();
    for (cell, failure) in selection.unloadable {
        tally.add(&cell.id, Err(failure));
    }
    let mut wrong: BTreeSet<(String, String)> = BTreeSet::new();
    let finished = verify(&selection.in_process, &mut |cell, verdict| {
        let proof = match verdict {
            Verdict::Verified { proof, .. } => Ok(proof),
            Verdict::Failed(failure) => {
                wrong.insert((cell.plugin.clone(), cell.workload.clone()));
                Err(failure)
            }
        };
        tally.add(cell, proof);
        Ok(())
    })?;
    let mut repeated = Tally::default();
    if let Some(requests) = options.repeat
        && finished
    {
        // An interrupt is noticed below.
        for Outcome { cell, same } in
            repeating::repeat(&right(&selection.in_process, &wrong), requests)?.into_iter().flatten()
        {
            repeated.add(&cell, same);
        }
    }
    for (gateway, arms) in &selection.live {
        if interrupt::requested() {
            break;
        }
        // What is wrong in process is not let loose on a gateway, where a hang would take all arms.
        for left_out in arms.iter().filter(|arm| !is_right(arm, &wrong)) {
            out::line(&format!("skip  {}: not taken to a gateway, since it is wrong in process", left_out.id));
        }
        let arms = right(arms, &wrong);
        let start = live::Start {
            number: 0,
            seed: 0,
            duration: LIVE_DURATION,
            rounds_per_block: 15,
            placement: &Placement::Unpinned,
        };
        for measured in live::measure(*gateway, &arms, &options.selectors, start, &mut |_, _| {})? {
            // A control has nothing to prove, but its failure is the gateway's.
            let is_control = arms.iter().any(|arm| arm.id == measured.cell && arm.plugin.is_none());
            if !is_control || measured.proof.is_err() {
                tally.add(&measured.cell, measured.proof);
            }
        }
    }
    out::line(&format!("{} verified, {} failed", tally.verified, tally.failures.len()));
    if options.repeat.is_some() {
        out::line(&format!("{} count the same, {} do not", repeated.verified, repeated.failures.len()));
    }
    if !finished || interrupt::requested() {
        return Ok(Status::Interrupted);
    }
    tally.failures.extend(repeated.failures);
    Ok(tally.status())
}

/// The arms whose plugin and workload were not found wrong.
fn right(arms: &[Arm], wrong: &BTreeSet<(String, String)>) -> Vec<Arm> {
    arms.iter().filter(|arm| is_right(arm, wrong)).cloned().collect()
}

fn is_right(arm: &Arm, wrong: &BTreeSet<(String, String)>) -> bool {
    !wrong.contains(&(arm.id.plugin.clone(), arm.id.workload.clone()))
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
                out::line(&format!("ok    {cell}: {proof}"));
            }
            Err(failure) => {
                out::line(&format!("FAIL  {cell}: {}: {}", failure.stage, failure.message));
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
