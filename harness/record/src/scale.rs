use serde::{Deserialize, Serialize};

use crate::{Failure, Series};

/// A plugin many times in a row in one gateway, with one or more workers: what a request pays, and what it takes of
/// memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// Whether the members of a chain have VMs of their own.
    pub vms: VmUse,
    /// Fresh starts of the gateway that were planned for each plugin and number of workers.
    pub starts: u32,
    /// Added latency: for each plugin and number of workers control A' and each length of its chain, which shared one
    /// process and its rounds. Another plugin or number of workers had a process of its own.
    pub chains: Vec<Chain>,
    /// Memory: a process of its own for each.
    pub footprints: Vec<Footprint>,
}

/// Who shares a Wasm VM. In any case each thread of the gateway has its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VmUse {
    /// Each member of a chain has its own, as different plugins always have.
    #[default]
    Own,
    /// All members of a chain share one, as Envoy does for plugins of the same code and the same `vm_id`.
    Shared,
}

/// Added latency of one plugin, so many times in a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// Name of the plugin.
    pub plugin: String,
    /// Its language, for people.
    pub language: String,
    /// How many times; 0 is control A' in the plugin's process: the noise.
    pub length: u32,
    /// Workers of the gateway.
    pub workers: u32,
    /// One per fresh start.
    pub series: Vec<Series>,
    /// How it was shown that all members ran for every request, in words; none when it was not.
    pub proof: Option<String>,
    /// Why there is no figure, or why it must not be used.
    pub error: Option<Failure>,
}

/// Memory of a gateway's process with one chain. What could not be read is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Footprint {
    /// Name of the plugin; none for the gateway without any.
    pub plugin: Option<String>,
    /// Its language, for people; `none` without a plugin.
    pub language: String,
    /// How many times in a row; 0 without a plugin.
    pub length: u32,
    /// Workers of the gateway.
    pub workers: u32,
    /// Wasm VMs when it was ready, in all of its threads; none where the gateway does not count what the plugin runs in.
    pub vms: Option<u64>,
    /// Memory that was resident when it was ready, before any request, in bytes.
    pub ready_bytes: Option<u64>,
    /// Requests to each worker before memory was read again; empty when nothing was sent.
    pub requests: Vec<u64>,
    /// Memory that was resident after them, in bytes.
    pub after_bytes: Option<u64>,
    /// What went wrong.
    pub error: Option<Failure>,
}
