//! Listeners whose plugins come from files that Envoy watches: what is renamed over such a file takes the place of what
//! it held (`config_discovery` with a `path_config_source`), without a restart and without a control plane.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_fixtures::Plugin;
use tollgate_record::PluginKind;

use super::admin::Vms;
use super::config::{Config, MANAGER, ROUTE, TEMPLATE, arm_name, at, bootstrap, keep_copy, listener, lua, proxy_wasm};
use super::launch::{LaunchError, Launched, launch_with};
use super::{NAME, find, find_envoy};
use crate::child::describe;
use crate::memory_file::MemoryFile;
use crate::{Arm, GatewayError, Options};

/// What folders of files that Envoy watches are called, with the number of the process that they belong to.
const FOLDER: &str = "tollgate-discovery-";

/// What Envoy does with requests once a plugin's VM has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailurePolicy {
    /// They get status 503.
    Closed,
    /// They pass without the plugin.
    Open,
    /// A new VM is made for them, and not more often than Envoy's own back-off allows (a second at first).
    Reload,
}

impl FailurePolicy {
    pub(crate) const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::Reload];

    /// As Envoy's configuration has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Closed => "FAIL_CLOSED",
            Self::Open => "FAIL_OPEN",
            Self::Reload => "FAIL_RELOAD",
        }
    }
}

/// A listener, and the plugin that is in it at first.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    /// What is in it at first; an arm without a plugin never has one.
    pub(crate) arm: Arm,
    /// What becomes of requests when its plugin fails; Lua has no choice.
    pub(crate) policy: FailurePolicy,
    /// Request headers whose values behind the plugin are in [`crate::LEFT_HEADER`] of the answer, one after the other.
    pub(crate) shown: Vec<String>,
}

/// What Envoy has made of the files of a slot, since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Files whose plugins it took.
    pub(crate) accepted: u64,
    /// Files that it could not read, or whose plugins it refused.
    pub(crate) refused: u64,
}

/// An Envoy that takes requests, and other plugins while it does.
#[derive(Debug)]
pub(crate) struct SwappingEnvoy {
    // Before the folder, so that nothing watches it any more when it goes.
    launched: Launched,
    folder: TempDir,
    template: Value,
    /// Paths of artifacts for Envoy, by their digests.
    artifacts: BTreeMap<String, String>,
    version: u64,
}

impl SwappingEnvoy {
    /// Starts Envoy with these slots. `plugins` are those that may come into them later.
    pub(crate) fn start(slots: &[Slot], plugins: &[Plugin], options: &Options) -> Result<Self, GatewayError> {
        let binary = find_envoy(options.envoy.as_deref())?;
        find::version_of(&binary)?;
        sweep();
        let prefix = format!("{FOLDER}{}-", std::process::id());
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir();
        let folder = folder.map_err(GatewayError::system("make a folder for files that envoy watches"))?;
        let template: Value = serde_json::from_str(TEMPLATE).expect("the template is embedded, and tested");
        let (mut paths, mut files) = (BTreeMap::new(), Vec::new());
        let first = slots.iter().filter_map(|slot| slot.arm.plugin.as_ref());
        for plugin in first.chain(plugins).filter(|plugin| plugin.kind == PluginKind::ProxyWasm) {
            if !paths.contains_key(&plugin.sha256) {
                let file = MemoryFile::new(&format!("{NAME}-{}.wasm", plugin.name), &plugin.bytes)
                    .map_err(GatewayError::system("make a file in memory"))?;
                paths.insert(plugin.sha256.clone(), file.path());
                files.push(file);
            }
        }
        let listeners: Result<Vec<Value>, GatewayError> =
            slots.iter().enumerate().map(|(index, slot)| watching(&template, slot, index, &folder, options)).collect();
        for (index, slot) in slots.iter().enumerate().filter(|(_, slot)| slot.arm.plugin.is_some()) {
            write(&folder, index, &resource(&template, &paths, index, &slot.arm, slot.policy, 0))?;
        }
        let config = config(&template, listeners?, files, options)?;
        let launched = match launch_with(&binary, config, options) {
            Ok(launched) => launched,
            Err(LaunchError::Failed(error)) => return Err(error),
            Err(LaunchError::Ended(ended)) => return Err(ended.into_error()),
        };
        let envoy = Self { launched, folder, template, artifacts: paths, version: 0 };
        envoy.check_first(slots)?;
        Ok(envoy)
    }

    /// Envoy starts without a plugin that it refuses, and answers all requests of its listener with status 500.
    fn check_first(&self, slots: &[Slot]) -> Result<(), GatewayError> {
        for index in (0..slots.len()).filter(|&index| slots[index].arm.plugin.is_some()) {
            if self.taken(index)?.refused > 0 {
                let reason = self.news().unwrap_or_else(|| "it gave no reason".to_owned());
                return Err(GatewayError::ConfigRefused { gateway: NAME, reason, tested: crate::ENVOY_VERSION });
            }
        }
        Ok(())
    }

    /// Where a slot listens.
    pub(crate) fn address(&self, slot: usize) -> Result<SocketAddr, GatewayError> {
        let address = self.launched.addresses.get(&arm_name(slot)).copied();
        address
            .ok_or_else(|| super::admin::failed(format!("/listeners does not tell where {} listens", arm_name(slot))))
    }

    /// Puts the arm's plugin and configuration into a slot. Returns right after the rename, and when that was.
    pub(crate) fn swap(&mut self, slot: usize, arm: &Arm, policy: FailurePolicy) -> Result<Instant, GatewayError> {
        self.version += 1;
        let resource = resource(&self.template, &self.artifacts, slot, arm, policy, self.version);
        write(&self.folder, slot, &resource)
    }

