use tollgate_fixtures::Operation;

use super::guest::{bytes, give, put_u32};
use super::status::{Outcome, Status, Stop};
use super::{Guest, Phase, State, Version, get_shim, pairs};
use crate::Headers;
use crate::observation::text;
use crate::span::Span;

fn room_for(headers: &Headers, name: &[u8], value: &[u8]) -> Result<(), Status> {
    if headers.has_room_for(name, value) { Ok(()) } else { Err(Status::BadArgument) }
}

/// `proxy_add_header_map_value`.
pub(crate) fn proxy_add_header_map_value<G: Guest>(
    guest: &mut G,
    map: u32,
    name: u32,
    name_size: u32,
    value: u32,
    value_size: u32,
) -> Outcome<G::Trap> {
    let (memory, state) = guest.parts();
    let (name, value) = (bytes(memory, name, name_size)?, bytes(memory, value, value_size)?);
    let headers = state.headers(map)?;
    room_for(headers, name, value)?;
    headers.add(name, value);
    state.trace(name.len() + value.len(), || Operation::Add { name: text(name), value: text(value) });
    Ok(())
}

/// `proxy_replace_header_map_value`.
#[inline]
pub(crate) fn proxy_replace_header_map_value<G: Guest>(
    guest: &mut G,
    map: u32,
    name: u32,
    name_size: u32,
    value: u32,
    value_size: u32,
) -> Outcome<G::Trap> {
    let (memory, state) = guest.parts();
    let (name, value) = (bytes(memory, name, name_size)?, bytes(memory, value, value_size)?);
    let headers = state.headers(map)?;
    room_for(headers, name, value)?;
    headers.replace(name, value);
    state.trace(name.len() + value.len(), || Operation::Replace { name: text(name), value: text(value) });
    Ok(())
}

/// `proxy_remove_header_map_value`. Like Envoy, it is fine that there was nothing to remove.
#[inline]
pub(crate) fn proxy_remove_header_map_value<G: Guest>(
    guest: &mut G,
    map: u32,
    name: u32,
    name_size: u32,
) -> Outcome<G::Trap> {
    let (memory, state) = guest.parts();
    let name = bytes(memory, name, name_size)?;
    state.headers(map)?.remove(name);
    state.trace(name.len(), || Operation::Remove { name: text(name) });
    Ok(())
}

/// `proxy_get_header_map_value`: the first value. Runtimes bind the shim in its place, which does the same in Wasm.
pub(crate) fn proxy_get_header_map_value<G: Guest>(
    guest: &mut G,
    map: u32,
    name: u32,
    name_size: u32,
    value_at: u32,
    size_at: u32,
) -> Outcome<G::Trap> {
    let pointer = match get_shim::begin(guest, map, name, name_size)? {
        0 => 0,
        size => guest.allocate(size).map_err(Stop::Trap)?,
    };
    Ok(get_shim::finish(guest, pointer, value_at, size_at)?)
}

/// The value of a header that was found and is not yet handed over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    map: u32,
    /// None for the empty value of a header that is not there.
    span: Option<Span>,
}

impl Found {
    /// In bytes.
    #[inline]
    pub(crate) fn size(self) -> u32 {
        self.span.map_or(0, |span| span.len() as u32)
    }

    /// Copies the value to a place of its size. The allocator ran in between; should it have changed the headers, the
    /// span may point nowhere.
    #[inline]
    pub(crate) fn write(self, state: &State, place: &mut [u8]) -> Result<(), Status> {
        let headers = state.headers_ref(self.map);
        let value = headers.and_then(|headers| headers.bytes_at(self.span?)).ok_or(Status::InternalFailure)?;
        place.copy_from_slice(value);
        Ok(())
    }
}

/// The first value of that name.
#[inline(always)]
pub(crate) fn find_value(
    memory: &[u8],
    state: &mut State,
    map: u32,
    name: u32,
    name_size: u32,
) -> Result<Found, Status> {
    let name = bytes(memory, name, name_size)?;
    let span = state.headers(map)?.value_span(name);
    if state.exchange.observation.is_some() {
        let value = span.and_then(|span| state.headers(map).ok()?.bytes_at(span)).map(text);
        state.trace(name.len(), || Operation::Get { name: text(name), value });
    }
    // 0.1.0 has no missing header, only an empty one.
    if span.is_none() && state.version != Version::V0_1_0 { Err(Status::NotFound) } else { Ok(Found { map, span }) }
}

/// `proxy_get_header_map_size`: the size of the pairs in bytes.
pub(crate) fn proxy_get_header_map_size<G: Guest>(guest: &mut G, map: u32, size_at: u32) -> Outcome<G::Trap> {
    let (memory, state) = guest.parts();
    let size = pairs::size_of(state.headers(map)?)?;
    state.trace_call("proxy_get_header_map_size");
    Ok(put_u32(memory, size_at, size)?)
}

/// `proxy_get_header_map_pairs`: all fields at once.
pub(crate) fn proxy_get_header_map_pairs<G: Guest>(
    guest: &mut G,
    map: u32,
    pairs_at: u32,
    size_at: u32,
) -> Outcome<G::Trap> {
    let headers = guest.state().headers(map)?;
    // Envoy sends an empty map as nothing at all, not as a count of 0.
    let size = if headers.is_empty() { 0 } else { pairs::size_of(headers)? };
    guest.state().trace_call("proxy_get_header_map_pairs");
    give(guest, size, (pairs_at, size_at), |state, place| {
        pairs::write(state.headers_ref(map).ok_or(Status::InternalFailure)?, place)
    })
}

/// `proxy_set_header_map_pairs`: all fields are replaced.
pub(crate) fn proxy_set_header_map_pairs<G: Guest>(guest: &mut G, map: u32, pairs: u32, size: u32) -> Outcome<G::Trap> {
    let (memory, state) = guest.parts();
    let bytes = bytes(memory, pairs, size)?;
    let fields = pairs::read(bytes)?;
    let headers = state.headers(map)?;
    headers.clear();
    for &(name, value) in &fields {
        headers.add(name, value);
    }
    state.count_out(bytes.len());
    state.trace_call("proxy_set_header_map_pairs");
    Ok(())
}

impl State {
    /// Writes down an operation and the bytes that it read from the guest, while observed.
    #[inline]
    fn trace(&mut self, bytes_out: usize, operation: impl FnOnce() -> Operation) {
        if let Some(observation) = self.observation() {
            observation.operation(bytes_out, operation);
        }
    }

    /// Writes down a call that reads or changes the exchange otherwise, while observed.
    pub(crate) fn trace_call(&mut self, name: &str) {
        if let Some(observation) = self.observation() {
            observation.operation(0, || Operation::Call { name: name.to_owned() });
        }
    }

    /// As [`State::headers`], to be read.
    fn headers_ref(&self, map: u32) -> Option<&Headers> {
        match (map, self.phase) {
            (0, Phase::Request | Phase::Response | Phase::End) => Some(&self.exchange.request),
            (2, Phase::Response | Phase::End) => Some(&self.exchange.response),
            (1, Phase::Request | Phase::Response | Phase::End) => {
                self.exchange.trailers.as_ref().map(|trailers| &trailers.request)
            }
            (3, Phase::Response | Phase::End) => self.exchange.trailers.as_ref().map(|trailers| &trailers.response),
            _ => self.upstream.headers_ref(map),
        }
    }
}
