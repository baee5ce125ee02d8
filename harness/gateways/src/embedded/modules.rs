use std::collections::HashMap;

use tollgate_fixtures::Plugin;
use tollgate_hosts::{HostError, Module};
use tollgate_record::Failure;

use super::NAME;

/// Compiled plugins: one plugin is in several arms, with one workload each, and compiling takes longest.
#[derive(Default)]
pub(super) struct Modules {
    by_plugin: HashMap<(String, String), Result<Box<dyn Module>, Failure>>,
}

impl Modules {
    /// The plugin, compiled by the first host that runs its kind.
    pub(super) fn get(&mut self, plugin: &Plugin) -> Result<&dyn Module, Failure> {
        let key = (plugin.name.clone(), plugin.sha256.clone());
        let compiled = self.by_plugin.entry(key).or_insert_with(|| compile(plugin));
        compiled.as_ref().map(AsRef::as_ref).map_err(Clone::clone)
    }
}

fn compile(plugin: &Plugin) -> Result<Box<dyn Module>, Failure> {
    let host = tollgate_hosts::host_for(plugin.kind).ok_or_else(|| {
        let kind = plugin.kind.name();
        Failure::environment("start", format!("{NAME} does not run {kind} plugins; leave it out with --skip"))
    })?;
    host.compile(plugin).map_err(HostError::into_failure)
}
