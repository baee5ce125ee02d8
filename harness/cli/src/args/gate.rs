//! What every gate takes; what one alone does is in a file of its own.

mod counters;
pub(crate) mod in_process;
pub(crate) mod live;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

pub(crate) use counters::CountersArgs;
pub(crate) use in_process::InProcessArgs;
pub(crate) use live::LiveGateArgs;

#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct GateArgs {
    #[command(subcommand)]
    pub(crate) gate: Option<GateName>,
    /// Two records of runs, as `tollgate compare` judges them: measures nothing
    #[arg(long, num_args = 2, value_names = ["BASE", "HEAD"])]
    pub(crate) record: Option<Vec<PathBuf>>,
    #[command(flatten)]
    pub(crate) options: RecordsArgs,
    #[command(flatten)]
    pub(crate) outcome: OutcomeArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CompareArgs {
    /// A record.json, or the journal.jsonl of an interrupted run: what is compared with
    #[arg(value_name = "BASE")]
    pub(crate) base: PathBuf,
    /// The record that is judged
    #[arg(value_name = "HEAD")]
    pub(crate) head: PathBuf,
    #[command(flatten)]
    pub(crate) options: RecordsArgs,
    /// Folder for gate.json, gate.md and gate.xml (JUnit)
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// What is printed on stdout
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: GateFormat,
}

/// How two records are compared.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct RecordsArgs {
    /// Compare records of different machines, placements or work all the same; each row then says so and is inconclusive
    #[arg(long)]
    pub(crate) anyway: bool,
    /// A change of added latency smaller than this share of base's is none (at least 0.1 µs in process, 1 µs live)
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = percent)]
    pub(crate) margin: f64,
    /// What else decides, beside the latency of requests and leaks that are new; it is shown in any case where it changed, and
    /// counted where not (may be given again)
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) decide: Vec<Decide>,
}

/// What can decide beside the latency of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Decide {
    /// Compile, instantiate and first request, by 25 % and at least 1 ms, 0.1 ms and 0.05 ms: wants runs with `--time thorough`
    Lifecycle,
    /// Exact counters, of which one more is a regression
    Counters,
    /// Leaks, also where a soak could not tell
    Memory,
}

/// A share as people write it, `0.5%` or `0.5`, above 0 and up to 100.
pub(crate) fn percent(text: &str) -> Result<f64, String> {
    match text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>() {
        Ok(percent) if percent > 0.0 && percent <= 100.0 => Ok(percent / 100.0),
        _ => Err("give a percentage above 0 and up to 100, as `0.5%`".to_owned()),
    }
}

pub(crate) const GATE_EXAMPLES: &str = "Examples:
  tollgate gate counters --baseline counters.json            all plugins here against a committed baseline
  tollgate gate counters --baseline counters.json --update   make it, or keep what is better
  tollgate gate counters --base old.wasm --head new.wasm --format github --out gate
  tollgate gate in-process --base old.wasm --head new.wasm   latency in fresh processes
  tollgate gate live --base old.wasm --head new.wasm         latency in fresh starts of Envoy
  tollgate gate --record base.json head.json                 two runs that were made before

Exit status: 0 pass, 3 regression, 4 inconclusive, 5 a plugin is wrong, 2 a file or option is wrong";

#[derive(Debug, Subcommand)]
pub(crate) enum GateName {
    /// Exact figures: host calls, bytes, allocator calls, fuel, instructions, size of the artifact. One more is a regression
    Counters(CountersArgs),
    /// Latency in process: base and head in turn in fresh processes, judged by an exact rule over the processes
    InProcess(InProcessArgs),
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