    /// What Envoy has made of the files of a slot. Asks its main thread, which loads plugins as well: while it does there
    /// is no answer.
    pub(crate) fn taken(&self, slot: usize) -> Result<Taken, GatewayError> {
        let prefix = format!("extension_config_discovery.http_filter.{}", arm_name(slot));
        let stats = self.launched.admin.stats(&format!("^{prefix}[.]"))?;
        let of = |name: &str| stats.get(&format!("{prefix}.{name}")).copied().unwrap_or(0);
        // A file that is no configuration is a failure, one with a plugin that does not load is a rejection.
        Ok(Taken { accepted: of("update_success"), refused: of("update_failure") + of("update_rejected") })
    }

    /// Wasm VMs. Asks the main thread, too.
    pub(crate) fn vms(&self) -> Result<Vms, GatewayError> {
        self.launched.admin.vms()
    }

    /// Number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.launched.child.id()
    }

    /// Whether it is still up; if not, why.
    pub(crate) fn check_alive(&mut self) -> Result<(), GatewayError> {
        let child = &mut self.launched.child;
        match child.ended().map_err(GatewayError::system("wait for envoy"))? {
            None => Ok(()),
            Some(status) => {
                Err(GatewayError::Died { gateway: NAME, status: describe(status), last: child.tail().last_words() })
            }
        }
    }

    /// What it has said since it was last asked, in one line.
    pub(crate) fn news(&self) -> Option<String> {
        let news = self.launched.child.tail().news();
        (!news.is_empty()).then(|| news[news.len().saturating_sub(3)..].join(" | "))
    }
}

/// A listener whose plugin, if it has any, comes from a file.
fn watching(
    template: &Value,
    slot: &Slot,
    index: usize,
    folder: &TempDir,
    options: &Options,
) -> Result<Value, GatewayError> {
    let type_url = |kind: &str| template[kind]["typed_config"]["@type"].clone();
    let plugin = slot.arm.plugin.is_some().then(|| {
        json!({
            "name": arm_name(index),
            "config_discovery": {
                "config_source": {
                    "resource_api_version": "V3",
                    "path_config_source": { "path": path(folder, index) },
                },
                "type_urls": [type_url("proxy_wasm"), type_url("lua")],
            },
        })
    });
    let mut listener =
        listener(template, &slot.arm, index, options.listen_address(index)?.port(), plugin.into_iter().collect());
    let shown: String = slot.shown.iter().map(|header| format!("%REQ({header})%")).collect();
    let manager = at(&mut listener, MANAGER);
    at(manager, &format!("{ROUTE}/response_headers_to_add/1/header"))["value"] = json!(shown);
    // Nobody asks for its own times here.
    manager["access_log"] = json!([]);
    Ok(listener)
}

fn config(
    template: &Value,
    listeners: Vec<Value>,
    artifacts: Vec<MemoryFile>,
    options: &Options,
) -> Result<Config, GatewayError> {
    let mut bootstrap = bootstrap(template, listeners, None, options);
    // Discovery asks for them, even where nobody is told.
    bootstrap["node"] = json!({ "id": "tollgate", "cluster": "tollgate" });
    if let Some(folder) = &options.work_dir {
        keep_copy(folder, &bootstrap)?;
    }
    let file = |name, bytes| MemoryFile::new(name, bytes).map_err(GatewayError::system("make a file in memory"));
    Ok(Config {
        bootstrap: file("envoy.json", bootstrap.to_string().as_bytes())?,
        admin_address: file("admin-address", b"")?,
        times: file("times", b"")?,
        door: None,
        artifacts,
    })
}

/// What the file of a slot holds (`envoy.service.discovery.v3.DiscoveryResponse`).
fn resource(
    template: &Value,
    artifacts: &BTreeMap<String, String>,
    slot: usize,
    arm: &Arm,
    policy: FailurePolicy,
    version: u64,
) -> Value {
    let mut filter = match &arm.plugin {
        Some(plugin) if plugin.kind == PluginKind::ProxyWasm => {
            // A plugin that was not announced has no file, which Envoy will say.
            let path = artifacts.get(&plugin.sha256).map_or("", String::as_str);
            let mut filter = proxy_wasm(template, arm, slot, path);
            filter["typed_config"]["config"]["failure_policy"] = json!(policy.name());
            filter
        }
        _ => lua(template, arm, slot),
    };
    json!({
        "version_info": version.to_string(),
        "resources": [{
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": arm_name(slot),
            "typed_config": filter["typed_config"].take(),
        }],
    })
}

fn path(folder: &TempDir, slot: usize) -> PathBuf {
    folder.path().join(format!("{}.json", arm_name(slot)))
}

/// Envoy sees renames only: a file that is written in place could be read half-written.
fn write(folder: &TempDir, slot: usize, resource: &Value) -> Result<Instant, GatewayError> {
    let path = path(folder, slot);
    let new = path.with_extension("new");
    let written: io::Result<Instant> = (|| {
        fs::write(&new, resource.to_string())?;
        let now = Instant::now();
        fs::rename(&new, &path)?;
        Ok(now)
    })();
    written.map_err(GatewayError::system("write a file that envoy watches"))
}

/// Removes folders of processes that were killed before they could.
fn sweep() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(FOLDER)?.split('-').next()?.parse::<u32>().ok());
        if owner.is_some_and(|owner| !PathBuf::from(format!("/proc/{owner}")).exists()) {
            // Somebody else's, or gone already: nothing that is ours to do.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
