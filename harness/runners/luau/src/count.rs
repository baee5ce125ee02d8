//! Counting a script's instructions. Luau runs step by step for that, in its interpreter, whatever is compiled.

use std::cell::RefCell;
use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;

use mlua::Lua;
use mlua::ffi::{lua_Debug, lua_State, lua_callbacks, lua_getinfo, lua_singlestep};
use tollgate_hosts::lua::Counter;

thread_local! {
    /// Of the one instance that a runner has, which is on its only thread.
    static COUNTER: RefCell<Option<Counter>> = const { RefCell::new(None) };
}

/// Tells `counter` each instruction from now on.
pub(crate) fn start(lua: &Lua, counter: &Counter) -> mlua::Result<()> {
    COUNTER.replace(Some(counter.clone()));
    // SAFETY: it sets a flag of the thread that scripts are called on, from which its coroutines take it, and a callback
    // that lives as long as the program; it pushes and raises nothing.
    unsafe {
        lua.exec_raw((), |state| {
            (*lua_callbacks(state)).debugstep = Some(step);
            lua_singlestep(state, 1);
        })
    }
}

/// No more.
pub(crate) fn stop(lua: &Lua) -> mlua::Result<()> {
    COUNTER.replace(None);
    // SAFETY: as above.
    unsafe {
        lua.exec_raw((), |state| {
            (*lua_callbacks(state)).debugstep = None;
            lua_singlestep(state, 0);
        })
    }
}

/// Called by Luau with each instruction. Like the stream handle's functions it holds nothing that would have to be
/// dropped, and leaves the work to a function that calls nothing of Luau's.
unsafe extern "C-unwind" fn step(state: *mut lua_State, _at: *mut lua_Debug) {
    let mut function = MaybeUninit::<lua_Debug>::zeroed();
    // SAFETY: Luau calls it with the thread that runs, whose innermost function, level 0, is the one at work. `s` fills
    // in where that comes from, as a string that lives as long as the function.
    unsafe {
        if lua_getinfo(state, 0, c"s".as_ptr(), function.as_mut_ptr()) != 0 && !tell((*function.as_ptr()).source) {
            // Whoever runs in steps looks for this before each.
            (*lua_callbacks(state)).debugstep = None;
        }
    }
}

/// Whether more need be told.
///
/// # Safety
/// The chunk is a string that ends with a zero, or null.
unsafe extern "C" fn tell(chunk: *const c_char) -> bool {
    // SAFETY: the caller's promise.
    let chunk = (!chunk.is_null()).then(|| unsafe { CStr::from_ptr(chunk) }).and_then(|chunk| chunk.to_str().ok());
    COUNTER.with_borrow(|counter| counter.as_ref().is_some_and(|counter| counter.instruction(chunk)))
}
