use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::{Request, Response, StatusCode};
use tollgate_hosts::{Action, Exchange, Headers, HostError, Instance, LocalResponse, Operations};
use tollgate_record::Failure;

use super::NAME;
use super::modules::Modules;
use super::tally::Tally;
use crate::contract::echo_header;
use crate::gateway::refuse_chain;
use crate::{ARM_HEADER, Arm, BODY, CANARY_HEADER, LEFT_HEADER, ROUND_HEADER, arm_label};

/// An arm inside the gateway: its plugin's instance and the exchange that requests are turned into.
pub(super) struct Served {
    label: HeaderValue,
    /// None for a control.
    instance: Option<RefCell<Box<dyn Instance>>>,
    /// One for all requests: there is one thread, and a request is through before the next one begins.
    exchange: RefCell<Exchange>,
    /// Operations on the headers that the plugin must do for each request; none when it is held to none.
    expected_operations: Option<Operations>,
    /// Where the request's canary header goes in the response; see [`echo_header`].
    echo_header: &'static str,
    tally: Arc<Tally>,
}

/// The fixed part of every answer.
const CONTENT_TYPE: (&str, &str) = ("content-type", "text/plain");

impl Served {
    /// Makes the arm's instance, here in the gateway's thread.
    pub(super) fn new(arm: &Arm, tally: Arc<Tally>, modules: &mut Modules) -> Result<Self, Failure> {
        if let Some(failure) = refuse_chain(NAME, arm) {
            return Err(failure);
        }
        let instance = match &arm.plugin {
            None => None,
            Some(plugin) => {
                let instance = modules.get(plugin)?.instantiate(&arm.workload.config());
                Some(RefCell::new(instance.map_err(HostError::into_failure)?))
            }
        };
        // The label is made of characters that a header may have.
        let label = HeaderValue::from_str(&arm_label(arm)).unwrap_or(HeaderValue::from_static(NAME));
        let is_checked = arm.plugin.as_ref().is_some_and(|plugin| plugin.workload_checked);
        let expected_operations = is_checked.then(|| Operations::expected(&arm.workload));
        let echo_header = echo_header(arm);
        Ok(Self { label, instance, exchange: RefCell::default(), expected_operations, echo_header, tally })
    }

    /// Answers a request with that body, and notes how long that took when the request asks for it. hyper's share, to
    /// read the request and to write the response, is outside.
    pub(super) fn answer(&self, request: &Request<Incoming>, body: &[u8]) -> Response<Full<Bytes>> {
        let Some(round) = request.headers().get(ROUND_HEADER) else {
            return self.respond(request, body);
        };
        let begin = Instant::now();
        let response = self.respond(request, body);
        let ns = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if let Some(round) = round.to_str().ok().and_then(|round| round.parse().ok()) {
            self.tally.own_time(round, ns);
        }
        response
    }

    fn respond(&self, request: &Request<Incoming>, body: &[u8]) -> Response<Full<Bytes>> {
        self.tally.request();
        let mut exchange = self.exchange.borrow_mut();
        // Controls too: this map is the gateway's own, as Envoy has one, and no part of a plugin's price.
        fill(&mut exchange, request, body);
        if self.echo_header == CANARY_HEADER {
            let Exchange { request, response, .. } = &mut *exchange;
            if let Some(canary) = request.get(CANARY_HEADER) {
                response.add(CANARY_HEADER, canary);
            }
        }
        let Some(instance) = &self.instance else {
            return self.direct(&exchange);
        };
        let before = exchange.operations();
        let outcome = instance.borrow_mut().request(&mut exchange);
        let operations = exchange.operations() - before;
        match outcome {
            // A plugin that stops working when it is not looked at would look fast.
            Ok(_) if self.expected_operations.is_some_and(|expected| expected != operations) => {
                self.tally.error(format!("the plugin did {operations}: other work than verified"));
                closed()
            }
            Ok(Action::Continue) => {
                self.tally.run();
                self.direct(&exchange)
            }
            Ok(Action::LocalResponse) => {
                self.tally.run();
                local(exchange.local_response.as_deref())
            }
            Ok(Action::Pause) => {
                self.tally.error("the plugin paused the request, and nothing resumes it here".to_owned());
                closed()
            }
            Err(error) => {
                self.tally.error(error.to_string());
                closed()
            }
        }
    }

    /// The contract's answer, with the response headers as the plugin left them.
    fn direct(&self, exchange: &Exchange) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from_static(BODY.as_bytes())));
        copy_headers(&exchange.response, &mut response);
        response.headers_mut().insert(ARM_HEADER, self.label.clone());
        if self.echo_header == LEFT_HEADER
            && let Some(Ok(left)) = exchange.request.get(CANARY_HEADER).map(HeaderValue::from_bytes)
        {
            response.headers_mut().insert(LEFT_HEADER, left);
        }
        response
    }
}

fn fill(exchange: &mut Exchange, request: &Request<Incoming>, body: &[u8]) {
    exchange.clear();
    exchange.request_body.extend_from_slice(body);
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let authority = request.headers().get(HOST).map_or(b"".as_slice(), HeaderValue::as_bytes);
    exchange.request.add(":authority", authority);
    exchange.request.add(":path", path);
    exchange.request.add(":method", request.method().as_str());
    exchange.request.add(":scheme", "http");
    for (name, value) in request.headers().iter().filter(|(name, _)| **name != HOST) {
        exchange.request.add(name.as_str(), value.as_bytes());
    }
    exchange.response.add(":status", "200");
    exchange.response.add(CONTENT_TYPE.0, CONTENT_TYPE.1);
    exchange.response_body.extend_from_slice(BODY.as_bytes());
}

/// Status and headers into a response; what frames its body stays hyper's business.
fn copy_headers(headers: &Headers, response: &mut Response<Full<Bytes>>) {
    for (name, value) in headers.iter() {
        if name == b":status" {
            let status = StatusCode::from_bytes(value).ok();
            *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        } else if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
            && name != CONTENT_LENGTH
            && name != TRANSFER_ENCODING
        {
            response.headers_mut().append(name, value);
        }
    }
}

/// The answer that the plugin gave by itself.
fn local(answer: Option<&LocalResponse>) -> Response<Full<Bytes>> {
    let Some(answer) = answer else {
        return closed();
    };
    let mut response = Response::new(Full::new(Bytes::copy_from_slice(&answer.body)));
    copy_headers(&answer.headers, &mut response);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

/// A plugin that fails is closed, as Envoy's are: it must not look like a fast one.
fn closed() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}
