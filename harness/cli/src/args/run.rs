//! What `run` takes, and what `verify` and `resume` do.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use tollgate_gateways::Wish;
use tollgate_record::TimeBudget;

use super::{Format, LoadArgs, Selectors, duration};

#[derive(Debug, ClapArgs)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) selectors: Selectors,
    /// How long: about 20 seconds, 2 minutes or 15 minutes for the default set
    #[arg(long, value_enum, default_value = "standard")]
    pub(crate) time: Time,
    /// Where the probe and a gateway's worker run, load aside (default: same-core where the machine lets them)
    #[arg(long, value_enum)]
    pub(crate) placement: Option<PlacementArg>,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    /// Afterwards, run each plugin on each host alone for so long (`60s`, `5m`) and tell whether its memory leaks
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) soak: Option<Duration>,
    /// Seed of every shuffle (default: from the clock; it is in the record)
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Folder for record.json, report.html and the journal
    #[arg(long, value_name = "DIR", default_value = "tollgate-out")]
    pub(crate) out: PathBuf,
    /// No progress on stderr
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// What is printed on stdout
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlacementArg {
    /// On one core: right for differences, not for absolute latency
    SameCore,
    /// On a core each: with the wake-ups between cores that a client elsewhere causes
    TwoCores,
    /// Left to the scheduler
    Unpinned,
}

impl From<PlacementArg> for Wish {
    fn from(placement: PlacementArg) -> Self {
        match placement {
            PlacementArg::SameCore => Self::SameCore,
            PlacementArg::TwoCores => Self::TwoCores,
            PlacementArg::Unpinned => Self::Unpinned,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Time {
    Quick,
    Standard,
    Thorough,
}

impl From<Time> for TimeBudget {
    fn from(time: Time) -> Self {
        match time {
            Time::Quick => Self::Quick,
            Time::Standard => Self::Standard,
            Time::Thorough => Self::Thorough,
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) selectors: Selectors,
    /// Then repeat so many requests of each plugin on each host in three fresh processes: all must count the same
    #[arg(long, value_name = "REQUESTS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) repeat: Option<u64>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ResumeArgs {
    /// Folder of the run: its --out
    #[arg(value_name = "DIR", default_value = "tollgate-out")]
    pub(crate) folder: PathBuf,
    /// No progress on stderr
    #[arg(long, short)]
    pub(crate) quiet: bool,
}
