//! The worker's side.

use std::io::{BufRead, Write};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, setrlimit};
use tollgate_fixtures::{Plugin, Workload};
use tollgate_gateways::{Measured, measure_urls};
use tollgate_hosts::{Bench, Host};
use tollgate_record::{CellId, Collector, Failure};

use super::arm::WorkerArm;
use super::protocol::{Job, Message};
use crate::arm::Arm;

/// How often a sign of life is given while rounds run.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// What a worker may have of memory, in bytes. Guests in Wasm have their own limit; this is for a script that takes all it
/// can get, which is told that there is no more, or ends this process and not another. Not for a gateway, which would
/// inherit it: V8 in Envoy takes more for a dozen plugins, and ends when it does not get it.
const LIMIT_BYTES: u64 = 4 << 30;

/// Does the one job that comes on stdin.
pub(crate) fn serve() -> anyhow::Result<()> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read the job")?;
    let job = serde_json::from_str(&line).context("cannot understand the job: `worker` is for tollgate itself")?;
    if !matches!(job, Job::Live { .. } | Job::Load { .. }) {
        let limit = Rlimit { current: Some(LIMIT_BYTES), maximum: Some(LIMIT_BYTES) };
        // Refused where somebody has set a lower one, which is as good.
        let _ = setrlimit(Resource::Data, limit);
    }
    if let Job::Stepped(job) = job {
        // It reads on, and sees by itself when its parent is gone.
        return super::stepped::stepped(*job);
    }
    std::thread::spawn(|| {
        // The parent keeps this pipe open for as long as it lives; its end is the end of the reason to be here.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(1);
    });
    match job {
        Job::Verify { arms, code } => {
            if let Some(folder) = code {
                // SAFETY: our parent made the folder for processes of this program, and nobody else can write there.
                unsafe { tollgate_hosts::keep_code_in(&folder) };
            }
            verify(arms)?;
        }
        Job::Repeat { arms, requests } => repeat(arms, requests)?,
        Job::Soak { arm, duration_ms, core } => soak(*arm, duration_ms, core)?,
        Job::Measure { .. } => measure(job)?,
        Job::Mirrored(job) => super::mirrored::mirrored(job)?,
        Job::Stepped(job) => super::stepped::stepped(*job)?,
        Job::Precompile { arm, to } => super::mirrored::precompile(*arm, &to)?,
        Job::Live { .. } => live(job)?,
        Job::Urls { urls, start, seed, duration_ms, rounds_per_block } => {
            let (arms, options) = urls.load()?;
            let mut progress = progress(arms.iter().map(|arm| arm.cell.clone()).collect());
            let duration = Duration::from_millis(duration_ms);
            for Measured { cell, series, proof } in
                measure_urls(&arms, &options, start, seed, duration, rounds_per_block, &mut progress)
            {
                say(&Message::Live { cell, series, proof })?;
            }
        }
        Job::LoadUrls { urls, steps } => {
            let (arms, options) = urls.load()?;
            super::load::load_urls(&arms, &options, &steps)?;
        }
        Job::Load { arms, gateway, steps, options } => {
            super::load::load(&loaded_live(arms)?, &gateway, options.options(), &steps)?;
        }
    }
    say(&Message::Done)
}

fn verify(arms: Vec<WorkerArm>) -> anyhow::Result<()> {
    for_each(arms, |cell, host, plugin, workload| match tollgate_hosts::verify(host, plugin, workload) {
        Ok(verified) => Message::Verified { cell, counters: verified.counters, proof: verified.proof },
        Err(failure) => Message::Failed { cell, failure },
    })
}

fn repeat(arms: Vec<WorkerArm>, requests: u64) -> anyhow::Result<()> {
    for_each(arms, |cell, host, plugin, workload| {
        let mut alive = signs_of_life(|_| Message::Repeating);
        match tollgate_hosts::repeat(host, plugin, workload, requests, &mut || alive(0)) {
            Ok(repeated) => Message::Repeated { cell, repeated },
            Err(failure) => Message::Failed { cell, failure },
        }
    })
}

fn soak(arm: WorkerArm, duration_ms: u64, core: Option<u32>) -> anyhow::Result<()> {
    for_each(vec![arm], |_, host, plugin, workload| {
        if let Some(core) = core {
            // Where pinning is not allowed the parent has recorded so.
            let _ = tollgate_gateways::pin_current_thread(core);
        }
        let mut alive = signs_of_life(|requests| Message::Soaking { requests });
        let duration = Duration::from_millis(duration_ms);
        Message::Soaked(tollgate_hosts::soak(host, plugin, workload, duration, &mut alive))
    })
}

/// Does something with each arm that can be loaded, one after the other, and says what came of it.
fn for_each(
    arms: Vec<WorkerArm>,
    mut each: impl FnMut(CellId, &dyn Host, &Plugin, &Workload) -> Message,
) -> anyhow::Result<()> {
    for arm in arms {
        let cell = arm.id.clone();
        say(&Message::Doing(cell.clone()))?;
        let arm = match arm.load() {
            Ok(arm) => arm,
            Err(error) => {
                say(&Message::Failed { cell, failure: unloadable(&error) })?;
                continue;
            }
        };
        let (Some(host), Some(plugin)) = (host_of(&arm), &arm.plugin) else { continue };
        say(&each(cell, host, plugin, &arm.workload))?;
    }
    Ok(())
}

/// Says now and then that it is alive.
pub(super) fn signs_of_life(message: impl Fn(u64) -> Message) -> impl FnMut(u64) {
    let mut last = Instant::now();
    move |requests| {
        if last.elapsed() > PROGRESS_EVERY {
            last = Instant::now();
            // A parent that is gone is noticed by the thread on stdin.
            let _ = say(&message(requests));
        }
    }
}

