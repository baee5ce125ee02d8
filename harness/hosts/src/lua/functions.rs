use std::cell::Ref;
use std::ffi::{c_char, c_int};
use std::rc::Rc;
use std::slice;

use mlua::ffi::{
    lua_CFunction, lua_State, lua_pushcclosure, lua_pushlstring, lua_pushnil, lua_tolstring, lua_touserdata,
    lua_upvalueindex, luaL_checklstring, luaL_error,
};
use mlua::{Function, LightUserData, Lua, LuaString, MultiValue, Table};

use super::{Context, time_ms};

/// What `bind` of the prelude returns, for a Lua without FFI. What runs in a script's hot loops is a C function that
/// takes strings from Lua's stack and back; mlua's own conversions would take as long as all the rest.
///
/// # Errors
/// Lua's own, when memory runs out.
///
/// # Safety
/// The context must live until the state is closed: it belongs into [`super::Opened::pointed_to`].
pub unsafe fn functions(lua: &Lua, context: &Rc<Context>) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    let at = LightUserData(Rc::as_ptr(context).cast_mut().cast());
    let header_methods = lua.create_function(move |lua, map: i32| {
        // With room to spare, so that few names share a place: Luau calls a method fast when it is in its own.
        let methods = lua.create_table_with_capacity(0, 64)?;
        let of_map: [(&str, lua_CFunction); 4] = match map {
            0 => [("add", add::<0>), ("replace", replace::<0>), ("remove", remove::<0>), ("get", get::<0>)],
            _ => [("add", add::<2>), ("replace", replace::<2>), ("remove", remove::<2>), ("get", get::<2>)],
        };
        for (name, function) in of_map {
            methods.raw_set(name, c_function(lua, at, function)?)?;
        }
        Ok(methods)
    })?;
    table.raw_set("header_methods", header_methods)?;
    for (name, function) in others(lua, context)? {
        table.raw_set(name, function)?;
    }
    Ok(table)
}

/// What a script seldom calls: the conversions are mlua's.
fn others(lua: &Lua, context: &Rc<Context>) -> mlua::Result<[(&'static str, Function); 11]> {
    // Copied before Lua sees it: making a string may run a script's finalizer, which may change the exchange.
    let copy = |bytes: Ref<'_, [u8]>| bytes.to_vec();
    let give = |lua: &Lua, bytes: Option<Vec<u8>>| bytes.map(|bytes| lua.create_string(bytes)).transpose();
    let of = || Rc::clone(context);
    let (get_at, count, next, length, bytes) = (of(), of(), of(), of(), of());
    let (set_body, log, lacks, respond, respond_header) = (of(), of(), of(), of(), of());
    let get_at = lua.create_function(move |lua, (map, name, index): (i32, LuaString, i32)| {
        give(lua, get_at.get_at(map, &name.as_bytes(), index).map(copy))
    })?;
    let count = lua.create_function(move |_, (map, name): (i32, LuaString)| Ok(count.count(map, &name.as_bytes())))?;
    let next_field = lua.create_function(move |lua, (map, slot): (i32, i32)| {
        let found = next.next(map, slot).map(|field| (field.after, copy(field.name), copy(field.value)));
        let Some((after, name, value)) = found else { return Ok((None, None, None)) };
        Ok((Some(after), give(lua, Some(name))?, give(lua, Some(value))?))
    })?;
    let body_length = lua.create_function(move |_, half: i32| Ok(length.body(half).map(|body| body.len())))?;
    let body_bytes = lua.create_function(move |lua, (half, index, length): (i32, usize, usize)| {
        let body = bytes.body(half).map(copy).unwrap_or_default();
        let wanted = index.checked_add(length).and_then(|end| body.get(index..end)).unwrap_or_default();
        lua.create_string(wanted)
    })?;
    let set_body =
        lua.create_function(move |_, (half, bytes): (i32, LuaString)| Ok(set_body.set_body(half, &bytes.as_bytes())))?;
    let log = lua.create_function(move |_, message: LuaString| {
        log.log(&message.as_bytes());
        Ok(())
    })?;
    let lacks = lua.create_function(move |_, told: LuaString| {
        lacks.lacks(&told.as_bytes());
        Ok(())
    })?;
    let respond =
        lua.create_function(move |_, (status, body): (i32, LuaString)| Ok(respond.respond(status, &body.as_bytes())))?;
    let respond_header = lua.create_function(move |_, (name, value): (LuaString, LuaString)| {
        Ok(respond_header.respond_header(&name.as_bytes(), &value.as_bytes()))
    })?;
    let time_ms = lua.create_function(|_, _: MultiValue| Ok(time_ms()))?;
    Ok([
        ("get_at", get_at),
        ("count", count),
        ("next_field", next_field),
        ("body_length", body_length),
        ("body_bytes", body_bytes),
        ("set_body", set_body),
        ("log", log),
        ("lacks", lacks),
        ("respond", respond),
        ("respond_header", respond_header),
        ("time_ms", time_ms),
    ])
}

/// A C function that finds the context in its first upvalue.
fn c_function(lua: &Lua, context: LightUserData, function: lua_CFunction) -> mlua::Result<Function> {
    // SAFETY: it takes the one value that was pushed, the context, off the stack and leaves the closure there, as
    // `exec_raw` wants it; an error of Lua's crosses no destructor.
    unsafe { lua.exec_raw(context, |state| lua_pushcclosure(state, function, 1)) }
}

// Lua's errors leave a C function by longjmp (Lua 5.4) or as a C++ exception (Luau), and Rust must not unwind into Lua.
// So each function has two parts. The outer one, `extern "C-unwind"`, is all that an error of Lua's may cross: it holds
// nothing that would have to be dropped. The work is done in an inner one, `extern "C"`, which calls nothing of Lua's;
// should it panic, the process ends.
//
// SAFETY of all of them: Lua calls them, with a state and a stack of its own. `c_function` is the only one to make
// closures of them, whose first upvalue is the context, which outlives the state, is only ever shared, and is used from
// the state's thread only; a script cannot reach an upvalue without `debug`. Arguments are strings that
// `argument` has checked (it raises an error otherwise, and puts a number's text in its place on the stack,
// where it stays until the function returns), and Lua moves or frees no string on the stack. The cells cannot be
// borrowed twice: no inner function calls another while it holds one, and none calls Lua, so no finalizer can run.

/// Bytes that somebody else holds.
#[derive(Clone, Copy)]
#[repr(C)]
struct Text {
    at: *const c_char,
    length: usize,
}

/// # Safety
/// As said above: the bytes are those of a string on Lua's stack, which is never null.
unsafe fn bytes<'a>(text: Text) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe { slice::from_raw_parts(text.at.cast(), text.length) }
}

