use std::cell::{Cell, Ref, RefCell};
use std::time::{SystemTime, UNIX_EPOCH};

use tollgate_fixtures::Operation;

use crate::log::Log;
use crate::observation::text;
use crate::{Exchange, Headers, LocalResponse, Observation};

/// What the functions of the stream handle work on, and what they do, whichever Lua calls them.
///
/// Maps are numbered as in Proxy-Wasm: 0 is the request's headers, 2 the response's. A half is 0 for the request's
/// body, 1 for the response's. Each function counts and writes down what it did while the exchange is observed.
#[derive(Debug, Default)]
pub struct Context {
    /// The exchange at hand; between requests an empty one.
    pub(crate) exchange: RefCell<Exchange>,
    pub(crate) log: RefCell<Log>,
    /// Which headers there are: 0 none, 1 the request's, 2 the response's too.
    pub(crate) phase: Cell<u8>,
    /// What the script called in this request that only Envoy has, in the words that it was told.
    pub(crate) lacking: RefCell<Vec<String>>,
    /// Values of one name, joined.
    joined: RefCell<Vec<u8>>,
}

/// A header field.
#[derive(Debug)]
pub struct Field<'a> {
    /// The place after it.
    pub after: i32,
    /// Name.
    pub name: Ref<'a, [u8]>,
    /// Value.
    pub value: Ref<'a, [u8]>,
}

fn map(exchange: &mut Exchange, map: i32, phase: u8) -> Option<&mut Headers> {
    match (map, phase) {
        (0, 1 | 2) => Some(&mut exchange.request),
        (2, 2) => Some(&mut exchange.response),
        _ => None,
    }
}

fn map_to_read(exchange: &Exchange, map: i32, phase: u8) -> Option<&Headers> {
    match (map, phase) {
        (0, 1 | 2) => Some(&exchange.request),
        (2, 2) => Some(&exchange.response),
        _ => None,
    }
}

/// Counts a call and the bytes that it read from the script, and writes an operation down, while observed.
#[inline]
fn trace(exchange: &mut Exchange, name: &str, bytes_out: usize, operation: impl FnOnce() -> Operation) {
    /// Out of the way of what is timed.
    #[cold]
    #[inline(never)]
    fn write_down(observation: &mut Observation, name: &str, bytes_out: usize, operation: impl FnOnce() -> Operation) {
        observation.call(name);
        observation.operation(bytes_out, operation);
    }
    if let Some(observation) = &mut exchange.observation {
        write_down(observation, name, bytes_out, operation);
    }
}

fn trace_call(exchange: &mut Exchange, name: &str, bytes_out: usize) {
    trace(exchange, name, bytes_out, || Operation::Call { name: name.to_owned() });
}

fn count_in(exchange: &mut Exchange, bytes: usize) {
    if let Some(observation) = &mut exchange.observation {
        observation.counters.bytes_in += bytes as u64;
    }
}

impl Context {
    /// `headers:add`: false when there is no such map in this phase, or no room in it.
    #[inline]
    pub fn add(&self, which: i32, name: &[u8], value: &[u8]) -> bool {
        let exchange = &mut *self.exchange.borrow_mut();
        let headers = map(exchange, which, self.phase.get()).filter(|headers| headers.has_room_for(name, value));
        let Some(headers) = headers else { return false };
        headers.add(name, value);
        let operation = || Operation::Add { name: text(name), value: text(value) };
        trace(exchange, "headers:add", name.len() + value.len(), operation);
        true
    }

    /// `headers:replace`: false as for [`Context::add`].
    #[inline]
    pub fn replace(&self, which: i32, name: &[u8], value: &[u8]) -> bool {
        let exchange = &mut *self.exchange.borrow_mut();
        let headers = map(exchange, which, self.phase.get()).filter(|headers| headers.has_room_for(name, value));
        let Some(headers) = headers else { return false };
        headers.replace(name, value);
        let operation = || Operation::Replace { name: text(name), value: text(value) };
        trace(exchange, "headers:replace", name.len() + value.len(), operation);
        true
    }

