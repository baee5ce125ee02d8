use super::guest::{bytes, give, put_u32};
use super::status::{Outcome, Status};
use super::{Guest, Phase, State, Version};

/// Bytes that a body may grow to.
pub(super) const LIMIT_BYTES: usize = 64 * 1024 * 1024;

const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const VM_CONFIG: u32 = 6;
const PLUGIN_CONFIG: u32 = 7;
/// The last number that means a buffer; Higress has one more.
const LAST: u32 = 8;
const LAST_OF_HIGRESS: u32 = 9;

impl State {
    /// The buffer of that number, to be read. The VM configuration is there and empty, as with an Envoy that has none.
    fn buffer(&self, buffer: u32) -> Option<&[u8]> {
        match (buffer, self.phase) {
            (VM_CONFIG, _) => Some(&[]),
            (PLUGIN_CONFIG, _) => Some(&self.plugin_config),
            (REQUEST_BODY, Phase::Request | Phase::Response | Phase::End) => Some(&self.exchange.request_body),
            (RESPONSE_BODY, Phase::Response | Phase::End) => Some(&self.exchange.response_body),
            _ => self.upstream.buffer(buffer),
        }
    }

    /// What it is that there is no buffer of that number.
    fn no_buffer(&self, buffer: u32) -> Status {
        let last = if self.version == Version::V0_2_100 { LAST_OF_HIGRESS } else { LAST };
        if buffer > last { Status::BadArgument } else { Status::NotFound }
    }

    /// A buffer to be written; the others can only be read.
    fn body(&mut self, buffer: u32) -> Result<&mut Vec<u8>, Status> {
        match (buffer, self.phase) {
            (REQUEST_BODY, Phase::Request) => Ok(&mut self.exchange.request_body),
            (RESPONSE_BODY, Phase::Response) => Ok(&mut self.exchange.response_body),
            _ if self.buffer(buffer).is_none() => Err(self.no_buffer(buffer)),
            _ => Err(Status::BadArgument),
        }
    }
}

/// `proxy_get_buffer_bytes`. A length beyond the end is cut, as in Envoy.
pub(crate) fn proxy_get_buffer_bytes<G: Guest>(
    guest: &mut G,
    buffer: u32,
    start: u32,
    max_size: u32,
    data_at: u32,
    size_at: u32,
) -> Outcome<G::Trap> {
    let state = guest.state();
    let content = state.buffer(buffer).ok_or_else(|| state.no_buffer(buffer))?;
    let rest = content.len().checked_sub(start as usize).ok_or(Status::BadArgument)?;
    // Cut to `max_size`, which is 32 bits wide, so the conversion cannot fail.
    let size = u32::try_from(rest.min(max_size as usize)).map_err(|_| Status::BadArgument)?;
    if matches!(buffer, REQUEST_BODY | RESPONSE_BODY) {
        guest.state().trace_call("proxy_get_buffer_bytes");
    }
    give(guest, size, (data_at, size_at), |state, place| {
        let range = start as usize..start as usize + size as usize;
        let content = state.buffer(buffer).and_then(|content| content.get(range));
        place.copy_from_slice(content.ok_or(Status::InternalFailure)?);
        Ok(())
    })
}

/// `proxy_get_buffer_status`.
pub(crate) fn proxy_get_buffer_status<G: Guest>(
    guest: &mut G,
    buffer: u32,
    length_at: u32,
    flags_at: u32,
) -> Outcome<G::Trap> {
    let (memory, state) = guest.parts();
    let length = state.buffer(buffer).ok_or_else(|| state.no_buffer(buffer))?.len();
    put_u32(memory, length_at, u32::try_from(length).map_err(|_| Status::SerializationFailure)?)?;
    Ok(put_u32(memory, flags_at, 0)?)
}

/// `proxy_set_buffer_bytes`: before the body, in its place, or after it. Envoy can do nothing else.
pub(crate) fn proxy_set_buffer_bytes<G: Guest>(
    guest: &mut G,
    buffer: u32,
    start: u32,
    size: u32,
    data: u32,
    data_size: u32,
) -> Outcome<G::Trap> {
    let (memory, state) = guest.parts();
    let data = bytes(memory, data, data_size)?;
    let body = state.body(buffer)?;
    if body.len() + data.len() > LIMIT_BYTES {
        return Err(Status::BadArgument.into());
    }
    match (start as usize, size as usize) {
        (0, 0) => body.splice(..0, data.iter().copied()).for_each(drop),
        (0, size) if size >= body.len() => {
            body.clear();
            body.extend_from_slice(data);
        }
        (start, _) if start >= body.len() => body.extend_from_slice(data),
        _ => return Err(Status::BadArgument.into()),
    }
    state.count_out(data.len());
    state.trace_call("proxy_set_buffer_bytes");
    Ok(())
}

/// `proxy_get_configuration` (0.1.0): the plugin configuration.
pub(crate) fn proxy_get_configuration<G: Guest>(guest: &mut G, data_at: u32, size_at: u32) -> Outcome<G::Trap> {
    proxy_get_buffer_bytes(guest, PLUGIN_CONFIG, 0, u32::MAX, data_at, size_at)
}
