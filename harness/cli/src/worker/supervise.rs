//! The parent's side.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;
use tollgate_record::CellId;

use super::protocol::{Job, Message, Step};
use crate::interrupt;

/// How often an interrupt is looked for while a worker is silent.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How much of a dead worker's stderr is kept for the message.
const STDERR_KEPT: usize = 2_000;

/// How a job ended when it was not done.
#[derive(Debug)]
pub(crate) enum WorkerEnd {
    /// Ctrl-C.
    Interrupted,
    /// Nothing was heard for too long; the worker was killed.
    Silent { cell: Option<CellId>, after: Duration },
    /// The worker ended by itself.
    Died { cell: Option<CellId>, how: String },
}

/// A child that is killed and waited for when it goes out of scope, so that nothing is left running.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        // Both fail only when the child is gone already, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a job in a fresh process of this program. `on` gets each message; `silence` is how long the worker may say nothing.
pub(crate) fn run_job(
    job: &Job,
    silence: Duration,
    on: &mut dyn FnMut(Message) -> anyhow::Result<()>,
) -> anyhow::Result<Result<(), WorkerEnd>> {
    run_job_in(None, job, silence, on)
}

/// A worker that was given its job.
struct Worker {
    child: Reaped,
    stdin: ChildStdin,
    messages: Receiver<Message>,
    stderr: Receiver<String>,
    /// What it works on.
    doing: Option<CellId>,
    silence: Duration,
}

impl Worker {
    /// Of another build, when there is a program.
    fn start(program: Option<&Path>, job: &Job, silence: Duration) -> anyhow::Result<Self> {
        let program = match program {
            Some(program) => program.to_owned(),
            None => std::env::current_exe().context("cannot find our own program to start a worker")?,
        };
        let mut command = Command::new(program);
        command.arg("worker").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let seed = match job {
            Job::Mirrored(job) => Some(job.seed),
            Job::Stepped(job) => Some(job.seed),
            _ => None,
        };
        if let Some(seed) = seed {
            // Shifts the stack, by up to a page (T. Mytkowicz et al., "Producing Wrong Data Without Doing Anything Obviously
            // Wrong!", ASPLOS 2009).
            command.env("TOLLGATE_PADDING", "x".repeat(fastrand::Rng::with_seed(seed).usize(..4096)));
        }
        let mut child = Reaped(command.spawn().context("cannot start a worker process")?);
        let stdin = child.0.stdin.take().context("a piped stdin is there")?;
        let messages = messages(child.0.stdout.take().context("a piped stdout is there")?);
        let stderr = tail(child.0.stderr.take().context("a piped stderr is there")?);
        let mut worker = Self { child, stdin, messages, stderr, doing: None, silence };
        worker.tell(job)?;
        Ok(worker)
    }

    fn tell(&mut self, what: &impl Serialize) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(what)?;
        line.push(b'\n');
        // A worker that dies closes the pipe; how it died is found out when it is heard.
        let _ = self.stdin.write_all(&line).and_then(|()| self.stdin.flush());
        Ok(())
    }

    /// The next message that is more than a sign of life, or how the worker ended.
    fn hear(&mut self) -> anyhow::Result<Result<Message, WorkerEnd>> {
        // Only time that we spent waiting counts: when both of us were stopped (Ctrl-Z), nobody was silent.
        let mut silent = Duration::ZERO;
        loop {
            let waiting = Instant::now();
            match self.messages.recv_timeout(LOOK_EVERY) {
                // Said by a thread of its own, which runs on when a plugin hangs: no sign of life.
                Ok(Message::At(cell)) => {
                    self.doing = Some(cell);
                    silent += waiting.elapsed().min(LOOK_EVERY);
                }
                Ok(message) => {
                    if let Message::Doing(cell) = &message {
                        self.doing = Some(cell.clone());
                    }
                    return Ok(Ok(message));
                }
                Err(RecvTimeoutError::Timeout) => silent += LOOK_EVERY,
                Err(RecvTimeoutError::Disconnected) if interrupt::requested() => {
                    return Ok(Err(WorkerEnd::Interrupted));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.0.wait().context("cannot wait for a worker")?;
                    let said = self.stderr.recv().unwrap_or_default();
                    let how = format!("{status}: {}", said.trim());
                    return Ok(Err(WorkerEnd::Died { cell: self.doing.clone(), how }));
                }
            }
            if interrupt::requested() {
                return Ok(Err(WorkerEnd::Interrupted));
            }
            if silent > self.silence {
                return Ok(Err(WorkerEnd::Silent { cell: self.doing.clone(), after: self.silence }));
            }
        }
    }
}

/// The same in a process of that program: another build.
pub(crate) fn run_job_in(
    program: Option<&Path>,
    job: &Job,
    silence: Duration,
    on: &mut dyn FnMut(Message) -> anyhow::Result<()>,
) -> anyhow::Result<Result<(), WorkerEnd>> {
    let mut worker = Worker::start(program, job, silence)?;
    loop {
        match worker.hear()? {
            Ok(Message::Done) => return Ok(Ok(())),
            Ok(message) => on(message)?,
            Err(end) => return Ok(Err(end)),
        }
        if interrupt::requested() {
            return Ok(Err(WorkerEnd::Interrupted));
        }
    }
}

/// A worker that does one step whenever it is told to.
pub(crate) struct Stepping(Worker);

impl Stepping {
    /// Of that program.
    pub(crate) fn start(program: &Path, job: &Job, silence: Duration) -> anyhow::Result<Self> {
        Ok(Self(Worker::start(Some(program), job, silence)?))
    }

    /// Has it do a step, and waits for what it says of it.
    pub(crate) fn ask(&mut self, step: &Step) -> anyhow::Result<Result<Message, WorkerEnd>> {
        self.0.tell(step)?;
        loop {
            match self.0.hear()? {
                Ok(Message::Doing(_)) => {}
                other => return Ok(other),
            }
        }
    }
}

/// Reads messages on a thread of its own, so that silence can be noticed.
fn messages(stdout: impl Read + Send + 'static) -> Receiver<Message> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // A line that is no message is a library printing; it says nothing that could be used.
            if let Ok(message) = serde_json::from_str(&line)
                && sender.send(message).is_err()
            {
                return;
            }
        }
    });
    receiver
}

/// The end of what is written, once all is written.
fn tail(mut stderr: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stderr.read_to_end(&mut text);
        let kept = &text[text.len().saturating_sub(STDERR_KEPT)..];
        let _ = sender.send(String::from_utf8_lossy(kept).into_owned());
    });
    receiver
}
