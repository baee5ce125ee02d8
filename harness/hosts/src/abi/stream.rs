use std::time::{SystemTime, UNIX_EPOCH};

use super::guest::{bytes, put_u64};
use super::status::{Outcome, Status};
use super::{Guest, Phase, pairs};
use crate::{Headers, LocalResponse};

const ROOT_CONTEXT: u32 = 1;

/// `proxy_send_local_response`. The first answer counts.
#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
pub(crate) fn proxy_send_local_response<G: Guest>(
    guest: &mut G,
    status: u32,
    details: u32,
    details_size: u32,
    body: u32,
    body_size: u32,
    headers: u32,
    headers_size: u32,
    _grpc_status: u32,
) -> Outcome<G::Trap> {
    let (memory, state) = guest.parts();
    let details = bytes(memory, details, details_size)?;
    let body = bytes(memory, body, body_size)?;
    let fields = bytes(memory, headers, headers_size)?;
    let headers: Headers = pairs::read(fields)?.into_iter().collect();
    let status = u16::try_from(status).ok().filter(|status| (200..600).contains(status)).ok_or(Status::BadArgument)?;
    if !matches!(state.phase, Phase::Request | Phase::Response) {
        return Err(Status::BadArgument.into());
    }
    state.count_out(details.len() + body.len() + fields.len());
    if body.len() > super::buffers::LIMIT_BYTES {
        return Err(Status::BadArgument.into());
    }
    let response = || Box::new(LocalResponse { status, headers, body: body.to_owned() });
    state.exchange.local_response.get_or_insert_with(response);
    state.trace_call("proxy_send_local_response");
    Ok(())
}

/// `proxy_continue_stream`: 0 the request, 1 the response.
pub(crate) fn proxy_continue_stream<G: Guest>(guest: &mut G, stream: u32) -> Outcome<G::Trap> {
    match guest.state().continued.get_mut(stream as usize) {
        Some(continued) => *continued = true,
        None if stream <= 3 => return Err(Status::Unimplemented.into()),
        None => return Err(Status::BadArgument.into()),
    }
    Ok(())
}

/// `proxy_continue_request` (0.1.0).
pub(crate) fn proxy_continue_request<G: Guest>(guest: &mut G) -> Outcome<G::Trap> {
    proxy_continue_stream(guest, 0)
}

/// `proxy_continue_response` (0.1.0).
pub(crate) fn proxy_continue_response<G: Guest>(guest: &mut G) -> Outcome<G::Trap> {
    proxy_continue_stream(guest, 1)
}

/// `proxy_close_stream`.
pub(crate) fn proxy_close_stream<G: Guest>(guest: &mut G, stream: u32) -> Outcome<G::Trap> {
    match stream {
        0 | 1 => guest.state().closed = true,
        // There is no TCP stream, so nothing is left open.
        2 | 3 => {}
        _ => return Err(Status::BadArgument.into()),
    }
    Ok(())
}

/// `proxy_clear_route_cache` (0.1.0). There is no route here that could be cached.
pub(crate) fn proxy_clear_route_cache<G: Guest>(_guest: &mut G) -> Outcome<G::Trap> {
    Ok(())
}

/// `proxy_set_effective_context`: the plugin's context, or that of the stream at hand.
pub(crate) fn proxy_set_effective_context<G: Guest>(guest: &mut G, context: u32) -> Outcome<G::Trap> {
    let state = guest.state();
    if context != ROOT_CONTEXT && context != state.context {
        return Err(Status::BadArgument.into());
    }
    state.effective_context = context;
    Ok(())
}

/// `proxy_done`: of the stream whose end the guest put off in `proxy_on_done`. Like Envoy, nobody waits for it.
pub(crate) fn proxy_done<G: Guest>(guest: &mut G) -> Outcome<G::Trap> {
    let was_pending = std::mem::take(&mut guest.state().pending_done);
    if was_pending { Ok(()) } else { Err(Status::NotFound.into()) }
}

/// `proxy_set_tick_period_milliseconds`. There is a tick before each request that is observed, and none while timing.
pub(crate) fn proxy_set_tick_period_milliseconds<G: Guest>(guest: &mut G, period_ms: u32) -> Outcome<G::Trap> {
    guest.state().tick_period_ms = period_ms;
    Ok(())
}

/// `proxy_get_current_time_nanoseconds`: since 1970.
pub(crate) fn proxy_get_current_time_nanoseconds<G: Guest>(guest: &mut G, time_at: u32) -> Outcome<G::Trap> {
    Ok(put_u64(guest.memory(), time_at, unix_time_ns())?)
}

/// Nanoseconds since 1970, until 2554.
pub(crate) fn unix_time_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64)
}
