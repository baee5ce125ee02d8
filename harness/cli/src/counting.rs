//! Counting what plugins do, twice in fresh processes: only what both agree on can be held to.

use std::collections::BTreeMap;
use std::path::Path;

use tollgate_record::{Baseline, BaselineCell, CellId, Counters, Failure};
use tollgate_reports::gate::{Counted, GateKind, Outcome, Row, Update, judge_counters};

use crate::arm::Arm;
use crate::select::Selection;
use crate::verification::{Verdict, verify_keeping};

/// Fresh processes.
pub(crate) const PROCESSES: usize = 2;

/// Counts base and head in the same processes, and judges head as if base were a baseline. None when interrupted.
///
/// `sides` names both for people; `code` is as [`count`] has it.
pub(crate) fn compare(
    base: Selection,
    mut head: Selection,
    sides: (&str, &str),
    code: Option<&Path>,
) -> anyhow::Result<Option<Outcome>> {
    // Under names that differ: head's own is shorter than what holds all of its path.
    let name = head.in_process.first().map(|arm| arm.id.plugin.clone());
    let as_base = |plugin: &str| format!("{plugin} (base of {})", sides.1);
    head.in_process.extend(base.in_process.into_iter().map(|mut arm| {
        arm.id.plugin = as_base(&arm.id.plugin);
        arm
    }));
    head.unloadable.extend(base.unloadable.into_iter().map(|(mut cell, failure)| {
        cell.id.plugin = as_base(&cell.id.plugin);
        (cell, failure)
    }));
    let Some(counted) = count(&head, code)? else { return Ok(None) };
    let suffix = as_base("");
    let is_base = |counted: &Counted| counted.id().plugin.ends_with(&suffix);
    let (before, counted): (Vec<Counted>, Vec<Counted>) = counted.into_iter().partition(is_base);
    let mut rows = Vec::new();
    let mut figures = Vec::new();
    for counted in before {
        match (counted, &name) {
            (Counted::Figures(cell), Some(name)) => figures.push(cell.renamed(name)),
            (Counted::Figures(_), None) => {}
            (Counted::Failed(id, failure), _) => rows.push(Row::failed(id, failure)),
        }
    }
    let (judged, _) = judge_counters(&Baseline::new(figures), &counted, &|_| true, &absent, Update::Compare);
    rows.extend(judged);
    let (notes, sides) = (vec![note(&rows)], (sides.0.to_owned(), sides.1.to_owned()));
    Ok(Some(Outcome::new(GateKind::Counters, sides, Vec::new(), rows, notes)))
}

/// Why a host is not here; none when it is.
pub(crate) fn absent(name: &str) -> Option<String> {
    match tollgate_hosts::host(name) {
        Some(host) => host.absent(),
        None => {
            let known = tollgate_hosts::ABSENT_HOSTS.iter().find(|(absent, _)| *absent == name);
            Some(known.map_or_else(|| "this tollgate does not know it".to_owned(), |(_, way)| (*way).to_owned()))
        }
    }
}

/// How all of it was counted.
pub(crate) fn note(rows: &[Row]) -> String {
    let compared = rows.iter().filter(|row| row.comparable).count();
    format!(
        "counted in two fresh processes each, {compared} of {} cells compared; figures are exact, so there is no margin",
        rows.len()
    )
}

/// Verifies and counts all arms in process. None when interrupted.
///
/// `code` is a folder that only we can write, in which the first process that compiles a plugin leaves its machine code to
/// the others; without one each of them compiles.
pub(crate) fn count(selection: &Selection, code: Option<&Path>) -> anyhow::Result<Option<Vec<Counted>>> {
    let mut all: Vec<Counted> = Vec::new();
    let unloadable = selection.unloadable.iter();
    all.extend(unloadable.map(|(cell, failure)| Counted::Failed(cell.id.clone(), failure.clone())));
    let mut left: Vec<Arm> = selection.in_process.iter().filter(|arm| arm.plugin.is_some()).cloned().collect();
    let mut counted: BTreeMap<CellId, Vec<Counters>> = BTreeMap::new();
    for _ in 0..PROCESSES {
        let mut failed: Vec<(CellId, Failure)> = Vec::new();
        let finished = verify_keeping(code, &left, &mut |cell, verdict| {
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
