use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How long a runner may take to answer: less than the 20 s after which a worker process would be taken to hang, so
/// that it is the script that is blamed, and not the worker.
pub(super) const LIMIT: Duration = Duration::from_secs(15);
/// Time in which we were stopped together (Ctrl-Z) is no silence: it is counted in steps, of which one may be long.
const STEP: Duration = Duration::from_millis(100);
/// How much of a dead runner's stderr is kept for the message.
const STDERR_KEPT: usize = 500;

/// A runner process. It is killed and waited for when it goes out of scope.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    stderr: ChildStderr,
    /// What was read beyond the last line.
    read: Vec<u8>,
}

/// Why no answer came. The process is of no use any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error(
        "gave no answer for {} s and was stopped: an endless loop? look for a loop that depends on its input, or leave \
         the plugin out with --skip", LIMIT.as_secs()
    )]
    Silent,
    #[error("brought down the program that it ran in ({how}); leave it out with --skip, and report it")]
    Died { how: String },
    #[error("the runner said what was not understood ({what}); build it again from the checkout of this tollgate")]
    Nonsense { what: String },
}

impl Process {
    pub(super) fn start(program: &Path) -> io::Result<Self> {
        let mut command = Command::new(program);
        // A process group of its own: Ctrl-C is for us, and we end it; it must not look like a script's crash.
        command.process_group(0);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(io::Error::other("a pipe that was asked for is not there"));
        };
        Ok(Self { child, stdin, stdout, stderr, read: Vec::new() })
    }

    /// Says something, and waits for the answer.
    pub(super) fn ask<A: DeserializeOwned>(&mut self, ask: &impl Serialize) -> Result<A, Lost> {
        let mut line = serde_json::to_vec(ask).map_err(|error| Lost::Nonsense { what: error.to_string() })?;
        line.push(b'\n');
        match self.stdin.write_all(&line).and_then(|()| self.stdin.flush()) {
            Ok(()) => self.answer(),
            Err(_) => Err(self.died()),
        }
    }

    /// Waits for a line.
    pub(super) fn answer<A: DeserializeOwned>(&mut self) -> Result<A, Lost> {
        let mut silence = Duration::ZERO;
        let mut searched = 0;
        loop {
            if let Some(end) = self.read[searched..].iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=searched + end).collect();
                return serde_json::from_slice(&line).map_err(|error| Lost::Nonsense { what: error.to_string() });
            }
            searched = self.read.len();
            let begin = Instant::now();
            if self.is_readable() {
                let mut bytes = [0; 16 * 1024];
                match self.stdout.read(&mut bytes) {
                    Ok(0) => return Err(self.died()),
                    Ok(length) => self.read.extend_from_slice(&bytes[..length]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => return Err(self.died()),
                }
            }
            silence += begin.elapsed().min(2 * STEP);
            if silence > LIMIT {
                self.end();
                return Err(Lost::Silent);
            }
        }
    }

    /// Whether a read would not wait; waits a little for that.
    fn is_readable(&self) -> bool {
        let step = Timespec { tv_sec: 0, tv_nsec: STEP.as_nanos() as i64 };
        let mut fds = [PollFd::from_borrowed_fd(self.stdout.as_fd(), PollFlags::IN)];
        // Interrupted: look again.
        poll(&mut fds, Some(&step)).is_ok_and(|ready| ready > 0)
    }

    /// How the process ended, now that its pipes are closed.
    fn died(&mut self) -> Lost {
        // It may have closed them and live on.
        let status = self.child.try_wait();
        self.end();
        let status = match status {
            Ok(Some(status)) => Ok(status),
            _ => self.child.wait(),
        };
        let mut stderr = Vec::new();
        let _ = self.stderr.read_to_end(&mut stderr);
        let said = String::from_utf8_lossy(&stderr[stderr.len().saturating_sub(STDERR_KEPT)..]);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        Lost::Died { how: if said.is_empty() { status } else { format!("{status}: {said}") } }
    }

    fn end(&mut self) {
        // Both fail only when it is gone already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
