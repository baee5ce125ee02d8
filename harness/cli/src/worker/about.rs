//! What a build of Tollgate has, told to another build that compares two.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tollgate_fixtures::HeaderPath;

use super::protocol::PROTOCOL;
use crate::status::usage;

/// What a build says of itself. Its first field is read alone, from whatever a build says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct About {
    /// Version of what parent and worker say to each other.
    pub(crate) protocol: u32,
    pub(crate) tollgate_version: String,
    pub(crate) hosts: Vec<AboutHost>,
    pub(crate) plugins: Vec<AboutPlugin>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AboutHost {
    pub(crate) name: String,
    pub(crate) version: String,
}

/// An artifact of the build's catalogue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AboutPlugin {
    pub(crate) name: String,
    pub(crate) on: HeaderPath,
    pub(crate) sha256: String,
    /// Its bytes as a file; none where it has none.
    pub(crate) file: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Spoken {
    protocol: u32,
}

impl About {
    /// This build, its artifacts written into a folder.
    pub(crate) fn ours(folder: &Path) -> anyhow::Result<Self> {
        let mut plugins = Vec::new();
        for named in tollgate_fixtures::plugins() {
            for on in HeaderPath::ALL {
                let Some(plugin) = tollgate_fixtures::plugin_on(&named.name, on) else { continue };
                let suffix = if plugin.kind == tollgate_record::PluginKind::Lua { "lua" } else { "wasm" };
                let file = (!plugin.bytes.is_empty()).then(|| folder.join(format!("{}.{suffix}", plugin.sha256)));
                if let Some(file) = &file {
                    fs::write(file, &plugin.bytes).with_context(|| format!("cannot write {}", file.display()))?;
                }
                plugins.push(AboutPlugin { name: plugin.name.clone(), on, sha256: plugin.sha256.clone(), file });
            }
        }
        let host =
            |host: &dyn tollgate_hosts::Host| AboutHost { name: host.name().to_owned(), version: host.version() };
        Ok(Self {
            protocol: PROTOCOL,
            tollgate_version: env!("CARGO_PKG_VERSION").to_owned(),
            hosts: tollgate_hosts::hosts_here().map(host).collect(),
            plugins,
        })
    }

    /// What that program says, its artifacts written into a folder. An error when it is no Tollgate that we can talk to.
    pub(crate) fn of(program: &Path, folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let shown = program.display();
        let output = Command::new(program).args(["worker", "--about"]).arg(folder).output();
        let output = output.map_err(|error| usage(format!("cannot run {shown}: {error}; give a build of tollgate")))?;
        let Ok(Spoken { protocol }) = serde_json::from_slice(&output.stdout) else {
            return Err(usage(format!(
                "{shown} does not say what its workers understand: it is no tollgate, or one from before builds could be \
                 compared; build that side from a commit that has `gate in-process --base-harness`"
            )));
        };
        if protocol != PROTOCOL {
            return Err(usage(format!(
                "the workers of {shown} speak protocol {protocol} and this tollgate {PROTOCOL}; compare two builds that \
                 speak the same, with one of them"
            )));
        }
        serde_json::from_slice(&output.stdout).with_context(|| format!("cannot understand what {shown} says of itself"))
    }

    /// Version of a host, where the build has it.
    pub(crate) fn host(&self, name: &str) -> Option<&str> {
        self.hosts.iter().find(|host| host.name == name).map(|host| host.version.as_str())
    }
}
