//! `tollgate summary`: figures of a record, without measuring.

use tollgate_record::Kept;
use tollgate_reports::gate::{in_process, live, proof_table, proof_text};
use tollgate_reports::{Summary, TableOptions, summarize};

use super::gate::show;
use crate::args::gate::GateFormat;
use crate::args::{Format, SummaryArgs};
use crate::status::{Status, usage};

/// Prints the figures of a record: of a run what was measured, of a gate what it says of that, of a proof how often that
/// was right. The exit status is no verdict: that is `gate --record`.
pub(crate) fn run(options: &SummaryArgs) -> anyhow::Result<Status> {
    let format = options.format;
    match Kept::read(&options.record)? {
        // For programs a live gate is the run that it is.
        Kept::Run(record) => match live(&record) {
            Some(outcome) if matches!(format, Format::Table | Format::Markdown) => {
                show(&outcome, None, of_gate(format)?)?;
            }
            _ => print(&summarize(&record), format),
        },
        Kept::Gate(record) => show(&in_process(&record), None, of_gate(format)?)?,
        Kept::Proof(record) => crate::out::line(
            match format {
                Format::Table => proof_text(&record),
                Format::Markdown => proof_table(&[*record]),
                _ => return Err(usage("a proof is shown as `table` or `markdown`; the file itself is JSON")),
            }
            .trim_end(),
        ),
    }
    Ok(Status::Pass)
}

/// How the verdicts of a gate are printed.
fn of_gate(format: Format) -> anyhow::Result<GateFormat> {
    Ok(match format {
        Format::Table => GateFormat::Table,
        Format::Json => GateFormat::Json,
        Format::Markdown => GateFormat::Markdown,
        _ => return Err(usage("what a gate says is shown as `table`, `json` or `markdown`")),
    })
}

/// Prints a summary on stdout.
pub(crate) fn print(summary: &Summary, format: Format) {
    let text = match format {
        Format::Table => tollgate_reports::table(summary, table_options()),
        Format::Json => tollgate_reports::json(summary),
        Format::Csv => tollgate_reports::csv(summary),
        Format::Markdown => tollgate_reports::markdown(summary),
        Format::Bencher => tollgate_reports::bencher(summary),
        Format::GithubActionBenchmark => tollgate_reports::github_action_benchmark(summary),
    };
    crate::out::line(text.trim_end());
}

/// As wide and as colourful as the terminal is.
pub(super) fn table_options() -> TableOptions {
    TableOptions { width: width(), colour: colour() }
}

/// Width of the terminal; 80 when stdout is none.
fn width() -> u16 {
    match rustix::termios::tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col > 0 => size.ws_col,
        _ => 80,
    }
}

/// Colours only on a terminal, and not where the user has said so (no-color.org).
fn colour() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stdout()) && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
}
