//! What the in-process gate takes, and what `prove` takes to run it.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::OutcomeArgs;
use crate::args::{GivenArgs, Only, Selectors};

#[derive(Debug, ClapArgs)]
pub(crate) struct InProcessArgs {
    /// The plugin before the change, a name or the path of a .wasm or .lua
    #[arg(long, value_name = "NAME|PATH", required_unless_present_any = ["record", "base_harness"], requires = "head")]
    pub(crate) base: Option<String>,
    /// The plugin after the change
    #[arg(long, value_name = "NAME|PATH", required_unless_present_any = ["record", "base_harness"], requires = "base")]
    pub(crate) head: Option<String>,
    /// Compare two builds of tollgate, each with its own catalogue and hosts, in place of two artifacts: the program of base.
    /// Where the code of a build lies moves latency by itself, so that the margin is 5% unless told otherwise
    #[arg(long, value_name = "PROGRAM", requires = "head_harness", conflicts_with_all = ["base", "head", "record"])]
    pub(crate) base_harness: Option<PathBuf>,
    /// The program of head
    #[arg(long, value_name = "PROGRAM", requires = "base_harness")]
    pub(crate) head_harness: Option<PathBuf>,
    /// With --base-harness: a plugin (default: all of the catalogue but the native one, into which no known slowdown can be put; may be
    /// given again)
    #[arg(long = "plugin", value_name = "NAME|PATH", requires = "base_harness")]
    pub(crate) plugins: Vec<String>,
    /// Judge a gate-record.json, or the gate-journal.jsonl of a run that was stopped, again, without measuring
    #[arg(long, value_name = "FILE", conflicts_with_all = ["base", "head", "hosts", "workloads", "config", "request", "seed"])]
    pub(crate) record: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) sampling: Sampling,
    #[command(flatten)]
    pub(crate) outcome: OutcomeArgs,
}

/// What is measured, and how much of it.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Sampling {
    /// A host to run on (default: one for the plugin's kind; may be given again)
    #[arg(long = "host", value_name = "NAME")]
    pub(crate) hosts: Vec<String>,
    /// A workload (default: all); plugins given by path are held to its effects only when it is named
    #[arg(long = "workload", value_name = "NAME")]
    pub(crate) workloads: Vec<String>,
    #[command(flatten)]
    pub(crate) given: GivenArgs,
    /// Changes smaller than this do not matter (default: 0.5%)
    #[arg(long, value_name = "PERCENT", value_parser = ppm)]
    pub(crate) margin: Option<u32>,
    /// Fresh processes for each host and workload; three fifths as many others confirm what is flagged
    #[arg(long, value_name = "N", default_value_t = DEFAULT_PROCESSES, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    pub(crate) processes: u32,
    /// How often each process makes its instances anew, each time elsewhere in memory
    #[arg(long, value_name = "N", default_value_t = DEFAULT_LAYOUTS, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) layouts: u32,
    /// Seed of every shuffle (default: from the clock; it is in the record)
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// No progress on stderr
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Fresh processes for each cell, and layouts in each. Measured, on two shared cores, for real plugins on wasmtime and
/// LuaJIT: two instances of the same code differ by 1 to 2 % (standard deviation, some by 10 %) for as long as they lie
/// where they lie; over 16 layouts processes differ by 0.5 %, over 40 by 0.3 %, of which 31 in 40 are above 0.5 % when 1 %
/// is true.
const DEFAULT_PROCESSES: u32 = 40;
const DEFAULT_LAYOUTS: u32 = 40;

impl Sampling {
    /// The selectors, in process, of no plugin yet.
    pub(crate) fn selectors(&self) -> Selectors {
        Selectors {
            hosts: self.hosts.clone(),
            workloads: self.workloads.clone(),
            given: self.given.clone(),
            only: Some(Only::InProcess),
            ..Selectors::default()
        }
    }
}

/// A share as people write it, `0.5%`, in parts per million.
pub(crate) fn ppm(text: &str) -> Result<u32, String> {
    match text.strip_suffix('%').map(|number| number.trim().parse::<f64>()) {
        Some(Ok(percent)) if (0.001..=50.0).contains(&percent) => Ok((percent * 10_000.0).round() as u32),
        _ => Err("give a percentage from 0.001% to 50%, as in `0.5%`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_read_and_nothing_else() {
        assert_eq!((ppm("0.5%"), ppm("1 %"), ppm("50%")), (Ok(5_000), Ok(10_000), Ok(500_000)));
        for wrong in ["", "%", "0%", "-1%", "51%", "1", "NaN%", "inf%", "0,5%", "1%%"] {
            assert!(ppm(wrong).is_err(), "{wrong}");
        }
    }
}
