use std::cell::RefCell;

use tollgate_fixtures::{Plugin, plugin};
use tollgate_hosts::{Action, Exchange, HOSTS, Host, LocalResponse, Trailers};
use tollgate_record::Counters;

/// How far a plugin came, and what it did.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    /// Actions of its requests, and the stage at which it failed.
    pub(crate) actions: Vec<Action>,
    pub(crate) failed: Option<&'static str>,
    /// Headers and trailers at the end, and bodies.
    pub(crate) left: Vec<Vec<(Vec<u8>, Vec<u8>)>>,
    pub(crate) bodies: [Vec<u8>; 2],
    pub(crate) local_response: Option<LocalResponse>,
    /// Without fuel, which is each runtime's own.
    pub(crate) counters: Vec<Counters>,
}

thread_local! {
    /// Why the last plugin failed, in its host's own words.
    static REASON: RefCell<String> = RefCell::default();
}

impl Outcome {
    /// For a module that is known to be sound.
    pub(crate) fn must_compile(&self, host: &dyn Host) {
        assert!(self.failed != Some("compile"), "{} does not take the module: {}", host.name(), REASON.take());
    }
}

/// A Wasm plugin of these bytes.
pub(crate) fn wasm(bytes: Vec<u8>) -> Plugin {
    Plugin {
        name: "fuzz".to_owned(),
        bytes: bytes.into(),
        workload_checked: false,
        ..plugin("boundary").expect("the catalogue has it").clone()
    }
}

/// The Wasm hosts, such that they stop endless loops.
pub(crate) fn hosts() -> impl Iterator<Item = &'static dyn Host> {
    let kind = plugin("boundary").expect("the catalogue has it").kind;
    HOSTS.iter().filter(move |host| host.runs(kind)).map(|host| host.metered().expect("Wasm hosts can meter"))
}

/// A request and a response with bodies, and with trailers or not.
pub(crate) fn exchange(has_trailers: bool) -> Exchange {
    let fields = |fields: &[(&str, &str)]| -> Vec<(String, String)> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let request = fields(&[(":method", "GET"), (":path", "/a?b"), (":authority", "c"), ("accept", "x"), ("d", "")]);
    let response = fields(&[(":status", "200"), ("server", "y")]);
    let exchange = Exchange::new(&request, &response).with_bodies(b"body".to_vec(), b"answer".to_vec());
    let trailers = Trailers { request: [("e", "1")].into_iter().collect(), ..Trailers::default() };
    if has_trailers { exchange.with_trailers(trailers) } else { exchange }
}

/// The plugin's whole life on a host: compiled, started, one observed request and one that is not. A message that
/// names no remedy, or goes over several lines, is a fault, too.
pub(crate) fn live(host: &dyn Host, plugin: &Plugin, config: &[u8], mut exchange: Exchange) -> Outcome {
    let mut outcome = Outcome {
        actions: Vec::new(),
        failed: None,
        left: Vec::new(),
        bodies: Default::default(),
        local_response: None,
        counters: Vec::new(),
    };
    let mut requests = || {
        let mut instance = host.compile(plugin)?.instantiate(config)?;
        for observed in [true, false] {
            if observed {
                exchange.observe();
            }
            let action = instance.request(&mut exchange);
            let observation = exchange.take_observation();
            outcome.counters.extend(observation.map(|seen| Counters { fuel: None, ..seen.counters }));
            outcome.actions.push(action?);
        }
        Ok::<(), tollgate_hosts::HostError>(())
    };
    if let Err(error) = requests() {
        let message = error.to_string();
        assert!(message.contains(';') && !message.contains('\n'), "{}: {message:?}", host.name());
        outcome.failed = Some(error.stage());
        REASON.set(message);
    }
    let fields = |headers: &tollgate_hosts::Headers| {
        headers.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect::<Vec<_>>()
    };
    let trailers = exchange.trailers.take().unwrap_or_default();
    outcome.left = [&exchange.request, &exchange.response, &trailers.request, &trailers.response].map(fields).to_vec();
    outcome.local_response = exchange.local_response.take().map(|response| *response);
    outcome.bodies = [exchange.request_body, exchange.response_body];
    outcome
}
