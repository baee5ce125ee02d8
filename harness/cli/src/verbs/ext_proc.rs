//! The hidden verb of the external plugin's process.

use crate::status::Status;

/// Serves until it is killed with its gateway.
pub(crate) fn run() -> anyhow::Result<Status> {
    match tollgate_gateways::serve_external()? {}
}
