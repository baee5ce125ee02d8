//! What a plugin needs and brings, read from its artifact; a `.wasm` is not run for it, a script is, metered.

mod lua;
mod module;
mod origin;

use serde::Serialize;
use tollgate_fixtures::Plugin;
use tollgate_record::PluginKind;

use crate::HostError;

/// What [`inspect`] found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Inspection {
    /// A Wasm module.
    Wasm(Box<WasmInspection>),
    /// A script with Envoy's stream-handle API.
    Lua(LuaInspection),
    /// Compiled into this program: there is nothing to look at.
    Native,
    /// A process of this program's: there is nothing to look at either.
    External,
}

/// What a script defines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LuaInspection {
    /// Size of the source in bytes.
    pub size_bytes: u64,
    /// Lines of the source.
    pub lines: u64,
    /// Whether it defines `envoy_on_request`.
    pub on_request: bool,
    /// Whether it defines `envoy_on_response`.
    pub on_response: bool,
}

/// What a module holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WasmInspection {
    /// Size of the artifact in bytes.
    pub size_bytes: u64,
    /// Exports that mark an ABI version.
    pub abi_markers: Vec<String>,
    /// The version that counts, such as `0.2.1`; none when no marker is known here.
    pub abi_version: Option<String>,
    /// The SDK that it seems to be built with, from traces in the artifact.
    pub sdk: Option<String>,
    /// Compilers and tools that signed it.
    pub producers: Vec<String>,
    /// What it imports, in its order.
    pub imports: Vec<Import>,
    /// Callbacks of Proxy-Wasm that it exports.
    pub callbacks: Vec<String>,
    /// Callbacks of Proxy-Wasm that it does not export, so that nothing is called there.
    pub callbacks_absent: Vec<String>,
    /// Exports whose signature is not that of its ABI version.
    pub wrong_signatures: Vec<String>,
    /// Everything else that it exports.
    pub other_exports: Vec<String>,
    /// Functions that hand out memory to the host; the first one is used.
    pub allocators: Vec<String>,
    /// How it is started.
    pub start: Start,
    /// Its linear memory.
    pub memory: Memory,
    /// Functions of its own.
    pub functions: u64,
    /// Sections in order, with their sizes.
    pub sections: Vec<Section>,
    /// Whether it names its functions, so that a trap can be read.
    pub has_function_names: bool,
    /// Whether it carries DWARF.
    pub has_dwarf: bool,
}

/// An import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Import {
    /// Module, as the plugin names it.
    pub module: String,
    /// Name.
    pub name: String,
    /// Whether hosts have it.
    pub standing: Standing,
}

/// Whether hosts have an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A host function of Proxy-Wasm or WASI.
    Known,
    /// A host function that only Higress's gateway has.
    Higress,
    /// There is one of that name, with another signature.
    WrongSignature,
    /// No ABI has it.
    Unknown,
}

/// How a module is started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Start {
    /// It has a start section, which runs before the host has seen its memory.
    pub section: bool,
    /// It exports `_initialize`, which is called first.
    pub initialize: bool,
    /// It exports `_start`, which is called when there is no `_initialize`.
    pub start: bool,
    /// It exports `main` or `__main_void`, which is called after `_initialize`.
    pub main: bool,
}

/// Linear memory, in pages of 64 KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Whether it is exported as `memory`.
    pub exported: bool,
    /// Whether it is imported.
    pub imported: bool,
    /// Whether threads share it.
    pub shared: bool,
    /// Pages at the start; none when there is no memory.
    pub min_pages: Option<u64>,
    /// Pages that it may grow to; none is unlimited.
    pub max_pages: Option<u64>,
}

/// A section of the binary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// Its name; that of a custom one in quotes.
    pub name: String,
    /// Size in bytes.
    pub size_bytes: u64,
}

/// Looks at a plugin. What is broken is an error that says where.
pub fn inspect(plugin: &Plugin) -> Result<Inspection, HostError> {
    match plugin.kind {
        PluginKind::ProxyWasm => module::inspect(plugin).map(|found| Inspection::Wasm(Box::new(found))),
        PluginKind::Lua => lua::inspect(plugin).map(Inspection::Lua),
        PluginKind::Native => Ok(Inspection::Native),
        PluginKind::External => Ok(Inspection::External),
    }
}
