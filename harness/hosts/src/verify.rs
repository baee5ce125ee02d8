use std::cell::RefCell;
use std::collections::BTreeMap;

use tollgate_fixtures::{Operation, Plugin, Workload};
use tollgate_record::{Counters, Failure};

use crate::modules::Modules;
use crate::{Action, Exchange, Host, HostError, Instance, Observation};

/// What [`verify`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Exact figures of one request of a warm instance.
    pub counters: Counters,
    /// What was shown, in words.
    pub proof: String,
}

/// Requests of one instance: the first warms it up, the others must count the same.
const REQUESTS: usize = 3;
const STAGE: &str = "verify";

thread_local! {
    static MODULES: RefCell<Modules> = RefCell::default();
}

/// Shows that a plugin does on a host what the workload expects: each of several requests has exactly the expected
/// trace, and leaves the headers as they were. A plugin that is not held to a workload must load, answer and not trap.
///
/// Where the host can meter, it first runs metered, so that an endless loop is found and not run into.
pub fn verify(host: &dyn Host, plugin: &Plugin, workload: &Workload) -> Result<Verified, Failure> {
    let metered = host.metered().map(|metered| observe(metered, plugin, workload)).transpose()?;
    let plain = observe(host, plugin, workload)?;
    if plugin.workload_checked {
        let expected = workload.expected_trace();
        for (number, seen) in metered.iter().flatten().chain(&plain).enumerate() {
            check(seen, &expected, workload, number % REQUESTS)?;
        }
        same_counters(&plain)?;
    }
    let counters = match metered {
        Some(metered) => last(metered),
        None => last(plain),
    };
    Ok(Verified { proof: proof(plugin, workload, &counters), counters })
}

/// What one observed request did.
pub(crate) struct Seen {
    action: Action,
    observation: Observation,
    /// Headers after the request where they are not those before: name and value.
    left: Option<String>,
}

fn observe(host: &dyn Host, plugin: &Plugin, workload: &Workload) -> Result<Vec<Seen>, Failure> {
    let mut exchange = Exchange::of(workload);
    let mut request = || -> Result<Vec<Seen>, HostError> {
        let compiled = MODULES.with_borrow_mut(|modules| modules.compile(host, plugin))?;
        let mut instance = compiled.module.instantiate(&workload.config())?;
        let mut seen = Vec::with_capacity(REQUESTS);
        for _ in 0..REQUESTS {
            seen.push(observed_request(instance.as_mut(), &mut exchange, workload)?);
        }
        Ok(seen)
    };
    request().map_err(HostError::into_failure)
}

/// One request from a fresh exchange, with all that it asks of the host written down.
pub(crate) fn observed_request(
    instance: &mut dyn Instance,
    exchange: &mut Exchange,
    workload: &Workload,
) -> Result<Seen, HostError> {
    exchange.reset();
    exchange.observe();
    let outcome = instance.request(exchange);
    let observation = exchange.take_observation().unwrap_or_default();
    Ok(Seen { action: outcome?, observation, left: difference(exchange, workload) })
}

/// The first header of the request or response that is not as it was.
fn difference(exchange: &Exchange, workload: &Workload) -> Option<String> {
    let halves = [
        ("request", &exchange.request, &workload.request_headers),
        ("response", &exchange.response, &workload.response_headers),
    ];
    for (half, after, before) in halves {
        let mut before = before.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        for (name, value) in after.iter() {
            if before.next() != Some((name, value)) {
                let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
                return Some(format!("{half} header `{name}: {value}` was not there before, or not in that place"));
            }
        }
        if let Some((name, _)) = before.next() {
            return Some(format!("{half} header `{}` is gone", String::from_utf8_lossy(name)));
        }
    }
    None
}

/// Whether a request did exactly what was expected.
pub(crate) fn check(seen: &Seen, expected: &[Operation], workload: &Workload, number: usize) -> Result<(), Failure> {
    let wrong = |what: String| {
        let Workload { name, .. } = workload;
        let advice = format!("change the plugin so that it does exactly what workload `{name}` asks");
        Err(Failure::plugin(STAGE, format!("request {}: {what}; {advice}", number + 1)))
    };
    let trace = &seen.observation.trace;
    for (index, want) in expected.iter().enumerate() {
        match trace.get(index) {
            Some(got) if got == want => {}
            Some(got) => return wrong(format!("operation {}: expected {want}, got {got}", index + 1)),
            None => return wrong(format!("operation {}: expected {want}, got no more operations", index + 1)),
        }
    }
    if let Some(more) = trace.get(expected.len()) {
        return wrong(format!("operation {}: expected no more operations, got {more}", expected.len() + 1));
    }
    if let Some(left) = &seen.left {
        return wrong(format!("after it, {left}"));
    }
    match seen.action {
        Action::Continue => Ok(()),
        Action::Pause => wrong("it paused the request".to_owned()),
        Action::LocalResponse => wrong("it answered the request itself".to_owned()),
    }
}

/// Counters are only worth keeping when they are the same for each request; the first one may set things up.
fn same_counters(seen: &[Seen]) -> Result<(), Failure> {
    let mut warm = seen.iter().skip(1).map(|seen| &seen.observation.counters);
    let Some(first) = warm.next() else { return Ok(()) };
    match warm.find(|counters| *counters != first) {
        None => Ok(()),
        Some(other) => Err(Failure::plugin(
            STAGE,
            format!(
                "two requests alike counted {first:?} and then {other:?}; make the plugin do the same work for each request"
            ),
        )),
    }
}

fn last(seen: Vec<Seen>) -> Counters {
    seen.into_iter().next_back().map(|seen| seen.observation.counters).unwrap_or_default()
}

fn proof(plugin: &Plugin, workload: &Workload, counters: &Counters) -> String {
    if !plugin.workload_checked {
        let calls: u64 = counters.host_calls.values().sum();
        return format!(
            "loaded, answered {REQUESTS} requests without a trap ({calls} host calls each); effects not checked"
        );
    }
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for operation in workload.expected_trace() {
        let kind = match operation {
            Operation::Replace { .. } => "replace",
            Operation::Add { .. } => "add",
            Operation::Get { .. } => "get",
            Operation::Remove { .. } => "remove",
            Operation::Call { .. } => "call",
        };
        *kinds.entry(kind).or_default() += 1;
    }
    let kinds: Vec<String> = kinds.into_iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    match kinds.as_slice() {
        [] => format!("each of {REQUESTS} requests did nothing to the headers, as expected"),
        kinds => format!(
            "each of {REQUESTS} requests did {}, in order, names and values as expected; the headers after are those before",
            kinds.join(", ")
        ),
    }
}
