//! What `prove` takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args as ClapArgs, ValueEnum};

use super::duration;
use super::gate::in_process::{Sampling, ppm};
use super::gate::live::{Starts, time};

pub(crate) const PROVE_EXAMPLES: &str = "Examples:
  tollgate prove aa --runs 300                    base and head are the same: false alarms
  tollgate prove power --slowdown 1% --runs 300   head is 1 % slower: how often it is found
  tollgate prove bias --runs 20                   head is 0, 0.5, 1, 2 and 5 % slower: estimate against truth
  tollgate prove coverage --runs 500              how often the interval holds the truth
  tollgate prove hogs --runs 50                   both, with a busy neighbour on every core
  tollgate prove power --gateway envoy --slowdown 1us --runs 100    the live gate, with plugins that spin
  tollgate prove aa --gateway envoy --plugin mine.wasm --runs 100   its false alarms with a plugin of your own
  tollgate prove aa --counters --runs 10000       the counters gate: false alarms
  tollgate prove power --counters --runs 100      head makes one host call more, then hands over one byte more
  tollgate prove aa --runs 300 --time-limit 1h    as many as an hour allows; then `tollgate resume tollgate-prove`
  tollgate prove aa --runs 300 --continue aa.json   more runs to those of a record, on the same machine";

#[derive(Debug, ClapArgs)]
#[command(group(ArgGroup::new(OF_LIVE).args(LIVE).multiple(true).requires("gateway").conflicts_with_all(IN_PROCESS)))]
pub(crate) struct ProveArgs {
    /// What to prove
    #[arg(value_enum)]
    pub(crate) what: What,
    /// Full gate runs (`bias`, `hogs`, and `power` of counters: for each slowdown, or what is put in)
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) runs: u32,
    /// How much slower head is made: in process by a loop whose cost is calibrated first, a share (default: 1%); live by a
    /// plugin that spins, a time (default: 1us) (`power`, `coverage`, `hogs`)
    #[arg(long, value_name = "PERCENT|TIME", value_parser = slowdown)]
    pub(crate) slowdown: Option<Slowdown>,
    /// The plugin, a name or the path of a .wasm or .lua (default: rust-sdk). The live gate is proved by plugins that spin; `aa`
    /// of it also by one that is named
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) plugin: Option<String>,
    /// Prove the live gate, on this gateway, in place of the one in process
    #[arg(long, value_name = "NAME", conflicts_with_all = IN_PROCESS)]
    pub(crate) gateway: Option<String>,
    /// Prove the counters gate, in place of the one in process: `aa`, `power` (one host call more, one byte more) and `hogs`
    #[arg(long, conflicts_with_all = NOT_COUNTED)]
    pub(crate) counters: bool,
    /// Add runs to those of a prove.json, until there are --runs: of the same question, on the same machine
    #[arg(long = "continue", value_name = "FILE")]
    pub(crate) continued: Option<PathBuf>,
    /// Begin no run when so long has passed; `tollgate resume` and `--continue` make the others
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) time_limit: Option<Duration>,
    #[command(flatten)]
    pub(crate) sampling: Sampling,
    #[command(flatten, next_help_heading = "With --gateway")]
    pub(crate) starts: Starts,
    /// Folder for prove.json and the journal
    #[arg(long, value_name = "DIR", default_value = "tollgate-prove", help_heading = "Options")]
    pub(crate) out: PathBuf,
}

/// Options that say nothing of any other gate.
const LIVE: [&str; 8] = ["starts", "copies", "time", "placement", "envoy", "base_port", "clusters", "start_timeout"];

/// Options that say nothing of a live gate.
const IN_PROCESS: [&str; 4] = ["hosts", "margin", "processes", "layouts"];

/// The group of them.
const OF_LIVE: &str = "of_live";

/// Options that say nothing of a gate of exact figures.
const NOT_COUNTED: [&str; 7] = ["gateway", "slowdown", "margin", "processes", "layouts", "seed", OF_LIVE];

impl ProveArgs {
    /// The plugin of a gate that is not live.
    pub(crate) fn plugin_or_default(&self) -> &str {
        self.plugin.as_deref().unwrap_or("rust-sdk")
    }
}

/// How much slower head is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slowdown {
    /// A share of a request, in parts per million.
    Share { ppm: u32 },
    /// A time for each request, in nanoseconds.
    Time { ns: u64 },
}

fn slowdown(text: &str) -> Result<Slowdown, String> {
    let share = ppm(text).map(|ppm| Slowdown::Share { ppm });
    let time = || time(text).map(|time| Slowdown::Time { ns: time.as_nanos() as u64 });
    share.or_else(|_| time()).map_err(|_| "give a percentage or a time, as in `1%` or `1us`".to_owned())
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

#[cfg(test)]
mod tests {
    use super::LIVE;
    use crate::args::command;

    #[test]
    fn what_is_told_under_with_gateway_wants_one() {
        let mut command = command();
        command.build();
        let prove = command.find_subcommand("prove").expect("there is such a verb");
        let told = prove.get_arguments().filter(|arg| arg.get_help_heading() == Some("With --gateway"));
        let mut told: Vec<&str> = told.map(|arg| arg.get_id().as_str()).collect();
        let mut live = LIVE.to_vec();
        told.sort_unstable();
        live.sort_unstable();
        assert_eq!(told, live);
    }
}
