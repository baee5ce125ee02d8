//! What scenarios take.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use tollgate_record::VmUse;

use super::{Format, GatewayArgs, PlacementArg, duration};

pub(super) const SCENARIO_EXAMPLES: &str = "Examples:
  tollgate scenario reload                         20 swaps among the Wasm plugins at 2,000 requests/s on Envoy
  tollgate scenario reload --swaps 100 --rate 2000 --time 510s
  tollgate scenario failure                        plugins that trap, under each of Envoy's failure policies
  tollgate scenario scale                          chains of 1 to 16 plugins with 1 and 2 workers: latency, VMs, memory
  tollgate scenario scale --plugin ./mine.wasm --chain 1,5,10 --workers 1 --vms shared";

#[derive(Debug, ClapArgs)]
pub(crate) struct ScenarioArgs {
    #[command(subcommand)]
    pub(crate) scenario: ScenarioName,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScenarioName {
    /// Exchange a plugin and its configuration again and again: requests lost, latency around each swap, memory
    Reload(ReloadArgs),
    /// Make plugins fail, once and again, under each failure policy: what clients saw, how long until recovery
    Failure(FailureArgs),
    /// Put a plugin many times in a row, with one and more workers: added latency, VMs, resident memory
    #[command(long_about = SCALE)]
    Scale(ScaleArgs),
}

/// What every scenario takes.
#[derive(Debug, ClapArgs)]
pub(crate) struct ScenarioOptions {
    /// The gateway
    #[arg(long, value_name = "NAME", default_value = "envoy")]
    pub(crate) gateway: String,
    #[command(flatten)]
    pub(crate) of_gateway: GatewayArgs,
    /// Seed of the order of plugins and of the load (default: from the clock; it is in the record)
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Folder for record.json, report.html and the journal
    #[arg(long, value_name = "DIR", default_value = "tollgate-scenario")]
    pub(crate) out: PathBuf,
    /// No progress on stderr
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// What is printed on stdout
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: Format,
}

/// The load of a scenario that has one.
#[derive(Debug, ClapArgs)]
pub(crate) struct ScenarioLoadArgs {
    /// Requests a second, all arms together
    #[arg(long, value_name = "REQUESTS", value_parser = clap::value_parser!(u32).range(1..=1_000_000), default_value = "2000")]
    pub(crate) rate: u32,
    /// Connections to each arm
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_024), default_value = "8")]
    pub(crate) connections: u32,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ReloadArgs {
    /// A plugin's name, or the path of a .wasm or .lua that takes the workload's configuration (default: all for Wasm)
    #[arg(long = "plugin", value_name = "NAME|PATH")]
    pub(crate) plugins: Vec<String>,
    /// How many times something is exchanged: another plugin, then another configuration, in turn
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=100_000), default_value = "20")]
    pub(crate) swaps: u32,
    /// How long, at least (default: 2 seconds for each swap)
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) time: Option<Duration>,
    #[command(flatten)]
    pub(crate) load: ScenarioLoadArgs,
    #[command(flatten)]
    pub(crate) options: ScenarioOptions,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct FailureArgs {
    /// How long; plugins fail after a fifth of it, and get another configuration at seven tenths
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "20s")]
    pub(crate) time: Duration,
    #[command(flatten)]
    pub(crate) load: ScenarioLoadArgs,
    #[command(flatten)]
    pub(crate) options: ScenarioOptions,
}

const SCALE: &str = "Put a plugin many times in a row, with one and more workers: added latency, VMs, resident memory.

Added latency is measured as `tollgate run` does: all lengths of a plugin's chain and both controls in one Envoy, shuffled rounds, \
fresh starts, one connection to each. One connection is served by one worker, so with more workers it tells whether they are in \
each other's way, not what they answer together. Memory is read in an Envoy for each chain, before and after requests to every worker.

Envoy has each VM once per worker and twice for its main thread. Plugins of the same code share one when their `vm_id` is the \
same: Istio and Higress give none, so there a plugin that is configured twice is in one VM (`--vms shared`); Envoy Gateway gives each \
its own. Plugins of different code never share one, so `--vms own` is what a chain of different plugins takes.";

#[derive(Debug, ClapArgs)]
pub(crate) struct ScaleArgs {
    /// A plugin's name, or the path of a .wasm or .lua that takes the workload's configuration (default: lua, boundary,
    /// rust-sdk, go-sdk, assemblyscript-sdk)
    #[arg(long = "plugin", value_name = "NAME|PATH")]
    pub(crate) plugins: Vec<String>,
    /// Lengths of the chains; three or more make a line
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_value = "1,2,4,8,16", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) chain: Vec<u32>,
    /// Numbers of workers
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_value = "1,2", value_parser = clap::value_parser!(u32).range(1..=16))]
    pub(crate) workers: Vec<u32>,
    /// Whether the members of a chain share a Wasm VM
    #[arg(long, value_enum, default_value = "own")]
    pub(crate) vms: VmsArg,
    /// Where the probe and the workers run, when latency is measured (default: same-core where the machine lets them)
    #[arg(long, value_enum)]
    pub(crate) placement: Option<PlacementArg>,
    /// Fresh starts for each plugin and number of workers
    #[arg(long, value_name = "NUMBER", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) starts: u32,
    /// How long requests are timed, all starts together; starting Envoy and reading memory take about as long again
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "45s")]
    pub(crate) time: Duration,
    #[command(flatten)]
    pub(crate) options: ScenarioOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum VmsArg {
    /// Each has its own, as different plugins do
    Own,
    /// One for all of them, as the same plugin configured several times has in Istio and Higress
    Shared,
}

impl From<VmsArg> for VmUse {
    fn from(vms: VmsArg) -> Self {
        match vms {
            VmsArg::Own => Self::Own,
            VmsArg::Shared => Self::Shared,
        }
    }
}
