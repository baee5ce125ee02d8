//! What a guest may use up, on whatever runtime it runs.

/// Fuel that one stage (the start, or a request) may use up where compiled code is metered: about a second of endless
/// loop, and far more than Go needs to start.
pub(crate) const FUEL: u64 = 2_000_000_000;
pub(crate) use crate::limits::WASM_MEMORY_BYTES as MEMORY_BYTES;
/// Elements that a guest's tables may have.
pub(crate) const TABLE_ELEMENTS: usize = 10_000_000;
