//! All connections of a run, and what their sockets have to say.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use super::Target;
use super::connection::Connection;
use crate::GatewayError;

/// Events that are taken at once. Requests are sent between them, so it bounds nothing but memory.
const EVENTS: usize = 256;
const NS_PER_MS: u32 = 1_000_000;

pub(super) struct Pool {
    pub(super) epoll: OwnedFd,
    pub(super) connections: Vec<Connection>,
    /// Of each target, the connection that was free for the longest time first: so that all of them are used.
    idle: Vec<VecDeque<usize>>,
    events: Vec<Event>,
}

impl Pool {
    /// Opens `each` connections to each target. A gateway that refuses some is found out by the requests.
    pub(super) fn open(targets: &[Target], each: usize, timeout: Duration) -> Result<Self, GatewayError> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)
            .map_err(|error| GatewayError::system("watch connections")(error.into()))?;
        let mut pool = Self {
            epoll,
            connections: Vec::with_capacity(each * targets.len()),
            idle: vec![VecDeque::with_capacity(each); targets.len()],
            events: Vec::with_capacity(EVENTS),
        };
        for (index, target) in targets.iter().enumerate() {
            let mut answers = true;
            for _ in 0..each {
                let key = pool.connections.len();
                let mut connection = Connection::new(index, target.address, key as u64);
                if answers && let Err(error) = connection.open(&pool.epoll, timeout) {
                    if error.raw_os_error() == Some(Errno::MFILE.raw_os_error()) {
                        return Err(GatewayError::system("open so many connections")(error));
                    }
                    // One time-out is enough.
                    answers = error.kind() != ErrorKind::TimedOut;
                }
                pool.connections.push(connection);
                pool.idle[index].push_back(key);
            }
        }
        Ok(pool)
    }

    /// A connection to the target that has nothing to do.
    pub(super) fn take_idle(&mut self, target: usize) -> Option<usize> {
        self.idle[target].pop_front()
    }

    /// Gives it back.
    pub(super) fn put_idle(&mut self, connection: usize) {
        self.idle[self.connections[connection].target].push_back(connection);
    }

    /// Waits until a socket has something to say, at most so long.
    pub(super) fn wait(&mut self, at_most: Duration) -> Result<(), GatewayError> {
        if !at_most.subsec_nanos().is_multiple_of(NS_PER_MS) {
            // An epoll itself waits for whole milliseconds (before Linux 5.11), so it is waited for like a file.
            let timeout = timespec(at_most);
            match poll(&mut [PollFd::new(&self.epoll, PollFlags::IN)], Some(&timeout)) {
                Ok(_) | Err(Errno::INTR) => return self.take(Duration::ZERO),
                Err(error) => return Err(GatewayError::system("watch connections")(error.into())),
            }
        }
        self.take(at_most)
    }

    fn take(&mut self, at_most: Duration) -> Result<(), GatewayError> {
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timespec(at_most))) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(GatewayError::system("watch connections")(error.into())),
        }
    }

    /// The next of those that have: its index, and whether it can be written to.
    pub(super) fn next_event(&mut self) -> Option<(usize, bool)> {
        let event = self.events.pop()?;
        let flags = event.flags;
        Some((event.data.u64() as usize, flags.contains(EventFlags::OUT)))
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs() as _, tv_nsec: duration.subsec_nanos().into() }
}
