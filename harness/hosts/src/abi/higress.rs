//! What only Higress's gateway has (0.2.100): Redis, upstream hosts, and data put into the chain. Signatures as in
//! Higress's Go SDK.

use super::calls::make_redis_call;
use super::guest::{bytes, give_bytes};
use super::status::{Outcome, Status};
use super::{Guest, Phase};

/// `proxy_redis_init`. Taken: SDKs call it while they are configured, and a plugin that fails there could not run.
#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
pub(crate) fn proxy_redis_init<G: Guest>(
    guest: &mut G,
    upstream: u32,
    upstream_size: u32,
    user: u32,
    user_size: u32,
    password: u32,
    password_size: u32,
    _timeout_ms: u32,
) -> Outcome<G::Trap> {
    let memory = guest.memory();
    for (pointer, size) in [(upstream, upstream_size), (user, user_size), (password, password_size)] {
        bytes(memory, pointer, size)?;
    }
    Ok(())
}

/// `proxy_redis_call`: answered by the scripted upstream.
pub(crate) fn proxy_redis_call<G: Guest>(
    guest: &mut G,
    upstream: u32,
    upstream_size: u32,
    query: u32,
    query_size: u32,
    token_at: u32,
) -> Outcome<G::Trap> {
    make_redis_call(guest, &[(upstream, upstream_size), (query, query_size)], token_at)
}

/// `proxy_inject_encoded_data_to_filter_chain`: data for the client, which becomes part of the response body.
pub(crate) fn proxy_inject_encoded_data_to_filter_chain<G: Guest>(
    guest: &mut G,
    data: u32,
    data_size: u32,
    _end_of_stream: u32,
) -> Outcome<G::Trap> {
    let (memory, state) = guest.parts();
    let data = bytes(memory, data, data_size)?;
    if !matches!(state.phase, Phase::Request | Phase::Response) {
        return Err(Status::BadArgument.into());
    }
    let body = &mut state.exchange.response_body;
    if body.len() + data.len() > super::buffers::LIMIT_BYTES {
        return Err(Status::BadArgument.into());
    }
    body.extend_from_slice(data);
    state.count_out(data.len());
    state.trace_call("proxy_inject_encoded_data_to_filter_chain");
    Ok(())
}

/// `proxy_get_upstream_hosts`: there are none.
pub(crate) fn proxy_get_upstream_hosts<G: Guest>(guest: &mut G, hosts_at: u32, size_at: u32) -> Outcome<G::Trap> {
    give_bytes(guest, &[], (hosts_at, size_at))
}

/// `proxy_set_upstream_override_host`. Taken; nothing is sent anywhere.
pub(crate) fn proxy_set_upstream_override_host<G: Guest>(guest: &mut G, host: u32, host_size: u32) -> Outcome<G::Trap> {
    let (memory, state) = guest.parts();
    let size = bytes(memory, host, host_size)?.len();
    state.count_out(size);
    state.trace_call("proxy_set_upstream_override_host");
    Ok(())
}
