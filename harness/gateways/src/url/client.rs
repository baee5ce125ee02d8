use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Method, Request, StatusCode, Url, Version};
use tokio::runtime::Runtime;
use tollgate_fixtures::Workload;
use tollgate_record::Failure;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How URLs are asked.
#[derive(Debug, Clone, Default)]
pub struct UrlOptions {
    /// Headers beside those of the request; one of the same name takes its place.
    pub headers: Vec<(String, String)>,
    /// PEM file of certificates to trust beside the system's.
    pub ca: Option<PathBuf>,
    /// Whether any certificate is trusted.
    pub insecure: bool,
    /// Which HTTP is spoken; none lets TLS settle it (HTTP/2 where the server has it), and is HTTP/1.1 without TLS.
    pub http: Option<HttpVersion>,
}

/// A version of HTTP that is insisted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, without TLS by prior knowledge.
    Http2,
}

/// Why a URL is not measured.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    /// It is no URL that can be asked.
    #[error("`{url}` is not a URL that can be measured: {reason}; give one that begins with http:// or https://")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A header cannot be sent.
    #[error("the header `{0}` cannot be sent: its name or value has characters that HTTP does not allow; correct it")]
    Header(String),
    /// The file of certificates is of no use.
    #[error("cannot use the certificates in {path}: {reason}; give a PEM file")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The client could not be made.
    #[error("cannot make a client: {0}")]
    Client(String),
    /// It cannot be put under load.
    #[error(
        "{url} cannot be put under load: {reason}; give the same route by http:// and HTTP/1.1, or leave --load out"
    )]
    Load {
        /// The URL.
        url: String,
        /// Why.
        reason: String,
    },
    /// No answer.
    #[error("no answer from {url}: {reason}")]
    NoAnswer {
        /// The URL.
        url: String,
        /// Why, with all causes.
        reason: String,
    },
}

impl UrlError {
    /// As a row's failure: never a plugin's fault, since nothing is known of one.
    pub fn into_failure(self) -> Failure {
        Failure::environment("measure", self.to_string())
    }
}

/// What an answer is known by: whatever else may change from request to request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    status: StatusCode,
    version: Version,
    length: usize,
}

impl Answer {
    /// That it is an error page, whose cost is nobody's question.
    pub(super) fn is_error(&self) -> Option<String> {
        let is_error = self.status.is_client_error() || self.status.is_server_error();
        is_error.then(|| format!("answered {}; give what it wants with --header, or look into its log", self.status))
    }

    /// Its status.
    pub(super) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// What has changed since the first answer, in words. The length of a body may.
    pub(super) fn differs_from(&self, later: &Self) -> Option<String> {
        let (status, version) = (later.status, later.version);
        if (self.status, self.version) != (status, version) {
            let (was, by) = (self.status, self.version);
            return Some(format!("answered {status} ({version:?}) after {was} ({by:?}); look into that gateway's log"));
        }
        None
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, status {}, {} bytes of body at first", self.version, self.status.as_u16(), self.length)
    }
}

/// A connection to one URL. The client is asynchronous, its runtime this thread's own, so that no other thread has to be
/// woken within the timed part.
#[derive(Debug)]
pub(super) struct Client {
    runtime: Runtime,
    client: reqwest::Client,
    request: Request,
}

impl Client {
    /// Prepares the request; connects with the first one.
    pub(super) fn new(url: &str, workload: &Workload, options: &UrlOptions) -> Result<Self, UrlError> {
        let refused = |reason: String| UrlError::Url { url: url.to_owned(), reason };
        let parsed = Url::parse(url).map_err(|error| refused(error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(refused(format!("it begins with {}:", parsed.scheme())));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self {
            runtime: runtime.map_err(|error| UrlError::Client(error.to_string()))?,
            client: client(options)?,
            request: request(parsed, workload, options)?,
        })
    }

    /// What is sent.
    pub(super) fn request(&self) -> &Request {
        &self.request
    }

    /// Sends the request and reads the whole answer; nanoseconds from before the one until after the other.
    pub(super) fn exchange(&mut self) -> Result<(u64, Answer), UrlError> {
        let request = self.request.try_clone().expect("its body is bytes");
        let client = &self.client;
        let answered = self.runtime.block_on(async {
            let begin = Instant::now();
            let response = client.execute(request).await?;
            let (status, version) = (response.status(), response.version());
            let length = response.bytes().await?.len();
            let ns = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
            Ok((ns, Answer { status, version, length }))
        });
        answered.map_err(|error: reqwest::Error| UrlError::NoAnswer {
            url: self.request.url().to_string(),
            reason: causes(&error.without_url()),
        })
    }
}

fn client(options: &UrlOptions) -> Result<reqwest::Client, UrlError> {
    crate::tls::provide();
    let mut builder = reqwest::Client::builder()
        // What is measured is the URL that was named and nothing in between.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(TIMEOUT)
        .tcp_nodelay(true)
        // One connection, kept however long another arm's turn takes.
        .pool_max_idle_per_host(1)
        .pool_idle_timeout(None)
        .danger_accept_invalid_certs(options.insecure);
    builder = match options.http {
        Some(HttpVersion::Http1) => builder.http1_only(),
        Some(HttpVersion::Http2) => builder.http2_prior_knowledge(),
        None => builder,
    };
    if let Some(path) = &options.ca {
        let refused = |reason: String| UrlError::Certificates { path: path.clone(), reason };
        let pem = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| refused(causes(&error)))?;
        if certificates.is_empty() {
            return Err(refused("there is none in it".to_owned()));
        }
        builder = certificates.into_iter().fold(builder, reqwest::ClientBuilder::add_root_certificate);
    }
    builder.build().map_err(|error| UrlError::Client(causes(&error)))
}

/// The workload's request to another place. The server's name and the body's length are the client's business.
fn request(url: Url, workload: &Workload, options: &UrlOptions) -> Result<Request, UrlError> {
    let pseudo = |name: &str| workload.request_headers.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    let method = pseudo(":method").and_then(|method| Method::from_bytes(method.as_bytes()).ok()).unwrap_or(Method::GET);
    let mut request = Request::new(method, url);
    let framing = ["host", "content-length", "transfer-encoding", "connection"];
    let own = |name: &str| !name.starts_with(':') && !framing.contains(&name.to_ascii_lowercase().as_str());
    let mut headers = HeaderMap::new();
    for (name, value) in workload.request_headers.iter().filter(|(name, _)| own(name)) {
        headers.append(name_of(name)?, value_of(name, value)?);
    }
    for (name, value) in &options.headers {
        headers.insert(name_of(name)?, value_of(name, value)?);
    }
    *request.headers_mut() = headers;
    if !workload.request_body.is_empty() {
        *request.body_mut() = Some(workload.request_body.clone().into());
    }
    Ok(request)
}

fn name_of(name: &str) -> Result<HeaderName, UrlError> {
    name.parse().map_err(|_| UrlError::Header(name.to_owned()))
}

fn value_of(name: &str, value: &str) -> Result<HeaderValue, UrlError> {
    value.parse().map_err(|_| UrlError::Header(name.to_owned()))
}

/// An error with all that is behind it: the outermost says least.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
