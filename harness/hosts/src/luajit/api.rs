use std::cell::{Cell, RefCell};
use std::ptr;
use std::time::{SystemTime, UNIX_EPOCH};

use tollgate_fixtures::Operation;

use crate::log::Log;
use crate::observation::text;
use crate::{Exchange, Headers, LocalResponse};

/// What the functions of [`Api`] work on, and where they leave what Lua reads next: the layout of the first four
/// fields is that of `tollgate_context` in `prelude.lua`.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Context {
    data: Cell<*const u8>,
    length: Cell<usize>,
    name: Cell<*const u8>,
    name_length: Cell<usize>,
    /// The exchange at hand; between requests an empty one.
    pub(super) exchange: RefCell<Exchange>,
    pub(super) log: RefCell<Log>,
    /// Which headers there are: 0 none, 1 the request's, 2 the response's too.
    pub(super) phase: Cell<u8>,
    /// Values of one name, joined.
    joined: RefCell<Vec<u8>>,
}

impl Context {
    pub(super) fn new() -> Self {
        Self {
            data: Cell::new(ptr::null()),
            length: Cell::new(0),
            name: Cell::new(ptr::null()),
            name_length: Cell::new(0),
            exchange: RefCell::default(),
            log: RefCell::default(),
            phase: Cell::new(0),
            joined: RefCell::default(),
        }
    }

    fn leave(&self, value: &[u8]) {
        self.data.set(value.as_ptr());
        self.length.set(value.len());
    }
}

/// Text that Lua passes.
type Text = *const u8;
type TwoTexts = unsafe extern "C" fn(*const Context, i32, Text, usize, Text, usize) -> i32;
type OneText = unsafe extern "C" fn(*const Context, i32, Text, usize) -> i32;

/// The functions that Lua calls: the layout is that of `tollgate_api` in `prelude.lua`. Each answers 1, or 0 when it
/// could not do what it is for.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Api {
    add: TwoTexts,
    replace: TwoTexts,
    remove: OneText,
    get: OneText,
    get_at: unsafe extern "C" fn(*const Context, i32, Text, usize, i32) -> i32,
    count: OneText,
    next: unsafe extern "C" fn(*const Context, i32, i32) -> i32,
    body: unsafe extern "C" fn(*const Context, i32) -> i32,
    set_body: OneText,
    log: unsafe extern "C" fn(*const Context, Text, usize) -> i32,
    respond: OneText,
    respond_header: unsafe extern "C" fn(*const Context, Text, usize, Text, usize) -> i32,
    time_ms: unsafe extern "C" fn(*const Context) -> f64,
}

pub(super) static API: Api =
    Api { add, replace, remove, get, get_at, count, next, body, set_body, log, respond, respond_header, time_ms };

// SAFETY of all functions below: only `prelude.lua` calls them, whose closures are the only holders of their addresses
// (the script has neither FFI nor `debug`). It always passes the context of its own instance, which lives longer than
// the Lua state, is only ever shared, and is used from one thread at a time, as the Lua state is; and it passes a
// string that it has just type-checked with that string's own length. Lua moves or frees no string during a call.
// None of them calls back into Lua. Should one panic, `extern "C"` ends the process rather than unwind into Lua; the
// cells cannot be borrowed twice, because no function calls another while it holds one.

/// # Safety
/// As said above: the pointer is that of a live [`Context`].
unsafe fn context<'a>(context: *const Context) -> &'a Context {
    // SAFETY: the caller's promise.
    unsafe { &*context }
}

/// # Safety
/// As said above: pointer and length are those of a Lua string, which is never null.
unsafe fn string<'a>(text: Text, length: usize) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(text, length) }
}

fn map<'a>(context: &Context, exchange: &'a mut Exchange, map: i32) -> Option<&'a mut Headers> {
    match (map, context.phase.get()) {
        (0, 1 | 2) => Some(&mut exchange.request),
        (2, 2) => Some(&mut exchange.response),
        _ => None,
    }
}

