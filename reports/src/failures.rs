//! Failures as people read them: one entry per plugin, place and reason, however many cells it cost.

use crate::csv::phase_name;
use crate::summary::{Summary, SummaryCell};

/// Cells that failed for one reason.
pub(crate) struct FailureGroup<'a> {
    pub(crate) first: &'a SummaryCell,
    pub(crate) reason: &'a str,
    /// What was lost: workloads, and phases other than requests.
    pub(crate) lost: Vec<String>,
}

pub(crate) fn failures(summary: &Summary) -> Vec<FailureGroup<'_>> {
    let mut groups: Vec<FailureGroup<'_>> = Vec::new();
    for cell in &summary.cells {
        let Some(reason) = cell.error.as_deref() else { continue };
        let phase = phase_name(cell.phase).replace('_', " ");
        let lost = if phase == "request" { crate::text::name(&cell.workload, 40) } else { phase };
        let same = |group: &&mut FailureGroup<'_>| {
            group.reason == reason
                && (group.first.mode, &group.first.host, &group.first.plugin) == (cell.mode, &cell.host, &cell.plugin)
        };
        match groups.iter_mut().find(same) {
            Some(group) if group.lost.contains(&lost) => {}
            Some(group) => group.lost.push(lost),
            None => groups.push(FailureGroup { first: cell, reason, lost: vec![lost] }),
        }
    }
    groups
}
