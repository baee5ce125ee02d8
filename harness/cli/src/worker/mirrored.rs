//! One replicate of a gate: a few arms against each other in this fresh process.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tollgate_hosts::{Contender, MirroredRounds, Precompiled};

use super::arm::WorkerArm;
use super::protocol::{Message, MirroredArm, MirroredJob};
use super::serve::{host_arm, say, signs_of_life, unloadable};

pub(super) fn mirrored(job: MirroredJob) -> anyhow::Result<()> {
    let MirroredJob { arms, pairs, seed, layouts, longest_ms, blocks_per_layout, rounds_per_block, batch_ns, core } =
        job;
    let mut contenders = Vec::new();
    for mirrored in arms {
        match contender(mirrored)? {
            Ok(contender) => contenders.push(contender),
            // Without it there is no pair.
            Err(failed) => return say(&failed),
        }
    }
    let ids: Vec<_> = contenders.iter().map(|contender| contender.arm.id.clone()).collect();
    pin(core);
    let mut alive = signs_of_life(|_| Message::Repeating);
    let rounds = MirroredRounds {
        layouts,
        longest: Duration::from_millis(longest_ms),
        blocks_per_layout,
        rounds_per_block,
        batch: Duration::from_nanos(batch_ns),
    };
    say(&match tollgate_hosts::mirrored(&contenders, seed, rounds, &pairs, &mut || alive(0)) {
        Ok(measured) => Message::Mirrored { requests_per_batch: measured.requests_per_batch, pairs: measured.pairs },
        Err((arm, failure)) => Message::Failed { cell: ids[arm].clone(), failure },
    })
}

/// The arm with its code, or what is to be said of it.
pub(super) fn contender(mirrored: MirroredArm) -> anyhow::Result<Result<Contender, Message>> {
    let cell = mirrored.arm.id.clone();
    say(&Message::Doing(cell.clone()))?;
    let arm = match mirrored.arm.load() {
        Ok(arm) => host_arm(arm),
        Err(error) => return Ok(Err(Message::Failed { cell, failure: unloadable(&error) })),
    };
    let code =
        mirrored.code.map(|path| std::fs::read(&path).with_context(|| format!("cannot read {}", path.display())));
    // SAFETY: the same program wrote the file, our parent or a worker before us, with what `Host::precompile` made, in a folder
    // that nobody else can write.
    let code = code.transpose()?.map(|bytes| unsafe { Precompiled::from_bytes(bytes) });
    Ok(Ok(Contender { arm, code }))
}

/// Compiles the arm's plugin into a file.
pub(super) fn precompile(arm: WorkerArm, to: &Path) -> anyhow::Result<()> {
    let cell = arm.id.clone();
    say(&Message::Doing(cell.clone()))?;
    let arm = match arm.load() {
        Ok(arm) => arm,
        Err(error) => return say(&Message::Failed { cell, failure: unloadable(&error) }),
    };
    let Some((plugin, host)) = arm.plugin.as_ref().zip(tollgate_hosts::host(&arm.id.host)) else {
        return say(&Message::Precompiled { written: false });
    };
    match host.precompile(plugin) {
        Ok(None) => say(&Message::Precompiled { written: false }),
        Ok(Some(code)) => {
            std::fs::write(to, code.as_bytes()).with_context(|| format!("cannot write {}", to.display()))?;
            say(&Message::Precompiled { written: true })
        }
        Err(error) => say(&Message::Failed { cell, failure: error.into_failure() }),
    }
}

/// Where pinning is not allowed the parent has recorded so.
pub(super) fn pin(core: Option<u32>) {
    if let Some(core) = core {
        let _ = tollgate_gateways::pin_current_thread(core);
    }
}