/// Counts a call and the bytes that it read from the script, and writes an operation down, while observed.
#[inline]
fn trace(exchange: &mut Exchange, name: &str, bytes_out: usize, operation: impl FnOnce() -> Operation) {
    if let Some(observation) = &mut exchange.observation {
        observation.call(name);
        observation.counters.bytes_out += bytes_out as u64;
        observation.trace.push(operation());
    }
}

unsafe extern "C" fn add(at: *const Context, which: i32, name: Text, size: usize, value: Text, length: usize) -> i32 {
    // SAFETY: see above.
    let (context, name, value) = unsafe { (context(at), string(name, size), string(value, length)) };
    let exchange = &mut *context.exchange.borrow_mut();
    let Some(headers) = map(context, exchange, which).filter(|headers| headers.has_room_for(name, value)) else {
        return 0;
    };
    headers.add(name, value);
    let operation = || Operation::Add { name: text(name), value: text(value) };
    trace(exchange, "headers:add", size + length, operation);
    1
}

unsafe extern "C" fn replace(
    at: *const Context,
    which: i32,
    name: Text,
    size: usize,
    value: Text,
    length: usize,
) -> i32 {
    // SAFETY: see above.
    let (context, name, value) = unsafe { (context(at), string(name, size), string(value, length)) };
    let exchange = &mut *context.exchange.borrow_mut();
    let Some(headers) = map(context, exchange, which).filter(|headers| headers.has_room_for(name, value)) else {
        return 0;
    };
    headers.replace(name, value);
    let operation = || Operation::Replace { name: text(name), value: text(value) };
    trace(exchange, "headers:replace", size + length, operation);
    1
}

unsafe extern "C" fn remove(at: *const Context, which: i32, name: Text, size: usize) -> i32 {
    // SAFETY: see above.
    let (context, name) = unsafe { (context(at), string(name, size)) };
    let exchange = &mut *context.exchange.borrow_mut();
    let Some(headers) = map(context, exchange, which) else { return 0 };
    headers.remove(name);
    trace(exchange, "headers:remove", size, || Operation::Remove { name: text(name) });
    1
}

/// All values of a name, joined by commas as Envoy does it.
unsafe extern "C" fn get(at: *const Context, which: i32, name: Text, size: usize) -> i32 {
    // SAFETY: see above.
    let (context, name) = unsafe { (context(at), string(name, size)) };
    let exchange = &mut *context.exchange.borrow_mut();
    let Some(headers) = map(context, exchange, which) else { return 0 };
    let found = match headers.get_only(name) {
        None => false,
        Some(Some(value)) => {
            context.leave(value);
            true
        }
        Some(None) => {
            let mut joined = context.joined.borrow_mut();
            joined.clear();
            for (index, value) in headers.get_all(name).enumerate() {
                if index > 0 {
                    joined.push(b',');
                }
                joined.extend_from_slice(value);
            }
            context.leave(&joined);
            true
        }
    };
    if exchange.observation.is_some() {
        let value = map(context, exchange, which).filter(|_| found).map(|headers| {
            let values: Vec<String> = headers.get_all(name).map(text).collect();
            values.join(",")
        });
        let length = value.as_ref().map_or(0, String::len);
        trace(exchange, "headers:get", size, || Operation::Get { name: text(name), value });
        count_in(exchange, length);
    }
    i32::from(found)
}

fn count_in(exchange: &mut Exchange, bytes: usize) {
    if let Some(observation) = &mut exchange.observation {
        observation.counters.bytes_in += bytes as u64;
    }
}

unsafe extern "C" fn get_at(at: *const Context, which: i32, name: Text, size: usize, index: i32) -> i32 {
    // SAFETY: see above.
    let (context, name) = unsafe { (context(at), string(name, size)) };
    let exchange = &mut *context.exchange.borrow_mut();
    trace(exchange, "headers:getAtIndex", size, || Operation::Call { name: "headers:getAtIndex".to_owned() });
    let Some(headers) = map(context, exchange, which) else { return 0 };
    let Some(value) = usize::try_from(index).ok().and_then(|index| headers.get_all(name).nth(index)) else { return 0 };
    context.leave(value);
    let length = value.len();
    count_in(exchange, length);
    1
}

