//! The parent's side.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tollgate_record::CellId;

use super::protocol::{Job, Message};
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

/// Runs a job in a fresh process. `on` gets each message; `silence` is how long the worker may say nothing.
pub(crate) fn run_job(
    job: &Job,
    silence: Duration,
    on: &mut dyn FnMut(Message) -> anyhow::Result<()>,
) -> anyhow::Result<Result<(), WorkerEnd>> {
    let program = std::env::current_exe().context("cannot find our own program to start a worker")?;
    let mut command = Command::new(program);
    command.arg("worker").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Job::Mirrored(job) = job {
        // Shifts the stack, by up to a page (T. Mytkowicz et al., "Producing Wrong Data Without Doing Anything Obviously
        // Wrong!", ASPLOS 2009).
        command.env("TOLLGATE_PADDING", "x".repeat(fastrand::Rng::with_seed(job.seed).usize(..4096)));
    }
    let mut child = Reaped(command.spawn().context("cannot start a worker process")?);
    let mut stdin = child.0.stdin.take().context("a piped stdin is there")?;
    let mut line = serde_json::to_vec(job)?;
    line.push(b'\n');
    // A worker that dies at once closes the pipe; how it died is found out below.
    let _ = stdin.write_all(&line).and_then(|()| stdin.flush());
    let messages = messages(child.0.stdout.take().context("a piped stdout is there")?);
    let stderr = tail(child.0.stderr.take().context("a piped stderr is there")?);

    let mut doing = None;
    // Only time that we spent waiting counts: when both of us were stopped (Ctrl-Z), nobody was silent.
    let mut silent = Duration::ZERO;
    loop {
        let waiting = Instant::now();
        match messages.recv_timeout(LOOK_EVERY) {
            Ok(Message::Done) => return Ok(Ok(())),
            // Said by a thread of its own, which runs on when a plugin hangs: no sign of life.
            Ok(Message::At(cell)) => {
                doing = Some(cell);
                silent += waiting.elapsed().min(LOOK_EVERY);
            }
            Ok(message) => {
                silent = Duration::ZERO;
                if let Message::Doing(cell) = &message {
                    doing = Some(cell.clone());
                }
                on(message)?;
            }
            Err(RecvTimeoutError::Timeout) => silent += LOOK_EVERY,
            Err(RecvTimeoutError::Disconnected) if interrupt::requested() => return Ok(Err(WorkerEnd::Interrupted)),
            Err(RecvTimeoutError::Disconnected) => {
                let status = child.0.wait().context("cannot wait for a worker")?;
                let said = stderr.recv().unwrap_or_default();
                return Ok(Err(WorkerEnd::Died { cell: doing, how: format!("{status}: {}", said.trim()) }));
            }
        }
        if interrupt::requested() {
            return Ok(Err(WorkerEnd::Interrupted));
        }
        if silent > silence {
            return Ok(Err(WorkerEnd::Silent { cell: doing, after: silence }));
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