/// # Safety
/// As said above: the state is that of a call.
#[inline]
unsafe fn argument(state: *mut lua_State, index: c_int) -> Text {
    let mut length = 0;
    // SAFETY: the caller's promise.
    let mut at = unsafe { lua_tolstring(state, index, &mut length) };
    if at.is_null() {
        // SAFETY: the caller's promise. It is no string, so this raises the error, which crosses nothing that has a
        // destructor.
        at = unsafe { luaL_checklstring(state, index, &mut length) };
    }
    Text { at, length }
}

/// # Safety
/// As said above: the state is that of a call of a closure that `c_function` made.
#[inline]
unsafe fn context(state: *mut lua_State) -> *const Context {
    // SAFETY: the caller's promise.
    unsafe { lua_touserdata(state, lua_upvalueindex(1)).cast_const().cast() }
}

/// # Safety
/// As said above: the state is that of a call.
#[cold]
unsafe fn refused(state: *mut lua_State) -> c_int {
    let message = c"what it adds to is full, or not there in this phase";
    // SAFETY: the message holds no conversion; the error crosses the outer function only.
    unsafe { luaL_error(state, message.as_ptr()) }
}

unsafe extern "C-unwind" fn add<const MAP: i32>(state: *mut lua_State) -> c_int {
    unsafe extern "C" fn work(context: *const Context, map: i32, name: Text, value: Text) -> bool {
        // SAFETY: see above.
        unsafe { (*context).add(map, bytes(name), bytes(value)) }
    }
    // SAFETY: see above.
    unsafe {
        let (name, value) = (argument(state, 2), argument(state, 3));
        if work(context(state), MAP, name, value) { 0 } else { refused(state) }
    }
}

unsafe extern "C-unwind" fn replace<const MAP: i32>(state: *mut lua_State) -> c_int {
    unsafe extern "C" fn work(context: *const Context, map: i32, name: Text, value: Text) -> bool {
        // SAFETY: see above.
        unsafe { (*context).replace(map, bytes(name), bytes(value)) }
    }
    // SAFETY: see above.
    unsafe {
        let (name, value) = (argument(state, 2), argument(state, 3));
        if work(context(state), MAP, name, value) { 0 } else { refused(state) }
    }
}

unsafe extern "C-unwind" fn remove<const MAP: i32>(state: *mut lua_State) -> c_int {
    unsafe extern "C" fn work(context: *const Context, map: i32, name: Text) {
        // SAFETY: see above.
        unsafe { (*context).remove(map, bytes(name)) };
    }
    // SAFETY: see above.
    unsafe { work(context(state), MAP, argument(state, 2)) };
    0
}

unsafe extern "C-unwind" fn get<const MAP: i32>(state: *mut lua_State) -> c_int {
    /// Where the value lies; null when there is none.
    unsafe extern "C" fn work(context: *const Context, map: i32, name: Text) -> Text {
        // SAFETY: see above.
        match unsafe { (*context).get(map, bytes(name)) } {
            Some(value) => Text { at: value.as_ptr().cast(), length: value.len() },
            None => Text { at: std::ptr::null(), length: 0 },
        }
    }
    // SAFETY: see above. The value is not borrowed any more, but nothing changes the exchange until Lua has copied it:
    // Lua 5.4 runs finalizers only after that, and an emergency collection runs none; no collection of Luau does.
    unsafe {
        let value = work(context(state), MAP, argument(state, 2));
        if value.at.is_null() {
            lua_pushnil(state);
        } else {
            lua_pushlstring(state, value.at, value.length);
        }
    }
    1
}