fn measure(job: Job) -> anyhow::Result<()> {
    let Job::Measure { arms, start, seed, duration_ms, rounds_per_block, requests_per_batch, core } = job else {
        unreachable!("called for this job only")
    };
    let arms: Vec<tollgate_hosts::Arm> = loaded(arms)?.into_iter().map(host_arm).collect();
    let ids: Vec<CellId> = arms.iter().map(|arm| arm.id.clone()).collect();
    // `prepare` shuffles the arms, so that none always gets the same place in memory; from our seed, to be repeatable.
    fastrand::seed(seed);
    let bench = Bench::prepare(arms, &mut |cell| {
        // A parent that is gone is noticed by the thread on stdin.
        let _ = say(&Message::Doing(cell.clone()));
    });
    for (arm, cell) in ids.iter().enumerate() {
        if let Some(life) = bench.lifecycle(arm) {
            let (compile_ns, instantiate_ns) = (life.compile_ns, life.instantiate_ns);
            let first_request_ns = life.first_request_ns;
            say(&Message::Lifecycle { cell: cell.clone(), compile_ns, instantiate_ns, first_request_ns })?;
        }
    }
    if let Some(core) = core {
        // Only now: threads of a compiler that were started pinned would all sit on one core. Where pinning is not
        // allowed the parent has recorded so.
        let _ = tollgate_gateways::pin_current_thread(core);
    }
    tell_who_is_at_work(ids.clone(), bench.at_work());
    let mut progress = progress(ids);
    let duration = Duration::from_millis(duration_ms);
    for (cell, result) in bench.run(start, seed, duration, rounds_per_block, requests_per_batch, &mut progress) {
        say(&match result {
            Ok(series) => Message::Series { cell, series },
            Err(failure) => Message::Failed { cell, failure },
        })?;
    }
    Ok(())
}

fn live(job: Job) -> anyhow::Result<()> {
    let Job::Live { arms, gateway, start, seed, duration_ms, rounds_per_block, options, placement } = job else {
        unreachable!("called for this job only")
    };
    let mut arms = loaded_live(arms)?;
    // No arm always has the same place among the gateway's listeners and the probe's connections.
    fastrand::Rng::with_seed(seed).shuffle(&mut arms);
    let gateway = tollgate_gateways::gateway(&gateway).context("worker and parent differ; build again")?;
    let options = options.options().placed(&placement);
    let measured = match gateway.start(&arms, &options) {
        Ok(mut running) => {
            let duration = Duration::from_millis(duration_ms);
            let mut progress = progress(arms.iter().map(|arm| arm.id.clone()).collect());
            let running = running.as_mut();
            tollgate_gateways::measure(running, &arms, start, seed, duration, rounds_per_block, &mut progress)
        }
        Err(error) => {
            let failure = error.into_failure();
            arms.iter().map(|arm| Measured::failed(&arm.id, failure.clone())).collect()
        }
    };
    for Measured { cell, series, proof } in measured {
        say(&Message::Live { cell, series, proof })?;
    }
    Ok(())
}

/// The arms whose plugins could be loaded; the others are said to have failed.
fn loaded(arms: Vec<WorkerArm>) -> anyhow::Result<Vec<Arm>> {
    let mut loaded = Vec::new();
    for arm in arms {
        let cell = arm.id.clone();
        match arm.load() {
            Ok(arm) => loaded.push(arm),
            Err(error) => say(&Message::Failed { cell, failure: unloadable(&error) })?,
        }
    }
    Ok(loaded)
}

/// The same, as a gateway takes them.
fn loaded_live(arms: Vec<WorkerArm>) -> anyhow::Result<Vec<tollgate_gateways::Arm>> {
    let live = |Arm { id, plugin, workload }| tollgate_gateways::Arm { id, plugin, workload, chain: 1 };
    Ok(loaded(arms)?.into_iter().map(live).collect())
}

/// The plugin was there when the run began: that it is not now is not its fault.
pub(super) fn unloadable(error: &anyhow::Error) -> Failure {
    Failure::environment("load", format!("{error:#}"))
}

/// Signs of life while rounds run, with the latest figure of an arm.
fn progress(ids: Vec<CellId>) -> impl FnMut(&CellId, &Collector) -> ControlFlow<()> {
    let mut last = Instant::now();
    move |cell: &CellId, collector: &Collector| {
        if last.elapsed() > PROGRESS_EVERY {
            last = Instant::now();
            let arm = ids.iter().position(|id| id == cell);
            let added_ns = arm.and_then(|arm| collector.latest_added_ns(arm));
            // A parent that is gone is noticed by the thread on stdin.
            let _ = say(&Message::Progress { cell: cell.clone(), added_ns });
        }
        ControlFlow::Continue(())
    }
}

/// Says from a thread of its own which arm is at work, so that one that never returns is known by name.
fn tell_who_is_at_work(ids: Vec<CellId>, at_work: Arc<AtomicUsize>) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(PROGRESS_EVERY);
            let Some(cell) = ids.get(at_work.load(Ordering::Relaxed)) else { continue };
            if say(&Message::At(cell.clone())).is_err() {
                return;
            }
        }
    });
}

fn host_of(arm: &Arm) -> Option<&'static dyn Host> {
    arm.plugin.as_ref().and_then(|_| tollgate_hosts::host(&arm.id.host))
}

pub(super) fn host_arm(arm: Arm) -> tollgate_hosts::Arm {
    tollgate_hosts::Arm { host: host_of(&arm), id: arm.id, plugin: arm.plugin, workload: arm.workload }
}

pub(super) fn say(message: &Message) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()?;
    Ok(())
}
