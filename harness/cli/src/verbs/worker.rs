//! The hidden verb of a worker process.

use crate::status::Status;

/// Does one job from stdin.
pub(crate) fn run() -> anyhow::Result<Status> {
    crate::worker::serve()?;
    Ok(Status::Pass)
}
