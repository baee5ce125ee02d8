use std::collections::HashMap;
use std::time::Instant;

use tollgate_fixtures::Plugin;

use super::Version;
use super::headers::Found;
use super::metrics::Metrics;
use super::queues::Queues;
use super::shared::SharedData;
use super::status::Status;
use super::upstream::Upstream;
use crate::log::Log;
use crate::{Exchange, Headers, Observation};

/// What is going on: it decides which headers and buffers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Instantiation, `proxy_on_vm_start` and `proxy_on_configure`: no stream.
    Start,
    /// The request's headers and body.
    Request,
    /// The response's headers and body; the request's headers can still be read.
    Response,
    /// `proxy_on_done`, `proxy_on_log` and `proxy_on_delete`.
    End,
}

/// What a plugin is called: by its configuration, and by the SDK inside it.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) name: String,
    /// [`Plugin::root_id`].
    pub(crate) root_id: String,
}

impl From<&Plugin> for Identity {
    fn from(plugin: &Plugin) -> Self {
        Self { name: plugin.name.clone(), root_id: plugin.root_id.clone() }
    }
}

/// What the host functions of one instance remember.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) version: Version,
    pub(crate) phase: Phase,
    /// The stream that is handled; between requests an empty one.
    pub(crate) exchange: Exchange,
    pub(crate) identity: Identity,
    pub(crate) plugin_config: Vec<u8>,
    pub(crate) log: Log,
    /// Properties that the guest set on the stream at hand, by path.
    pub(crate) properties: HashMap<Vec<u8>, Vec<u8>>,
    pub(crate) shared_data: SharedData,
    pub(crate) queues: Queues,
    pub(crate) metrics: Metrics,
    pub(crate) upstream: Upstream,
    /// Context that the guest declared to be at work; 0 until it did.
    pub(crate) effective_context: u32,
    /// Period in milliseconds that the guest asked for; 0 is none.
    pub(crate) tick_period_ms: u32,
    /// Context of the stream at hand; 0 when there is none.
    pub(crate) context: u32,
    /// Whether the guest's allocator is known (it is not in the start section), and not at work.
    pub(crate) may_allocate: bool,
    /// The value that [`super::begin_get`] found, until [`super::finish_get`] hands it over.
    pub(crate) found: Option<Found>,
    /// Whether the guest called `proxy_close_stream`.
    pub(crate) closed: bool,
    /// Whether the guest answered `proxy_on_done` with false, and has yet to call `proxy_done`.
    pub(crate) pending_done: bool,
    /// Whether the stream's end is what is told: trailers can then be added.
    pub(crate) at_end: bool,
    /// Whether the guest called `proxy_continue_stream` for the request, or the response.
    pub(crate) continued: [bool; 2],
    /// Where the guest's generator of random numbers stands: the same in every run, so that counters are.
    pub(crate) random: u64,
    /// Beginning of the clock `CLOCK_MONOTONIC`.
    pub(crate) born: Instant,
}

impl State {
    pub(crate) fn new(version: Version, identity: &Identity, plugin_config: &[u8]) -> Self {
        Self {
            version,
            phase: Phase::Start,
            exchange: Exchange::default(),
            identity: identity.clone(),
            plugin_config: plugin_config.to_owned(),
            log: Log::default(),
            properties: HashMap::new(),
            shared_data: SharedData::default(),
            queues: Queues::default(),
            metrics: Metrics::default(),
            upstream: Upstream::default(),
            effective_context: 0,
            tick_period_ms: 0,
            context: 0,
            may_allocate: false,
            found: None,
            closed: false,
            pending_done: false,
            at_end: false,
            continued: [false; 2],
            random: 0x9e37_79b9_7f4a_7c15,
            born: Instant::now(),
        }
    }

    /// Where the calls of an observed request are written down.
    #[inline]
    pub(crate) fn observation(&mut self) -> Option<&mut Observation> {
        self.exchange.observation.as_deref_mut()
    }

    /// Counts a call of a host function, while observed.
    #[inline]
    pub(crate) fn count_call(&mut self, name: &str) {
        if let Some(observation) = self.observation() {
            observation.call(name);
        }
    }

    /// The header map of that number: 0 request headers, 2 response headers, 1 and 3 their trailers, 4 to 7 those of an
    /// answer to a call while it is told. A map that is not there is a bad argument, as in Envoy.
    #[inline]
    pub(crate) fn headers(&mut self, map: u32) -> Result<&mut Headers, Status> {
        match (map, self.phase) {
            (0, Phase::Request | Phase::Response | Phase::End) => Ok(&mut self.exchange.request),
            (2, Phase::Response | Phase::End) => Ok(&mut self.exchange.response),
            _ => self.rare_headers(map).ok_or(Status::BadArgument),
        }
    }

    #[cold]
    fn rare_headers(&mut self, map: u32) -> Option<&mut Headers> {
        match (map, self.phase) {
            (1, Phase::Request) | (3, Phase::Response) if self.at_end => {
                let trailers = self.exchange.trailers.get_or_insert_default();
                Some(if map == 1 { &mut trailers.request } else { &mut trailers.response })
            }
            (1, Phase::Request | Phase::Response | Phase::End) => {
                self.exchange.trailers.as_mut().map(|trailers| &mut trailers.request)
            }
            (3, Phase::Response | Phase::End) => self.exchange.trailers.as_mut().map(|trailers| &mut trailers.response),
            _ => self.upstream.headers(map),
        }
    }

    /// Whether nothing is to be told: no answer to a call, nothing new in a queue.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.upstream.is_idle() && self.queues.is_idle()
    }
}
