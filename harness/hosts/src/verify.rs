use std::collections::BTreeMap;

use tollgate_fixtures::{HeaderPath, Operation, Plugin, Workload};
use tollgate_record::{Counters, Failure};

use crate::error::OneLine;
use crate::modules::Modules;
use crate::tally::Tally;
use crate::{Action, Exchange, Host, HostError, Instance, Observation, Operations};

/// What [`verify`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Exact figures of one request of a warm instance.
    pub counters: Counters,
    /// What was shown, in words.
    pub proof: String,
}

/// Requests of an instance: the first warms it up, the others must count the same.
const REQUESTS: usize = 3;
/// Requests of a metered one, unless they take long: a guest that collects garbage does not in every request.
const METERED_REQUESTS: usize = 65;
/// Fuel that they may take together, some seconds at most. Not a time: what is counted must not depend on the machine.
const METERED_FUEL: u64 = 1_000_000_000;
/// What counting an instruction of Lua costs beside a unit of fuel.
const FUEL_PER_LUA_INSTRUCTION: u64 = 100;
const STAGE: &str = "verify";

/// Shows that a plugin does on a host what the workload expects: each of several requests has exactly the expected
/// trace, and leaves the headers as they were. A plugin that is not held to a workload must load, answer and not trap.
///
/// Where the host can meter, it first runs metered, so that an endless loop is found and not run into.
pub fn verify(host: &dyn Host, plugin: &Plugin, workload: &Workload) -> Result<Verified, Failure> {
    let metered = host.metered().map(|metered| observe(metered, plugin, workload, METERED_REQUESTS)).transpose()?;
    let plain = observe(host, plugin, workload, REQUESTS)?;
    let expected = workload.expected_trace();
    let mut counters = Counters::default();
    for seen in [Some(plain), metered].into_iter().flatten() {
        let mut tally = Tally::default();
        for (number, seen) in seen.into_iter().enumerate() {
            if plugin.workload_checked {
                check(&seen, &expected, workload, number)?;
            }
            tally.add(seen.observation.counters);
        }
        if let (true, Some(difference)) = (plugin.workload_checked, tally.difference()) {
            let advice = "make the plugin do the same work for each request";
            return Err(Failure::plugin(STAGE, format!("requests alike counted differently: {difference}; {advice}")));
        }
        counters = tally.counters();
    }
    Ok(Verified { proof: proof(plugin, workload, &counters), counters })
}

/// What one observed request did.
pub(crate) struct Seen {
    action: Action,
    pub(crate) observation: Observation,
    operations: Operations,
    /// Headers after the request where they are not those before: name and value.
    left: Option<String>,
}

fn observe(host: &dyn Host, plugin: &Plugin, workload: &Workload, requests: usize) -> Result<Vec<Seen>, Failure> {
    let mut exchange = Exchange::of(workload);
    let mut request = || -> Result<Vec<Seen>, HostError> {
        let mut instance = Modules::of_thread(host, plugin)?.instantiate(&workload.config())?;
        let mut seen = Vec::with_capacity(requests);
        let mut fuel = 0u64;
        while seen.len() < requests && (seen.len() < REQUESTS || fuel < METERED_FUEL) {
            let request = observed_request(instance.as_mut(), &mut exchange, workload)?;
            fuel = fuel.saturating_add(fuel_of(&request.observation.counters));
            seen.push(request);
        }
        Ok(seen)
    };
    request().map_err(HostError::into_failure)
}

/// What a request cost, in fuel; where nothing was counted, or too much, there need not be many.
fn fuel_of(counters: &Counters) -> u64 {
    let lua = counters.lua_instructions.map(|instructions| instructions.saturating_mul(FUEL_PER_LUA_INSTRUCTION));
    counters.fuel.or(lua).unwrap_or(METERED_FUEL)
}

/// One request from a fresh exchange, with all that it asks of the host written down.
pub(crate) fn observed_request(
    instance: &mut dyn Instance,
    exchange: &mut Exchange,
    workload: &Workload,
) -> Result<Seen, HostError> {
    exchange.reset();
    exchange.observe();
    let before = exchange.operations();
    let outcome = instance.request(exchange);
    let observation = exchange.take_observation().unwrap_or_default();
    let operations = exchange.operations() - before;
    Ok(Seen { action: outcome?, observation, operations, left: difference(exchange, workload) })
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
        Err(Failure::plugin(STAGE, format!("request {}: {}; {advice}", number + 1, OneLine(&what))))
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
    // The trace does not say on whose headers.
    let wanted = Operations::expected(workload);
    if seen.operations != wanted {
        return wrong(format!("expected {wanted}, got {}", seen.operations));
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
            "each of {REQUESTS} requests did {}{}, in order, names and values as expected; the headers after are those before",
            kinds.join(", "),
            if workload.path == HeaderPath::Response { " on response headers" } else { "" },
        ),
    }
}
