//! One keep-alive connection that never blocks.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt};

/// More than any response that is expected, so that one read gets it.
const CAPACITY: usize = 4 * 1024;

/// A request on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    pub(super) intended_ns: u64,
    /// None while the connection is still being opened.
    pub(super) sent_ns: Option<u64>,
}

/// How far a request or a connection has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// All of it.
    Done,
    /// It goes on when the socket is ready.
    Later,
}

/// A connection, open or to be opened again.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) target: usize,
    pub(super) pending: Option<Pending>,
    /// Requests that it was given: tells an old deadline from that of the request on it.
    pub(super) requests: u64,
    address: SocketAddr,
    /// What the epoll calls it.
    key: u64,
    stream: Option<TcpStream>,
    is_connecting: bool,
    written: usize,
    buffer: Vec<u8>,
    filled: usize,
}

impl Connection {
    pub(super) fn new(target: usize, address: SocketAddr, key: u64) -> Self {
        Self {
            target,
            pending: None,
            requests: 0,
            address,
            key,
            stream: None,
            is_connecting: false,
            written: 0,
            buffer: vec![0; CAPACITY],
            filled: 0,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    pub(super) fn is_connecting(&self) -> bool {
        self.is_connecting
    }

    /// Opens it and waits, before a run.
    pub(super) fn open(&mut self, epoll: &OwnedFd, timeout: Duration) -> io::Result<()> {
        let stream = TcpStream::connect_timeout(&self.address, timeout)?;
        // Otherwise Nagle's algorithm and delayed ACKs add 40 ms steps.
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        epoll::add(epoll, &stream, EventData::new_u64(self.key), EventFlags::IN)?;
        self.stream = Some(stream);
        Ok(())
    }

    /// Begins to open it, within a run. Never waits.
    pub(super) fn reopen(&mut self, epoll: &OwnedFd) -> io::Result<Step> {
        let family = if self.address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        let (step, interest) = match connect(&socket, &self.address) {
            Ok(()) => (Step::Done, EventFlags::IN),
            Err(Errno::INPROGRESS) => (Step::Later, EventFlags::IN | EventFlags::OUT),
            Err(error) => return Err(error.into()),
        };
        epoll::add(epoll, &socket, EventData::new_u64(self.key), interest)?;
        self.stream = Some(TcpStream::from(socket));
        self.is_connecting = step == Step::Later;
        Ok(step)
    }

    /// Whether opening it has come to an end; an error when to a bad one.
    pub(super) fn finish_opening(&mut self, epoll: &OwnedFd) -> io::Result<Step> {
        let Some(stream) = &self.stream else { return Ok(Step::Later) };
        sockopt::socket_error(stream)??;
        match stream.peer_addr() {
            Ok(_) => {
                self.is_connecting = false;
                self.watch(epoll, EventFlags::IN)?;
                Ok(Step::Done)
            }
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(Step::Later),
            Err(error) => Err(error),
        }
    }

    /// Begins to write a request.
    pub(super) fn begin(&mut self, request: &[u8], epoll: &OwnedFd) -> io::Result<()> {
        (self.written, self.filled) = (0, 0);
        self.write(request, epoll)
    }

    /// Goes on writing it where the socket did not take all of it.
    pub(super) fn go_on(&mut self, request: &[u8], epoll: &OwnedFd) -> io::Result<()> {
        if self.pending.is_none() || self.written == request.len() {
            return Ok(());
        }
        self.write(request, epoll)?;
        if self.written == request.len() {
            self.watch(epoll, EventFlags::IN)?;
        }
        Ok(())
    }

    fn write(&mut self, request: &[u8], epoll: &OwnedFd) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Err(ErrorKind::NotConnected.into()) };
        while self.written < request.len() {
            match stream.write(&request[self.written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return self.watch(epoll, EventFlags::IN | EventFlags::OUT);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is there, once; `Later` when there is nothing. That the gateway closed it is an error.
    pub(super) fn read(&mut self) -> io::Result<Step> {
        let Some(stream) = &mut self.stream else { return Ok(Step::Later) };
        if self.filled == self.buffer.len() {
            self.buffer.resize(2 * self.filled, 0);
        }
        match stream.read(&mut self.buffer[self.filled..]) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.filled += count;
                Ok(Step::Done)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(Step::Later),
            Err(error) => Err(error),
        }
    }

    /// What was read since the request began.
    pub(super) fn received(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// Closes it. Its socket leaves the epoll with it.
    pub(super) fn close(&mut self) {
        self.stream = None;
        self.is_connecting = false;
        self.filled = 0;
    }

    fn watch(&self, epoll: &OwnedFd, interest: EventFlags) -> io::Result<()> {
        match &self.stream {
            Some(stream) => Ok(epoll::modify(epoll, stream.as_fd(), EventData::new_u64(self.key), interest)?),
            None => Ok(()),
        }
    }
}
