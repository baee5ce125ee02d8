//! One replicate of a gate: a few arms against each other in this fresh process.

use std::time::Duration;

use anyhow::Context as _;
use tollgate_hosts::{Contender, MirroredRounds, Precompiled};

use super::protocol::{Message, MirroredJob};
use super::serve::{host_arm, say, signs_of_life, unloadable};

pub(super) fn mirrored(job: MirroredJob) -> anyhow::Result<()> {
    let MirroredJob { arms, pairs, seed, layouts, longest_ms, blocks_per_layout, rounds_per_block, batch_ns, core } =
        job;
    let mut contenders = Vec::new();
    for mirrored in arms {
        let cell = mirrored.arm.id.clone();
        say(&Message::Doing(cell.clone()))?;
        let arm = match mirrored.arm.load() {
            Ok(arm) => host_arm(arm),
            // Without it there is no pair.
            Err(error) => return say(&Message::Failed { cell, failure: unloadable(&error) }),
        };
        let code =
            mirrored.code.map(|path| std::fs::read(&path).with_context(|| format!("cannot read {}", path.display())));
        // SAFETY: our parent, the same program, wrote the file with what `Host::precompile` made, in a folder that nobody
        // else can write.
        let code = code.transpose()?.map(|bytes| unsafe { Precompiled::from_bytes(bytes) });
        contenders.push(Contender { arm, code });
    }
    let ids: Vec<_> = contenders.iter().map(|contender| contender.arm.id.clone()).collect();
    if let Some(core) = core {
        // Where pinning is not allowed the parent has recorded so.
        let _ = tollgate_gateways::pin_current_thread(core);
    }
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
