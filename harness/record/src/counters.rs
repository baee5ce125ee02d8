use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Exact figures of one request, counted in a pass of its own and never while timing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counters {
    /// Calls from the guest to the host, by the name of the host function.
    pub host_calls: BTreeMap<String, u64>,
    /// Bytes copied into the guest.
    pub bytes_in: u64,
    /// Bytes read from the guest.
    pub bytes_out: u64,
    /// Calls of the guest's allocator by the host.
    pub allocations: u64,
    /// Fuel used (about one unit an instruction of Wasm), where the runtime meters it.
    pub fuel: Option<u64>,
}
