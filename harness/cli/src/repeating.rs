//! Proof that counters are exact: an observed request is repeated on one instance, in several fresh processes, and all
//! of them must have counted the same.

use std::collections::BTreeMap;

use serde_json::Value;
use tollgate_hosts::Repeated;
use tollgate_record::{CellId, Counters, Failure, Spread};

use crate::arm::Arm;
use crate::verification::{arm_limit, culprit};
use crate::worker::{Job, Message, WorkerArm, run_job};

/// Fresh processes.
const PROCESSES: usize = 3;
const STAGE: &str = "repeat";

/// What came of one arm.
pub(crate) struct Outcome {
    pub(crate) cell: CellId,
    /// What was the same, in words, or why it was not.
    pub(crate) same: Result<String, Failure>,
}

/// Repeats the requests of each arm in each process. None when interrupted.
pub(crate) fn repeat(arms: &[Arm], requests: u64) -> anyhow::Result<Option<Vec<Outcome>>> {
    let mut outcomes = Vec::new();
    let mut left: Vec<WorkerArm> = arms.iter().filter(|arm| arm.plugin.is_some()).map(WorkerArm::from).collect();
    let mut counted: BTreeMap<CellId, Vec<Repeated>> = BTreeMap::new();
    for _ in 0..PROCESSES {
        let mut waiting = left.clone();
        while !waiting.is_empty() {
            let job = Job::Repeat { arms: waiting.clone(), requests };
            let mut failed = Vec::new();
            let end = run_job(&job, arm_limit(arms), &mut |message| {
                match message {
                    Message::Repeated { cell, repeated } => {
                        waiting.retain(|arm| arm.id != cell);
                        counted.entry(cell).or_default().push(repeated);
                    }
                    Message::Failed { cell, failure } => failed.push((cell, failure)),
                    _ => {}
                }
                Ok(())
            })?;
            if let Err(end) = end {
                let Some((cell, failure)) = culprit(STAGE, &end) else { return Ok(None) };
                let Some(cell) = cell else { anyhow::bail!("a worker process {}", failure.message) };
                failed.push((cell, failure));
            }
            for (cell, failure) in failed {
                waiting.retain(|arm| arm.id != cell);
                left.retain(|arm| arm.id != cell);
                outcomes.push(Outcome { cell, same: Err(failure) });
            }
        }
    }
    outcomes.extend(left.iter().filter_map(|arm| {
        let same = compare(counted.get(&arm.id)?, arm.workload_checked());
        Some(Outcome { cell: arm.id.clone(), same })
    }));
    Ok(Some(outcomes))
}

/// Whether all processes counted the same, and what, if anything, requests within one did not.
fn compare(counted: &[Repeated], workload_checked: bool) -> Result<String, Failure> {
    let Some(first) = counted.first() else { return Ok("nothing was counted".to_owned()) };
    let requests = first.requests;
    if let Some(other) = counted.iter().find(|other| other.digest != first.digest) {
        let difference = difference(&first.counters, &other.counters);
        let what = difference.unwrap_or_else(|| "the same in all, in another order of requests".to_owned());
        let message = format!(
            "two processes did not count the same in {requests} requests ({what}); look for what depends on time, chance or \
             addresses"
        );
        return Err(Failure::plugin(STAGE, message));
    }
    if let (true, Some(difference)) = (workload_checked, &first.difference) {
        let message =
            format!("requests alike did not count the same ({difference}); make the plugin do the same for each");
        return Err(Failure::plugin(STAGE, message));
    }
    let spread = |(name, spread): (&String, &Spread)| format!("{name} {} to {}", spread.least, spread.most);
    let varying: Vec<String> = first.counters.varying.iter().map(spread).collect();
    let same = format!("same in {requests} requests x {} processes", counted.len());
    Ok(match varying.as_slice() {
        [] => same,
        varying => format!("{same}; within an instance {}, alike in each process", varying.join(", ")),
    })
}

/// The first figure in which two counters differ, in words; none when they are equal.
fn difference(ours: &Counters, theirs: &Counters) -> Option<String> {
    let figures = |counters: &Counters| -> BTreeMap<String, Value> {
        let Ok(Value::Object(fields)) = serde_json::to_value(counters) else { return BTreeMap::new() };
        let figures = fields.into_iter().flat_map(|(name, value)| match value {
            Value::Object(inner) => inner.into_iter().collect(),
            value => vec![(name, value)],
        });
        figures.collect()
    };
    let (ours, theirs) = (figures(ours), figures(theirs));
    let name = ours.keys().chain(theirs.keys()).find(|name| ours.get(*name) != theirs.get(*name))?;
    let shown = |value: Option<&Value>| value.map_or_else(|| "none".to_owned(), Value::to_string);
    Some(format!("{name}: {} and {}", shown(ours.get(name)), shown(theirs.get(name))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeated(fuel: u64, difference: Option<&str>) -> Repeated {
        let counters = Counters { fuel: Some(fuel), ..Counters::default() };
        Repeated { requests: 9, digest: fuel, counters, difference: difference.map(str::to_owned) }
    }

    #[test]
    fn processes_and_requests_that_differ_are_failures_with_the_difference() {
        let same = compare(&[repeated(5, None), repeated(5, None)], true).unwrap();
        assert_eq!(same, "same in 9 requests x 2 processes");
        let failure = compare(&[repeated(5, None), repeated(5, None), repeated(6, None)], true).unwrap_err();
        assert!(failure.message.contains("fuel: 5 and 6"), "{failure:?}");
        let order = [repeated(5, None), Repeated { digest: 7, ..repeated(5, None) }];
        assert!(compare(&order, false).is_err(), "the same requests in another order");

        let unlike = [repeated(5, Some("`bytes_in` is 1 to 2")), repeated(5, Some("`bytes_in` is 1 to 2"))];
        assert!(compare(&unlike, true).unwrap_err().message.contains("bytes_in"));
        assert!(compare(&unlike, false).is_ok(), "a plugin that is held to nothing may do what it wants");
    }

    #[test]
    fn what_varies_is_named() {
        let mut varies = repeated(5, None);
        varies.counters.varying.insert("fuel".to_owned(), Spread { requests: 9, least: 3, most: 8, total: 40 });
        let words = compare(&[varies.clone(), varies], true).unwrap();
        assert!(words.contains("fuel 3 to 8, alike"), "{words}");
    }
}
