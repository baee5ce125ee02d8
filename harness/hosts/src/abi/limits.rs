//! What a guest may use up, on whatever runtime it runs.

// Fuzzers run a guest thousands of times a second and cannot wait for what a single proof can.

/// Fuel that one stage (the start, or a request) may use up where compiled code is metered: about a second of endless
/// loop, and far more than Go needs to start.
pub(crate) const FUEL: u64 = if cfg!(fuzzing) { 5_000_000 } else { 2_000_000_000 };
pub(crate) use crate::limits::WASM_MEMORY_BYTES as MEMORY_BYTES;
/// Elements that a guest's tables may have.
pub(crate) const TABLE_ELEMENTS: usize = if cfg!(fuzzing) { 100_000 } else { 10_000_000 };
