use serde::{Deserialize, Serialize};

/// What a live gate set out to do: two artifacts as arms of one gateway, each of them several times, and two arms that
/// spin for known times. The names of its cells' plugins say which side they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveGate {
    /// What base is, in words: a name or a path.
    pub base: String,
    /// What head is.
    pub head: String,
    /// A change up to that many nanoseconds per request is no change.
    pub margin_ns: u64,
    /// And neither is one up to that share of base's added latency, where that is more.
    pub margin_share: f64,
    /// Fresh starts of the gateway that decide; a change that they show is confirmed by as many more, whose numbers follow.
    pub starts: u32,
    /// Arms of each side: where an arm lies in the gateway's memory is an effect of its own, which is smaller over several.
    pub copies: u32,
    /// How much longer than [`LiveGate::SPIN`] the arm [`LiveGate::LONGER_SPIN`] spins, nanoseconds per request: the known
    /// slowdown that must be found.
    pub longer_ns: u64,
}

/// A side of a live gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What head is compared with.
    Base,
    /// What is judged.
    Head,
}

impl LiveGate {
    /// The arm that spins for a known time.
    pub const SPIN: &str = "spin";
    /// The arm that spins longer.
    pub const LONGER_SPIN: &str = "longer spin";
    /// Largest margin, nanoseconds: a second.
    pub const MOST_MARGIN_NS: u64 = 1_000_000_000;
    /// Most starts of a batch.
    pub const MOST_STARTS: u32 = 1_000;
    /// Most arms of a side: each is compared with each of the other.
    pub const MOST_COPIES: u32 = 32;

    /// Rounds of all arms that are compared without which a start says nothing of them: the median of a few is that of chance.
    /// A start, of a gate or of a run, goes on for so many, if need be for several times its time.
    pub const LEAST_ROUNDS: u32 = 45;

    /// Whether a gate can have set out to do this: who judges a record counts on it.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { margin_ns, margin_share, starts, copies, longer_ns, .. } = *self;
        if !(1..=Self::MOST_MARGIN_NS).contains(&margin_ns) || !(0.0..1.0).contains(&margin_share) {
            return Err(format!("its plan is none: a margin of {margin_ns} ns or {margin_share} of base"));
        }
        if !(margin_ns..=10 * Self::MOST_MARGIN_NS).contains(&longer_ns) {
            return Err(format!("its plan is none: a known slowdown of {longer_ns} ns beside that margin"));
        }
        if !(1..=Self::MOST_STARTS).contains(&starts) || !(2..=Self::MOST_COPIES).contains(&copies) {
            return Err(format!("its plan is none: {starts} starts, {copies} copies"));
        }
        Ok(())
    }

    /// Names of a side's arms: `base 1`, `base 2`.
    pub fn arms(&self, side: Side) -> Vec<String> {
        let side = match side {
            Side::Base => "base",
            Side::Head => "head",
        };
        (1..=self.copies).map(|copy| format!("{side} {copy}")).collect()
    }
}
