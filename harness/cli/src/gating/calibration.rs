//! What a turn of the loop costs that is put into a plugin, by measuring many turns.

use tollgate_reports::gate::Replicates;

use super::artifacts::Artifacts;
use super::replicate::Replicate;
use crate::arm::Arm;

/// Turns that the side has that is compared with: so many that the end of the loop is as hard to foresee for the processor
/// as that of a longer one. Against a single turn, that alone showed as 0.1 % of a request of `rust-sdk`.
pub(crate) const BASE_TURNS: u32 = 200;
/// Turns of the first try.
const FIRST_TURNS: u32 = 4_000;
/// Shares of a request that the turns should cost together: enough that noise is small beside it, and no more than what
/// the loop will be used for by far.
const WANTED: std::ops::RangeInclusive<f64> = 0.2..=1.5;
const AIM: f64 = 0.6;
const TRIES: u32 = 6;

/// What the loop costs in one cell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calibration {
    /// Share of a request that one turn costs.
    pub(crate) share_per_turn: f64,
}

impl Calibration {
    /// The number of turns that cost that share of a request.
    pub(crate) fn turns(self, share: f64) -> u32 {
        (share / self.share_per_turn).round().clamp(1.0, 1e9) as u32
    }

    /// What so many turns cost, as a share of a request.
    pub(crate) fn share(self, turns: u32) -> f64 {
        f64::from(turns) * self.share_per_turn
    }
}

/// Measures a few turns against many, at last in so many processes; none when that was interrupted.
pub(crate) fn calibrate(
    arm: &Arm,
    artifacts: &mut Artifacts,
    replicate: &Replicate,
    processes: u32,
) -> anyhow::Result<Option<Calibration>> {
    let mut turns = FIRST_TURNS;
    let few = artifacts.slowed(arm, BASE_TURNS)?;
    let few = artifacts.ready(&few, replicate.program.as_deref())?;
    let mut measure = |turns: u32, processes: u32| -> anyhow::Result<Option<f64>> {
        let many = artifacts.slowed(arm, turns + BASE_TURNS)?;
        let arms = [few.clone(), artifacts.ready(&many, replicate.program.as_deref())?];
        let mut blocks = Vec::new();
        for number in 0..processes {
            let seed = replicate.seed ^ (u64::from(turns) << 32 | u64::from(number));
            match replicate.with_seed(seed).run(&arms, &[(0, 1)])? {
                Some(measured) => blocks.push(measured.pairs.into_iter().next().unwrap_or_default()),
                None => return Ok(None),
            }
        }
        Ok(Replicates::of_blocks(blocks.iter().map(Vec::as_slice)).median().map(f64::exp_m1))
    };
    for _ in 0..TRIES {
        let Some(share) = measure(turns, 1)? else { return Ok(None) };
        if WANTED.contains(&share) {
            break;
        }
        let factor = if share > 0.0 { AIM / share } else { 16.0 };
        turns = (f64::from(turns) * factor.clamp(1.0 / 64.0, 64.0)).clamp(1.0, 1e9) as u32;
    }
    let Some(share) = measure(turns, processes)? else { return Ok(None) };
    anyhow::ensure!(share > 0.0, "a loop of {turns} turns made {} no slower; run again", arm.id);
    Ok(Some(Calibration { share_per_turn: share / f64::from(turns) }))
}
