use super::Guest;
use super::guest::{bytes, give_bytes, put_u32};
use super::status::{Outcome, Status};

// Nothing can be called from here: there is no upstream. Each call is answered as Envoy answers one to a cluster
// that it does not know, and never with `Unimplemented`, on which the Rust SDK panics.

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
    _token_at: u32,
) -> Outcome<G::Trap> {
    let parts = [(upstream, upstream_size), (headers, headers_size), (body, body_size), (trailers, trailers_size)];
    check(guest, &parts)?;
    Err(Status::BadArgument.into())
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
    _token_at: u32,
) -> Outcome<G::Trap> {
    let parts = [(service, service_size), (name, name_size), (method, method_size)];
    check(guest, &parts)?;
    check(guest, &[(metadata, metadata_size), (request, request_size)])?;
    Err(Status::ParseFailure.into())
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
    _token_at: u32,
) -> Outcome<G::Trap> {
    let parts = [(service, service_size), (name, name_size), (method, method_size), (metadata, metadata_size)];
    check(guest, &parts)?;
    Err(Status::ParseFailure.into())
}

/// `proxy_grpc_send`.
pub(crate) fn proxy_grpc_send<G: Guest>(
    guest: &mut G,
    _token: u32,
    message: u32,
    size: u32,
    _end_of_stream: u32,
) -> Outcome<G::Trap> {
    check(guest, &[(message, size)])?;
    Err(Status::NotFound.into())
}

/// `proxy_grpc_cancel`.
pub(crate) fn proxy_grpc_cancel<G: Guest>(_guest: &mut G, _token: u32) -> Outcome<G::Trap> {
    Err(Status::NotFound.into())
}

/// `proxy_grpc_close`.
pub(crate) fn proxy_grpc_close<G: Guest>(_guest: &mut G, _token: u32) -> Outcome<G::Trap> {
    Err(Status::NotFound.into())
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

/// `proxy_call_foreign_function`. Of Envoy's only `clear_route_cache`, which has nothing to do here.
pub(crate) fn proxy_call_foreign_function<G: Guest>(
    guest: &mut G,
    name: u32,
    name_size: u32,
    arguments: u32,
    arguments_size: u32,
    result_at: u32,
    size_at: u32,
) -> Outcome<G::Trap> {
    let memory = guest.memory();
    bytes(memory, arguments, arguments_size)?;
    match bytes(memory, name, name_size)? {
        b"clear_route_cache" => give_bytes(guest, &[], (result_at, size_at)),
        _ => Err(Status::NotFound.into()),
    }
}

fn check<G: Guest>(guest: &mut G, parts: &[(u32, u32)]) -> Result<(), Status> {
    let memory = guest.memory();
    parts.iter().try_for_each(|&(pointer, size)| bytes(memory, pointer, size).map(drop))
}
