//! The upstream that plugins call: it answers each call at once and always the same, so that a plugin that asks an
//! authority before it goes on can be measured without one. Answers are delivered by [`Life`](super::Life), after the
//! callback that made the call.

use std::collections::VecDeque;

use super::status::Status;
use crate::Headers;

/// Calls that an instance may wait for.
const LIMIT_CALLS: usize = 1024;
/// Body of the answer to an HTTP call.
const HTTP_BODY: &[u8] = b"pass";
/// Answer to a Redis call, in its protocol: fine.
const REDIS_BODY: &[u8] = b"+OK\r\n";

/// Header maps and buffers that hold an answer.
const MAP_GRPC_INITIAL: u32 = 4;
const MAP_GRPC_TRAILING: u32 = 5;
const MAP_HTTP_HEADERS: u32 = 6;
const MAP_HTTP_TRAILERS: u32 = 7;
const BUFFER_HTTP_BODY: u32 = 4;
const BUFFER_GRPC_MESSAGE: u32 = 5;
/// Higress's.
const BUFFER_REDIS: u32 = 9;

/// What was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Http,
    /// One message there, one back.
    GrpcCall,
    /// Opened, and closed by the other side.
    GrpcStream,
    Redis,
}

/// A call that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) token: u32,
    pub(crate) kind: Kind,
}

/// Calls of an instance, and the answer that it is being told.
#[derive(Debug, Default)]
pub(crate) struct Upstream {
    waiting: VecDeque<Call>,
    last_token: u32,
    answer: Option<Answer>,
}

#[derive(Debug)]
struct Answer {
    kind: Kind,
    headers: Headers,
    nothing: Headers,
}

impl Upstream {
    /// Makes a call; its token is never 0.
    pub(crate) fn call(&mut self, kind: Kind) -> Result<u32, Status> {
        if self.waiting.len() >= LIMIT_CALLS {
            return Err(Status::InternalFailure);
        }
        self.last_token = self.last_token.checked_add(1).unwrap_or(1);
        self.waiting.push_back(Call { token: self.last_token, kind });
        Ok(self.last_token)
    }

    /// Whether nothing was called.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether a gRPC call or stream of that token is open.
    pub(crate) fn has_grpc(&self, token: u32, streams_only: bool) -> bool {
        self.waiting.iter().any(|call| {
            call.token == token && (call.kind == Kind::GrpcStream || (!streams_only && call.kind == Kind::GrpcCall))
        })
    }

    /// Forgets a call.
    pub(crate) fn forget(&mut self, token: u32) {
        self.waiting.retain(|call| call.token != token);
    }

    /// Forgets all calls: nobody will be told the answers any more.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// The next call that is answered; until [`Upstream::told`], its answer can be read.
    pub(crate) fn answer_next(&mut self) -> Option<Call> {
        let call = self.waiting.pop_front()?;
        let mut headers = Headers::default();
        if call.kind == Kind::Http {
            headers.add(":status", "200");
            headers.add("content-type", "text/plain");
            headers.add("content-length", HTTP_BODY.len().to_string().as_str());
        }
        self.answer = Some(Answer { kind: call.kind, headers, nothing: Headers::default() });
        Some(call)
    }

    /// The answer is told; it cannot be read any more.
    pub(crate) fn told(&mut self) {
        self.answer = None;
    }

    /// Number of header fields and size of the body in bytes of the answer at hand.
    pub(crate) fn sizes(&self) -> (u32, u32) {
        let Some(answer) = &self.answer else { return (0, 0) };
        let body = match answer.kind {
            Kind::Http => HTTP_BODY.len(),
            Kind::Redis => REDIS_BODY.len(),
            Kind::GrpcCall | Kind::GrpcStream => 0,
        };
        (answer.headers.len() as u32, body as u32)
    }

    /// A header map of the answer.
    pub(crate) fn headers(&mut self, map: u32) -> Option<&mut Headers> {
        let answer = self.answer.as_mut()?;
        match (map, answer.kind) {
            (MAP_HTTP_HEADERS, Kind::Http) => Some(&mut answer.headers),
            (MAP_HTTP_TRAILERS, Kind::Http) => Some(&mut answer.nothing),
            (MAP_GRPC_INITIAL | MAP_GRPC_TRAILING, Kind::GrpcCall | Kind::GrpcStream) => Some(&mut answer.nothing),
            _ => None,
        }
    }

    /// The same, to be read.
    pub(crate) fn headers_ref(&self, map: u32) -> Option<&Headers> {
        let answer = self.answer.as_ref()?;
        match (map, answer.kind) {
            (MAP_HTTP_HEADERS, Kind::Http) => Some(&answer.headers),
            (MAP_HTTP_TRAILERS, Kind::Http) => Some(&answer.nothing),
            (MAP_GRPC_INITIAL | MAP_GRPC_TRAILING, Kind::GrpcCall | Kind::GrpcStream) => Some(&answer.nothing),
            _ => None,
        }
    }

    /// A buffer of the answer. A gRPC message is empty, which is a message of every type.
    pub(crate) fn buffer(&self, buffer: u32) -> Option<&'static [u8]> {
        match (buffer, self.answer.as_ref()?.kind) {
            (BUFFER_HTTP_BODY, Kind::Http) => Some(HTTP_BODY),
            (BUFFER_GRPC_MESSAGE, Kind::GrpcCall | Kind::GrpcStream) => Some(&[]),
            (BUFFER_REDIS, Kind::Redis) => Some(REDIS_BODY),
            _ => None,
        }
    }
}