unsafe extern "C" fn count(at: *const Context, which: i32, name: Text, size: usize) -> i32 {
    // SAFETY: see above.
    let (context, name) = unsafe { (context(at), string(name, size)) };
    let exchange = &mut *context.exchange.borrow_mut();
    trace(exchange, "headers:getNumValues", size, || Operation::Call { name: "headers:getNumValues".to_owned() });
    map(context, exchange, which).map_or(0, |headers| headers.get_all(name).count() as i32)
}

/// The field at or after a place: answers the place after it, or -1.
unsafe extern "C" fn next(at: *const Context, which: i32, slot: i32) -> i32 {
    // SAFETY: see above.
    let context = unsafe { context(at) };
    let exchange = &mut *context.exchange.borrow_mut();
    trace(exchange, "headers:pairs", 0, || Operation::Call { name: "headers:pairs".to_owned() });
    let Some(headers) = map(context, exchange, which) else { return -1 };
    let Some((next, name, value)) = usize::try_from(slot).ok().and_then(|slot| headers.next_from(slot)) else {
        return -1;
    };
    context.leave(value);
    context.name.set(name.as_ptr());
    context.name_length.set(name.len());
    let length = name.len() + value.len();
    count_in(exchange, length);
    i32::try_from(next).unwrap_or(-1)
}

/// Leaves the body; answers 0 when there is none.
unsafe extern "C" fn body(at: *const Context, half: i32) -> i32 {
    // SAFETY: see above.
    let context = unsafe { context(at) };
    let exchange = &mut *context.exchange.borrow_mut();
    trace(exchange, "body", 0, || Operation::Call { name: "body".to_owned() });
    let body = match (half, context.phase.get()) {
        (0, 1 | 2) => &exchange.request_body,
        (1, 2) => &exchange.response_body,
        _ => return 0,
    };
    context.leave(body);
    i32::from(!body.is_empty())
}

unsafe extern "C" fn set_body(at: *const Context, half: i32, bytes: Text, size: usize) -> i32 {
    // SAFETY: see above.
    let (context, bytes) = unsafe { (context(at), string(bytes, size)) };
    let exchange = &mut *context.exchange.borrow_mut();
    trace(exchange, "body:setBytes", size, || Operation::Call { name: "body:setBytes".to_owned() });
    let body = match (half, context.phase.get()) {
        (0, 1) => &mut exchange.request_body,
        (1, 2) => &mut exchange.response_body,
        _ => return 0,
    };
    body.clear();
    body.extend_from_slice(bytes);
    1
}

unsafe extern "C" fn log(at: *const Context, message: Text, size: usize) -> i32 {
    // SAFETY: see above.
    let (context, message) = unsafe { (context(at), string(message, size)) };
    if let Some(observation) = &mut context.exchange.borrow_mut().observation {
        observation.call("log");
        observation.counters.bytes_out += size as u64;
    }
    context.log.borrow_mut().push(message);
    1
}

unsafe extern "C" fn respond(at: *const Context, status: i32, body: Text, size: usize) -> i32 {
    // SAFETY: see above.
    let (context, body) = unsafe { (context(at), string(body, size)) };
    let exchange = &mut *context.exchange.borrow_mut();
    trace(exchange, "respond", size, || Operation::Call { name: "respond".to_owned() });
    match u16::try_from(status) {
        Ok(status) if context.phase.get() > 0 => {
            let response = LocalResponse { status, headers: Headers::new(), body: body.to_owned() };
            exchange.local_response = Some(Box::new(response));
            1
        }
        _ => 0,
    }
}

unsafe extern "C" fn respond_header(at: *const Context, name: Text, size: usize, value: Text, length: usize) -> i32 {
    // SAFETY: see above.
    let (context, name, value) = unsafe { (context(at), string(name, size), string(value, length)) };
    let exchange = &mut *context.exchange.borrow_mut();
    match &mut exchange.local_response {
        Some(response) if response.headers.has_room_for(name, value) => response.headers.add(name, value),
        _ => return 0,
    }
    if let Some(observation) = &mut exchange.observation {
        observation.counters.bytes_out += (size + length) as u64;
    }
    1
}

unsafe extern "C" fn time_ms(_at: *const Context) -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_millis() as f64)
}
