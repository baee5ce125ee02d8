//! What plugins are given in place of what the catalogue gives them.

use std::path::PathBuf;

use clap::Args as ClapArgs;

#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct GivenArgs {
    /// Configuration handed to plugins given by path; a gate hands it to both sides
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Root id of plugins given by path, under which C++ and AssemblyScript SDKs register what they make (Envoy's `root_id`)
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub(crate) root_id: String,
    /// A request, and its response in process, in place of the workload's, for every arm (`GET / HTTP/1.1`, headers, an
    /// empty line, the body; then a line `###` and `HTTP/1.1 200 OK` with its own). A gateway answers with its own response
    #[arg(long, value_name = "FILE")]
    pub(crate) request: Option<PathBuf>,
}
