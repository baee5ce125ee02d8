//! `tollgate completions`: what a shell needs to complete a command line.

use crate::args::{self, CompletionsArgs};
use crate::out;
use crate::status::Status;

/// Prints the script.
pub(crate) fn run(options: &CompletionsArgs) -> anyhow::Result<Status> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut args::visible(), "tollgate", &mut script);
    out::line(String::from_utf8(script)?.trim_end());
    Ok(Status::Pass)
}
