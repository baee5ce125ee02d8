use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tollgate_fixtures::{Plugin, Workload};
use tollgate_record::{Failure, MemorySampler, PluginKind, Soak};

use crate::limits::{LUA_MEMORY_BYTES, WASM_MEMORY_BYTES};
use crate::{Exchange, Host, HostError, Instance};

const STAGE: &str = "soak";
/// Requests at a time of an instance in a process of its own.
const REMOTE_STEP: u64 = 64;

/// Lets one instance answer requests for so long and samples the memory that it holds. `progress` is told now and
/// then how many there were. None when the host does not know the memory of its instances. To be called in a fresh
/// process that does nothing else.
///
/// An instance whose memory reaches the limit is stopped there. Wasm guests are refused more by their runtime, which
/// most do not survive; LuaJIT has no limit of its own, so it is watched here.
pub fn soak(
    host: &dyn Host,
    plugin: &Plugin,
    workload: &Workload,
    duration: Duration,
    progress: &mut dyn FnMut(u64),
) -> Option<Soak> {
    let mut soak = Soak {
        duration_ms: duration.as_millis() as u64,
        requests: 0,
        samples: Vec::new(),
        limit_bytes: None,
        error: None,
    };
    let instance = host.compile(plugin).and_then(|module| module.instantiate(&workload.config()));
    let mut instance = match instance {
        Ok(instance) => instance,
        Err(error) => {
            soak.error = Some(error.into_failure());
            return Some(soak);
        }
    };
    let start_bytes = instance.memory_bytes()?;
    let limit_bytes = limit_bytes(plugin.kind);
    // Asking a process of its own about each request would take longer than the request.
    let step = if instance.took_ns().is_some() { REMOTE_STEP } else { 1 };
    let mut sampler = MemorySampler::new(start_bytes, step);
    let outcome = requests(instance.as_mut(), workload, (step, duration), |requests, bytes| {
        soak.requests = requests;
        sampler.note(requests, bytes);
        progress(requests);
        bytes < limit_bytes
    });
    soak.samples = sampler.finish();
    let end_bytes = instance.memory_bytes().unwrap_or_default();
    // Who is refused more is still below the limit, and those who ask for twice as much are at half of it.
    let at_limit = match outcome {
        Ok(()) => end_bytes >= limit_bytes,
        Err(_) => end_bytes > limit_bytes / 2 && end_bytes > start_bytes * 2,
    };
    soak.limit_bytes = at_limit.then_some(limit_bytes);
    soak.error = failure(&soak, outcome.err());
    Some(soak)
}

/// Memory that an instance may have, in bytes.
fn limit_bytes(kind: PluginKind) -> u64 {
    let bytes = if kind == PluginKind::Lua { LUA_MEMORY_BYTES } else { WASM_MEMORY_BYTES };
    bytes as u64
}

/// Requests until the time is over, one fails, or `after`, told after each `step`, says that it is enough.
fn requests(
    instance: &mut dyn Instance,
    workload: &Workload,
    (step, duration): (u64, Duration),
    mut after: impl FnMut(u64, u64) -> bool,
) -> Result<(), HostError> {
    let mut exchange = Exchange::of(workload);
    let begin = Instant::now();
    let mut requests = 0;
    while begin.elapsed() < duration {
        instance.time(&mut exchange, step, 1, &mut |_, _| ControlFlow::Continue(()))?;
        requests += step;
        if !after(requests, instance.memory_bytes().unwrap_or_default()) {
            break;
        }
    }
    Ok(())
}

fn failure(soak: &Soak, error: Option<HostError>) -> Option<Failure> {
    let requests = soak.requests;
    match (soak.limit_bytes, error) {
        (None, None) => None,
        (None, Some(error)) => {
            let message = format!("after {requests} requests: {error}");
            Some(Failure { class: error.into_failure().class, ..Failure::plugin(STAGE, message) })
        }
        (Some(limit), error) => {
            let then = error.map(|error| format!(" ({error})")).unwrap_or_default();
            let message = format!(
                "its memory reached the limit of {} MiB after {requests} requests{then}; find what it keeps of each request",
                limit >> 20
            );
            Some(Failure::plugin(STAGE, message))
        }
    }
}
