//! What a guest may use up, on whatever runtime it runs.

/// Fuel that one stage (the start, or a request) may use up where compiled code is metered: about a second of endless
/// loop, and far more than Go needs to start.
pub(crate) const FUEL: u64 = 2_000_000_000;
/// Linear memory that a guest may have, in bytes. Envoy's V8 has 4 GiB; nobody wants that filled in a benchmark.
pub(crate) const MEMORY_BYTES: usize = 1 << 30;
/// Elements that a guest's tables may have.
pub(crate) const TABLE_ELEMENTS: usize = 10_000_000;
