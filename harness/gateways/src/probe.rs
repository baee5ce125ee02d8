use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::chunked;

/// A blocking HTTP/1.1 connection that times one request after another.
///
/// Thin on purpose: the request is prebuilt, goes out in one write, and inside the timed part nothing is parsed as
/// long as responses keep their length. It never connects again by itself: a gateway that closes the connection is an
/// error that counts.
#[derive(Debug)]
pub struct Probe {
    stream: TcpStream,
    buffer: Box<[u8; CAPACITY]>,
    filled: usize,
    /// Whether the chunks of the last response were put together.
    joined: bool,
    /// Length of the last response that was found whole: one of the same length needs no look inside to be whole.
    usual: usize,
    timeout: Duration,
}

/// Far above what any gateway's contract response needs.
const CAPACITY: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;

/// What a response says, borrowed from the probe's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response<'a> {
    /// HTTP status.
    pub status: u16,
    /// Label of the arm that answered.
    pub arm: Option<&'a str>,
    /// What was left of a canary.
    pub left: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

/// Why a request has no response.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The connection could not be opened.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// The listener.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The gateway closed the connection.
    #[error("the gateway closed the connection after {received} bytes of the response")]
    Closed {
        /// Bytes received of the response by then.
        received: usize,
    },
    /// No whole response in time.
    #[error("no response within {0:?}")]
    Timeout(Duration),
    /// The socket failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// The response is not HTTP/1.1 as the contract has it.
    #[error("the response is not what a gateway of ours sends: {0}")]
    Malformed(String),
}

impl Probe {
    /// Connects; `timeout` is for connecting and for each response.
    pub fn connect(address: SocketAddr, timeout: Duration) -> Result<Self, ProbeError> {
        let stream =
            TcpStream::connect_timeout(&address, timeout).map_err(|source| ProbeError::Connect { address, source })?;
        // Otherwise Nagle's algorithm and delayed ACKs add 40 ms steps.
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        Ok(Self { stream, buffer: Box::new([0; CAPACITY]), filled: 0, joined: false, usual: 0, timeout })
    }

    /// Sends a prebuilt request and reads the whole response. Returns nanoseconds from before the write until the last
    /// byte is there.
    pub fn exchange(&mut self, request: &[u8]) -> Result<u64, ProbeError> {
        (self.filled, self.joined) = (0, false);
        let begin = Instant::now();
        self.write(request)?;
        loop {
            self.read()?;
            if self.filled == self.usual || self.is_whole()? {
                break;
            }
            if begin.elapsed() > self.timeout {
                return Err(ProbeError::Timeout(self.timeout));
            }
        }
        Ok(u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// What the last response says; to be asked after the clock has stopped.
    pub fn response(&mut self) -> Result<Response<'_>, ProbeError> {
        let raw = if self.joined { self.usual } else { self.filled };
        let framed = self.joined || self.join_chunks()?;
        let bytes = &self.buffer[..self.filled];
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        let head = match parsed.parse(bytes) {
            Ok(httparse::Status::Complete(head)) => head,
            Ok(httparse::Status::Partial) => return Err(ProbeError::Malformed("it ends within its headers".into())),
            Err(error) => return Err(ProbeError::Malformed(error.to_string())),
        };
        let header = |name: &str| {
            let found = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
            std::str::from_utf8(found.value).ok()
        };
        let body = &bytes[head..];
        let length: usize = header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        if !framed && body.len() != length {
            return Err(ProbeError::Malformed(format!("{} bytes of body, {length} announced", body.len())));
        }
        self.usual = raw;
        Ok(Response {
            status: parsed.code.unwrap_or(0),
            arm: header(crate::ARM_HEADER),
            left: header(crate::LEFT_HEADER).or_else(|| header(crate::CANARY_HEADER)),
            body,
        })
    }

    /// Puts the content of chunks together, in place; whether there were any.
    fn join_chunks(&mut self) -> Result<bool, ProbeError> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        let Ok(httparse::Status::Complete(head)) = parsed.parse(&self.buffer[..self.filled]) else { return Ok(false) };
        if !is_chunked(parsed.headers) {
            return Ok(false);
        }
        let malformed = |what: &str| ProbeError::Malformed(what.to_owned());
        let chunks = chunked::chunks(&self.buffer[head..self.filled]).map_err(malformed)?;
        let chunks = chunks.filter(|chunks| head + chunks.end == self.filled);
        let chunks = chunks.ok_or_else(|| malformed("its chunks do not end with it"))?;
        self.filled = head;
        for Range { start, end } in chunks.content {
            self.buffer.copy_within(head + start..head + end, self.filled);
            self.filled += end - start;
        }
        self.joined = true;
        Ok(true)
    }

    fn write(&mut self, request: &[u8]) -> Result<(), ProbeError> {
        self.stream.write_all(request).map_err(|error| self.classify(error))
    }

    fn read(&mut self) -> Result<(), ProbeError> {
        let free = &mut self.buffer[self.filled..];
        if free.is_empty() {
            return Err(ProbeError::Malformed(format!("it is longer than {CAPACITY} bytes")));
        }
        let read = loop {
            match self.stream.read(free) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        match read {
            Ok(0) => Err(ProbeError::Closed { received: self.filled }),
            Ok(count) => {
                self.filled += count;
                Ok(())
            }
            Err(error) => Err(self.classify(error)),
        }
    }

    /// Whether header and announced body are there. Without `content-length`, or chunks, there is no body.
    fn is_whole(&self) -> Result<bool, ProbeError> {
        let bytes = &self.buffer[..self.filled];
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        let status = parsed.parse(bytes).map_err(|error| ProbeError::Malformed(error.to_string()))?;
        let httparse::Status::Complete(head) = status else {
            return Ok(false);
        };
        if is_chunked(parsed.headers) {
            return Ok(chunked::chunks(&bytes[head..]).map_err(|what| ProbeError::Malformed(what.into()))?.is_some());
        }
        let length = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
        let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse::<usize>().ok());
        Ok(self.filled >= head.saturating_add(length.unwrap_or(0)))
    }

    fn classify(&self, error: io::Error) -> ProbeError {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ProbeError::Timeout(self.timeout),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => ProbeError::Closed { received: self.filled },
            _ => ProbeError::Io(error),
        }
    }
}

fn is_chunked(headers: &[httparse::Header<'_>]) -> bool {
    let is_it = |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case("transfer-encoding");
    headers.iter().find(is_it).is_some_and(|header| header.value.eq_ignore_ascii_case(b"chunked"))
}
