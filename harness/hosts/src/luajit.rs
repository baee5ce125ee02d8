mod api;

use std::rc::Rc;
use std::sync::LazyLock;

use api::{API, FfiContext};
use mlua::{LightUserData, Lua, LuaOptions, StdLib, Table};
use tollgate_fixtures::Plugin;
use tollgate_record::PluginKind;

use crate::lua::{self, Context, Counter, Dialect, Opened, hooks};
use crate::{Host, HostError, Module};

/// Runs Lua scripts with Envoy's stream-handle API on LuaJIT.
///
/// Where Envoy starts a coroutine per stream, the script's functions are called directly. A script's calls are counted
/// by the stream handle's names: `headers:get`, `log`, `respond`.
#[derive(Debug)]
pub(crate) struct LuaJit {
    /// Whether instructions are counted, to stop endless loops; the compiler, which does not count, is then off.
    metered: bool,
}

impl LuaJit {
    /// As it is measured.
    pub(crate) const TIMED: Self = Self { metered: false };
    const METERED: Self = Self { metered: true };
}

/// Instructions of one stage, in steps of the hook: some seconds of the interpreter.
const METER_STEPS: u32 = 3_000;
const BIND: &str = include_str!("luajit/bind.lua");

impl Host for LuaJit {
    fn name(&self) -> &'static str {
        "luajit"
    }

    fn version(&self) -> String {
        static VERSION: LazyLock<String> = LazyLock::new(|| {
            let version = || Lua::new().globals().get::<Table>("jit")?.get::<String>("version");
            version().unwrap_or_else(|error: mlua::Error| format!("unknown ({error})"))
        });
        VERSION.trim_start_matches("LuaJIT ").to_owned()
    }

    fn runs(&self, kind: PluginKind) -> bool {
        kind == PluginKind::Lua
    }

    fn is_default(&self) -> bool {
        true
    }

    fn compile(&self, plugin: &Plugin) -> Result<Box<dyn Module>, HostError> {
        if !self.runs(plugin.kind) {
            return Err(HostError::Unsupported { host: self.name(), kind: plugin.kind.name() });
        }
        lua::compile::<Self>(plugin, self.metered)
    }

    fn metered(&self) -> Option<&'static dyn Host> {
        (!self.metered).then_some(&Self::METERED)
    }

    fn is_metered(&self) -> bool {
        self.metered
    }
}

/// Whether a script defines `envoy_on_request`, and `envoy_on_response`.
pub(crate) fn definitions(plugin: &Plugin) -> Result<(bool, bool), HostError> {
    lua::definitions::<LuaJit>(plugin)
}

impl Dialect for LuaJit {
    fn open(context: &Rc<Context>, metered: bool) -> mlua::Result<Opened> {
        let libraries =
            StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::BIT | StdLib::OS | StdLib::JIT | StdLib::FFI;
        // SAFETY: the FFI can do anything, so only `bind.lua` gets it, which is ours; the prelude takes it away before
        // the script runs, and without `package` and `debug` the script has no way back to it.
        let lua = unsafe { Lua::unsafe_new_with(libraries, LuaOptions::default()) };
        if metered {
            // An error that the script gets. Without a limit, running out of memory ends the process.
            lua.set_memory_limit(lua::MEMORY_BYTES)?;
        }
        let globals = lua.globals();
        let (ffi, jit): (Table, Table) = (globals.get("ffi")?, globals.get("jit")?);
        let context = Box::new(FfiContext::new(Rc::clone(context)));
        let at = LightUserData((&raw const *context).cast_mut().cast());
        let api = LightUserData((&raw const API).cast_mut().cast());
        let bind = lua.load(BIND).set_name(lua::host_chunk("bind")).call((ffi, jit, at, api, metered))?;
        Ok(Opened { bind, lua, pointed_to: context })
    }

    fn meter(lua: &Lua) -> mlua::Result<()> {
        hooks::meter(lua, METER_STEPS)
    }

    fn count(lua: &Lua, counter: &Counter) -> mlua::Result<()> {
        hooks::count(lua, counter, METER_STEPS)
    }
}
