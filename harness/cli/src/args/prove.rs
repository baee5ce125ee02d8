//! What `prove` takes.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use super::gate::in_process::{Sampling, ppm};

pub(crate) const PROVE_EXAMPLES: &str = "Examples:
  tollgate prove aa --runs 300                    base and head are the same: false alarms
  tollgate prove power --slowdown 1% --runs 300   head is 1 % slower: how often it is found
  tollgate prove bias --runs 20                   head is 0, 0.5, 1, 2 and 5 % slower: estimate against truth
  tollgate prove coverage --runs 500              how often the interval holds the truth
  tollgate prove hogs --runs 50                   both, with a busy neighbour on every core";

#[derive(Debug, ClapArgs)]
pub(crate) struct ProveArgs {
    /// What to prove
    #[arg(value_enum)]
    pub(crate) what: What,
    /// Full gate runs (`bias`, `hogs`: for each slowdown)
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) runs: u32,
    /// How much slower head is made, by a loop whose cost is calibrated first (`power`, `coverage`, `hogs`)
    #[arg(long, value_name = "PERCENT", default_value = "1%", value_parser = ppm)]
    pub(crate) slowdown: u32,
    /// The plugin, a name or the path of a .wasm or .lua
    #[arg(long, value_name = "NAME|PATH", default_value = "rust-sdk")]
    pub(crate) plugin: String,
    #[command(flatten)]
    pub(crate) sampling: Sampling,
    /// Folder for prove.json
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    Aa,
    Power,
    Bias,
    Coverage,
    Hogs,
}

impl What {
    /// The name on the command line and in records.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Aa => "aa",
            Self::Power => "power",
            Self::Bias => "bias",
            Self::Coverage => "coverage",
            Self::Hogs => "hogs",
        }
    }
}
