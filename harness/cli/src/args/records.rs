//! What is made of records that are there: `summary` and `report`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

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
