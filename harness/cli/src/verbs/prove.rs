//! `tollgate prove`: full runs of the in-process gate whose right answer is known.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tollgate_record::{PROVE_SCHEMA, ProveRecord, ProveRun};
use tollgate_reports::gate::proof_text;

use super::gate::plan_of;
use super::run::clock_seed;
use crate::args::prove::{ProveArgs, What};
use crate::gating::Prover;
use crate::progress::Progress;
use crate::status::{Status, usage};
use crate::{interrupt, machine, out, plan};

/// Slowdowns of `bias`, in parts per million.
const BIAS_PPM: [u32; 5] = [0, 5_000, 10_000, 20_000, 50_000];
/// About how long a run takes beside its processes, and one of those, for the progress bar.
const RUN: Duration = Duration::from_secs(2);
const PROCESS: Duration = Duration::from_millis(150);

/// Runs the gate again and again.
pub(crate) fn run(options: &ProveArgs) -> anyhow::Result<Status> {
    interrupt::install()?;
    if let Some(folder) = &options.out {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}; name another with --out", folder.display()))?;
    }
    let seed = options.sampling.seed.unwrap_or_else(clock_seed);
    // What head is asked to cost more, run by run: in turn, so that a drift of the machine meets all alike.
    let steps: &[u32] = match options.what {
        What::Aa => &[0],
        What::Power => &[options.slowdown],
        What::Bias => &BIAS_PPM,
        What::Coverage | What::Hogs => &[0, options.slowdown],
    };
    let runs: Vec<u32> = (0..options.runs).flat_map(|_| steps.iter().copied()).collect();
    let runs = if options.what == What::Coverage { &runs[..options.runs as usize] } else { &runs[..] };
    let environment =
        machine::environment(std::iter::once(("tollgate".to_owned(), env!("CARGO_PKG_VERSION").to_owned())).collect());
    let planned = RUN + PROCESS * options.sampling.processes;
    let mut progress = Progress::new(planned * runs.len() as u32, options.sampling.quiet);
    let placement = tollgate_gateways::decide_placement();
    let mut record = ProveRecord {
        schema: PROVE_SCHEMA.to_owned(),
        tollgate_version: env!("CARGO_PKG_VERSION").to_owned(),
        command_line: plan::command_line(seed),
        started_unix_ms: plan::unix_ms(),
        finished_unix_ms: 0,
        interrupted: false,
        environment,
        placement: placement.clone(),
        what: options.what.name().to_owned(),
        plugin: options.plugin.clone(),
        hogs: 0,
        plan: plan_of(&options.sampling, seed),
        runs: Vec::new(),
    };
    let hogs = (options.what == What::Hogs).then(crate::gating::Hogs::on_every_core);
    record.hogs = hogs.as_ref().map_or(0, crate::gating::Hogs::count);
    let selectors = options.sampling.selectors();
    let Some(mut prover) = Prover::new(&selectors, &options.plugin, record.plan.clone(), placement, &mut progress)?
    else {
        return Ok(Status::Interrupted);
    };
    let mut random = fastrand::Rng::with_seed(seed);
    for (number, &asked_ppm) in runs.iter().enumerate() {
        let begin = Instant::now();
        let Some(cells) = prover.run(asked_ppm, random.u64(..), &mut progress)? else { break };
        let took_ms = begin.elapsed().as_millis() as u64;
        record.runs.push(ProveRun { asked_ppm, took_ms, cells });
        progress.set_done(planned * (number as u32 + 1));
        save(&mut record, options.out.as_deref())?;
    }
    drop(hogs);
    progress.finish();
    record.interrupted = interrupt::requested();
    if record.runs.is_empty() && !record.interrupted {
        return Err(usage("no run came to an end"));
    }
    save(&mut record, options.out.as_deref())?;
    out::line(proof_text(&record).trim_end());
    Ok(if record.interrupted { Status::Interrupted } else { Status::Pass })
}

/// Keeps what there is: hundreds of runs take hours.
fn save(record: &mut ProveRecord, folder: Option<&Path>) -> anyhow::Result<()> {
    record.finished_unix_ms = plan::unix_ms();
    if let Some(folder) = folder {
        record.write(&folder.join("prove.json"))?;
    }
    Ok(())
}
