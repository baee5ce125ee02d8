//! `tollgate gate live`: base and head as arms of one gateway, in fresh starts of it.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use tollgate_record::{Journal, LiveGate, Record, TimeBudget};
use tollgate_reports::gate::live;

use super::finish;
use crate::args::Selectors;
use crate::args::gate::{LiveGateArgs, OutcomeArgs};
use crate::measuring::Measuring;
use crate::progress::Progress;
use crate::schedule::Schedule;
use crate::select::known;
use crate::status::{Status, usage};
use crate::verbs::run::{clock_seed, remove, write};
use crate::{interrupt, plan, sides};

/// Where the record goes when no folder is named: what was measured is kept in any case.
const OUT: &str = "tollgate-gate";
/// How much longer than the margin the known slowdown is, and how long at least, nanoseconds: single arms scatter more
/// than what is judged.
const LONGER: (u64, u64) = (4, 2_000);

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
    let out = options.outcome.out.clone().unwrap_or_else(|| PathBuf::from(OUT));
    let record = measure(options, &out)?;
    if record.interrupted {
        eprintln!("interrupted; what was finished is in {}", out.join("record.json").display());
        return Ok(Status::Interrupted);
    }
    let outcome = live(&record).context("the record that was just written has no gate; this build is broken")?;
    finish(&outcome, &OutcomeArgs { out: Some(out), ..options.outcome.clone() })
}

fn measure(options: &LiveGateArgs, out: &std::path::Path) -> anyhow::Result<Record> {
    let all = || tollgate_gateways::GATEWAYS.iter().map(|gateway| gateway.name().to_owned());
    known("gateway", &options.gateway, all())?;
    let gateway = tollgate_gateways::gateway(&options.gateway).context("a gateway that is listed is found")?;
    let selectors = Selectors {
        gateway: options.of_gateway.clone(),
        request: options.request.clone(),
        workloads: options.workload.iter().cloned().collect(),
        ..Selectors::default()
    };
    let margin_ns = options.margin.as_nanos() as u64;
    let name = |side: &Option<String>| side.clone().unwrap_or_default();
    let gate = LiveGate {
        base: name(&options.base),
        head: name(&options.head),
        margin_ns,
        margin_share: options.margin_share,
        starts: options.starts,
        copies: options.copies,
        longer_ns: u64::max(LONGER.0 * margin_ns, LONGER.1),
    };
    let selection = sides::select(options, &selectors, gateway, &gate)?;
    let schedule = Schedule { starts: options.starts, live: options.time, ..Schedule::of(TimeBudget::Standard) };
    let placement = plan::placement(options.placement)?;
    let seed = options.seed.unwrap_or_else(clock_seed);
    fs::create_dir_all(out)
        .with_context(|| format!("cannot make the folder {}; name another with --out", out.display()))?;

    let mut begin = plan::begin(&selectors, &selection, (TimeBudget::Standard, schedule), &placement, seed);
    begin.plan.live_gate = Some(gate);
    let progress = Progress::new(schedule.live * schedule.starts, options.quiet);
    let journal_path = out.join("journal.jsonl");
    let (journal, aside) = Journal::create(&journal_path, begin)?;
    if let Some(aside) = aside {
        progress.note(&format!("the journal of a run that was killed is now {}", aside.display()));
    }
    let (record, _) = Measuring::new(journal, progress, schedule, &selectors).gate(&selection)?;
    write(out, &record)?;
    remove(&journal_path)?;
    Ok(record)
}
