//! The hidden verb of a worker process.

use crate::args::WorkerArgs;
use crate::out;
use crate::status::Status;
use crate::worker::About;

/// Does one job from stdin, or says what this build has.
pub(crate) fn run(options: &WorkerArgs) -> anyhow::Result<Status> {
    match &options.about {
        Some(folder) => out::line(&serde_json::to_string(&About::ours(folder)?)?),
        None => crate::worker::serve()?,
    }
    Ok(Status::Pass)
}
