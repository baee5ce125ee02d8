//! What an instance may use up, on whatever runtime it runs.

/// Linear memory that a Wasm guest may have, in bytes (less for fuzzers, which fill it often). Envoy's V8 has 4 GiB; nobody wants that filled in a benchmark.
pub(crate) const WASM_MEMORY_BYTES: usize = if cfg!(fuzzing) { 1 << 26 } else { 1 << 30 };
/// Memory that a script's state may have, in bytes.
pub(crate) const LUA_MEMORY_BYTES: usize = 256 << 20;
