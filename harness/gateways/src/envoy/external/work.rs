//! The workload as an external process can do it: on a header map of its own, whose changes it sends back.
//!
//! Equal work, then, is: the same 60 operations, strings built in the loops, on the headers that Envoy sent, and an
//! answer that makes Envoy's headers those of the map. That is the last state of each header that was touched and not
//! each step, because Envoy takes one answer, and applies what it removes before what it sets. For `headers` the answer
//! removes 20 names, which the canary sees; for `noop` it is empty.

use tollgate_fixtures::native::{self, RequestHeaders};
use tollgate_hosts::Headers;

use super::messages::{
    CommonResponse, HeaderMutation, HeaderValue, HeaderValueOption, HeadersResponse, HttpHeaders, OVERWRITE,
    ProcessingRequest, ProcessingResponse,
};

/// Does the workload on the headers that Envoy sends: of the request or of the response, as it is configured to.
pub(super) fn process(
    workload: native::Headers,
    message: ProcessingRequest,
) -> Result<ProcessingResponse, native::Mismatch> {
    let of = |headers: Option<HttpHeaders>| headers.map(|headers| answer(workload, headers)).transpose();
    let (request_headers, response_headers) = (of(message.request_headers)?, of(message.response_headers)?);
    Ok(ProcessingResponse { request_headers, response_headers })
}

fn answer(workload: native::Headers, of: HttpHeaders) -> Result<HeadersResponse, native::Mismatch> {
    let mut headers = Touched::default();
    for HeaderValue { key, value, raw_value } in of.headers.unwrap_or_default().headers {
        headers.map.add(key, if raw_value.is_empty() { value.into_bytes() } else { raw_value });
    }
    workload.on_request_headers(&mut headers)?;
    Ok(HeadersResponse { response: Some(CommonResponse { header_mutation: headers.into_mutation() }) })
}

/// A header map that remembers which headers were changed.
#[derive(Default)]
struct Touched {
    map: Headers,
    names: Vec<Vec<u8>>,
}

impl RequestHeaders for Touched {
    fn replace(&mut self, name: &[u8], value: &[u8]) {
        self.map.replace(name, value);
        self.names.push(name.to_vec());
    }

    fn get(&mut self, name: &[u8]) -> Option<&[u8]> {
        self.map.get(name)
    }

    fn remove(&mut self, name: &[u8]) {
        self.map.remove(name);
        self.names.push(name.to_vec());
    }
}

impl Touched {
    fn into_mutation(mut self) -> Option<HeaderMutation> {
        self.names.sort_unstable();
        self.names.dedup();
        let mut mutation = HeaderMutation::default();
        for name in self.names {
            let key = String::from_utf8_lossy(&name).into_owned();
            match self.map.get(&name) {
                None => mutation.remove_headers.push(key),
                Some(value) => mutation.set_headers.push(HeaderValueOption {
                    header: Some(HeaderValue { key, value: String::new(), raw_value: value.to_vec() }),
                    append_action: OVERWRITE,
                }),
            }
        }
        Some(mutation).filter(|mutation| *mutation != HeaderMutation::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::external::messages::HeaderMap;

    fn header(key: &str, value: &str) -> HeaderValue {
        HeaderValue { key: key.to_owned(), value: String::new(), raw_value: value.as_bytes().to_vec() }
    }

    #[test]
    fn the_answer_is_what_is_left_of_the_work() {
        let headers = vec![header("host", "a"), header("fake_key_0", "canary")];
        let headers = Some(HttpHeaders { headers: Some(HeaderMap { headers }), end_of_stream: true });
        let request = ProcessingRequest { request_headers: headers.clone(), response_headers: None };
        let response = ProcessingRequest { request_headers: None, response_headers: headers };
        for (config, removed) in [("20", 20), ("0", 0), ("1", 1)] {
            let workload = native::Headers::configure(config.as_bytes()).unwrap();
            let [of_request, of_response] = [&request, &response].map(|it| process(workload, it.clone()).unwrap());
            assert_eq!((&of_request.response_headers, &of_response.request_headers), (&None, &None), "{config}");
            for answer in [of_request.request_headers, of_response.response_headers] {
                let mutation = answer.unwrap().response.unwrap().header_mutation.unwrap_or_default();
                assert_eq!((mutation.set_headers.len(), mutation.remove_headers.len()), (0, removed), "{config}");
                assert_eq!(mutation.remove_headers.contains(&"fake_key_0".to_owned()), removed > 0, "{config}");
            }
        }
    }

    #[test]
    fn a_header_that_stays_is_set() {
        let mut touched = Touched::default();
        touched.replace(b"a", b"1");
        touched.replace(b"a", b"2");
        touched.replace(b"b", b"3");
        touched.remove(b"b");
        let mutation = touched.into_mutation().unwrap();
        assert_eq!(mutation.remove_headers, ["b"]);
        assert_eq!(mutation.set_headers.len(), 1);
        assert_eq!(mutation.set_headers[0].header, Some(header("a", "2")));
    }
}
