use std::any::Any;
use std::marker::PhantomData;
use std::mem::swap;
use std::rc::Rc;

use mlua::chunk::ChunkMode;
use mlua::{Function, Lua, LuaOptions, StdLib};
use tollgate_fixtures::{HeaderPath, Plugin};

use super::{Context, Counter, host_chunk};
use crate::{Action, CALL_BODY, Exchange, HostError, Instance, Module, Said};

/// The stream handle, the same in every Lua. It is given `bind`, which makes what differs.
const PRELUDE: &str = include_str!("prelude.lua");

/// What differs from Lua to Lua.
pub trait Dialect: 'static {
    /// A state with the libraries that a script gets, bound to the functions of the context.
    ///
    /// # Errors
    /// Lua's own.
    fn open(context: &Rc<Context>, metered: bool) -> mlua::Result<Opened>;

    /// Allows the script, from now on, as many steps as one stage of its life may take. Only called when metered.
    ///
    /// # Errors
    /// Lua's own.
    fn meter(lua: &Lua) -> mlua::Result<()>;

    /// The same, and tells `counter` each instruction of the script from now on. A Lua that cannot leaves this out.
    ///
    /// # Errors
    /// Lua's own.
    fn count(lua: &Lua, counter: &Counter) -> mlua::Result<()> {
        counter.give_up();
        Self::meter(lua)
    }

    /// Called once the prelude has run, and before the script does.
    ///
    /// # Errors
    /// Lua's own.
    fn close(lua: &Lua) -> mlua::Result<()> {
        let _ = lua;
        Ok(())
    }
}

/// A state that is bound to a context.
#[derive(Debug)]
pub struct Opened {
    /// What the prelude calls for the functions of the context: see there for the table that it has to return.
    pub bind: Function,
    /// The state.
    pub lua: Lua,
    /// What functions of the state point to. A script's finalizers may call them while the state is closed, so this
    /// comes last and is dropped after it.
    pub pointed_to: Box<dyn Any>,
}

/// Memory that a script's state may have, in bytes.
pub const MEMORY_BYTES: usize = crate::limits::LUA_MEMORY_BYTES;

/// What a script's error says when it was stopped for running on and on.
pub const OVERTIME: &str = "it did not come back in time; look for an endless loop";

/// Whether the script can be parsed, and something to make instances of.
///
/// # Errors
/// The parser's message.
pub fn compile<D: Dialect>(plugin: &Plugin, metered: bool) -> Result<Box<dyn Module>, HostError> {
    // The configuration is part of the source; without one, this only tells whether it can be parsed.
    let lua = Lua::new_with(StdLib::NONE, LuaOptions::default());
    let parsed = lua.and_then(|lua| {
        let chunk = lua.load(plugin.lua_source(&[])).set_name(chunk_name(plugin)).set_mode(ChunkMode::Text);
        chunk.into_function().map(drop)
    });
    match parsed {
        Ok(()) => Ok(Box::new(Script::<D> { plugin: plugin.clone(), metered, dialect: PhantomData })),
        Err(error) => {
            let reason = format!("{}; correct the script", explain(&error));
            Err(HostError::Compile { plugin: plugin.name.clone(), reason })
        }
    }
}

/// Whether a script defines `envoy_on_request`, and `envoy_on_response`. It is run for that, metered, without a
/// configuration.
#[cfg(feature = "luajit")]
pub(crate) fn definitions<D: Dialect>(plugin: &Plugin) -> Result<(bool, bool), HostError> {
    let loaded = Script::<D> { plugin: plugin.clone(), metered: true, dialect: PhantomData }.load(&[])?;
    Ok((loaded.on_request.is_some(), loaded.on_response.is_some()))
}

fn chunk_name(plugin: &Plugin) -> String {
    format!("={}", plugin.name)
}

struct Script<D> {
    plugin: Plugin,
    metered: bool,
    dialect: PhantomData<D>,
}

impl<D: Dialect> Module for Script<D> {
    fn instantiate(&self, config: &[u8]) -> Result<Box<dyn Instance>, HostError> {
        let Loaded { on_request, on_response, lua, pointed_to, context } = self.load(config)?;
        let (works, missing) = match self.plugin.on {
            _ if !self.plugin.workload_checked => (on_request.is_some() || on_response.is_some(), ON_REQUEST),
            HeaderPath::Request => (on_request.is_some(), ON_REQUEST),
            HeaderPath::Response => (on_response.is_some(), ON_RESPONSE),
        };
        if !works {
            return Err(HostError::Instantiate {
                plugin: self.plugin.name.clone(),
                reason: format!("it defines no function `{missing}`, so it would do nothing and look fast; define it"),
                said: Said(context.log.borrow().lines()),
            });
        }
        let plugin = self.plugin.name.clone();
        let meter = self.metered.then_some(Meter { limit: D::meter, count: D::count, counter: Counter::new() });
        Ok(Box::new(Running { plugin, meter, on_request, on_response, lua, _pointed_to: pointed_to, context }))
    }
}

/// A script that has run once: what it defines, and the state that it lives in.
struct Loaded {
    on_request: Option<Function>,
    on_response: Option<Function>,
    lua: Lua,
    pointed_to: Box<dyn Any>,
    context: Rc<Context>,
}

