//! `tollgate gate live`: base and head as arms of one gateway, in fresh starts of it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tollgate_record::{Journal, Record};
use tollgate_reports::gate::live;

use super::finish;
use crate::args::Selectors;
use crate::args::gate::{LiveGateArgs, OutcomeArgs};
use crate::gating::LiveGating;
use crate::gating::live::{gate, schedule};
use crate::out::make_folder;
use crate::progress::Progress;
use crate::select::gateway;
use crate::status::{Status, usage};
use crate::verbs::run::{JOURNAL, clock_seed, remove, write};
use crate::{interrupt, plan, sides};

/// Where the record goes when no folder is named: what was measured is kept in any case.
const OUT: &str = "tollgate-gate";

/// Measures base and head, or reads what an earlier gate measured, and judges.
pub(crate) fn run(options: &LiveGateArgs) -> anyhow::Result<Status> {
    if let Some(file) = &options.record {
        let record = Record::read(file)?;
        let outcome = live(&record).ok_or_else(|| {
            usage(format!("{} is no record of `tollgate gate live`; give one of its record.json", file.display()))
        })?;
        return finish(&outcome, &options.outcome);
    }
    interrupt::install()?;
    let gating = gating(options)?;
    let out = options.outcome.out.clone().unwrap_or_else(|| PathBuf::from(OUT));
    make_folder(&out)?;
    let begin = gating.begin(options.seed.unwrap_or_else(clock_seed));
    let (journal, aside) = Journal::create(&out.join(JOURNAL), begin)?;
    if let Some(aside) = aside {
        eprintln!("the journal of a run that was killed is now {}", aside.display());
    }
    measure(options, &gating, journal, &out)
}

/// Measures what the journal has not got yet, writes and judges.
pub(crate) fn measure(
    options: &LiveGateArgs,
    gating: &LiveGating,
    journal: Journal,
    out: &Path,
) -> anyhow::Result<Status> {
    let record = gating.measure(journal, Progress::new(gating.planned(), options.quiet))?;
    write(out, &record)?;
    remove(&out.join(JOURNAL))?;
    if record.interrupted {
        eprintln!("interrupted; what was finished is in the record: go on with `tollgate resume {}`", out.display());
        return Ok(Status::Interrupted);
    }
    let outcome = live(&record).context("the record that was just written has no gate; this build is broken")?;
    finish(&outcome, &OutcomeArgs { out: Some(out.to_owned()), ..options.outcome.clone() })
}

/// What the options ask to measure.
pub(crate) fn gating(options: &LiveGateArgs) -> anyhow::Result<LiveGating> {
    let gateway = gateway(&options.gateway)?;
    let selectors = Selectors {
        gateway: options.starts.of_gateway.clone(),
        given: options.given.clone(),
        workloads: options.workload.iter().cloned().collect(),
        ..Selectors::default()
    };
    let name = |side: &Option<String>| side.clone().unwrap_or_default();
    let sides = (name(&options.base), name(&options.head));
    let gate = gate(sides, options.margin, options.margin_share, &options.starts);
    let selection = sides::select(options, &selectors, gateway, &gate)?;
    let placement = plan::placement(options.starts.placement)?;
    Ok(LiveGating { selection, selectors, gate, placement, schedule: schedule(&options.starts) })
}
