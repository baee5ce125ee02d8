//! The upstream that plugins call: it answers each call at once and always the same, so that a plugin that asks an
//! authority before it goes on can be measured without one. Answers are delivered by [`Life`](super::Life), after the
//! callback that made the call.

use std::collections::VecDeque;

use super::status::Status;
use crate::{CALL_BODY, Headers};

/// Answers that an instance may wait for, and gRPC streams that it may have open.
const LIMIT_WAITING: usize = 1024;
const LIMIT_STREAMS: usize = 1024;
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

/// What is called. The last two bits of a token say it, as in Envoy's host, so that a token cannot pass for another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Http = 0,
    /// One message there, one back.
    GrpcCall = 1,
    /// Opened; each message is answered by one; closed once the guest has ended it.
    GrpcStream = 2,
    Redis = 3,
}

impl Kind {
    /// What a token was given for.
    fn of(token: u32) -> Self {
        [Self::Http, Self::GrpcCall, Self::GrpcStream, Self::Redis][token as usize & 3]
    }
}

/// What the other side says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Http,
    GrpcInitial,
    GrpcMessage,
    GrpcTrailing,
    GrpcEnd,
    Redis,
}

/// A part of an answer, as it is told: number of header fields or of metadata, size of the body in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) token: u32,
    pub(crate) part: Part,
    pub(crate) fields: u32,
    pub(crate) size: u32,
}

/// Calls of an instance, and what it is being told.
#[derive(Debug, Default)]
pub(crate) struct Upstream {
    waiting: VecDeque<(u32, Part)>,
    /// gRPC streams that are open, oldest first.
    streams: VecDeque<u32>,
    calls: u32,
    told: Option<Told>,
}

#[derive(Debug)]
struct Told {
    part: Part,
    headers: Headers,
    trailers: Headers,
}

impl Upstream {
    /// Makes a call; its token is never 0.
    pub(crate) fn call(&mut self, kind: Kind) -> Result<u32, Status> {
        if self.waiting.len() >= LIMIT_WAITING {
            return Err(Status::InternalFailure);
        }
        self.calls = if self.calls < u32::MAX >> 2 { self.calls + 1 } else { 1 };
        let token = self.calls << 2 | kind as u32;
        match kind {
            Kind::Http => self.waiting.push_back((token, Part::Http)),
            Kind::GrpcCall => self.waiting.push_back((token, Part::GrpcMessage)),
            Kind::Redis => self.waiting.push_back((token, Part::Redis)),
            Kind::GrpcStream => {
                if self.streams.len() >= LIMIT_STREAMS
                    && let Some(oldest) = self.streams.pop_front()
                {
                    // Nobody answers a guest that opens streams for ever.
                    self.forget(oldest);
                }
                self.streams.push_back(token);
                self.waiting.push_back((token, Part::GrpcInitial));
            }
        }
        Ok(token)
    }

    /// A message on a gRPC stream, maybe its last.
    pub(crate) fn send(&mut self, token: u32, is_last: bool) -> Result<(), Status> {
        if Kind::of(token) != Kind::GrpcStream {
            return Err(Status::BadArgument);
        }
        let ended = self.waiting.contains(&(token, Part::GrpcEnd));
        if !self.streams.contains(&token) || ended {
            return Err(Status::NotFound);
        }
        if self.waiting.len() + 3 > LIMIT_WAITING {
            return Err(Status::InternalFailure);
        }
        self.waiting.push_back((token, Part::GrpcMessage));
        if is_last {
            self.waiting.extend([(token, Part::GrpcTrailing), (token, Part::GrpcEnd)]);
        }
        Ok(())
    }

    /// Cancels a gRPC call or closes a stream: it is not heard of again.
    pub(crate) fn cancel(&mut self, token: u32) -> Result<(), Status> {
        let known = match Kind::of(token) {
            Kind::GrpcCall => self.waiting.iter().any(|(waiting, _)| *waiting == token),
            Kind::GrpcStream => self.streams.contains(&token),
            Kind::Http | Kind::Redis => return Err(Status::BadArgument),
        };
        self.forget(token);
        if known { Ok(()) } else { Err(Status::NotFound) }
    }

    fn forget(&mut self, token: u32) {
        self.waiting.retain(|(waiting, _)| *waiting != token);
        self.streams.retain(|stream| *stream != token);
    }

    /// Whether nothing is to be told.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Forgets all calls: nobody will be told the answers any more.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.streams.clear();
    }

    /// What is told next; until [`Upstream::told`], it can be read.
    pub(crate) fn answer_next(&mut self) -> Option<Answer> {
        let (token, part) = self.waiting.pop_front()?;
        if part == Part::GrpcEnd {
            self.forget(token);
        }
        let mut headers = Headers::default();
        if part == Part::Http {
            headers.add(":status", "200");
            headers.add("content-type", "text/plain");
            headers.add("content-length", CALL_BODY.len().to_string().as_str());
        }
        let size = match part {
            Part::Http => CALL_BODY.len(),
            Part::Redis => REDIS_BODY.len(),
            _ => 0,
        };
        let answer = Answer { token, part, fields: headers.len() as u32, size: size as u32 };
        self.told = Some(Told { part, headers, trailers: Headers::default() });
        Some(answer)
    }

    /// The answer is told; it cannot be read any more.
    pub(crate) fn told(&mut self) {
        self.told = None;
    }

    /// A header map of the answer.
    pub(crate) fn headers(&mut self, map: u32) -> Option<&mut Headers> {
        let told = self.told.as_mut()?;
        match (map, told.part) {
            (MAP_HTTP_HEADERS, Part::Http)
            | (MAP_GRPC_INITIAL, Part::GrpcInitial)
            | (MAP_GRPC_TRAILING, Part::GrpcTrailing) => Some(&mut told.headers),
            (MAP_HTTP_TRAILERS, Part::Http) => Some(&mut told.trailers),
            _ => None,
        }
    }

    /// The same, to be read.
    pub(crate) fn headers_ref(&self, map: u32) -> Option<&Headers> {
        let told = self.told.as_ref()?;
        match (map, told.part) {
            (MAP_HTTP_HEADERS, Part::Http)
            | (MAP_GRPC_INITIAL, Part::GrpcInitial)
            | (MAP_GRPC_TRAILING, Part::GrpcTrailing) => Some(&told.headers),
            (MAP_HTTP_TRAILERS, Part::Http) => Some(&told.trailers),
            _ => None,
        }
    }

    /// A buffer of the answer. A gRPC message is empty, which is a message of every type.
    pub(crate) fn buffer(&self, buffer: u32) -> Option<&'static [u8]> {
        match (buffer, self.told.as_ref()?.part) {
            (BUFFER_HTTP_BODY, Part::Http) => Some(CALL_BODY),
            (BUFFER_GRPC_MESSAGE, Part::GrpcMessage) => Some(&[]),
            (BUFFER_REDIS, Part::Redis) => Some(REDIS_BODY),
            _ => None,
        }
    }
}