    /// `headers:remove`: false when there is no such map in this phase.
    #[inline]
    pub fn remove(&self, which: i32, name: &[u8]) -> bool {
        let exchange = &mut *self.exchange.borrow_mut();
        let Some(headers) = map(exchange, which, self.phase.get()) else { return false };
        headers.remove(name);
        trace(exchange, "headers:remove", name.len(), || Operation::Remove { name: text(name) });
        true
    }

    /// `headers:get`: all values of a name, joined by commas as Envoy does it.
    #[inline]
    pub fn get(&self, which: i32, name: &[u8]) -> Option<Ref<'_, [u8]>> {
        let exchange = self.exchange.borrow();
        if exchange.observation.is_some() {
            drop(exchange);
            return self.get_observed(which, name);
        }
        self.find(exchange, which, name)
    }

    #[inline]
    fn find<'a>(&'a self, exchange: Ref<'a, Exchange>, which: i32, name: &[u8]) -> Option<Ref<'a, [u8]>> {
        let phase = self.phase.get();
        let mut has_several = false;
        let only = Ref::filter_map(exchange, |exchange| {
            let found = map_to_read(exchange, which, phase)?.get_only(name)?;
            has_several = found.is_none();
            found
        });
        match only {
            Ok(value) => Some(value),
            Err(exchange) if has_several => {
                map_to_read(&exchange, which, phase).map(|headers| self.join(headers.get_all(name)))
            }
            Err(_) => None,
        }
    }

    #[cold]
    fn get_observed(&self, which: i32, name: &[u8]) -> Option<Ref<'_, [u8]>> {
        // Copied: the value may lie in the exchange, which is written to now.
        let value = self.find(self.exchange.borrow(), which, name).map(|value| value.to_vec());
        let exchange = &mut *self.exchange.borrow_mut();
        map(exchange, which, self.phase.get())?;
        let got = value.as_deref().map(text);
        trace(exchange, "headers:get", name.len(), || Operation::Get { name: text(name), value: got });
        count_in(exchange, value.as_ref().map_or(0, Vec::len));
        value.map(|value| self.join(std::iter::once(value.as_slice())))
    }

    fn join<'a>(&self, values: impl Iterator<Item = &'a [u8]>) -> Ref<'_, [u8]> {
        let mut joined = self.joined.borrow_mut();
        joined.clear();
        for (index, value) in values.enumerate() {
            if index > 0 {
                joined.push(b',');
            }
            joined.extend_from_slice(value);
        }
        drop(joined);
        Ref::map(self.joined.borrow(), Vec::as_slice)
    }

    /// `headers:getAtIndex`, from 0.
    pub fn get_at(&self, which: i32, name: &[u8], index: i32) -> Option<Ref<'_, [u8]>> {
        let phase = self.phase.get();
        trace_call(&mut self.exchange.borrow_mut(), "headers:getAtIndex", name.len());
        let index = usize::try_from(index).ok()?;
        let length = {
            let exchange = self.exchange.borrow();
            map_to_read(&exchange, which, phase)?.get_all(name).nth(index)?.len()
        };
        count_in(&mut self.exchange.borrow_mut(), length);
        Ref::filter_map(self.exchange.borrow(), |exchange| {
            map_to_read(exchange, which, phase)?.get_all(name).nth(index)
        })
        .ok()
    }

    /// `headers:getNumValues`.
    pub fn count(&self, which: i32, name: &[u8]) -> i32 {
        let exchange = &mut *self.exchange.borrow_mut();
        trace_call(exchange, "headers:getNumValues", name.len());
        map(exchange, which, self.phase.get()).map_or(0, |headers| headers.get_all(name).count() as i32)
    }

    /// A step of `pairs(headers)`: the field at or after a place.
    pub fn next(&self, which: i32, slot: i32) -> Option<Field<'_>> {
        let phase = self.phase.get();
        trace_call(&mut self.exchange.borrow_mut(), "headers:pairs", 0);
        let slot = usize::try_from(slot).ok()?;
        let (after, length) = {
            let exchange = self.exchange.borrow();
            let (after, name, value) = map_to_read(&exchange, which, phase)?.next_from(slot)?;
            (i32::try_from(after).ok()?, name.len() + value.len())
        };
        count_in(&mut self.exchange.borrow_mut(), length);
        let headers = Ref::filter_map(self.exchange.borrow(), |exchange| map_to_read(exchange, which, phase)).ok()?;
        let (name, value) = Ref::map_split(headers, |headers| {
            headers.next_from(slot).map_or((&[][..], &[][..]), |(_, name, value)| (name, value))
        });
        Some(Field { after, name, value })
    }

    /// `handle:body()`: its bytes, or `None` when it is empty or not there in this phase.
    pub fn body(&self, half: i32) -> Option<Ref<'_, [u8]>> {
        let phase = self.phase.get();
        trace_call(&mut self.exchange.borrow_mut(), "body", 0);
        let body = Ref::filter_map(self.exchange.borrow(), |exchange| match (half, phase) {
            (0, 1 | 2) => Some(exchange.request_body.as_slice()),
            (1, 2) => Some(exchange.response_body.as_slice()),
            _ => None,
        });
        body.ok().filter(|body| !body.is_empty())
    }

    /// `body:setBytes`: false when there is no such body in this phase.
    pub fn set_body(&self, half: i32, bytes: &[u8]) -> bool {
        let exchange = &mut *self.exchange.borrow_mut();
        trace_call(exchange, "body:setBytes", bytes.len());
        let body = match (half, self.phase.get()) {
            (0, 1) => &mut exchange.request_body,
            (1, 2) => &mut exchange.response_body,
            _ => return false,
        };
        body.clear();
        body.extend_from_slice(bytes);
        true
    }

    /// `handle:logInfo` and the like, and `print`.
    pub fn log(&self, message: &[u8]) {
        if let Some(observation) = &mut self.exchange.borrow_mut().observation {
            observation.call("log");
            observation.counters.bytes_out += message.len() as u64;
        }
        self.log.borrow_mut().push(message);
    }

    /// `handle:respond`, without its headers: false when there is nothing to answer in this phase.
    pub fn respond(&self, status: i32, body: &[u8]) -> bool {
        let exchange = &mut *self.exchange.borrow_mut();
        trace_call(exchange, "respond", body.len());
        match u16::try_from(status) {
            Ok(status) if self.phase.get() > 0 => {
                let response = LocalResponse { status, headers: Headers::new(), body: body.to_owned() };
                exchange.local_response = Some(Box::new(response));
                true
            }
            _ => false,
        }
    }

    /// Writes down what the script is told that called what only Envoy has.
    pub fn lacks(&self, told: &[u8]) {
        let (mut lacking, told) = (self.lacking.borrow_mut(), String::from_utf8_lossy(told));
        if lacking.iter().all(|before| *before != told) {
            lacking.push(told.into_owned());
        }
    }

    /// One more header of the answer: false when there is no answer, or no room in it.
    pub fn respond_header(&self, name: &[u8], value: &[u8]) -> bool {
        let exchange = &mut *self.exchange.borrow_mut();
        match &mut exchange.local_response {
            Some(response) if response.headers.has_room_for(name, value) => response.headers.add(name, value),
            _ => return false,
        }
        if let Some(observation) = &mut exchange.observation {
            observation.counters.bytes_out += (name.len() + value.len()) as u64;
        }
        true
    }
}

/// `handle:timestamp()`: milliseconds since 1970.
pub(crate) fn time_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_millis() as f64)
}
