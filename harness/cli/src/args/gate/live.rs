//! What the live gate takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use tollgate_record::LiveGate;

use super::{OutcomeArgs, percent};
use crate::args::{GatewayArgs, GivenArgs, PlacementArg, duration};

pub(super) const LIVE_EXAMPLES: &str = "Examples:
  tollgate gate live --base old.wasm --head new.wasm
  tollgate gate live --base old.lua --head new.lua --gateway nginx --margin 1us
  tollgate gate live --base rust-raw --head ./mine.wasm --workload headers
  tollgate gate live --record tollgate-gate/record.json     the same verdict again, nothing measured";

#[derive(Debug, ClapArgs)]
pub(crate) struct LiveGateArgs {
    /// What head is compared with: the path of a .wasm or .lua, or a plugin's name
    #[arg(long, value_name = "PATH|NAME", required_unless_present = "record")]
    pub(crate) base: Option<String>,
    /// What is judged
    #[arg(long, value_name = "PATH|NAME", required_unless_present = "record")]
    pub(crate) head: Option<String>,
    /// Judge the record of an earlier gate again; measures nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = MEASURED)]
    pub(crate) record: Option<PathBuf>,
    /// The gateway
    #[arg(long, value_name = "NAME", default_value = "envoy")]
    pub(crate) gateway: String,
    #[command(flatten)]
    pub(crate) given: GivenArgs,
    /// A workload whose effects both are held to (default: none: they must load, answer and not trap)
    #[arg(long, value_name = "NAME")]
    pub(crate) workload: Option<String>,
    /// A change up to that much per request is no change
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "500ns")]
    pub(crate) margin: Duration,
    /// And neither is one up to that share of base's added latency
    #[arg(long, value_name = "PERCENT", value_parser = percent, default_value = "2%")]
    pub(crate) margin_share: f64,
    #[command(flatten)]
    pub(crate) starts: Starts,
    /// Seed of every shuffle (default: from the clock; it is in the record)
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// No progress on stderr
    #[arg(long, short)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) outcome: OutcomeArgs,
}

/// Options that a record has its own answers to.
const MEASURED: [&str; 13] = [
    "base",
    "head",
    "gateway",
    "workload",
    "config",
    "request",
    "margin",
    "margin_share",
    "starts",
    "copies",
    "time",
    "placement",
    "seed",
];

/// How a gateway is started and measured, for the gate and for `prove`.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Starts {
    /// Fresh starts of the gateway that decide, at least 5: fewer agree by chance; a change that they show is confirmed by as many
    /// more
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(5..=i64::from(LiveGate::MOST_STARTS)), default_value = "9")]
    pub(crate) starts: u32,
    /// Arms of each side in one gateway: where an arm lies in memory moves it, and what all pairs of more say moves less
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(2..=i64::from(LiveGate::MOST_COPIES)), default_value = "4")]
    pub(crate) copies: u32,
    /// How long each start measures
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1100ms")]
    pub(crate) time: Duration,
    /// Where the probe and the gateway's worker run (default: same-core where the machine lets them)
    #[arg(long, value_enum)]
    pub(crate) placement: Option<PlacementArg>,
    #[command(flatten)]
    pub(crate) of_gateway: GatewayArgs,
}

/// The margins when none are named, in the words of the options above; `prove` asks no other.
pub(crate) const MARGIN: Duration = Duration::from_nanos(500);
pub(crate) const MARGIN_SHARE: f64 = 0.02;

/// A short time as people write it: `500ns`, `0.5us`.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let units = [("ns", 1.0), ("us", 1e3), ("ms", 1e6)];
    let parse = |(unit, ns): (&str, f64)| Some(text.strip_suffix(unit)?.trim().parse::<f64>().ok()? * ns);
    match units.into_iter().find_map(parse) {
        Some(ns) if (1.0..=1e9).contains(&ns) => Ok(Duration::from_nanos(ns as u64)),
        _ => Err("give a time with its unit, from a nanosecond to a second: `500ns`, `0.5us`, `1ms`".to_owned()),
    }
}
