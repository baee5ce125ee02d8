use serde::{Deserialize, Serialize};

use crate::{Failure, Histogram, Scale, Traffic};

/// A gateway under load while something happens to its plugins, or with many of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Name of the gateway.
    pub gateway: String,
    /// Version that it gave of itself; empty when it gave none.
    pub gateway_version: String,
    /// Requests a second that were planned, all arms together; none where each request waits for the one before.
    pub rate_per_s: Option<f64>,
    /// Connections to each arm.
    pub connections: u32,
    /// What happened.
    pub story: Story,
    /// The gateway's process, from before the load until after it.
    pub process: Vec<ProcessSample>,
    /// Why it ended early; none when it did not. What was measured by then is here.
    pub error: Option<Failure>,
}

/// What happens in a scenario.
#[expect(
    clippy::large_enum_variant,
    reason = "a record holds a few of them, and a box would be in the way of every reader"
)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Story {
    /// A plugin and its configuration are exchanged again and again.
    Reload(Reload),
    /// Plugins fail, under each policy that the gateway has for it.
    Failure(Failing),
    /// A plugin is there many times in a row, and workers are more than one.
    Scale(Scale),
}

/// A gateway's process at one moment. What could not be read is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessSample {
    /// When, nanoseconds from the begin of the load; below zero before it.
    pub at_ns: i64,
    /// Memory that is resident, in bytes.
    pub resident_bytes: Option<u64>,
    /// Wasm VMs that there are.
    pub vms_active: Option<u64>,
    /// Wasm VMs made since it was started.
    pub vms_created: Option<u64>,
}

/// A plugin and its configuration, exchanged under load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reload {
    /// Swaps that were planned.
    pub swaps_planned: u32,
    /// Those that were begun, in order.
    pub swaps: Vec<Swap>,
    /// What became of the requests.
    pub traffic: Traffic,
    /// Length of the windows of the traffic, milliseconds.
    pub window_ms: u64,
    /// Requests planned outside of all swaps' neighbourhoods ([`Swap::near_ns`]), from their planned times.
    pub apart_ns: Histogram,
    /// Length of the bins of `around`, milliseconds.
    pub bin_ms: u64,
    /// Latency from the planned time around the first answer of a new plugin or configuration.
    pub around: Vec<Around>,
}

/// What is exchanged in a swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SwapKind {
    /// Another plugin, with another configuration.
    Plugin,
    /// The same plugin, with another configuration.
    Configuration,
}

/// One exchange of a plugin or its configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Swap {
    /// When the new file was renamed over the old one, nanoseconds from the begin of the load.
    pub at_ns: u64,
    /// What was exchanged.
    pub kind: SwapKind,
    /// Name of the new plugin.
    pub plugin: String,
    /// SHA-256 of its artifact, lower-case hex.
    pub sha256: String,
    /// Its new configuration, as text.
    pub config: String,
    /// What the gateway made of it.
    pub outcome: SwapOutcome,
    /// What the gateway said from this rename to the next; none when nothing.
    pub complaint: Option<String>,
    /// Requests planned while it was in effect: from its first new answer, or its rename where no answer shows it, until
    /// another one is.
    pub requests: u64,
    /// Those of them without the answer that they should have had.
    pub faults: u64,
    /// Requests planned in the neighbourhood of the swap: from a bin before its rename until ten bins after its first new
    /// answer, or after its rename where no answer shows it. Latency from the planned times.
    pub near_ns: Histogram,
}

/// What became of a swap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SwapOutcome {
    /// The answers show it.
    Seen {
        /// From the rename to the end of the first answer of the new configuration, nanoseconds.
        first_new_ns: u64,
        /// From the rename to the end of the last answer of the old one; none when the first was the new one's.
        last_old_ns: Option<u64>,
        /// What the gateway's counters add to it, in words.
        proof: String,
    },
    /// The gateway's counters say that it took the new configuration; answers do not show what this plugin does.
    Counted {
        /// From the rename until the counters said so, nanoseconds.
        after_ns: u64,
        /// In words.
        proof: String,
    },
    /// The gateway refused it and went on with the old one.
    Rejected {
        /// From the rename until the counters said so, nanoseconds.
        after_ns: u64,
    },
    /// The gateway took it, and from then on no request was answered as it should be.
    Broken {
        /// From the rename until that was certain, nanoseconds.
        after_ns: u64,
    },
    /// Neither was seen before the time was over.
    Lost {
        /// How long it was waited for, nanoseconds.
        after_ns: u64,
    },
}

/// Latency around the moment at which swaps of one kind took effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Around {
    /// Kind of the swaps.
    pub kind: SwapKind,
    /// Number of the first bin; bin 0 begins with the end of the first new answer.
    pub first_bin: i32,
    /// One after the other, of all swaps of that kind together.
    pub bins: Vec<Histogram>,
}

/// Plugins that fail under load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failing {
    /// Arms of one gateway, under the same load at the same time.
    pub arms: Vec<FailingArm>,
    /// Length of the windows of each arm, milliseconds.
    pub window_ms: u64,
}

/// One policy for plugins that fail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailingArm {
    /// Name of the policy; `A` for the control without a plugin.
    pub policy: String,
    /// Name of the plugin; none for the control.
    pub plugin: Option<String>,
    /// What became of the requests.
    pub traffic: Traffic,
    /// The same as clients see it, by the planned time.
    pub windows: Vec<Outcomes>,
    /// What was done to it, in order.
    pub events: Vec<FailingEvent>,
}

/// Requests by what their clients got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcomes {
    /// An answer, and the plugin did its work; without a plugin, an answer.
    pub served: u64,
    /// An answer, and the plugin did nothing to the request.
    pub bypassed: u64,
    /// An answer with an error's status.
    pub errors: u64,
    /// No answer, or a broken one.
    pub lost: u64,
}

impl Outcomes {
    /// All of them.
    pub fn total(&self) -> u64 {
        // A file may hold anything.
        [self.served, self.bypassed, self.errors, self.lost].into_iter().fold(0, u64::saturating_add)
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        let Self { served, bypassed, errors, lost } = other;
        for (sum, more) in [
            (&mut self.served, served),
            (&mut self.bypassed, bypassed),
            (&mut self.errors, errors),
            (&mut self.lost, lost),
        ] {
            *sum = sum.saturating_add(*more);
        }
    }
}

/// What is done to an arm whose plugin fails on demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailingKind {
    /// One request makes the plugin fail.
    Failure,
    /// One more, soon after the last: within the time in which a gateway may not begin the plugin anew.
    FailureAgain,
    /// The plugin gets another configuration, as an operator would give it.
    Swap,
}

/// Something that was done to an arm, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailingEvent {
    /// What was done.
    pub kind: FailingKind,
    /// When, nanoseconds from the begin of the load.
    pub at_ns: u64,
    /// What the request that made the plugin fail got: a status, or what happened instead; none for a swap.
    pub answer: Option<String>,
    /// From then until a request was served by the plugin again, nanoseconds; none when none was before the next event.
    pub recovered_ns: Option<u64>,
    /// Other requests, planned after it and ended before the next event.
    pub outcomes: Outcomes,
}
