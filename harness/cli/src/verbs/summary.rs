//! `tollgate summary`: figures of a record, without measuring.

use tollgate_record::Record;
use tollgate_reports::{Summary, TableOptions, summarize};

use crate::args::{Format, SummaryArgs};
use crate::status::Status;

/// Prints the figures of a record.
pub(crate) fn run(options: &SummaryArgs) -> anyhow::Result<Status> {
    print(&summarize(&Record::read(&options.record)?), options.format);
    Ok(Status::Pass)
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
