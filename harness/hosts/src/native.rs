use tollgate_fixtures::native::{self, RequestHeaders};
use tollgate_fixtures::{HeaderPath, Operation, Plugin};
use tollgate_record::PluginKind;

use crate::observation::text;
use crate::{Action, Exchange, Headers, Host, HostError, Instance, Module, Observation, Said};

/// Runs the plugin that is compiled in: the floor under every other host.
#[derive(Debug)]
pub(crate) struct Native;

impl Host for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    fn runs(&self, kind: PluginKind) -> bool {
        kind == PluginKind::Native
    }

    fn is_default(&self) -> bool {
        true
    }

    fn compile(&self, plugin: &Plugin) -> Result<Box<dyn Module>, HostError> {
        if !self.runs(plugin.kind) {
            return Err(HostError::Unsupported { host: self.name(), kind: plugin.kind.name() });
        }
        Ok(Box::new(Compiled { plugin: plugin.name.clone(), on: plugin.on }))
    }
}

struct Compiled {
    plugin: String,
    on: HeaderPath,
}

impl Module for Compiled {
    fn instantiate(&self, config: &[u8]) -> Result<Box<dyn Instance>, HostError> {
        let workload = native::Headers::configure(config).map_err(|error| HostError::Instantiate {
            plugin: self.plugin.clone(),
            reason: error.to_string(),
            said: Said::default(),
        })?;
        let plugin = self.plugin.clone();
        Ok(match self.on {
            HeaderPath::Request => Box::new(Running::<false> { plugin, workload }),
            HeaderPath::Response => Box::new(Running::<true> { plugin, workload }),
        })
    }
}

/// Works on the headers of the response or of the request: a type for each, so that the timed path has no branch.
struct Running<const ON_RESPONSE: bool> {
    plugin: String,
    workload: native::Headers,
}

impl<const ON_RESPONSE: bool> Instance for Running<ON_RESPONSE> {
    fn request(&mut self, exchange: &mut Exchange) -> Result<Action, HostError> {
        let Exchange { request, response, observation, .. } = exchange;
        let headers = if ON_RESPONSE { response } else { request };
        let outcome = match observation {
            None => self.workload.on_request_headers(headers),
            Some(observation) => self.workload.on_request_headers(&mut Observed { headers, observation }),
        };
        outcome.map(|()| Action::Continue).map_err(|mismatch| HostError::Request {
            plugin: self.plugin.clone(),
            callback: if ON_RESPONSE { "on_response_headers" } else { "on_request_headers" },
            reason: mismatch.to_string(),
            said: Said::default(),
        })
    }
}

impl RequestHeaders for Headers {
    fn replace(&mut self, name: &[u8], value: &[u8]) {
        Self::replace(self, name, value);
    }

    fn get(&mut self, name: &[u8]) -> Option<&[u8]> {
        Self::get(self, name)
    }

    fn remove(&mut self, name: &[u8]) {
        Self::remove(self, name);
    }
}

/// Headers that write down what is asked of them: a type of its own, so that the timed path has not even a branch.
struct Observed<'a> {
    headers: &'a mut Headers,
    observation: &'a mut Observation,
}

impl RequestHeaders for Observed<'_> {
    fn replace(&mut self, name: &[u8], value: &[u8]) {
        self.observation.call("replace");
        self.observation.trace.push(Operation::Replace { name: text(name), value: text(value) });
        self.headers.replace(name, value);
    }

    fn get(&mut self, name: &[u8]) -> Option<&[u8]> {
        self.observation.call("get");
        let value = self.headers.get(name);
        self.observation.trace.push(Operation::Get { name: text(name), value: value.map(text) });
        value
    }

    fn remove(&mut self, name: &[u8]) {
        self.observation.call("remove");
        self.observation.trace.push(Operation::Remove { name: text(name) });
        self.headers.remove(name);
    }
}
