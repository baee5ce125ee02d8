mod api;

use std::mem::swap;
use std::rc::Rc;
use std::sync::LazyLock;

use api::{API, Context};
use mlua::chunk::ChunkMode;
use mlua::{Function, HookTriggers, LightUserData, Lua, LuaOptions, StdLib, Table, VmState};
use tollgate_fixtures::Plugin;
use tollgate_record::PluginKind;

use crate::{Action, Exchange, Host, HostError, Instance, Module, Said};

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
const METER_STEP: u32 = 100_000;
const METER_STEPS: u32 = 3_000;
const PRELUDE: &str = include_str!("luajit/prelude.lua");

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
        // The configuration is part of the source; without one, this only tells whether it can be parsed.
        let lua = Lua::new_with(StdLib::NONE, LuaOptions::default());
        let parsed = lua.and_then(|lua| {
            let chunk = lua.load(plugin.lua_source(&[])).set_name(chunk_name(plugin)).set_mode(ChunkMode::Text);
            chunk.into_function().map(drop)
        });
        match parsed {
            Ok(()) => Ok(Box::new(Script { plugin: plugin.clone(), metered: self.metered })),
            Err(error) => {
                let reason = format!("{}; correct the script", explain(&error));
                Err(HostError::Compile { plugin: plugin.name.clone(), reason })
            }
        }
    }

    fn metered(&self) -> Option<&'static dyn Host> {
        (!self.metered).then_some(&Self::METERED)
    }
}

fn chunk_name(plugin: &Plugin) -> String {
    format!("={}", plugin.name)
}

struct Script {
    plugin: Plugin,
    metered: bool,
}

impl Module for Script {
    fn instantiate(&self, config: &[u8]) -> Result<Box<dyn Instance>, HostError> {
        let Loaded { lua, context, on_request, on_response } = self.load(config)?;
        if on_request.is_none() && (self.plugin.workload_checked || on_response.is_none()) {
            return Err(HostError::Instantiate {
                plugin: self.plugin.name.clone(),
                reason: "it defines no function `envoy_on_request`, so it would do nothing and look fast; define it"
                    .to_owned(),
                said: Said(context.log.borrow().lines()),
            });
        }
        let plugin = self.plugin.name.clone();
        Ok(Box::new(Running { plugin, metered: self.metered, on_request, on_response, lua, context }))
    }
}

/// A script that has run once: what it defines, and the state that it lives in.
struct Loaded {
    lua: Lua,
    context: Rc<Context>,
    on_request: Option<Function>,
    on_response: Option<Function>,
}

/// Whether a script defines `envoy_on_request`, and `envoy_on_response`. It is run for that, metered, without a
/// configuration.
pub(crate) fn definitions(plugin: &Plugin) -> Result<(bool, bool), HostError> {
    let loaded = Script { plugin: plugin.clone(), metered: true }.load(&[])?;
    Ok((loaded.on_request.is_some(), loaded.on_response.is_some()))
}

impl Script {
    /// Runs the script from top to bottom.
    fn load(&self, config: &[u8]) -> Result<Loaded, HostError> {
        let context = Rc::new(Context::new());
        let failed = |reason| HostError::Instantiate {
            plugin: self.plugin.name.clone(),
            reason,
            said: Said(context.log.borrow().lines()),
        };
        let (lua, finish) = self.prepare(&context).map_err(|error| failed(explain(&error)))?;
        let source = self.plugin.lua_source(config);
        let (on_request, on_response) = self
            .meter(&lua)
            .and_then(|()| lua.load(source).set_name(chunk_name(&self.plugin)).set_mode(ChunkMode::Text).exec())
            .and_then(|()| finish.call::<(Option<Function>, Option<Function>)>(()))
            .map_err(|error| failed(format!("{}; correct the script", explain(&error))))?;
        Ok(Loaded { lua, context: Rc::clone(&context), on_request, on_response })
    }

    /// A Lua state in which the prelude has run, and what to call once the script has, too.
    fn prepare(&self, context: &Rc<Context>) -> mlua::Result<(Lua, Function)> {
        let libraries =
            StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::BIT | StdLib::OS | StdLib::JIT | StdLib::FFI;
        // SAFETY: the FFI can do anything, so only the prelude gets it, which is ours and takes it away before the
        // script runs; without `package` and `debug` the script has no way back to it.
        let lua = unsafe { Lua::unsafe_new_with(libraries, LuaOptions::default()) };
        let globals = lua.globals();
        let (ffi, jit): (Table, Table) = (globals.get("ffi")?, globals.get("jit")?);
        let context = LightUserData(Rc::as_ptr(context).cast_mut().cast());
        let api = LightUserData((&raw const API).cast_mut().cast());
        let finish = lua.load(PRELUDE).set_name("=prelude").call((ffi, jit, context, api, self.metered))?;
        Ok((lua, finish))
    }

    fn meter(&self, lua: &Lua) -> mlua::Result<()> {
        if self.metered { meter(lua) } else { Ok(()) }
    }
}

/// Allows the script as many instructions as one stage of its life may take.
fn meter(lua: &Lua) -> mlua::Result<()> {
    let steps = std::cell::Cell::new(0);
    lua.set_hook(HookTriggers::new().every_nth_instruction(METER_STEP), move |_, _| {
        steps.set(steps.get() + 1);
        if steps.get() > METER_STEPS {
            return Err(mlua::Error::runtime("it did not come back in time; look for an endless loop"));
        }
        Ok(VmState::Continue)
    })
}

/// A script that is loaded in its Lua state. The context comes last: it outlives the state, whose closures point to it.
struct Running {
    plugin: String,
    metered: bool,
    on_request: Option<Function>,
    on_response: Option<Function>,
    lua: Lua,
    context: Rc<Context>,
}

impl Running {
    fn call(&self, function: Option<&Function>, phase: u8, callback: &'static str) -> Result<Action, HostError> {
        let Some(function) = function else { return Ok(Action::Continue) };
        self.context.phase.set(phase);
        let called = if self.metered { meter(&self.lua).and_then(|()| function.call(())) } else { function.call(()) };
        self.context.phase.set(0);
        match called {
            // A script ends itself by an error once it has responded.
            _ if self.context.exchange.borrow().local_response.is_some() => Ok(Action::LocalResponse),
            Ok(()) => Ok(Action::Continue),
            Err(error) => Err(HostError::Request {
                plugin: self.plugin.clone(),
                callback,
                reason: format!("{}; look at that line of the script", explain(&error)),
                said: Said(self.context.log.borrow().lines()),
            }),
        }
    }
}

impl Instance for Running {
    fn request(&mut self, exchange: &mut Exchange) -> Result<Action, HostError> {
        swap(exchange, &mut self.context.exchange.borrow_mut());
        let mut action = self.call(self.on_request.as_ref(), 1, "envoy_on_request");
        if action == Ok(Action::Continue) {
            action = self.call(self.on_response.as_ref(), 2, "envoy_on_response");
        }
        swap(exchange, &mut self.context.exchange.borrow_mut());
        action
    }
}

/// The message with the script's name and line, without the stack.
fn explain(error: &mlua::Error) -> String {
    let message = match error {
        mlua::Error::CallbackError { cause, .. } => return explain(cause),
        mlua::Error::RuntimeError(message) | mlua::Error::SyntaxError { message, .. } => message.clone(),
        other => other.to_string(),
    };
    message.split("\nstack traceback").next().unwrap_or_default().replace('\n', " ")
}
