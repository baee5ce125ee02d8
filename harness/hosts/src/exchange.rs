use tollgate_fixtures::Workload;

use crate::{Headers, Observation};

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

    /// From now on, what plugins ask of a host is traced and counted, until [`Exchange::take_observation`].
    pub fn observe(&mut self) {
        self.observation = Some(Box::default());
    }

    /// What was observed since [`Exchange::observe`], and the end of observing.
    pub fn take_observation(&mut self) -> Option<Observation> {
        self.observation.take().map(|observation| *observation)
    }
}
