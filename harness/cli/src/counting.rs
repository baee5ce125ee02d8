//! Counting what plugins do, twice in fresh processes: only what both agree on can be held to.

use std::collections::BTreeMap;

use tollgate_record::{BaselineCell, CellId, Counters, Failure};
use tollgate_reports::gate::Counted;

use crate::arm::Arm;
use crate::select::Selection;
use crate::verification::{Verdict, verify};

/// Fresh processes.
const PROCESSES: usize = 2;

/// Verifies and counts all arms in process. None when interrupted.
pub(crate) fn count(selection: &Selection) -> anyhow::Result<Option<Vec<Counted>>> {
    let mut all: Vec<Counted> = Vec::new();
    let unloadable = selection.unloadable.iter();
    all.extend(unloadable.map(|(cell, failure)| Counted::Failed(cell.id.clone(), failure.clone())));
    let mut left: Vec<Arm> = selection.in_process.iter().filter(|arm| arm.plugin.is_some()).cloned().collect();
    let mut counted: BTreeMap<CellId, Vec<Counters>> = BTreeMap::new();
    for _ in 0..PROCESSES {
        let mut failed: Vec<(CellId, Failure)> = Vec::new();
        let finished = verify(&left, &mut |cell, verdict| {
            match verdict {
                Verdict::Verified { counters, .. } => counted.entry(cell.clone()).or_default().push(counters),
                Verdict::Failed(failure) => failed.push((cell.clone(), failure)),
            }
            Ok(())
        })?;
        if !finished {
            return Ok(None);
        }
        left.retain(|arm| failed.iter().all(|(cell, _)| cell != &arm.id));
        all.extend(failed.into_iter().map(|(cell, failure)| Counted::Failed(cell, failure)));
    }
    all.extend(left.iter().map(|arm| figures(arm, counted.get(&arm.id).map_or(&[][..], Vec::as_slice))));
    Ok(Some(all))
}

fn figures(arm: &Arm, counted: &[Counters]) -> Counted {
    let key = (arm.id.plugin.as_str(), arm.id.host.as_str(), arm.id.workload.as_str());
    let version = tollgate_hosts::host(&arm.id.host).map(tollgate_hosts::Host::version).unwrap_or_default();
    let size = arm.cell(&version).artifact.map(|artifact| artifact.size_bytes);
    // One process fewer could not tell what differs from process to process.
    match BaselineCell::new(key, &version, size, counted).filter(|_| counted.len() == PROCESSES) {
        Some(cell) => Counted::Figures(cell),
        None => Counted::Failed(arm.id.clone(), Failure::environment("count", "nothing was counted; run it again")),
    }
}
