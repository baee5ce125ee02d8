use tollgate_fixtures::Operation;

use super::guest::{bytes, give, give_bytes, put_u32};
use super::status::{Outcome, Status};
use super::{Guest, Phase, State, Version, pairs};
use crate::Headers;
use crate::observation::text;

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

/// `proxy_get_header_map_value`: the first value.
#[inline]
pub(crate) fn proxy_get_header_map_value<G: Guest>(
    guest: &mut G,
    map: u32,
    name: u32,
    name_size: u32,
    value_at: u32,
    size_at: u32,
) -> Outcome<G::Trap> {
    let (memory, state) = guest.parts();
    let name = bytes(memory, name, name_size)?;
    let headers = state.headers(map)?;
    let span = headers.value_span(name);
    if state.exchange.observation.is_some() {
        let value = span.and_then(|span| state.headers(map).ok()?.bytes_at(span)).map(text);
        state.trace(name.len(), || Operation::Get { name: text(name), value });
    }
    match span {
        Some(span) => give(guest, span.len() as u32, (value_at, size_at), |state, place| {
            // The allocator ran in between; should it have changed the headers, the span may point nowhere.
            let value = state.headers_ref(map).and_then(|headers| headers.bytes_at(span));
            place.copy_from_slice(value.ok_or(Status::InternalFailure)?);
            Ok(())
        }),
        // 0.1.0 has no missing header, only an empty one.
        None if state.version == Version::V0_1_0 => give_bytes(guest, &[], (value_at, size_at)),
        None => Err(Status::NotFound.into()),
    }
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
            observation.counters.bytes_out += bytes_out as u64;
            observation.trace.push(operation());
        }
    }

    /// Writes down a call that reads or changes the exchange otherwise, while observed.
    pub(crate) fn trace_call(&mut self, name: &str) {
        if let Some(observation) = self.observation() {
            observation.trace.push(Operation::Call { name: name.to_owned() });
        }
    }

    /// As [`State::headers`], to be read.
    fn headers_ref(&self, map: u32) -> Option<&Headers> {
        match (map, self.phase) {
            (0, Phase::Request | Phase::Response | Phase::End) => Some(&self.exchange.request),
            (2, Phase::Response | Phase::End) => Some(&self.exchange.response),
            _ => self.upstream.headers_ref(map),
        }
    }
}
