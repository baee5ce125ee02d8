use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;

use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, getpid, getppid, kill_process_group, set_parent_process_death_signal};

use crate::tail::Tail;

/// A child process that dies with us in every case.
///
/// * Dropped (normal end, error, panic): killed and waited for. It holds nothing that a gentle end would save.
/// * We are killed, even by SIGKILL: the kernel kills it (`PR_SET_PDEATHSIG`). That signal comes when the *thread* that
///   started the child ends, so a keeper thread of its own starts it and lives as long as this value. (A binary with
///   file capabilities loses the signal on exec; no gateway needs any above port 1023.)
/// * Ctrl-C goes to the terminal's foreground process group. The child is in a group of its own, so it does not end in
///   the middle of a request while we are still measuring; we see the signal, finish in order and drop it.
#[derive(Debug)]
pub(crate) struct Child {
    process: std::process::Child,
    tail: Tail,
    ended: Option<ExitStatus>,
    /// Dropping it lets the keeper thread end.
    keeper: Option<(mpsc::Sender<()>, thread::JoinHandle<()>)>,
}

impl Child {
    /// Starts a command that inherits `files` under the same numbers.
    pub(crate) fn spawn(mut command: Command, files: Vec<RawFd>) -> io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        let parent = getpid();
        // SAFETY: between fork and exec only async-signal-safe things may happen: `prepare` makes system calls and
        // neither allocates nor takes a lock (its errors are bare error numbers, too).
        unsafe { command.pre_exec(move || prepare(parent, &files)) };
        let (started, result) = mpsc::sync_channel(1);
        let (release, held) = mpsc::channel::<()>();
        let keeper = thread::Builder::new().name("child-keeper".into()).spawn(move || {
            // Neither end can be gone: the caller waits for the one, and drops the other to end this thread.
            let _ = started.send(command.spawn());
            let _ = held.recv();
        })?;
        let mut process = result.recv().map_err(|_| io::Error::other("the thread that starts it has died"))??;
        let stderr = process.stderr.take().expect("it was asked to be piped");
        let mut child = Self { process, tail: Tail::default(), ended: None, keeper: Some((release, keeper)) };
        child.tail = Tail::follow(stderr)?;
        Ok(child)
    }

    /// Process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its last lines on standard error.
    pub(crate) fn tail(&self) -> &Tail {
        &self.tail
    }

    /// Exit status, once it has ended.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.process.try_wait()?;
        }
        Ok(self.ended)
    }

    /// Keeps its threads whose names begin with `prefix` on a core. Says how many there were.
    pub(crate) fn pin_threads(&self, prefix: &str, core: u32) -> io::Result<usize> {
        let mut pinned = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.id()))? {
            let task = task?;
            let name = std::fs::read_to_string(task.path().join("comm"))?;
            let thread = task.file_name().to_string_lossy().parse().ok().and_then(Pid::from_raw);
            if let (true, Some(thread)) = (name.starts_with(prefix), thread) {
                crate::placement::pin(Some(thread), core)?;
                pinned += 1;
            }
        }
        Ok(pinned)
    }

    /// Whether it has children of its own, which only a wrapper script has. `None` when the system does not tell.
    pub(crate) fn has_children(&self) -> Option<bool> {
        let path = format!("/proc/{0}/task/{0}/children", self.id());
        std::fs::read_to_string(path).ok().map(|text| !text.trim().is_empty())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Not after it was waited for: its number may belong to somebody else by then.
        if !matches!(self.ended(), Ok(Some(_))) {
            if let Some(group) = i32::try_from(self.id()).ok().and_then(Pid::from_raw) {
                // The group, because a wrapper script may have put the gateway below it. It fails when all are gone.
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
        if let Some((release, keeper)) = self.keeper.take() {
            drop(release);
            let _ = keeper.join();
        }
    }
}

/// How a process ended, in words.
pub(crate) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// In the child, before it becomes the program.
fn prepare(parent: Pid, files: &[RawFd]) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // If the parent died before that call, no signal will ever come.
    if getppid() != Some(parent) {
        return Err(Errno::SRCH.into());
    }
    for &file in files {
        // SAFETY: the parent keeps these open until the child has started.
        fcntl_setfd(unsafe { BorrowedFd::borrow_raw(file) }, FdFlags::empty())?;
    }
    Ok(())
}
