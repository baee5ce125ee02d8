use std::collections::HashMap;

use tollgate_fixtures::Plugin;
use tollgate_hosts::{HostError, Module};
use tollgate_record::Failure;

use super::Hosts;

/// Compiled plugins: one plugin is in several arms, with one workload each, and compiling takes longest.
pub(super) struct Modules {
    hosts: Hosts,
    by_plugin: HashMap<(String, String), Result<Box<dyn Module>, Failure>>,
}

impl Modules {
    pub(super) fn new(hosts: Hosts) -> Self {
        Self { hosts, by_plugin: HashMap::new() }
    }

    /// The plugin, compiled by the gateway's host for its kind.
    pub(super) fn get(&mut self, plugin: &Plugin) -> Result<&dyn Module, Failure> {
        let key = (plugin.name.clone(), plugin.sha256.clone());
        let compiled = self.by_plugin.entry(key).or_insert_with(|| compile(self.hosts, plugin));
        compiled.as_ref().map(AsRef::as_ref).map_err(Clone::clone)
    }
}

fn compile(hosts: Hosts, plugin: &Plugin) -> Result<Box<dyn Module>, Failure> {
    let host = hosts.host_for(plugin.kind).ok_or_else(|| {
        let kind = plugin.kind.name();
        Failure::environment("start", format!("this gateway does not run {kind} plugins; leave it out with --skip"))
    })?;
    host.compile(plugin).map_err(HostError::into_failure)
}
