//! What every gate takes.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

/// Options of every gate and of `compare`: what becomes of the outcome.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct OutcomeArgs {
    /// Folder for gate.json, gate.md and gate.xml (JUnit), written before the exit status is known
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// What is printed on stdout
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: GateFormat,
    /// Exit status when nothing can be said for noise: 0 (pass) or 3 (fail) in place of 4. What could not be compared at
    /// all (a cell is missing, another machine) stays 4 under `pass`
    #[arg(long, value_enum, value_name = "AS")]
    pub(crate) inconclusive: Option<Inconclusive>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GateFormat {
    Table,
    Json,
    /// For a job summary or a comment on a pull request
    Markdown,
    /// Annotations of GitHub Actions
    Github,
    /// JUnit XML
    Junit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Inconclusive {
    Pass,
    Fail,
}
