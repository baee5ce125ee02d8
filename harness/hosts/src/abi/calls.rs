use super::guest::{bytes, give_bytes, put_u32};
use super::status::{Outcome, Status};
use super::upstream::Kind;
use super::{Guest, Version, pairs};
use crate::Headers;

// Calls go to the scripted upstream, which has every cluster and every service.

/// What Envoy wants of the headers of a call.
const PSEUDO_HEADERS: [&str; 3] = [":method", ":path", ":authority"];

/// `proxy_http_call`.
#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
pub(crate) fn proxy_http_call<G: Guest>(
    guest: &mut G,
    upstream: u32,
    upstream_size: u32,
    headers: u32,
    headers_size: u32,
    body: u32,
    body_size: u32,
    trailers: u32,
    trailers_size: u32,
    _timeout_ms: u32,
    token_at: u32,
) -> Outcome<G::Trap> {
    let parts = [(upstream, upstream_size), (headers, headers_size), (body, body_size), (trailers, trailers_size)];
    check(guest, &parts)?;
    let (memory, _) = guest.parts();
    let fields: Headers = pairs::read(bytes(memory, headers, headers_size)?)?.into_iter().collect();
    pairs::read(bytes(memory, trailers, trailers_size)?)?;
    if upstream_size == 0 || PSEUDO_HEADERS.iter().any(|name| fields.get(name).is_none()) {
        return Err(Status::BadArgument.into());
    }
    make_call(guest, Kind::Http, "proxy_http_call", &parts, token_at)
}

/// Makes a call and gives its token. A token that cannot be given is no call.
fn make_call<G: Guest>(
    guest: &mut G,
    kind: Kind,
    name: &'static str,
    parts: &[(u32, u32)],
    token_at: u32,
) -> Outcome<G::Trap> {
    let (memory, state) = guest.parts();
    bytes(memory, token_at, 4)?;
    let token = state.upstream.call(kind)?;
    put_u32(memory, token_at, token)?;
    state.count_out(parts.iter().map(|(_, size)| *size as usize).sum());
    state.trace_call(name);
    Ok(())
}

/// A call of [`proxy_redis_call`](super::proxy_redis_call).
pub(super) fn make_redis_call<G: Guest>(guest: &mut G, parts: &[(u32, u32)], token_at: u32) -> Outcome<G::Trap> {
    check(guest, parts)?;
    make_call(guest, Kind::Redis, "proxy_redis_call", parts, token_at)
}

/// `proxy_grpc_call`.
#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
pub(crate) fn proxy_grpc_call<G: Guest>(
    guest: &mut G,
    service: u32,
    service_size: u32,
    name: u32,
    name_size: u32,
    method: u32,
    method_size: u32,
    metadata: u32,
    metadata_size: u32,
    request: u32,
    request_size: u32,
    _timeout_ms: u32,
    token_at: u32,
) -> Outcome<G::Trap> {
    let parts = [
        (service, service_size),
        (name, name_size),
        (method, method_size),
        (metadata, metadata_size),
        (request, request_size),
    ];
    check(guest, &parts)?;
    pairs::read(bytes(guest.memory(), metadata, metadata_size)?)?;
    if service_size == 0 {
        // Envoy cannot make a service of nothing.
        return Err(Status::ParseFailure.into());
    }
    make_call(guest, Kind::GrpcCall, "proxy_grpc_call", &parts, token_at)
}

/// `proxy_grpc_stream`.
#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
pub(crate) fn proxy_grpc_stream<G: Guest>(
    guest: &mut G,
    service: u32,
    service_size: u32,
    name: u32,
    name_size: u32,
    method: u32,
    method_size: u32,
    metadata: u32,
    metadata_size: u32,
    token_at: u32,
) -> Outcome<G::Trap> {
    let parts = [(service, service_size), (name, name_size), (method, method_size), (metadata, metadata_size)];
    check(guest, &parts)?;
    pairs::read(bytes(guest.memory(), metadata, metadata_size)?)?;
    if service_size == 0 {
        // Envoy cannot make a service of nothing.
        return Err(Status::ParseFailure.into());
    }
    make_call(guest, Kind::GrpcStream, "proxy_grpc_stream", &parts, token_at)
}

/// `proxy_grpc_send`: on a stream that is open.
pub(crate) fn proxy_grpc_send<G: Guest>(
    guest: &mut G,
    token: u32,
    message: u32,
    size: u32,
    end_of_stream: u32,
) -> Outcome<G::Trap> {
    check(guest, &[(message, size)])?;
    let state = guest.state();
    state.upstream.send(token, end_of_stream != 0)?;
    state.count_out(size as usize);
    Ok(())
}

/// `proxy_grpc_cancel`: of a call or a stream that is open.
pub(crate) fn proxy_grpc_cancel<G: Guest>(guest: &mut G, token: u32) -> Outcome<G::Trap> {
    Ok(guest.state().upstream.cancel(token)?)
}

/// `proxy_grpc_close`: of a stream that is open; a call is cancelled by it.
pub(crate) fn proxy_grpc_close<G: Guest>(guest: &mut G, token: u32) -> Outcome<G::Trap> {
    proxy_grpc_cancel(guest, token)
}

/// `proxy_get_status`: of the last gRPC call; without one, 0 and no message.
pub(crate) fn proxy_get_status<G: Guest>(
    guest: &mut G,
    code_at: u32,
    message_at: u32,
    size_at: u32,
) -> Outcome<G::Trap> {
    put_u32(guest.memory(), code_at, 0)?;
    give_bytes(guest, &[], (message_at, size_at))
}

/// `proxy_call_foreign_function`. Of Envoy's only `clear_route_cache`, which has nothing to do here; of Higress's the one
/// that its SDK calls by itself. None of them calls back, so `proxy_on_foreign_function` is never called.
pub(crate) fn proxy_call_foreign_function<G: Guest>(
    guest: &mut G,
    name: u32,
    name_size: u32,
    arguments: u32,
    arguments_size: u32,
    result_at: u32,
    size_at: u32,
) -> Outcome<G::Trap> {
    let version = guest.state().version;
    let memory = guest.memory();
    bytes(memory, arguments, arguments_size)?;
    match bytes(memory, name, name_size)? {
        b"clear_route_cache" => give_bytes(guest, &[], (result_at, size_at)),
        b"set_global_max_requests_per_io_cycle" if version == Version::V0_2_100 => {
            give_bytes(guest, &[], (result_at, size_at))
        }
        _ => Err(Status::NotFound.into()),
    }
}

fn check<G: Guest>(guest: &mut G, parts: &[(u32, u32)]) -> Result<(), Status> {
    let memory = guest.memory();
    parts.iter().try_for_each(|&(pointer, size)| bytes(memory, pointer, size).map(drop))
}
