//! URLs under load: the same request in bytes, for the generator, which speaks HTTP/1.1 without TLS.

use std::net::SocketAddr;

use reqwest::{Request, Url};
use tollgate_record::Failure;

use super::client::{Client, HttpVersion, UrlError, UrlOptions};
use super::{UNPROVED, UrlArm};
use crate::load::{Expected, Target};
use crate::{GatewayError, Running};

/// Whether a URL can be put under load, without asking it.
pub fn check_url_load(url: &str, options: &UrlOptions) -> Result<(), UrlError> {
    let refused = |reason: &str| Err(UrlError::Load { url: url.to_owned(), reason: reason.to_owned() });
    match (url.starts_with("http://"), options.http) {
        (false, _) => refused("the generator speaks no TLS"),
        (true, Some(HttpVersion::Http2)) => refused("the generator speaks HTTP/1.1"),
        (true, Some(HttpVersion::Http1) | None) => Ok(()),
    }
}

/// URLs that have each answered once, for a load.
#[derive(Debug)]
pub struct UrlsRunning {
    targets: Vec<Option<Target>>,
    refused: Vec<(usize, Failure)>,
}

impl UrlsRunning {
    /// Asks each URL once: what it answers with then is what it must answer with under load.
    pub fn open(arms: &[UrlArm], options: &UrlOptions) -> Self {
        let (mut targets, mut refused) = (Vec::new(), Vec::new());
        for (index, arm) in arms.iter().enumerate() {
            let target = target(arm, options);
            targets.push(target.as_ref().ok().cloned());
            refused.extend(target.err().map(|failure| (index, failure)));
        }
        Self { targets, refused }
    }

    /// Where the requests of an arm go; none when it is refused.
    pub fn target(&self, arm: usize) -> Option<&Target> {
        self.targets.get(arm)?.as_ref()
    }
}

impl Running for UrlsRunning {
    fn address(&self, arm: usize) -> SocketAddr {
        self.targets[arm].as_ref().expect("asked for arms only that were not refused").address
    }

    fn check_alive(&mut self) -> Result<(), GatewayError> {
        // Whether it lives is what its answers say.
        Ok(())
    }

    fn prove(&mut self, requests_sent: &[u64]) -> Vec<Result<String, Failure>> {
        let proof = |(arm, sent): (usize, &u64)| match self.refused.iter().find(|(refused, _)| *refused == arm) {
            Some((_, failure)) => Err(failure.clone()),
            None => {
                Ok(format!("{UNPROVED}: {sent} requests were sent; what runs behind the URL is not seen from here"))
            }
        };
        requests_sent.iter().enumerate().map(proof).collect()
    }

    fn refused(&self) -> &[(usize, Failure)] {
        &self.refused
    }

    fn forget_complaints(&mut self) {}

    fn complaint(&mut self, _arm: usize) -> Option<String> {
        None
    }

    fn probe_core(&self) -> Option<u32> {
        None
    }
}

fn target(arm: &UrlArm, options: &UrlOptions) -> Result<Target, Failure> {
    check_url_load(&arm.url, options).map_err(UrlError::into_failure)?;
    let mut client = Client::new(&arm.url, &arm.workload, options).map_err(UrlError::into_failure)?;
    let (_, answer) = client.exchange().map_err(UrlError::into_failure)?;
    if let Some(what) = answer.is_error() {
        return Err(Failure::environment("load", what));
    }
    let request = client.request();
    let address = address(request.url()).map_err(UrlError::into_failure)?;
    Ok(Target { address, request: bytes(request), expected: Expected::Status(answer.status()) })
}

/// The first address of its host; names are looked up as everywhere.
fn address(url: &Url) -> Result<SocketAddr, UrlError> {
    let unknown = |reason: String| UrlError::NoAnswer { url: url.to_string(), reason };
    let addresses = url.socket_addrs(|| None).map_err(|error| unknown(error.to_string()))?;
    addresses.first().copied().ok_or_else(|| unknown("its host has no address".to_owned()))
}

/// The request as it goes over the wire.
fn bytes(request: &Request) -> Vec<u8> {
    let url = request.url();
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut bytes = format!("{} {}{query} HTTP/1.1\r\n", request.method(), url.path()).into_bytes();
    if !request.headers().contains_key("host") {
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        bytes.extend(format!("host: {}{port}\r\n", url.host_str().unwrap_or_default()).into_bytes());
    }
    for (name, value) in request.headers() {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    if !body.is_empty() {
        bytes.extend(format!("content-length: {}\r\n", body.len()).into_bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_request() {
        let mut workload = tollgate_fixtures::workload("headers").unwrap().clone();
        workload.request_headers = vec![(":method".into(), "POST".into()), ("x-a".into(), "1".into())];
        workload.request_body = b"abc".to_vec();
        let options = UrlOptions { headers: vec![("x-b".into(), "2".into())], ..UrlOptions::default() };
        let client = Client::new("http://localhost:81/a/b?c=d#e", &workload, &options).unwrap();
        let expected =
            "POST /a/b?c=d HTTP/1.1\r\nhost: localhost:81\r\nx-a: 1\r\nx-b: 2\r\ncontent-length: 3\r\n\r\nabc";
        assert_eq!(String::from_utf8_lossy(&bytes(client.request())), expected);
        let options = UrlOptions { headers: vec![("host".into(), "other".into())], ..UrlOptions::default() };
        let client = Client::new("http://127.0.0.1/", &workload, &options).unwrap();
        assert!(bytes(client.request()).starts_with(b"POST / HTTP/1.1\r\nx-a: 1\r\nhost: other\r\n"));
        assert_eq!(address(client.request().url()).unwrap(), SocketAddr::from(([127, 0, 0, 1], 80)));
    }

    #[test]
    fn what_the_generator_does_not_speak_is_refused_with_a_remedy() {
        let http2 = UrlOptions { http: Some(HttpVersion::Http2), ..UrlOptions::default() };
        for (url, options) in [("https://a/", UrlOptions::default()), ("http://a/", http2)] {
            let error = check_url_load(url, &options).unwrap_err().to_string();
            assert!(error.contains("--load"), "{error}");
        }
        assert!(check_url_load("http://a/", &UrlOptions::default()).is_ok());
    }
}
