use serde::{Deserialize, Serialize};
use tollgate_fixtures::Operation;
use tollgate_record::Counters;

/// What a plugin asked of its host while it was observed.
///
/// Hosts of one kind name their calls alike: Proxy-Wasm ones by the ABI (`proxy_get_header_map_value`), Lua ones by
/// the stream handle (`headers:get`), the native one by the methods of its trait (`get`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Operations on headers, in order: the first 100,000 of a request, as long as their texts take less than 64 MiB.
    pub trace: Vec<Operation>,
    /// Exact figures.
    pub counters: Counters,
}

/// More than any workload asks for; a plugin that loops must not fill our memory.
const LIMIT_OPERATIONS: usize = 100_000;
/// Texts of a trace, in bytes; each of them is cut to what a gateway takes of a header.
const LIMIT_BYTES: u64 = 64 * 1024 * 1024;
const LIMIT_TEXT: usize = 64 * 1024;

impl Observation {
    /// Writes an operation down, and counts the bytes that it read from the plugin.
    #[inline]
    pub(crate) fn operation(&mut self, bytes_out: usize, operation: impl FnOnce() -> Operation) {
        self.counters.bytes_out += bytes_out as u64;
        // A value that is got repeats what was written down before, or what came with the request.
        let traced = self.counters.bytes_out + self.counters.bytes_in;
        if self.trace.len() < LIMIT_OPERATIONS && traced < LIMIT_BYTES {
            self.trace.push(operation());
        }
    }

    /// Counts a call from the plugin to the host.
    pub(crate) fn call(&mut self, name: &str) {
        match self.counters.host_calls.get_mut(name) {
            Some(count) => *count += 1,
            None => {
                self.counters.host_calls.insert(name.to_owned(), 1);
            }
        }
    }
}

/// Names and values as text; bytes that are not UTF-8 are shown by U+FFFD.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(LIMIT_TEXT)]).into_owned()
}
