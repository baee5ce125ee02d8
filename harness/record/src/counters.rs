use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Exact figures of one request, counted in a pass of its own and never while timing.
///
/// A figure is that of every request of a warm instance that was observed. One that they do not share is not here but in
/// [`Counters::varying`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counters {
    /// Calls from the guest to the host, by the name of the host function.
    pub host_calls: BTreeMap<String, u64>,
    /// Bytes copied into the guest (the least, where they vary).
    pub bytes_in: u64,
    /// Bytes read from the guest (the least, where they vary).
    pub bytes_out: u64,
    /// Calls of the guest's allocator by the host (the least, where they vary).
    pub allocations: u64,
    /// Fuel used (about one unit an instruction of Wasm), where the runtime meters it and every request used the same.
    pub fuel: Option<u64>,
    /// Instructions of the Lua VM (interpreted, without compiler) that the script itself took, not the host's library.
    #[serde(default)]
    pub lua_instructions: Option<u64>,
    /// Figures that requests do not share, by name: `fuel` where a guest collects garbage in some requests, a host call
    /// that its language makes now and then, or another field of this object.
    #[serde(default)]
    pub varying: BTreeMap<String, Spread>,
}

/// A figure that is not the same in each request: over the first requests of a fresh instance, after the very first.
///
/// The sum is exact all the same where a plugin does the same in its n-th request in every run, as `tollgate verify
/// --repeat` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// Requests that were counted.
    pub requests: u64,
    /// The least of them.
    pub least: u64,
    /// The most of them.
    pub most: u64,
    /// All of them.
    pub total: u64,
}
