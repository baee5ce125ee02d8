use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Counters, Failure, Series, Soak};

/// What a plugin is made of, which decides who can load it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginKind {
    /// Compiled into the host: the floor.
    Native,
    /// A script with Envoy's stream-handle API.
    Lua,
    /// A `.wasm` with the Proxy-Wasm ABI.
    ProxyWasm,
    /// A process of its own, asked over the network (`ext_proc`).
    External,
}

impl PluginKind {
    /// The name used in records, tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Lua => "lua",
            Self::ProxyWasm => "proxy_wasm",
            Self::External => "external",
        }
    }
}

/// How a Wasm plugin talks to its host. Only like is compared with like; the difference is the SDK's price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// The bare ABI, declared by the plugin itself.
    Raw,
    /// Through the language's Proxy-Wasm SDK.
    Sdk,
}

/// Where a cell is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Inside a process of ours, by a host.
    InProcess,
    /// Over a socket, through a gateway.
    Live,
}

/// The part of a plugin's life that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Artifact to loaded module.
    Compile,
    /// Module to configured instance.
    Instantiate,
    /// The first request of a fresh instance.
    FirstRequest,
    /// A request of a warm instance.
    Request,
}

/// Control arms: no plugin at all, twice, so that every table shows what no difference looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Control {
    /// No plugin: what added latency is counted from.
    A,
    /// No plugin again: measured like a plugin, its added latency is the noise.
    #[serde(rename = "A'")]
    APrime,
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::APrime => "A'",
        })
    }
}

/// What names a cell: the unit that is measured and compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellId {
    /// In a process of ours or through a gateway.
    pub mode: Mode,
    /// Name of the host, or of the gateway (`embedded`, `envoy`).
    pub host: String,
    /// Name of the plugin, `A` or `A'` for a control.
    pub plugin: String,
    /// Name of the workload.
    pub workload: String,
    /// Part of the plugin's life.
    pub phase: Phase,
}

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {} ({})", self.plugin, self.host, self.workload)
    }
}

/// Which bytes were measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// SHA-256 of the artifact, lower-case hex.
    pub sha256: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Toolchain that built it, when known.
    pub toolchain: Option<String>,
    /// SDK it is built with, when it is and that is known.
    pub sdk: Option<String>,
}

/// A cell with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// What names it.
    pub id: CellId,
    /// The plugin's language, for people (`Go`); a control has none and says `none`.
    pub language: String,
    /// The plugin's kind; a control has none.
    pub kind: Option<PluginKind>,
    /// Bare ABI or SDK, for Wasm plugins of which it is known.
    pub variant: Option<Variant>,
    /// Set on the arms without a plugin.
    pub control: Option<Control>,
    /// Version of the host or gateway, asked of the program itself.
    pub host_version: String,
    /// The bytes that were measured; a control and a native plugin have none.
    pub artifact: Option<Artifact>,
    /// One per fresh start (of a process or a gateway): the start is the replicate.
    pub series: Vec<Series>,
    /// Exact figures per request; none when the host cannot count.
    pub counters: Option<Counters>,
    /// What became of its memory in a soak; none when there was none.
    #[serde(default)]
    pub soak: Option<Soak>,
    /// How it was shown that the plugin did its work, in words; none when it was not.
    pub proof: Option<String>,
    /// Why there is no figure, or why it must not be used.
    pub error: Option<Failure>,
}
