//! What the gate of exact figures takes.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::OutcomeArgs;
use crate::args::{GivenArgs, Only, Selectors};

#[derive(Debug, ClapArgs)]
pub(crate) struct CountersArgs {
    /// The baseline that figures are compared with
    #[arg(long, value_name = "FILE", default_value = "tollgate-counters.json", conflicts_with_all = ["base", "head"])]
    pub(crate) baseline: PathBuf,
    /// Write into the baseline what is better, new or counted by another version of a host; what is worse stays as it was
    #[arg(long, conflicts_with_all = ["base", "head"])]
    pub(crate) update: bool,
    /// With --update: write what is worse too, and take out what is there no more
    #[arg(long, requires = "update")]
    pub(crate) accept: bool,
    /// In place of a baseline: the plugin before the change, a name or the path of a .wasm or .lua
    #[arg(long, value_name = "NAME|PATH", requires = "head")]
    pub(crate) base: Option<String>,
    /// The plugin after the change
    #[arg(long, value_name = "NAME|PATH", requires = "base", conflicts_with = "plugins")]
    pub(crate) head: Option<String>,
    /// Only this plugin, a name or the path of a .wasm or .lua (default: all; may be given again)
    #[arg(long = "plugin", value_name = "NAME|PATH")]
    pub(crate) plugins: Vec<String>,
    /// Only this host (default: one for each kind of plugin, and those of the baseline)
    #[arg(long = "host", value_name = "NAME")]
    pub(crate) hosts: Vec<String>,
    /// Only this workload (default: all); plugins given by path are held to its effects only when it is named
    #[arg(long = "workload", value_name = "NAME")]
    pub(crate) workloads: Vec<String>,
    /// Leave out a plugin or host
    #[arg(long = "skip", value_name = "NAME")]
    pub(crate) skip: Vec<String>,
    #[command(flatten)]
    pub(crate) given: GivenArgs,
    #[command(flatten)]
    pub(crate) outcome: OutcomeArgs,
}

impl CountersArgs {
    /// The selectors of these plugins and hosts, in process.
    pub(crate) fn selectors(&self, plugins: Vec<String>, hosts: Vec<String>) -> Selectors {
        Selectors {
            plugins,
            hosts,
            workloads: self.workloads.clone(),
            given: self.given.clone(),
            skip: self.skip.clone(),
            only: Some(Only::InProcess),
            ..Selectors::default()
        }
    }
}
