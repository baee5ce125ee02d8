//! What limits and counts a script's instructions by hooks, in the Luas that have them: all but Luau.

use std::cell::Cell;
use std::time::{Duration, Instant};

use mlua::{HookTriggers, Lua, VmState};

use super::{Counter, OVERTIME};

/// Instructions between two looks at the limit.
const STEP: u32 = 100_000;
/// Functions of a library count as nothing, however long they take, so time is looked at, too.
const TIME: Duration = Duration::from_secs(8);

/// Allows the script, its coroutines too, so many times 100,000 instructions from now on, and some seconds.
///
/// # Errors
/// Lua's own.
pub fn meter(lua: &Lua, steps: u32) -> mlua::Result<()> {
    let (taken, begin) = (Cell::new(0), Instant::now());
    lua.set_global_hook(HookTriggers::new().every_nth_instruction(STEP), move |lua, _| {
        taken.set(taken.get() + 1);
        if taken.get() <= steps && begin.elapsed() < TIME {
            return Ok(VmState::Continue);
        }
        // A script may catch the error and go on: from here on, each instruction raises it again.
        let out_of_time = || mlua::Error::runtime(OVERTIME);
        lua.set_global_hook(HookTriggers::new().every_nth_instruction(1), move |_, _| Err(out_of_time()))?;
        Err(out_of_time())
    })
}

/// Tells `counter` each instruction from now on; once that is too slow, limits the script as [`meter`] does.
///
/// # Errors
/// Lua's own.
pub fn count(lua: &Lua, counter: &Counter, steps: u32) -> mlua::Result<()> {
    let counter = counter.clone();
    lua.set_global_hook(HookTriggers::new().every_nth_instruction(1), move |lua, debug| {
        if !counter.instruction(debug.source().source.as_deref()) {
            meter(lua, steps)?;
        }
        Ok(VmState::Continue)
    })
}
