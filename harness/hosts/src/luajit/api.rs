use std::cell::Cell;
use std::ptr;
use std::rc::Rc;

use crate::lua::{Context, Field, time_ms};

/// The context, and where its functions leave what Lua reads next: the layout of the first four fields is that of
/// `tollgate_context` in `bind.lua`.
#[repr(C)]
#[derive(Debug)]
pub(super) struct FfiContext {
    data: Cell<*const u8>,
    length: Cell<usize>,
    name: Cell<*const u8>,
    name_length: Cell<usize>,
    context: Rc<Context>,
}

impl FfiContext {
    pub(super) fn new(context: Rc<Context>) -> Self {
        let (data, name) = (Cell::new(ptr::null()), Cell::new(ptr::null()));
        Self { data, length: Cell::new(0), name, name_length: Cell::new(0), context }
    }

    /// Leaves a value: Lua copies it before it calls anything else. Answers whether there is one.
    fn leave(&self, value: Option<impl std::ops::Deref<Target = [u8]>>) -> i32 {
        let Some(value) = value else { return 0 };
        self.data.set(value.as_ptr());
        self.length.set(value.len());
        1
    }
}

/// Text that Lua passes.
type Text = *const u8;
type TwoTexts = unsafe extern "C" fn(*const FfiContext, i32, Text, usize, Text, usize) -> i32;
type OneText = unsafe extern "C" fn(*const FfiContext, i32, Text, usize) -> i32;

/// The functions that Lua calls: the layout is that of `tollgate_api` in `bind.lua`. Each answers 1, or 0 when it
/// could not do what it is for.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Api {
    add: TwoTexts,
    replace: TwoTexts,
    remove: OneText,
    get: OneText,
    get_at: unsafe extern "C" fn(*const FfiContext, i32, Text, usize, i32) -> i32,
    count: OneText,
    next: unsafe extern "C" fn(*const FfiContext, i32, i32) -> i32,
    body: unsafe extern "C" fn(*const FfiContext, i32) -> i32,
    set_body: OneText,
    log: unsafe extern "C" fn(*const FfiContext, Text, usize) -> i32,
    lacks: unsafe extern "C" fn(*const FfiContext, Text, usize) -> i32,
    respond: OneText,
    respond_header: unsafe extern "C" fn(*const FfiContext, Text, usize, Text, usize) -> i32,
    time_ms: unsafe extern "C" fn(*const FfiContext) -> f64,
}

pub(super) static API: Api = Api {
    add,
    replace,
    remove,
    get,
    get_at,
    count,
    next,
    body,
    set_body,
    log,
    lacks,
    respond,
    respond_header,
    time_ms: time,
};

// SAFETY of all functions below: only `bind.lua` and `prelude.lua` call them, whose closures are the only holders of
// their addresses (the script has neither FFI nor `debug`). They always pass the context of their own instance, which
// lives as long as the Lua state, is only ever shared, and is used from one thread at a time, as the Lua state is; and
// they pass a string that they have just type-checked with that string's own length. Lua moves or frees no string
// during a call. None of them calls back into Lua. Should one panic, `extern "C"` ends the process rather than unwind
// into Lua; the cells cannot be borrowed twice, because no function calls another while it holds one.

/// # Safety
/// As said above: the pointer is that of a live [`FfiContext`].
unsafe fn context<'a>(context: *const FfiContext) -> &'a FfiContext {
    // SAFETY: the caller's promise.
    unsafe { &*context }
}

/// # Safety
/// As said above: pointer and length are those of a Lua string, which is never null.
unsafe fn string<'a>(text: Text, length: usize) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(text, length) }
}

unsafe extern "C" fn add(
    at: *const FfiContext,
    which: i32,
    name: Text,
    size: usize,
    value: Text,
    length: usize,
) -> i32 {
    // SAFETY: see above.
    let (at, name, value) = unsafe { (context(at), string(name, size), string(value, length)) };
    at.context.add(which, name, value).into()
}

unsafe extern "C" fn replace(
    at: *const FfiContext,
    which: i32,
    name: Text,
    size: usize,
    value: Text,
    length: usize,
) -> i32 {
    // SAFETY: see above.
    let (at, name, value) = unsafe { (context(at), string(name, size), string(value, length)) };
    at.context.replace(which, name, value).into()
}

unsafe extern "C" fn remove(at: *const FfiContext, which: i32, name: Text, size: usize) -> i32 {
    // SAFETY: see above.
    let (at, name) = unsafe { (context(at), string(name, size)) };
    at.context.remove(which, name).into()
}

unsafe extern "C" fn get(at: *const FfiContext, which: i32, name: Text, size: usize) -> i32 {
    // SAFETY: see above.
    let (at, name) = unsafe { (context(at), string(name, size)) };
    at.leave(at.context.get(which, name))
}

unsafe extern "C" fn get_at(at: *const FfiContext, which: i32, name: Text, size: usize, index: i32) -> i32 {
    // SAFETY: see above.
    let (at, name) = unsafe { (context(at), string(name, size)) };
    at.leave(at.context.get_at(which, name, index))
}

unsafe extern "C" fn count(at: *const FfiContext, which: i32, name: Text, size: usize) -> i32 {
    // SAFETY: see above.
    let (at, name) = unsafe { (context(at), string(name, size)) };
    at.context.count(which, name)
}

/// The field at or after a place: answers the place after it, or -1.
unsafe extern "C" fn next(at: *const FfiContext, which: i32, slot: i32) -> i32 {
    // SAFETY: see above.
    let at = unsafe { context(at) };
    let Some(Field { after, name, value }) = at.context.next(which, slot) else { return -1 };
    at.name.set(name.as_ptr());
    at.name_length.set(name.len());
    at.leave(Some(value));
    after
}

/// Leaves the body; answers 0 when there is none.
unsafe extern "C" fn body(at: *const FfiContext, half: i32) -> i32 {
    // SAFETY: see above.
    let at = unsafe { context(at) };
    at.leave(at.context.body(half))
}

unsafe extern "C" fn set_body(at: *const FfiContext, half: i32, bytes: Text, size: usize) -> i32 {
    // SAFETY: see above.
    let (at, bytes) = unsafe { (context(at), string(bytes, size)) };
    at.context.set_body(half, bytes).into()
}

unsafe extern "C" fn log(at: *const FfiContext, message: Text, size: usize) -> i32 {
    // SAFETY: see above.
    let (at, message) = unsafe { (context(at), string(message, size)) };
    at.context.log(message);
    1
}

unsafe extern "C" fn lacks(at: *const FfiContext, told: Text, size: usize) -> i32 {
    // SAFETY: see above.
    let (at, told) = unsafe { (context(at), string(told, size)) };
    at.context.lacks(told);
    1
}

unsafe extern "C" fn respond(at: *const FfiContext, status: i32, body: Text, size: usize) -> i32 {
    // SAFETY: see above.
    let (at, body) = unsafe { (context(at), string(body, size)) };
    at.context.respond(status, body).into()
}

unsafe extern "C" fn respond_header(at: *const FfiContext, name: Text, size: usize, value: Text, length: usize) -> i32 {
    // SAFETY: see above.
    let (at, name, value) = unsafe { (context(at), string(name, size), string(value, length)) };
    at.context.respond_header(name, value).into()
}

unsafe extern "C" fn time(_at: *const FfiContext) -> f64 {
    time_ms()
}
