//! A real HTTP/1.1 gateway in our own process: hyper in front, the in-process hosts behind it.

mod arm;
mod modules;
mod running;
mod server;
mod tally;

use std::net::TcpListener;
use std::sync::{Arc, mpsc};
use std::thread;

use tollgate_fixtures::Plugin;
use tollgate_hosts::{Host, Inspection};
use tollgate_record::PluginKind;

use crate::{Arm, Gateway, GatewayError, Options, Running};
use running::RunningEmbedded;
use server::Server;
use tally::Tally;

/// Name of the gateway.
const NAME: &str = "embedded";

/// The gateway that needs nothing installed.
pub(crate) struct Embedded {
    name: &'static str,
    hosts: Hosts,
}

impl Embedded {
    /// With a host for each kind of plugin.
    pub(crate) const DEFAULT: Self = Self { name: NAME, hosts: Hosts::Default };

    /// The same gateway with another host for Wasm, once for each that there is: `embedded-<host>`.
    pub(crate) fn others() -> impl Iterator<Item = Self> {
        let others = tollgate_hosts::HOSTS.iter().copied();
        others.filter(|host| host.runs(PluginKind::ProxyWasm) && !host.is_default()).map(|host| Self {
            // Made once in the life of the process: see `GATEWAYS`.
            name: format!("{NAME}-{}", host.name()).leak(),
            hosts: Hosts::Only(host),
        })
    }
}

impl Gateway for Embedded {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self, _options: &Options) -> Result<String, GatewayError> {
        let hosts = self.hosts.all().map(|host| format!("{} {}", host.name(), host.version()));
        Ok(format!("{} ({})", env!("CARGO_PKG_VERSION"), hosts.collect::<Vec<_>>().join(", ")))
    }

    fn runs(&self, kind: PluginKind) -> bool {
        self.hosts.host_for(kind).is_some()
    }

    fn objections(&self, plugin: &Plugin, _found: &Inspection) -> Vec<String> {
        // It has no mind of its own: what its host loads, it runs.
        match self.hosts.host_for(plugin.kind).map(|host| host.compile(plugin)) {
            None => vec![format!("no host here runs {} plugins", plugin.kind.name())],
            Some(Ok(_)) => Vec::new(),
            Some(Err(error)) => vec![error.to_string()],
        }
    }

    fn start(&self, arms: &[Arm], options: &Options) -> Result<Box<dyn Running>, GatewayError> {
        // Listeners first: a port that is taken is told before anything is compiled.
        let listeners = (0..arms.len()).map(|arm| listen(options, arm)).collect::<Result<Vec<_>, _>>()?;
        let addresses = listeners
            .iter()
            .map(|listener| listener.local_addr())
            .collect::<Result<Vec<_>, _>>()
            .map_err(GatewayError::system("ask for a listener's address"))?;
        let tallies: Vec<Arc<Tally>> = arms.iter().map(|_| Arc::default()).collect();

        let (ready, started) = mpsc::sync_channel(1);
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let server = Server {
            arms: arms.to_vec(),
            listeners,
            tallies: tallies.clone(),
            hosts: self.hosts,
            core: options.gateway_core,
        };
        let thread = thread::Builder::new()
            .name("embedded-gateway".into())
            .spawn(move || server.run(&ready, stopped))
            .map_err(GatewayError::system("start a thread"))?;

        match started.recv_timeout(options.start_timeout) {
            Ok(refused) => Ok(Box::new(RunningEmbedded {
                gateway: self.name,
                thread: Some(thread),
                stop: Some(stop),
                addresses,
                tallies,
                has_plugin: arms.iter().map(|arm| arm.plugin.is_some()).collect(),
                refused: refused?,
                probe_core: options.probe_core.or(options.gateway_core),
            })),
            // The thread sees that nobody waits any more and ends by itself.
            Err(mpsc::RecvTimeoutError::Timeout) => Err(GatewayError::StartTimeout {
                gateway: self.name,
                waited: options.start_timeout,
                last: String::new(),
            }),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(running::died(self.name, Some(thread))),
        }
    }
}

/// The hosts behind a gateway.
#[derive(Clone, Copy)]
enum Hosts {
    /// The first that runs a kind of plugin.
    Default,
    /// One, and only what it runs.
    Only(&'static dyn Host),
}

impl Hosts {
    fn all(self) -> impl Iterator<Item = &'static dyn Host> {
        tollgate_hosts::HOSTS.iter().copied().filter(move |host| match self {
            Self::Default => host.is_default(),
            Self::Only(only) => host.name() == only.name(),
        })
    }

    fn host_for(self, kind: PluginKind) -> Option<&'static dyn Host> {
        self.all().find(|host| host.runs(kind))
    }
}

fn listen(options: &Options, arm: usize) -> Result<TcpListener, GatewayError> {
    let address = options.listen_address(arm)?;
    let listener = TcpListener::bind(address).map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => GatewayError::PortInUse { address },
        _ => GatewayError::Listen { address, source },
    })?;
    listener.set_nonblocking(true).map_err(GatewayError::system("make a listener non-blocking"))?;
    Ok(listener)
}
