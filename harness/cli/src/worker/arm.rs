//! An arm on its way to a worker: by what names its plugin and workload, not by their bytes.

use std::path::PathBuf;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tollgate_fixtures::{HeaderPath, Workload};
use tollgate_record::CellId;

use crate::arm::Arm;

/// An arm, without its bytes: the worker has the same catalogue, and reads other plugins from their path.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WorkerArm {
    pub(crate) id: CellId,
    plugin: Option<PluginRef>,
    workload: WorkloadRef,
}

/// A workload, which differs from the catalogue's first in these.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct WorkloadRef {
    name: String,
    description: String,
    path: HeaderPath,
    operations: u32,
    config: Vec<u8>,
    /// None when it is the catalogue's.
    exchange: Option<ExchangeRef>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ExchangeRef {
    request_headers: Vec<(String, String)>,
    request_body: Vec<u8>,
    response_headers: Vec<(String, String)>,
    response_body: Vec<u8>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct PluginRef {
    name: String,
    path: Option<PathBuf>,
    on: HeaderPath,
    sha256: String,
    root_id: String,
    workload_checked: bool,
}

impl From<&Arm> for WorkerArm {
    fn from(arm: &Arm) -> Self {
        let plugin = arm.plugin.as_ref().map(|plugin| PluginRef {
            name: plugin.name.clone(),
            path: plugin.path.clone(),
            on: plugin.on,
            sha256: plugin.sha256.clone(),
            root_id: plugin.root_id.clone(),
            workload_checked: plugin.workload_checked,
        });
        Self { id: arm.id.clone(), plugin, workload: WorkloadRef::from(&arm.workload) }
    }
}

impl WorkerArm {
    /// Whether its plugin is held to a workload's effects.
    pub(crate) fn workload_checked(&self) -> bool {
        self.plugin.as_ref().is_some_and(|plugin| plugin.workload_checked)
    }

    /// The arm with its plugin's bytes, which must be those that the parent saw.
    pub(crate) fn load(self) -> anyhow::Result<Arm> {
        let plugin = self.plugin.map(PluginRef::load).transpose()?;
        Ok(Arm { id: self.id, plugin, workload: self.workload.load()? })
    }
}

impl From<&Workload> for WorkloadRef {
    fn from(workload: &Workload) -> Self {
        let exchange = ExchangeRef::from(workload);
        let is_own = tollgate_fixtures::workloads().first().is_none_or(|first| exchange != ExchangeRef::from(first));
        Self {
            name: workload.name.clone(),
            description: workload.description.clone(),
            path: workload.path,
            operations: workload.operations,
            config: workload.config.clone(),
            exchange: is_own.then_some(exchange),
        }
    }
}

impl From<&Workload> for ExchangeRef {
    fn from(workload: &Workload) -> Self {
        Self {
            request_headers: workload.request_headers.clone(),
            request_body: workload.request_body.clone(),
            response_headers: workload.response_headers.clone(),
            response_body: workload.response_body.clone(),
        }
    }
}

impl WorkloadRef {
    fn load(self) -> anyhow::Result<Workload> {
        let first = tollgate_fixtures::workloads().first();
        let first = first.context("the catalogue has no workload; this build is broken")?.clone();
        let Self { name, description, path, operations, config, .. } = self;
        let workload = Workload { name, description, path, operations, config, ..first };
        Ok(match self.exchange {
            None => workload,
            Some(ExchangeRef { request_headers, request_body, response_headers, response_body }) => {
                Workload { request_headers, request_body, response_headers, response_body, ..workload }
            }
        })
    }
}

impl PluginRef {
    fn load(self) -> anyhow::Result<tollgate_fixtures::Plugin> {
        let mut plugin = match &self.path {
            Some(path) => tollgate_fixtures::load(path)?,
            None if self.name == tollgate_fixtures::SPIN => tollgate_fixtures::spin(),
            None => {
                let plugin = tollgate_fixtures::plugin_on(&self.name, self.on);
                plugin.context("worker and parent differ; build again")?.clone()
            }
        };
        anyhow::ensure!(
            plugin.sha256 == self.sha256,
            "the file of plugin `{}` changed while it was measured; run again when it stands still",
            self.name
        );
        plugin.name = self.name;
        plugin.on = self.on;
        plugin.root_id = self.root_id;
        plugin.workload_checked = self.workload_checked;
        Ok(plugin)
    }
}
