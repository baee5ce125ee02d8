use std::fmt;
use std::ops::{Mul, Sub};

use serde::{Deserialize, Serialize};
use tollgate_fixtures::{HeaderPath, Workload};

use crate::{Headers, Observation};

/// Body of the answer to an HTTP call that a plugin makes, in process and on Envoy.
pub const CALL_BODY: &[u8] = b"pass";

/// A request and its response as a plugin sees them.
///
/// It is used over and over: [`Exchange::reset`] brings back what it was made of, without allocating.
#[derive(Debug, Default)]
pub struct Exchange {
    /// Headers of the request, pseudo headers (`:path`) among them.
    pub request: Headers,
    /// Headers of the response.
    pub response: Headers,
    /// Body of the request.
    pub request_body: Vec<u8>,
    /// Body of the response.
    pub response_body: Vec<u8>,
    /// Trailers, if there are any: hardly anybody sends them.
    pub trailers: Option<Box<Trailers>>,
    /// The answer of a plugin that answered by itself.
    pub local_response: Option<Box<LocalResponse>>,
    pub(crate) observation: Option<Box<Observation>>,
    template: Option<Box<Template>>,
}

/// Fields that come after a body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trailers {
    /// Those of the request.
    pub request: Headers,
    /// Those of the response.
    pub response: Headers,
}

/// A response that a plugin gave in place of the upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalResponse {
    /// HTTP status code.
    pub status: u16,
    /// Headers that the plugin asked for.
    pub headers: Headers,
    /// Body.
    pub body: Vec<u8>,
}

#[derive(Debug, Default)]
struct Template {
    request: Headers,
    response: Headers,
    request_body: Vec<u8>,
    response_body: Vec<u8>,
    trailers: Option<Box<Trailers>>,
}

impl Exchange {
    /// An exchange with these headers and empty bodies.
    pub fn new(request_headers: &[(String, String)], response_headers: &[(String, String)]) -> Self {
        let headers = |fields: &[(String, String)]| fields.iter().map(|(name, value)| (name, value)).collect();
        let template =
            Template { request: headers(request_headers), response: headers(response_headers), ..Template::default() };
        let mut exchange = Self { template: Some(Box::new(template)), ..Self::default() };
        exchange.reset();
        exchange
    }

    /// An exchange made of what another one holds.
    pub(crate) fn made_of(other: Self) -> Self {
        let Self { request, response, request_body, response_body, trailers, .. } = other;
        let template = Template { request, response, request_body, response_body, trailers };
        let mut exchange = Self { template: Some(Box::new(template)), ..Self::default() };
        exchange.reset();
        exchange
    }

    /// The exchange of a workload.
    pub fn of(workload: &Workload) -> Self {
        Self::new(&workload.request_headers, &workload.response_headers)
            .with_bodies(workload.request_body.clone(), workload.response_body.clone())
    }

    /// The same exchange with these bodies.
    #[must_use]
    pub fn with_bodies(mut self, request_body: Vec<u8>, response_body: Vec<u8>) -> Self {
        let template = self.template.get_or_insert_default();
        (template.request_body, template.response_body) = (request_body, response_body);
        self.reset();
        self
    }

    /// The same exchange with these trailers.
    #[must_use]
    pub fn with_trailers(mut self, trailers: Trailers) -> Self {
        self.template.get_or_insert_default().trailers = Some(Box::new(trailers));
        self.reset();
        self
    }

    /// Back to what it was made of: after this, nothing of the last request is left. Allocates nothing once the
    /// exchange has been as large.
    pub fn reset(&mut self) {
        match &self.template {
            None => self.clear(),
            Some(template) => {
                self.request.copy_from(&template.request);
                self.response.copy_from(&template.response);
                self.request_body.clear();
                self.request_body.extend_from_slice(&template.request_body);
                self.response_body.clear();
                self.response_body.extend_from_slice(&template.response_body);
                if self.trailers.is_some() || template.trailers.is_some() {
                    self.trailers.clone_from(&template.trailers);
                }
                self.local_response = None;
            }
        }
    }

    /// Empties headers, bodies and local response, for a caller who fills it anew for each request.
    pub fn clear(&mut self) {
        self.request.clear();
        self.response.clear();
        self.request_body.clear();
        self.response_body.clear();
        self.trailers = None;
        self.local_response = None;
    }

    /// Whether request and response headers are those that it was made of.
    pub fn is_as_new(&self) -> bool {
        self.local_response.is_none()
            && self.template.as_ref().is_none_or(|template| {
                (&self.request, &self.response) == (&template.request, &template.response)
                    && (&self.request_body, &self.response_body) == (&template.request_body, &template.response_body)
                    && self.trailers == template.trailers
            })
    }

    /// Operations on both header maps in the life of the exchange: see [`Headers::operations`].
    #[inline]
    pub fn operations(&self) -> Operations {
        Operations { request: self.request.operations(), response: self.response.operations() }
    }

    /// Counts operations that were done on a copy of this exchange, in another process.
    pub(crate) fn count_elsewhere(&self, operations: Operations) {
        self.request.count_elsewhere(operations.request);
        self.response.count_elsewhere(operations.response);
    }

    /// From now on, what plugins ask of a host is traced and counted, until [`Exchange::take_observation`].
    pub fn observe(&mut self) {
        self.observation = Some(Box::default());
    }

    /// What was observed since [`Exchange::observe`], and the end of observing.
    pub fn take_observation(&mut self) -> Option<Observation> {
        self.observation.take().map(|observation| *observation)
    }
}

/// Numbers of operations on headers. They show that a plugin did its work, and on the headers that it was asked to,
/// while nobody traced it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operations {
    /// On those of the request.
    pub request: u64,
    /// On those of the response.
    pub response: u64,
}

impl Operations {
    /// What a request must do that is held to a workload.
    pub fn expected(workload: &Workload) -> Self {
        let operations = workload.expected_trace().len() as u64;
        match workload.path {
            HeaderPath::Request => Self { request: operations, response: 0 },
            HeaderPath::Response => Self { request: 0, response: operations },
        }
    }
}

impl Sub for Operations {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { request: self.request - before.request, response: self.response - before.response }
    }
}

impl Mul<u64> for Operations {
    type Output = Self;

    fn mul(self, requests: u64) -> Self {
        Self { request: self.request * requests, response: self.response * requests }
    }
}

impl fmt::Display for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { request, response: 0 } => write!(f, "{request} operations on the request's headers"),
            Self { request: 0, response } => write!(f, "{response} operations on the response's headers"),
            Self { request, response } => {
                write!(f, "{request} operations on the request's headers and {response} on the response's")
            }
        }
    }
}