impl<D: Dialect> Script<D> {
    /// Runs the script from top to bottom.
    fn load(&self, config: &[u8]) -> Result<Loaded, HostError> {
        let context = Rc::new(Context::default());
        let failed = |reason| HostError::Instantiate {
            plugin: self.plugin.name.clone(),
            reason,
            said: Said(context.log.borrow().lines()),
        };
        let (Opened { lua, pointed_to, .. }, finish) =
            self.prepare(&context).map_err(|error| failed(explain(&error)))?;
        let source = self.plugin.lua_source(config);
        let (on_request, on_response) = self
            .meter(&lua)
            .and_then(|()| lua.load(source).set_name(chunk_name(&self.plugin)).set_mode(ChunkMode::Text).exec())
            .and_then(|()| finish.call::<(Option<Function>, Option<Function>)>(()))
            .map_err(|error| failed(format!("{}; correct the script", explain(&error))))?;
        Ok(Loaded { on_request, on_response, lua, pointed_to, context: Rc::clone(&context) })
    }

    /// A Lua state in which the prelude has run, and what to call once the script has, too.
    fn prepare(&self, context: &Rc<Context>) -> mlua::Result<(Opened, Function)> {
        let opened = D::open(context, self.metered)?;
        let call_body = opened.lua.create_string(CALL_BODY)?;
        let finish = opened.lua.load(PRELUDE).set_name(host_chunk("prelude")).call((&opened.bind, call_body))?;
        D::close(&opened.lua)?;
        Ok((opened, finish))
    }

    fn meter(&self, lua: &Lua) -> mlua::Result<()> {
        if self.metered { D::meter(lua) } else { Ok(()) }
    }
}

/// What stops a script that runs on and on, and counts its instructions.
struct Meter {
    limit: fn(&Lua) -> mlua::Result<()>,
    count: fn(&Lua, &Counter) -> mlua::Result<()>,
    /// Of the request at hand.
    counter: Counter,
}

/// A script that is loaded in its Lua state.
struct Running {
    plugin: String,
    meter: Option<Meter>,
    on_request: Option<Function>,
    on_response: Option<Function>,
    lua: Lua,
    /// Dropped after the state.
    _pointed_to: Box<dyn Any>,
    context: Rc<Context>,
}

impl Running {
    /// Counting one by one is slow, so only what is observed is counted.
    fn meter(&self) -> mlua::Result<()> {
        match &self.meter {
            None => Ok(()),
            Some(Meter { count, counter, .. }) if self.context.exchange.borrow().observation.is_some() => {
                count(&self.lua, counter)
            }
            Some(Meter { limit, .. }) => limit(&self.lua),
        }
    }

    fn call(&self, function: Option<&Function>, phase: u8, callback: &'static str) -> Result<Action, HostError> {
        let Some(function) = function else { return Ok(Action::Continue) };
        self.context.phase.set(phase);
        let called = self.meter().and_then(|()| function.call(()));
        self.context.phase.set(0);
        match called {
            // A script ends itself by an error once it has responded.
            _ if self.context.exchange.borrow().local_response.is_some() => Ok(Action::LocalResponse),
            Ok(()) => Ok(Action::Continue),
            Err(error) => {
                let error = explain(&error);
                let (plugin, said) = (self.plugin.clone(), Said(self.context.log.borrow().lines()));
                // A script may have gone on without it, and failed elsewhere.
                let is_lacking = self.context.lacking.borrow().iter().any(|told| error.contains(told));
                Err(if is_lacking {
                    let reason = format!("{error}; measure it behind a gateway (`--gateway envoy`)");
                    HostError::Lacking { plugin, callback, reason, said }
                } else {
                    let reason = format!("{error}; look at that line of the script");
                    HostError::Request { plugin, callback, reason, said }
                })
            }
        }
    }
}

impl Instance for Running {
    fn request(&mut self, exchange: &mut Exchange) -> Result<Action, HostError> {
        swap(exchange, &mut self.context.exchange.borrow_mut());
        self.context.lacking.borrow_mut().clear();
        if let Some(meter) = &mut self.meter {
            meter.counter = Counter::new();
        }
        let mut action = self.call(self.on_request.as_ref(), 1, ON_REQUEST);
        if action == Ok(Action::Continue) {
            action = self.call(self.on_response.as_ref(), 2, ON_RESPONSE);
        }
        swap(exchange, &mut self.context.exchange.borrow_mut());
        if let (Some(meter), Some(observation)) = (&self.meter, &mut exchange.observation) {
            observation.counters.lua_instructions = meter.counter.count();
        }
        action
    }

    fn memory_bytes(&self) -> Option<u64> {
        Some(self.lua.used_memory() as u64)
    }
}

/// Called with the request.
pub(crate) const ON_REQUEST: &str = "envoy_on_request";
/// Called with the response.
pub(crate) const ON_RESPONSE: &str = "envoy_on_response";

/// The message with the script's name and line, without the stack.
fn explain(error: &mlua::Error) -> String {
    let message = match error {
        mlua::Error::CallbackError { cause, .. } => return explain(cause),
        mlua::Error::RuntimeError(message) | mlua::Error::SyntaxError { message, .. } => message.clone(),
        other => other.to_string(),
    };
    message.split("\nstack traceback").next().unwrap_or_default().replace('\n', " ")
}
