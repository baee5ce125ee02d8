use std::cell::RefCell;
use std::io;
use std::path::PathBuf;

use rustix::thread::{CpuSet, sched_getaffinity};
use tollgate_fixtures::Plugin;

use super::find::Found;
use super::process::{Lost, Process};
use super::protocol::{Answer, Ask, Hello, TimedBatch, WirePlugin};
use super::wire::{Text, WireExchange};
use crate::{Action, After, Exchange, HostError, Instance, Module, Said};

/// A script that a runner has compiled.
pub(super) struct Script {
    program: PathBuf,
    plugin: WirePlugin,
    name: String,
    metered: bool,
    compile_ns: u64,
    /// The process that compiled it, for the first instance.
    spare: RefCell<Option<Process>>,
}

pub(super) enum NotCompiled {
    /// There is no process to compile it: not the script's fault.
    NotStarted(io::Error),
    Script(HostError),
}

impl From<io::Error> for NotCompiled {
    fn from(error: io::Error) -> Self {
        Self::NotStarted(error)
    }
}

impl From<HostError> for NotCompiled {
    fn from(error: HostError) -> Self {
        Self::Script(error)
    }
}

impl Script {
    pub(super) fn compile(found: &Found, plugin: &Plugin, metered: bool) -> Result<Self, NotCompiled> {
        let mut script = Self {
            program: found.program.clone(),
            plugin: plugin.into(),
            name: plugin.name.clone(),
            metered,
            compile_ns: 0,
            spare: RefCell::default(),
        };
        let (process, compile_ns) = script.start()?;
        script.compile_ns = compile_ns;
        script.spare = RefCell::new(Some(process));
        Ok(script)
    }

    /// A fresh process that has compiled the script, and the nanoseconds it took for that.
    fn start(&self) -> Result<(Process, u64), NotCompiled> {
        let broken = |lost: Lost| HostError::Compile { plugin: self.name.clone(), reason: lost.to_string() };
        let mut process = Process::start(&self.program)?;
        process.answer::<Hello>().map_err(broken)?;
        let ask = Ask::Compile { plugin: self.plugin.clone(), metered: self.metered };
        match process.ask(&ask).map_err(broken)? {
            Answer::Compiled { took_ns } => Ok((process, took_ns)),
            Answer::Failed(fault) => Err(fault.into_error(&self.name).into()),
            other => Err(broken(unexpected(&other)).into()),
        }
    }
}

fn unexpected(answer: &Answer) -> Lost {
    let answer: String = format!("{answer:?}").chars().take(60).collect();
    Lost::Nonsense { what: format!("an answer to another question: {answer}") }
}

impl Module for Script {
    fn instantiate(&self, config: &[u8]) -> Result<Box<dyn Instance>, HostError> {
        let failed = |reason| HostError::Instantiate { plugin: self.name.clone(), reason, said: Said::default() };
        let spare = self.spare.borrow_mut().take();
        let mut process = match spare.map_or_else(|| self.start().map(|(process, _)| process), Ok) {
            Ok(process) => process,
            Err(NotCompiled::Script(error)) => return Err(error),
            Err(NotCompiled::NotStarted(error)) => {
                return Err(failed(format!("no process could be started for it ({error}); look at your limits")));
            }
        };
        match process.ask(&Ask::Instantiate { config: Text(config.to_vec()) }) {
            Ok(Answer::Instantiated { took_ns, memory_bytes }) => Ok(Box::new(Remote {
                plugin: self.name.clone(),
                process,
                dead: None,
                exchange: None,
                cores: Vec::new(),
                took_ns,
                memory_bytes,
            })),
            Ok(Answer::Failed(fault)) => Err(fault.into_error(&self.name)),
            Ok(other) => Err(failed(unexpected(&other).to_string())),
            Err(lost) => Err(failed(lost.to_string())),
        }
    }

    fn compile_ns(&self) -> Option<u64> {
        Some(self.compile_ns)
    }
}

/// An instance in a process of its own.
struct Remote {
    plugin: String,
    process: Process,
    /// Why the process is of no use any more.
    dead: Option<HostError>,
    /// What the runner's timed requests begin with.
    exchange: Option<WireExchange>,
    /// What the runner runs on, once it was told.
    cores: Vec<usize>,
    took_ns: u64,
    memory_bytes: Option<u64>,
}

impl Remote {
    fn ask(&mut self, ask: &Ask) -> Result<Answer, HostError> {
        if let Some(error) = &self.dead {
            return Err(error.dead());
        }
        self.process.ask(ask).map_err(|lost| self.lost(&lost))
    }

    fn lost(&mut self, lost: &Lost) -> HostError {
        let error = HostError::Request {
            plugin: self.plugin.clone(),
            callback: "envoy_on_request or envoy_on_response",
            reason: lost.to_string(),
            said: Said::default(),
        };
        self.dead = Some(error.clone());
        error
    }
}

impl Instance for Remote {
    fn request(&mut self, exchange: &mut Exchange) -> Result<Action, HostError> {
        match self.ask(&Ask::Request { exchange: WireExchange::from(&*exchange) })? {
            Answer::Handled { outcome, exchange: left, operations, took_ns, memory_bytes } => {
                left.put_into(exchange);
                exchange.count_elsewhere(operations);
                (self.took_ns, self.memory_bytes) = (took_ns, memory_bytes);
                outcome.map_err(|fault| fault.into_error(&self.plugin))
            }
            other => Err(self.lost(&unexpected(&other))),
        }
    }

    fn time(
        &mut self,
        exchange: &mut Exchange,
        requests: u64,
        batches: usize,
        after: After<'_>,
    ) -> Result<(), HostError> {
        exchange.reset();
        let wire = WireExchange::from(&*exchange);
        let cores = cores();
        let ask = Ask::Time {
            requests,
            batches,
            exchange: (self.exchange.as_ref() != Some(&wire)).then(|| wire.clone()),
            cores: (self.cores != cores).then(|| cores.clone()),
        };
        let (batches, fault) = match self.ask(&ask)? {
            Answer::Timed { batches, fault, memory_bytes } => {
                self.memory_bytes = memory_bytes;
                (batches, fault)
            }
            other => return Err(self.lost(&unexpected(&other))),
        };
        (self.exchange, self.cores) = (Some(wire), cores);
        // The exchange here becomes what it was there after each batch.
        for TimedBatch { took_ns, operations, left } in batches {
            match left {
                Some(left) => left.put_into(exchange),
                None => exchange.reset(),
            }
            exchange.count_elsewhere(operations);
            if after(exchange, took_ns).is_break() {
                return Ok(());
            }
        }
        fault.map_or(Ok(()), |fault| Err(fault.into_error(&self.plugin)))
    }

    fn took_ns(&self) -> Option<u64> {
        Some(self.took_ns)
    }

    fn memory_bytes(&self) -> Option<u64> {
        self.memory_bytes
    }
}

/// The cores that this thread may run on: a runner is measured on the same ones.
fn cores() -> Vec<usize> {
    // Where it cannot be asked, nobody was pinned.
    sched_getaffinity(None)
        .map_or_else(|_| Vec::new(), |set| (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect())
}
