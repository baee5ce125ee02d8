//! What a run that was killed has finished. A start is a replicate: its arms shared a process and its rounds, so that
//! half of one is none.

use std::collections::BTreeSet;

use tollgate_record::{CellId, Mode, Record};

use super::LoadWanted;

/// Whether every arm of a place that has not failed was measured in a start.
pub(super) fn is_finished<'a>(record: &Record, arms: impl IntoIterator<Item = &'a CellId>, start: u32) -> bool {
    let mut measured = 0;
    for cell in arms.into_iter().filter_map(|id| record.cell(id)).filter(|cell| cell.error.is_none()) {
        if cell.series.iter().all(|series| series.start != start) {
            return false;
        }
        measured += 1;
    }
    measured > 0
}

/// The record without starts and loads that were not finished, as if the run had not begun with them.
pub(crate) fn without_halves(mut record: Record, load: Option<&LoadWanted>) -> Record {
    let place = |id: &CellId| (id.mode, (id.mode == Mode::Live).then(|| id.host.clone()));
    let places: BTreeSet<_> = record.cells.iter().map(|cell| place(&cell.id)).collect();
    for here in places {
        let requests = |id: &&CellId| place(id) == here && id.phase == tollgate_record::Phase::Request;
        let arms: Vec<CellId> = record.cells.iter().map(|cell| &cell.id).filter(requests).cloned().collect();
        let begun: BTreeSet<u32> =
            record.cells.iter().flat_map(|cell| &cell.series).map(|series| series.start).collect();
        let halves: BTreeSet<u32> = begun.into_iter().filter(|&start| !is_finished(&record, &arms, start)).collect();
        for cell in record.cells.iter_mut().filter(|cell| cell.error.is_none() && place(&cell.id) == here) {
            cell.series.retain(|series| !halves.contains(&series.start));
        }
    }
    let gateways: Vec<String> = record.loads.iter().map(|load| load.gateway.clone()).collect();
    let half = |gateway: &String| !load.is_some_and(|load| load.is_done(&record, gateway));
    let halves: BTreeSet<String> = gateways.into_iter().filter(half).collect();
    record.loads.retain(|load| !halves.contains(&load.gateway));
    record.finished_unix_ms = None;
    record.interrupted = false;
    record
}
