//! The command line. Names and meanings are those of the README.

#[cfg(test)]
mod documents;
mod examples;
pub(crate) mod gate;
mod gateway;
mod given;
mod load;
pub(crate) mod prove;
mod scenario;
pub(crate) mod settings;
mod tools;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{
    Arg, ArgAction, Args as ClapArgs, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
};
use serde::{Deserialize, Serialize};
use tollgate_gateways::Wish;
use tollgate_record::TimeBudget;

pub(crate) use gateway::GatewayArgs;
pub(crate) use given::GivenArgs;
pub(crate) use load::LoadArgs;
pub(crate) use scenario::{ReloadArgs, ScaleArgs, ScenarioArgs, ScenarioLoadArgs, ScenarioName, ScenarioOptions};
pub(crate) use tools::{CompletionsArgs, InspectArgs, InstallArgs, Installable, ListArgs, ManArgs, TextFormat};

/// What a gateway plugin costs each request: measured in process and on a live gateway, proved equal, with intervals.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Verify, measure, print the table, write record.json and report.html
    #[command(after_help = examples::RUN)]
    Run(RunArgs),
    /// Go on with a run that was interrupted or killed: only what is missing is measured
    #[command(after_help = examples::RESUME)]
    Resume(ResumeArgs),
    /// Run every arm once and prove that all did the same work
    #[command(after_help = examples::VERIFY)]
    Verify(VerifyArgs),
    /// Plugins, hosts, gateways and workloads; what is missing here and how to get it; what disturbs measurements here
    #[command(after_help = examples::LIST)]
    List(ListArgs),
    /// Two records side by side: what changed by more than the noise
    #[command(after_help = examples::COMPARE)]
    Compare(gate::CompareArgs),
    /// Whether a plugin got slower: a verdict and an exit status for CI
    #[command(after_help = gate::GATE_EXAMPLES)]
    Gate(gate::GateArgs),
    /// How often a gate is wrong on this machine: false alarms, slowdowns found, bias, coverage
    #[command(after_help = prove::PROVE_EXAMPLES)]
    Prove(prove::ProveArgs),
    /// What happens to requests while plugins are exchanged, fail, or are many, on a gateway
    #[command(after_help = scenario::SCENARIO_EXAMPLES)]
    Scenario(ScenarioArgs),
    /// Install a gateway into your cache folder
    #[command(after_help = examples::INSTALL)]
    Install(InstallArgs),
    /// Figures of a record, without measuring
    #[command(after_help = examples::SUMMARY)]
    Summary(SummaryArgs),
    /// The HTML report of one or more records
    #[command(after_help = examples::REPORT)]
    Report(ReportArgs),
    /// What a plugin imports, exports and needs, and who here would refuse it
    #[command(after_help = examples::INSPECT)]
    Inspect(InspectArgs),
    /// Completions for a shell, on stdout
    #[command(after_help = examples::COMPLETIONS)]
    Completions(CompletionsArgs),
    /// The manual page of a verb, on stdout, or all of them into a folder
    #[command(after_help = examples::MAN)]
    Man(ManArgs),
    /// A process that measures for its parent; speaks JSON lines
    #[command(hide = true)]
    Worker(WorkerArgs),
    /// The external plugin's process, started by a gateway that asks it over gRPC
    #[command(hide = true)]
    ExtProc,
}

/// The command line with the options of every verb. Those of settings are taken out before it is parsed, and are here for
/// help, completions and manual pages.
pub(crate) fn command() -> Command {
    let option = |name: &'static str, help: &'static str| Arg::new(name).long(name).help(help).global(true);
    let file = option(
        "settings",
        "Settings of this file in place of ./tollgate.toml: options by their names, see `tollgate run --help`",
    );
    let none = option("no-settings", "Without settings");
    Args::command().mut_subcommands(with_examples).arg(file.value_name("FILE")).arg(none.action(ArgAction::SetTrue))
}

/// What a verb consists of has its examples, unless it has some of its own.
fn with_examples(verb: Command) -> Command {
    let Some(examples) = verb.get_after_help().cloned() else { return verb };
    let give = |inner: Command| match inner.get_after_help() {
        Some(_) => inner,
        None => inner.after_help(examples.clone()),
    };
    verb.mut_subcommands(give)
}

/// The command line without the verbs that only we call, which generators would show.
pub(crate) fn visible() -> Command {
    let whole = command();
    let about = whole.get_about().cloned();
    Command::new("tollgate")
        .version(env!("CARGO_PKG_VERSION"))
        .about(about.unwrap_or_default())
        .disable_help_subcommand(true)
        .args(whole.get_arguments())
        .subcommands(whole.get_subcommands().filter(|verb| !verb.is_hide_set()))
}

