use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use crate::GatewayError;

/// Long enough for a gateway that is busy, short enough not to hang with one that hangs: it is asked twice.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The listener that tells what the shim has counted.
#[derive(Debug)]
pub(super) struct Reporter {
    client: reqwest::blocking::Client,
    gateway: &'static str,
    url: String,
}

impl Reporter {
    pub(super) fn new(gateway: &'static str, address: SocketAddr) -> Result<Self, GatewayError> {
        crate::tls::provide();
        let client = reqwest::blocking::Client::builder()
            // An HTTP proxy of the user's is not to be asked for a port on this machine.
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| GatewayError::Report { gateway, reason: error.to_string() })?;
        Ok(Self { client, gateway, url: format!("http://{address}/") })
    }

    /// What is counted by now.
    pub(super) fn report(&self) -> Result<Report, GatewayError> {
        let failed = |reason: String| GatewayError::Report { gateway: self.gateway, reason };
        let answer = self.client.get(&self.url).send().and_then(|response| response.error_for_status()?.text());
        let text = answer.map_err(|error| failed(error.to_string()))?;
        Report::parse(&text).ok_or_else(|| failed(format!("it says `{}`", text.trim())))
    }
}

/// What a gateway has counted since it was started.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Report {
    /// Requests to all arms together, where the gateway does not count them by arm.
    pub(super) total: Option<u64>,
    arms: Vec<ArmReport>,
}

/// The same of an arm.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ArmReport {
    arm: u64,
    /// Whether the script was called for requests at all: it has one.
    pub(super) has_script: bool,
    /// Whether the script defines `envoy_on_request`, and `envoy_on_response`.
    pub(super) on_request: bool,
    pub(super) on_response: bool,
    /// Why the script is not run.
    pub(super) refusal: Option<String>,
    /// Requests that the gateway counted, where it counts by arm.
    pub(super) requests: Option<u64>,
    /// Runs of the script to its end.
    pub(super) runs: u64,
    /// Runs that did not get there.
    pub(super) errors: u64,
}

impl Report {
    fn parse(text: &str) -> Option<Self> {
        let json: Value = serde_json::from_str(text).ok()?;
        let arms = json["arms"].as_array()?.iter().map(ArmReport::parse).collect::<Option<_>>()?;
        Some(Self { total: json["total"].as_u64(), arms })
    }

    pub(super) fn of(&self, arm: usize) -> Option<&ArmReport> {
        self.arms.iter().find(|report| report.arm == arm as u64)
    }
}

impl ArmReport {
    fn parse(json: &Value) -> Option<Self> {
        Some(Self {
            arm: json["arm"].as_u64()?,
            has_script: json["script"].as_bool()?,
            on_request: json["on_request"].as_bool()?,
            on_response: json["on_response"].as_bool()?,
            refusal: json["refusal"].as_str().map(str::to_owned),
            requests: json["requests"].as_u64(),
            runs: json["runs"].as_u64()?,
            errors: json["errors"].as_u64()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_report_is_not_read_as_zeros() {
        let arm = r#"{"arm":1,"script":true,"on_request":true,"on_response":false,"refusal":null,"requests":3,"runs":2,"errors":1}"#;
        let report = Report::parse(&format!(r#"{{"total":null,"arms":[{arm}]}}"#)).unwrap();
        let of = report.of(1).unwrap();
        assert_eq!((report.total, of.requests, of.runs, of.errors), (None, Some(3), 2, 1));
        assert!(report.of(0).is_none());
        for text in ["", "{}", "[]", r#"{"arms":[{"arm":1}]}"#, "502 Bad Gateway"] {
            assert_eq!(Report::parse(text), None, "{text}");
        }
    }
}
