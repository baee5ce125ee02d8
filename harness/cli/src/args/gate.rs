//! What every gate takes; what one alone does is in a file of its own.

mod counters;
mod live;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

pub(crate) use counters::CountersArgs;
pub(crate) use live::LiveGateArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct GateArgs {
    #[command(subcommand)]
    pub(crate) gate: GateName,
}

pub(crate) const GATE_EXAMPLES: &str = "Examples:
  tollgate gate counters --baseline counters.json            all plugins here against a committed baseline
  tollgate gate counters --baseline counters.json --update   make it, or keep what is better
  tollgate gate counters --base old.wasm --head new.wasm --format github --out gate

Exit status: 0 pass, 3 regression, 4 inconclusive, 5 a plugin is wrong, 2 a file or option is wrong";

#[derive(Debug, Subcommand)]
pub(crate) enum GateName {
    /// Exact figures: host calls, bytes, allocator calls, fuel, instructions, size of the artifact. One more is a regression
    Counters(CountersArgs),
    /// Base and head as arms of one gateway, in fresh starts of it
    #[command(after_help = live::LIVE_EXAMPLES)]
    Live(LiveGateArgs),
}

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
