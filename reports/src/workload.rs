//! What the name of a workload of the catalogue says.

/// The workload of the catalogue's plugins, which can be compared and which headlines are about.
pub(crate) const SHARED: &str = "headers";

/// How names of workloads on the response path begin.
const ON_RESPONSE: &str = "response-";

/// Whether it is on the response path.
pub(crate) fn is_on_response(workload: &str) -> bool {
    workload.starts_with(ON_RESPONSE)
}

/// What it is called on the request path.
fn bare(workload: &str) -> &str {
    workload.strip_prefix(ON_RESPONSE).unwrap_or(workload)
}

/// Whether plugins are called and do nothing: their added latency is the price of being called at all.
pub(crate) fn is_noop(workload: &str) -> bool {
    bare(workload) == "noop"
}

/// Whether it is the shared one, or its twin, with another number of operations: `headers-40`.
pub(crate) fn is_sized(workload: &str) -> bool {
    bare(workload).strip_prefix(SHARED).is_some_and(|rest| rest.starts_with('-'))
}
