//! Exit status, decided in one place. Reports are written before any of these is returned.

use std::process::ExitCode;

use tollgate_record::{BaselineError, Failure, FailureClass, Record, Scenario, Soak, Story};
use tollgate_reports::SoakVerdict;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// All that was asked was done.
    Pass = 0,
    /// The tool or its surroundings failed.
    Environment = 1,
    /// The command line or an input file is wrong.
    Usage = 2,
    /// A gate: head is slower than base.
    Regression = 3,
    /// A gate: nothing can be said.
    Inconclusive = 4,
    /// A plugin is wrong: it traps, has wrong effects, does not load, leaks.
    Plugin = 5,
    /// Stopped by Ctrl-C or a signal.
    Interrupted = 130,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

/// An error of the command line or of an input file: exit status 2.
#[derive(Debug)]
pub(crate) struct UsageError(pub(crate) String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// A usage error as an `anyhow` one.
pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
    UsageError(message.into()).into()
}

/// A plugin that cannot even be loaded, where nothing else is left to do: exit status 5.
#[derive(Debug)]
pub(crate) struct PluginError(pub(crate) String);

impl std::fmt::Display for PluginError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PluginError {}

/// The status of an error that ended the program.
pub(crate) fn of_error(error: &anyhow::Error) -> Status {
    use tollgate_record::RecordError::{Locked, Write};
    match error.downcast_ref() {
        // What was named cannot be read, or is no record.
        Some(record) if !matches!(record, Write { .. } | Locked { .. }) => Status::Usage,
        None if error.is::<UsageError>() || error.is::<BaselineError>() => Status::Usage,
        None if error.is::<PluginError>() => Status::Plugin,
        _ => Status::Environment,
    }
}

/// Whether a soak says that a plugin leaks.
pub(crate) fn leaks(soak: &Soak) -> bool {
    tollgate_reports::judge(soak).verdict == SoakVerdict::Leak
}

/// Failures of chains of plugins.
fn of_scale(scenario: &Scenario) -> Vec<&Failure> {
    let Story::Scale(scale) = &scenario.story else { return Vec::new() };
    let chains = scale.chains.iter().filter_map(|chain| chain.error.as_ref());
    chains.chain(scale.footprints.iter().filter_map(|footprint| footprint.error.as_ref())).collect()
}

/// The status of a finished run: a wrong plugin outweighs a failing environment, for it is what the user can mend.
pub(crate) fn of_record(record: &Record) -> Status {
    if record.interrupted {
        return Status::Interrupted;
    }
    if record.scenarios.iter().any(|scenario| scenario.error.is_some()) {
        return Status::Environment;
    }
    let soaks = || record.cells.iter().filter_map(|cell| cell.soak.as_ref());
    let failures: Vec<&Failure> = record
        .cells
        .iter()
        .filter_map(|cell| cell.error.as_ref())
        .chain(soaks().filter_map(|soak| soak.error.as_ref()))
        .chain(record.scenarios.iter().flat_map(of_scale))
        .chain(record.loads.iter().filter_map(|load| load.error.as_ref()))
        .chain(record.loads.iter().flat_map(|load| &load.arms).filter_map(|arm| arm.error.as_ref()))
        .collect();
    let failed = |class| failures.iter().any(|failure| failure.class == class);
    if failed(FailureClass::Plugin) || soaks().any(leaks) {
        return Status::Plugin;
    }
    if failed(FailureClass::Environment) { Status::Environment } else { Status::Pass }
}
