use serde::{Deserialize, Serialize};
use tollgate_fixtures::Operation;
use tollgate_record::Counters;

/// What a plugin asked of its host while it was observed.
///
/// Hosts of one kind name their calls alike: Proxy-Wasm ones by the ABI (`proxy_get_header_map_value`), Lua ones by
/// the stream handle (`headers:get`), the native one by the methods of its trait (`get`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Operations on headers, in order.
    pub trace: Vec<Operation>,
    /// Exact figures.
    pub counters: Counters,
}

impl Observation {
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
    String::from_utf8_lossy(bytes).into_owned()
}
