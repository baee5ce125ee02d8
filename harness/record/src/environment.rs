use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The machine and the programs of a run. What could not be read is `None`, never a guess.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Operating system and its release.
    pub os: String,
    /// Kernel release.
    pub kernel: String,
    /// CPU model as the kernel names it.
    pub cpu_model: Option<String>,
    /// Logical cores that this process may use.
    pub cores: u32,
    /// Total memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Frequency governor of core 0; virtual machines have none.
    pub governor: Option<String>,
    /// Whether a hypervisor runs this machine, from the CPU's flags.
    pub virtual_machine: Option<bool>,
    /// Load averages over 1, 5 and 15 minutes when the run began.
    pub load_average: Option<[f64; 3]>,
    /// Share of all CPU time that others used while we waited, just before anything was measured, 0 to 1. The load
    /// average still shows the build that came before.
    pub busy_share: Option<f64>,
    /// Share of CPU time stolen by the hypervisor during the run, 0 to 1.
    pub steal_share: Option<f64>,
    /// Median cost of one clock reading in nanoseconds.
    pub clock_ns: Option<f64>,
    /// Version of each program and library that took part, by name.
    pub versions: BTreeMap<String, String>,
}

/// Which cores the two ends of a live measurement ran on; in process there is one end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Placement {
    /// The probe and the gateway's worker share this core: right for differences, not for absolute latency.
    SameCore {
        /// Number of the core.
        core: u32,
    },
    /// One core each.
    TwoCores {
        /// Core of the probe.
        probe: u32,
        /// Core of the gateway.
        gateway: u32,
    },
    /// Left to the scheduler.
    Unpinned,
}

impl Placement {
    /// The core that both ends share; none when they do not, or none was chosen.
    pub fn shared_core(&self) -> Option<u32> {
        match self {
            Self::SameCore { core } => Some(*core),
            Self::TwoCores { .. } | Self::Unpinned => None,
        }
    }
}
