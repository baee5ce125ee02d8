//! Hosts whose runtime cannot be linked into this program: each is a small program of its own, a *runner*, started as a
//! child process and spoken to over its stdin and stdout. What is timed is timed inside the runner.
//!
//! Every instance has a process to itself. It ends with its parent, and a script that hangs or crashes it is an error
//! of that instance only.

mod find;
mod instance;
mod process;
mod protocol;
#[cfg(feature = "lua")]
mod serve;
mod wire;

use std::sync::LazyLock;

use find::{Found, find};
use tollgate_fixtures::Plugin;
use tollgate_record::PluginKind;

use crate::{Host, HostError, Module};

#[cfg(feature = "lua")]
pub use serve::serve;

/// A host that runs scripts in a runner process.
#[derive(Debug)]
pub(crate) struct Runner {
    name: &'static str,
    /// Looked for once: how the program is started, or why it cannot be used and how to get it.
    found: &'static LazyLock<Result<Found, String>>,
    metered: Option<&'static Self>,
}

static LUA54_FOUND: LazyLock<Result<Found, String>> = LazyLock::new(|| find("lua54"));
static LUA54_METERED: Runner = Runner { name: "lua54", found: &LUA54_FOUND, metered: None };
/// Lua 5.4 of PUC-Rio.
pub(crate) static LUA54: Runner = Runner { name: "lua54", found: &LUA54_FOUND, metered: Some(&LUA54_METERED) };

static LUAU_FOUND: LazyLock<Result<Found, String>> = LazyLock::new(|| find("luau"));
static LUAU_METERED: Runner = Runner { name: "luau", found: &LUAU_FOUND, metered: None };
/// Luau of Roblox, with its compiler to machine code.
pub(crate) static LUAU: Runner = Runner { name: "luau", found: &LUAU_FOUND, metered: Some(&LUAU_METERED) };

impl Host for Runner {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> String {
        match &**self.found {
            Ok(found) => found.runtime.clone(),
            Err(_) => "absent".to_owned(),
        }
    }

    fn absent(&self) -> Option<String> {
        self.found.as_ref().err().cloned()
    }

    fn runs(&self, kind: PluginKind) -> bool {
        kind == PluginKind::Lua
    }

    fn compile(&self, plugin: &Plugin) -> Result<Box<dyn Module>, HostError> {
        if !self.runs(plugin.kind) {
            return Err(HostError::Unsupported { host: self.name(), kind: plugin.kind.name() });
        }
        let absent = |way: String| HostError::Absent { host: self.name, way };
        let found = self.found.as_ref().map_err(|way| absent(way.clone()))?;
        let script = instance::Script::compile(found, plugin, self.metered.is_none()).map_err(|error| match error {
            instance::NotCompiled::NotStarted(error) => absent(format!("{}: {error}", found.program.display())),
            instance::NotCompiled::Script(error) => error,
        })?;
        Ok(Box::new(script))
    }

    fn metered(&self) -> Option<&'static dyn Host> {
        self.metered.map(|metered| metered as &'static dyn Host)
    }

    fn is_metered(&self) -> bool {
        self.metered.is_none()
    }
}
