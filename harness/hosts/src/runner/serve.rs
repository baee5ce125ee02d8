use std::io::{self, BufRead, Write};
use std::ops::ControlFlow;
use std::time::Instant;

use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::{CpuSet, sched_setaffinity};
use serde::Serialize;

use super::protocol::{Answer, Ask, Fault, Hello, PROTOCOL, TimedBatch};
use super::wire::WireExchange;
use crate::lua::{Dialect, compile};
use crate::{Exchange, Instance, Module};

/// Requests that are not timed before those that are. A switch of processes leaves caches, and by order of the kernel the
/// branch predictor, cold: a price that hosts in one process do not pay from arm to arm.
const AFTER_SWITCH: u64 = 8;

/// The runner's side: answers what comes on stdin until that ends. `runtime` is the runtime's version.
///
/// # Errors
/// When the pipes break, or somebody else than `tollgate` is at their other end.
pub fn serve<D: Dialect>(runtime: &str) -> io::Result<()> {
    // With stdin's end, a runner that waits ends; a script that runs on and on would not see it.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The allocator takes a slower path once there is a second thread: as in the process that the others run in.
    let _ = std::thread::spawn(|| {}).join();
    let mut stdout = io::stdout().lock();
    let tollgate = env!("CARGO_PKG_VERSION").to_owned();
    say(&mut stdout, &Hello { protocol: PROTOCOL, tollgate, runtime: runtime.to_owned() })?;
    let mut server = Server::default();
    for line in io::stdin().lock().lines() {
        let ask = serde_json::from_str(&line?)?;
        say(&mut stdout, &server.answer::<D>(ask)?)?;
    }
    Ok(())
}

fn say(stdout: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stdout.write_all(&line)?;
    stdout.flush()
}

#[derive(Default)]
struct Server {
    module: Option<Box<dyn Module>>,
    instance: Option<Box<dyn Instance>>,
    /// What timed requests begin with.
    exchange: Exchange,
}

impl Server {
    fn answer<D: Dialect>(&mut self, ask: Ask) -> io::Result<Answer> {
        let begin = Instant::now();
        let took_ns = || begin.elapsed().as_nanos() as u64;
        Ok(match ask {
            Ask::Compile { plugin, metered } => match compile::<D>(&plugin.into(), metered) {
                Ok(module) => {
                    let took_ns = took_ns();
                    self.module = Some(module);
                    Answer::Compiled { took_ns }
                }
                Err(error) => Answer::Failed(error.into()),
            },
            Ask::Instantiate { config } => match self.module()?.instantiate(&config.0) {
                Ok(instance) => {
                    let took_ns = took_ns();
                    let memory_bytes = instance.memory_bytes();
                    self.instance = Some(instance);
                    Answer::Instantiated { took_ns, memory_bytes }
                }
                Err(error) => Answer::Failed(error.into()),
            },
            Ask::Request { exchange } => self.request(exchange)?,
            Ask::Time { requests, batches, exchange, cores } => {
                if let Some(exchange) = exchange {
                    let mut sent = Exchange::default();
                    exchange.put_into(&mut sent);
                    self.exchange = Exchange::made_of(sent);
                }
                if let Some(cores) = cores {
                    run_on(&cores);
                }
                self.time(requests, batches)?
            }
        })
    }

    fn module(&self) -> io::Result<&dyn Module> {
        self.module.as_deref().ok_or_else(|| io::Error::other("asked for an instance before a script was compiled"))
    }

    fn request(&mut self, sent: WireExchange) -> io::Result<Answer> {
        let mut exchange = Exchange::default();
        sent.put_into(&mut exchange);
        let instance = instance(&mut self.instance)?;
        let begin = Instant::now();
        let outcome = instance.request(&mut exchange);
        let took_ns = begin.elapsed().as_nanos() as u64;
        Ok(Answer::Handled {
            outcome: outcome.map_err(Fault::from),
            operations: exchange.operations(),
            exchange: Box::new(WireExchange::from(&exchange)),
            took_ns,
            memory_bytes: instance.memory_bytes(),
        })
    }

    fn time(&mut self, requests: u64, batches: usize) -> io::Result<Answer> {
        let instance = instance(&mut self.instance)?;
        let mut timed = Vec::with_capacity(batches);
        let mut outcome = instance.time(&mut self.exchange, AFTER_SWITCH, 1, &mut |_, _| ControlFlow::Continue(()));
        let mut before = self.exchange.operations();
        let mut after = |exchange: &Exchange, took_ns| {
            let now = exchange.operations();
            let left = (!exchange.is_as_new()).then(|| WireExchange::from(exchange));
            timed.push(TimedBatch { took_ns, operations: now - before, left });
            before = now;
            ControlFlow::Continue(())
        };
        if outcome.is_ok() {
            outcome = instance.time(&mut self.exchange, requests, batches, &mut after);
        }
        let memory_bytes = instance.memory_bytes();
        Ok(Answer::Timed { batches: timed, fault: outcome.err().map(Fault::from), memory_bytes })
    }
}

fn instance(instance: &mut Option<Box<dyn Instance>>) -> io::Result<&mut dyn Instance> {
    match instance {
        Some(instance) => Ok(instance.as_mut()),
        None => Err(io::Error::other("asked for a request before there was an instance")),
    }
}

fn run_on(cores: &[usize]) {
    let mut set = CpuSet::new();
    cores.iter().filter(|&&core| core < CpuSet::MAX_CPU).for_each(|&core| set.set(core));
    // Where it is not allowed, the one who asks could not do it either.
    let _ = sched_setaffinity(None, &set);
}
