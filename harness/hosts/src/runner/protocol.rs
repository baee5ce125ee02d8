//! What a host and its runner say to each other: one JSON value a line. The runner begins with [`Hello`]; then it answers
//! each [`Ask`] with one [`Answer`], and exits when its stdin ends.

use serde::{Deserialize, Serialize};
use tollgate_fixtures::{HeaderPath, Plugin};
use tollgate_record::PluginKind;

use super::wire::{Text, WireExchange};
use crate::lua::{ON_REQUEST, ON_RESPONSE};
use crate::{Action, HostError, Operations, Said};

/// Counts changes of what is said here.
pub(super) const PROTOCOL: u32 = 3;

/// Who the runner is. A runner of another version is refused, however this looks in it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) protocol: u32,
    /// Version of Tollgate.
    pub(super) tollgate: String,
    /// Version of the runtime.
    pub(super) runtime: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Ask {
    /// Load a script.
    Compile { plugin: WirePlugin, metered: bool },
    /// Make the instance of it.
    Instantiate { config: Text },
    /// One request.
    Request { exchange: WireExchange },
    /// Batches of requests, timed.
    Time {
        requests: u64,
        batches: usize,
        /// What each request begins with, where it is not what it was the last time.
        exchange: Option<WireExchange>,
        /// Cores to run on, where they are not what they were the last time: those of the thread that asks.
        cores: Option<Vec<usize>>,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Compiled {
        took_ns: u64,
    },
    Instantiated {
        took_ns: u64,
        memory_bytes: Option<u64>,
    },
    /// What a request did, also one that failed.
    Handled {
        outcome: Result<Action, Fault>,
        exchange: Box<WireExchange>,
        operations: Operations,
        took_ns: u64,
        /// Of the instance, afterwards.
        memory_bytes: Option<u64>,
    },
    /// The batches that were done, and what ended them early.
    Timed {
        batches: Vec<TimedBatch>,
        fault: Option<Fault>,
        /// Of the instance, afterwards.
        memory_bytes: Option<u64>,
    },
    /// It was not done.
    Failed(Fault),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TimedBatch {
    pub(super) took_ns: u64,
    pub(super) operations: Operations,
    /// What the last request left, where that is not what it began with.
    pub(super) left: Option<WireExchange>,
}

/// A script: a runner needs no more of a plugin.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct WirePlugin {
    name: String,
    bytes: Text,
    workload_checked: bool,
    on: HeaderPath,
}

impl From<&Plugin> for WirePlugin {
    fn from(plugin: &Plugin) -> Self {
        let Plugin { name, bytes, workload_checked, on, .. } = plugin;
        Self { name: name.clone(), bytes: bytes.as_ref().into(), workload_checked: *workload_checked, on: *on }
    }
}

impl From<WirePlugin> for Plugin {
    fn from(plugin: WirePlugin) -> Self {
        let WirePlugin { name, bytes, workload_checked, on } = plugin;
        Self { on, workload_checked, ..Self::new(name, PluginKind::Lua, bytes.0) }
    }
}

/// An error of the script's.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Fault {
    stage: String,
    /// For a request.
    callback: Option<String>,
    /// Whether it called what only Envoy has.
    lacking: bool,
    reason: String,
    said: Vec<String>,
}

impl From<HostError> for Fault {
    fn from(error: HostError) -> Self {
        let (stage, lacking) = (error.stage().to_owned(), matches!(error, HostError::Lacking { .. }));
        let (callback, reason, said) = match error {
            HostError::Compile { reason, .. } => (None, reason, Said::default()),
            HostError::Instantiate { reason, said, .. } => (None, reason, said),
            HostError::Request { callback, reason, said, .. } | HostError::Lacking { callback, reason, said, .. } => {
                (Some(callback.to_owned()), reason, said)
            }
            other => (None, other.to_string(), Said::default()),
        };
        Self { stage, callback, lacking, reason, said: said.0 }
    }
}

impl Fault {
    /// The error that the host of a plugin of that name reports.
    pub(super) fn into_error(self, plugin: &str) -> HostError {
        let Self { stage, callback, lacking, reason, said } = self;
        let (plugin, said) = (plugin.to_owned(), Said(said));
        let callback = match callback.as_deref() {
            Some(ON_RESPONSE) => ON_RESPONSE,
            _ => ON_REQUEST,
        };
        match stage.as_str() {
            "compile" => HostError::Compile { plugin, reason },
            "instantiate" => HostError::Instantiate { plugin, reason, said },
            _ if lacking => HostError::Lacking { plugin, callback, reason, said },
            _ => HostError::Request { plugin, callback, reason, said },
        }
    }
}
