//! The runner of host `luau`: Luau, with its compiler to machine code. `tollgate` starts it; alone it only says so.

mod count;

use std::cell::Cell;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::rc::Rc;

use mlua::chunk::Compiler;
use mlua::ffi::{LUA_GLOBALSINDEX, lua_setsafeenv, luau_codegen_supported, luau_version};
use mlua::{Function, Lua, LuaOptions, StdLib, Table, VmState};
use tollgate_hosts::lua::{Context, Counter, Dialect, MEMORY_BYTES, OVERTIME, Opened, functions, host_chunk};
use tollgate_hosts::runner::serve;

/// Turns of loops and calls that one stage may make: about a second.
const METER_STEPS: u64 = 10_000_000;
const BIND: &str = include_str!("bind.lua");
/// Tables that a script finds made: it may not write to them, because built-in functions are called without looking
/// them up anew.
const LIBRARIES: &[&str] = &["table", "string", "math", "os", "coroutine", "bit32"];

fn main() -> ExitCode {
    if std::io::stdin().is_terminal() {
        eprintln!("tollgate-luau is a part of tollgate, which starts it: `tollgate run --host luau`");
        return ExitCode::from(2);
    }
    match serve::<Luau>(&version()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}; if tollgate started this, build both again from the same sources");
            ExitCode::FAILURE
        }
    }
}

/// Of Luau, such as `0.740`; a processor without a compiler to machine code, on which a request takes a third longer, shows.
fn version() -> String {
    let version = luau_version().unwrap_or("unknown");
    // SAFETY: it asks for the processor only.
    match unsafe { luau_codegen_supported() } {
        0 => format!("{version} (interpreted)"),
        _ => version.to_owned(),
    }
}

struct Luau;

impl Dialect for Luau {
    fn open(context: &Rc<Context>, _metered: bool) -> mlua::Result<Opened> {
        let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::OS | StdLib::COROUTINE | StdLib::BIT;
        let lua = Lua::new_with(libraries, LuaOptions::default())?;
        lua.set_memory_limit(MEMORY_BYTES)?;
        lua.set_compiler(Compiler::new().set_optimization_level(1).set_debug_level(1));
        let loadstring: Function = lua.globals().get("loadstring")?;
        // SAFETY: the context goes into `pointed_to`.
        let table = unsafe { functions(&lua, context)? };
        let bind = lua.load(BIND).set_name(host_chunk("bind")).call((table, loadstring))?;
        Ok(Opened { bind, lua, pointed_to: Box::new(Rc::clone(context)) })
    }

    fn close(lua: &Lua) -> mlua::Result<()> {
        for name in LIBRARIES {
            lua.globals().get::<Table>(*name)?.set_readonly(true);
        }
        // SAFETY: it marks the table of globals, which is there, and pushes and raises nothing.
        unsafe { lua.exec_raw((), |state| lua_setsafeenv(state, LUA_GLOBALSINDEX, 1)) }
    }

    fn meter(lua: &Lua) -> mlua::Result<()> {
        count::stop(lua)?;
        let steps = Cell::new(0);
        lua.set_interrupt(move |_| {
            steps.set(steps.get() + 1);
            if steps.get() > METER_STEPS {
                return Err(mlua::Error::runtime(OVERTIME));
            }
            Ok(VmState::Continue)
        });
        Ok(())
    }

    fn count(lua: &Lua, counter: &Counter) -> mlua::Result<()> {
        Self::meter(lua)?;
        count::start(lua, counter)
    }
}
