//! The runner of host `lua54`: Lua 5.4 of PUC-Rio. `tollgate` starts it; alone it only says so.

use std::ffi::{CStr, c_char};
use std::io::IsTerminal;
use std::process::ExitCode;
use std::rc::Rc;

use mlua::{Lua, LuaOptions, StdLib};
use tollgate_hosts::lua::{Context, Counter, Dialect, MEMORY_BYTES, Opened, functions, hooks};
use tollgate_hosts::runner::serve;

/// Instructions of one stage, in steps of the hook: about a second.
const METER_STEPS: u32 = 1_000;

fn main() -> ExitCode {
    if std::io::stdin().is_terminal() {
        eprintln!("tollgate-lua54 is a part of tollgate, which starts it: `tollgate run --host lua54`");
        return ExitCode::from(2);
    }
    match serve::<Lua54>(&version()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}; if tollgate started this, build both again from the same sources");
            ExitCode::FAILURE
        }
    }
}

/// Of Lua itself, such as `5.4.8`.
fn version() -> String {
    unsafe extern "C" {
        /// `$LuaVersion: Lua 5.4.8  Copyright ...`: nothing else has the last number.
        static lua_ident: c_char;
    }
    // SAFETY: `lapi.c` defines it as a constant array of characters that ends with a zero.
    let ident = unsafe { CStr::from_ptr(&raw const lua_ident) }.to_string_lossy();
    ident.split_whitespace().nth(2).unwrap_or("5.4").to_owned()
}

struct Lua54;

impl Dialect for Lua54 {
    fn open(context: &Rc<Context>, _metered: bool) -> mlua::Result<Opened> {
        let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::OS | StdLib::COROUTINE;
        let lua = Lua::new_with(libraries, LuaOptions::default())?;
        lua.set_memory_limit(MEMORY_BYTES)?;
        // SAFETY: the context goes into `pointed_to`.
        let table = unsafe { functions(&lua, context)? };
        let bind = lua.create_function(move |_, ()| Ok(table.clone()))?;
        Ok(Opened { bind, lua, pointed_to: Box::new(Rc::clone(context)) })
    }

    fn meter(lua: &Lua) -> mlua::Result<()> {
        hooks::meter(lua, METER_STEPS)
    }

    fn count(lua: &Lua, counter: &Counter) -> mlua::Result<()> {
        hooks::count(lua, counter, METER_STEPS)
    }
}
