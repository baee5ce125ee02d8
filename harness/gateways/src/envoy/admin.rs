use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use super::NAME;
use crate::GatewayError;

/// Long enough for an Envoy that is busy, short enough not to hang with one that hangs.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Wasm VMs of the whole process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Vms {
    pub(crate) active: u64,
    /// None while there is none: Envoy forgets its counter with the last one.
    pub(crate) created: Option<u64>,
}

/// Envoy's administration port.
#[derive(Debug)]
pub(super) struct Admin {
    client: reqwest::blocking::Client,
    address: SocketAddr,
}

impl Admin {
    pub(super) fn new(address: SocketAddr) -> Result<Self, GatewayError> {
        crate::tls::provide();
        let client = reqwest::blocking::Client::builder()
            // An HTTP proxy of the user's is not to be asked for a port on this machine.
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { client, address })
    }

    /// Whether all listeners take requests.
    pub(super) fn is_ready(&self) -> bool {
        self.get("/ready").is_ok_and(|text| text.trim() == "LIVE")
    }

    /// Addresses of the listeners, by their names.
    pub(super) fn listeners(&self) -> Result<HashMap<String, SocketAddr>, GatewayError> {
        let json = self.get_json("/listeners?format=json")?;
        let address = |listener: &Value| {
            let socket = &listener["local_address"]["socket_address"];
            let address = socket["address"].as_str()?.parse().ok()?;
            let port = u16::try_from(socket["port_value"].as_u64()?).ok()?;
            Some((listener["name"].as_str()?.to_owned(), SocketAddr::new(address, port)))
        };
        Ok(json["listener_statuses"].as_array().into_iter().flatten().filter_map(address).collect())
    }

    /// Counters and gauges whose names match a regular expression.
    pub(super) fn stats(&self, filter: &str) -> Result<HashMap<String, u64>, GatewayError> {
        let json = self.get_json(&format!("/stats?format=json&filter={filter}"))?;
        let stat = |stat: &Value| Some((stat["name"].as_str()?.to_owned(), stat["value"].as_u64()?));
        Ok(json["stats"].as_array().into_iter().flatten().filter_map(stat).collect())
    }

    /// Wasm VMs of the whole process.
    pub(super) fn vms(&self) -> Result<Vms, GatewayError> {
        let stats = self.stats("^wasm.envoy.wasm.runtime.v8")?;
        let of = |name: &str| stats.get(&format!("wasm.envoy.wasm.runtime.v8.{name}")).copied();
        Ok(Vms { active: of("active").unwrap_or(0), created: of("created") })
    }

    /// Lets it write out what it keeps of its access logs.
    pub(super) fn flush_logs(&self) -> Result<(), GatewayError> {
        self.post("/reopen_logs")
    }

    /// Lets it say more, or less, of what it does with Wasm plugins: at `trace` every call into one.
    pub(super) fn log_wasm(&self, level: &str) -> Result<(), GatewayError> {
        self.post(&format!("/logging?wasm={level}"))
    }

    fn post(&self, path: &str) -> Result<(), GatewayError> {
        let answer = self.client.post(format!("http://{}{path}", self.address)).send();
        let answer = answer.and_then(reqwest::blocking::Response::error_for_status);
        answer.map(drop).map_err(|error| failed(format!("{path}: {error}")))
    }

    fn get(&self, path: &str) -> Result<String, GatewayError> {
        let url = format!("http://{}{path}", self.address);
        let answer = self.client.get(url).send().and_then(|response| response.text());
        answer.map_err(|error| failed(format!("{path}: {error}")))
    }

    fn get_json(&self, path: &str) -> Result<Value, GatewayError> {
        let text = self.get(path)?;
        serde_json::from_str(&text).map_err(|error| failed(format!("{path} is not JSON: {error}")))
    }
}

pub(super) fn failed(reason: String) -> GatewayError {
    GatewayError::Admin { gateway: NAME, reason, tested: crate::ENVOY_VERSION }
}
