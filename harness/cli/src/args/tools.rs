//! What verbs take that measure nothing.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use clap_complete::Shell;

#[derive(Debug, ClapArgs)]
pub(crate) struct ListArgs {
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: TextFormat,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ManArgs {
    /// A verb, as it is typed: `run`, `gate live` (default: the page of tollgate itself)
    #[arg(value_name = "VERB")]
    pub(crate) verb: Vec<String>,
    /// A folder to write the pages of all verbs into
    #[arg(long, value_name = "DIR", conflicts_with = "verb")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct InspectArgs {
    /// A plugin's name, or the path of a .wasm or .lua
    #[arg(value_name = "NAME|PATH")]
    pub(crate) plugin: String,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: TextFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TextFormat {
    Text,
    Json,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct InstallArgs {
    /// What to install
    #[arg(value_enum)]
    pub(crate) what: Installable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Installable {
    Envoy,
}
