//! Going on with a `tollgate run`, or with a live gate, whose record is of the same kind.

use std::path::Path;

use tollgate_record::{Journal, Record};
use tollgate_reports::gate::incomparable;

use super::{command, unchanged};
use crate::args::gate::GateName;
use crate::args::{ResumeArgs, RunArgs, Verb};
use crate::measuring::{LoadWanted, without_halves};
use crate::select::{Selection, select};
use crate::status::{Status, usage};
use crate::verbs::{gate, run};

/// Measures what the file has not got.
pub(super) fn resume(options: &ResumeArgs, path: &Path) -> anyhow::Result<Status> {
    let record = Record::read(path)?;
    super::interrupted(record.interrupted, path)?;
    match command(&record.command_line)? {
        Verb::Run(of_run) => {
            let quiet = of_run.quiet || options.quiet;
            go_on(&RunArgs { out: options.folder.clone(), quiet, ..of_run }, record)
        }
        Verb::Gate(of_gate) => match of_gate.gate {
            Some(GateName::Live(mut of_gate)) => {
                of_gate.quiet |= options.quiet;
                of_gate.outcome.out = Some(options.folder.clone());
                let gating = gate::live::gating(&of_gate)?;
                unchanged(changes(&record, &gating.begin(record.plan.seed), &gating.selection))?;
                let journal = Journal::reopen(&options.folder.join(run::JOURNAL), without_halves(record, None))?;
                gate::live::measure(&of_gate, &gating, journal, &options.folder)
            }
            _ => Err(usage("that gate left nothing to go on with; begin anew")),
        },
        _ => Err(usage("only a run, a gate in process or live and a proof can be gone on with; begin anew")),
    }
}

fn go_on(of_run: &RunArgs, record: Record) -> anyhow::Result<Status> {
    let selection = select(&of_run.selectors, run::unasked(of_run.time))?;
    let anew = run::begin(of_run, &selection, record.plan.seed)?;
    unchanged(changes(&record, &anew, &selection))?;
    let record = without_halves(record, LoadWanted::of(&of_run.load).as_ref());
    run::measure(of_run, &selection, Journal::reopen(&of_run.out.join(run::JOURNAL), record)?)
}

/// Starts of one run are replicates only when nothing changed between them.
fn changes(record: &Record, anew: &Record, selection: &Selection) -> Vec<String> {
    let mut changed = incomparable(record, anew);
    if record.tollgate_version != anew.tollgate_version || record.environment.versions != anew.environment.versions {
        changed.push("other versions of tollgate, hosts or gateways".to_owned());
    }
    if record.plan != anew.plan {
        changed.push("another plan".to_owned());
    }
    let arms = selection.in_process.iter().chain(selection.live.iter().flat_map(|(_, arms)| arms));
    for arm in arms {
        let Some(cell) = record.cell(&arm.id) else { continue };
        if cell.artifact != arm.cell(&cell.host_version).artifact {
            changed.push(format!("another artifact of {}", arm.id.plugin));
        }
    }
    changed
}
