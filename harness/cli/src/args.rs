//! The command line. Names and meanings are those of the README.

#[cfg(test)]
mod documents;
mod examples;
pub(crate) mod gate;
mod gateway;
mod given;
mod load;
pub(crate) mod prove;
mod records;
mod run;
mod scenario;
mod selectors;
pub(crate) mod settings;
mod tools;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, Args as ClapArgs, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub(crate) use gateway::GatewayArgs;
pub(crate) use given::GivenArgs;
pub(crate) use load::LoadArgs;
pub(crate) use records::{Format, ReportArgs, SummaryArgs};
pub(crate) use run::{PlacementArg, ResumeArgs, RunArgs, Time, VerifyArgs};
pub(crate) use scenario::{ReloadArgs, ScaleArgs, ScenarioArgs, ScenarioLoadArgs, ScenarioName, ScenarioOptions};
pub(crate) use selectors::{Http, Only, Selectors};
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
pub(crate) struct WorkerArgs {
    /// Say what this build has, its artifacts written into a folder, and do nothing else
    #[arg(long, value_name = "DIR")]
    pub(crate) about: Option<PathBuf>,
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