/// What words ask for; the first is the program.
pub(crate) fn parse(words: &[OsString]) -> Result<Args, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(words)?;
    Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// What to run: shared by `run` and `verify`.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct Selectors {
    /// A plugin's name, or the path of a .wasm or .lua, which is taken beside the named ones (no name: all)
    #[arg(long = "plugin", value_name = "NAME|PATH")]
    pub(crate) plugins: Vec<String>,
    #[command(flatten)]
    pub(crate) given: GivenArgs,
    /// A host to run on in process (default: one for each kind of plugin; `verify` and `--time thorough`: all that are here)
    #[arg(long = "host", value_name = "NAME")]
    pub(crate) hosts: Vec<String>,
    /// A gateway to measure on, beside `embedded`; or a URL that somebody serves, with a name if wanted (`NAME=URL`)
    #[arg(long = "gateway", value_name = "NAME|URL")]
    pub(crate) gateways: Vec<String>,
    /// For a gateway by URL: the same route without the plugin, which the others are compared with
    #[arg(long, value_name = "URL")]
    pub(crate) baseline_url: Option<String>,
    /// For a gateway by URL: a header to send, `name: value`
    #[arg(long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,
    /// For a gateway by URL: the HTTP to insist on (default: what TLS settles, and 1.1 without TLS)
    #[arg(long, value_enum)]
    pub(crate) http: Option<Http>,
    /// For a gateway by URL: certificates to trust beside the system's, a PEM file
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// For a gateway by URL: trust any certificate
    #[arg(long)]
    pub(crate) insecure: bool,
    /// A workload (default: those on the request path; `verify` and `--time thorough`: all); plugins given by path are held to its effects only when it is named
    #[arg(long = "workload", value_name = "NAME")]
    pub(crate) workloads: Vec<String>,
    /// Besides, the workload `headers` or `response-headers` with so many operations in each of its loops: cost against
    /// work (`0,5,40,80`)
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) operations: Vec<u32>,
    /// Leave out a plugin, host or gateway
    #[arg(long = "skip", value_name = "NAME")]
    pub(crate) skip: Vec<String>,
    /// Only one of the two modes
    #[arg(long, value_enum)]
    pub(crate) only: Option<Only>,
    #[command(flatten)]
    pub(crate) gateway: GatewayArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub(crate) enum Http {
    #[value(name = "1.1")]
    Http1,
    #[value(name = "2")]
    Http2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Only {
    InProcess,
    Live,
}

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

/// A duration as people write it: `500ms`, `60s`, `5m`, `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    let parse = |(unit, ms): (&str, u64)| text.strip_suffix(unit)?.parse::<u64>().ok()?.checked_mul(ms);
    // No number ends in a letter, so one unit fits at most.
    match units.into_iter().find_map(parse) {
        Some(ms @ 1..=86_400_000) => Ok(Duration::from_millis(ms)),
        _ => Err("give a whole number with its unit, up to a day: `500ms`, `60s`, `5m`, `1h`".to_owned()),
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
    Csv,
    Markdown,
    /// Bencher Metric Format
    Bencher,
    /// For github-action-benchmark, `tool: customSmallerIsBetter`
    GithubActionBenchmark,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct WorkerArgs {
    /// Say what this build has, its artifacts written into a folder, and do nothing else
    #[arg(long, value_name = "DIR")]
    pub(crate) about: Option<PathBuf>,
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

#[derive(Debug, ClapArgs)]
pub(crate) struct SummaryArgs {
    /// A record of a run, a gate or a proof, or the journal of one that was interrupted
    pub(crate) record: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: Format,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ReportArgs {
    /// One or more records, or folders of them: several are compared and shown over time
    #[arg(required = true)]
    pub(crate) records: Vec<PathBuf>,
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    pub(crate) out: PathBuf,
    /// Instead of writing HTML, replace the table between the markers of this Markdown file
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    pub(crate) splice: Option<PathBuf>,
    /// Write the main chart of the one record here, an SVG below the page's folder, and put it above the table; of several
    /// workloads the table is then of the shared one only
    #[arg(long, value_name = "FILE", requires = "splice")]
    pub(crate) chart: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_examples() {
        fn check(verb: &Command, words: &str) {
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("  {words}")), "{words}: {help}");
            verb.get_subcommands().for_each(|inner| check(inner, &format!("{words} {}", inner.get_name())));
        }
        visible().get_subcommands().for_each(|verb| check(verb, &format!("tollgate {}", verb.get_name())));
    }

    #[test]
    fn the_command_line_makes_sense() {
        command().debug_assert();
        visible().debug_assert();
    }
}
