use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use tollgate_fixtures::{Plugin, Workload};
use tollgate_hosts::Inspection;
use tollgate_record::{CellId, Failure, Placement, PluginKind, VmUse};

use crate::GatewayError;
use crate::embedded::Embedded;
use crate::envoy::Envoy;
use crate::haproxy::HaProxy;
use crate::nginx::Nginx;
use crate::scripted::Scripted;

/// A proxy that plugins run in.
pub trait Gateway: Sync {
    /// Name on the command line and in records.
    fn name(&self) -> &'static str;
    /// Version, asked of the program itself: no version, no measurement.
    fn version(&self, options: &Options) -> Result<String, GatewayError>;
    /// Whether plugins of a kind can run in it.
    fn runs(&self, kind: PluginKind) -> bool;
    /// Whether its plugins can be exchanged and made to fail while it runs ([`crate::scenario`]).
    fn runs_scenarios(&self) -> bool {
        false
    }
    /// Whether a plugin can be in it several times in a row ([`Arm::chain`]).
    fn runs_chains(&self) -> bool {
        false
    }
    /// What it would refuse a plugin for, as far as that can be told without running it; empty when nothing speaks
    /// against it. `found` is what [`tollgate_hosts::inspect`] says of the plugin.
    fn objections(&self, plugin: &Plugin, found: &Inspection) -> Vec<String> {
        let _ = (plugin, found);
        Vec::new()
    }
    /// Starts all arms in *one* process, a listener each, and returns when every listener answers. An arm whose
    /// plugin the gateway will not load is in [`Running::refused`], and the others run.
    fn start(&self, arms: &[Arm], options: &Options) -> Result<Box<dyn Running>, GatewayError>;
}

/// All gateways, in the order in which lists show them.
pub static GATEWAYS: LazyLock<Vec<&'static dyn Gateway>> = LazyLock::new(|| {
    let mut gateways: Vec<&'static dyn Gateway> =
        vec![&Embedded::DEFAULT, &Envoy, &Scripted(Nginx), &Scripted(HaProxy)];
    gateways.extend(Embedded::others().map(|other| -> &'static dyn Gateway { Box::leak(Box::new(other)) }));
    gateways
});

/// The gateway of that name.
pub fn gateway(name: &str) -> Option<&'static dyn Gateway> {
    GATEWAYS.iter().copied().find(|gateway| gateway.name() == name)
}

/// Arms that a gateway can try to load, and those whose kind of plugin does not run in it.
pub(crate) fn partition(gateway: &dyn Gateway, arms: &[Arm]) -> (Vec<usize>, Vec<(usize, Failure)>) {
    let (mut loaded, mut refused) = (Vec::new(), Vec::new());
    for (index, arm) in arms.iter().enumerate() {
        match &arm.plugin {
            Some(plugin) if !gateway.runs(plugin.kind) => {
                let (name, kind) = (gateway.name(), plugin.kind.name());
                let message = format!("{name} does not run {kind} plugins; leave it out with --skip");
                refused.push((index, Failure::environment("start", message)));
            }
            _ => match refuse_chain(gateway.name(), arm).filter(|_| !gateway.runs_chains()) {
                Some(failure) => refused.push((index, failure)),
                None => loaded.push(index),
            },
        }
    }
    (loaded, refused)
}

/// What a gateway without chains says to one; none where there is none.
pub(crate) fn refuse_chain(gateway: &str, arm: &Arm) -> Option<Failure> {
    let plugin = arm.plugin.as_ref().filter(|_| arm.chain != 1)?;
    let message =
        format!("{gateway} does not run {} {} times in a row; take `--gateway envoy`", plugin.name, arm.chain);
    Some(Failure::environment("start", message))
}

/// A cell as it stands in a run.
#[derive(Debug, Clone)]
pub struct Arm {
    /// The cell.
    pub id: CellId,
    /// The plugin; none for a control.
    pub plugin: Option<Plugin>,
    /// What a request asks of it.
    pub workload: Workload,
    /// How many times in a row the plugin is in the gateway; 1 unless more are wanted, which not every gateway can.
    pub chain: u32,
}

/// How long a gateway may take to become ready, unless something else is wanted.
pub const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How to start a gateway.
#[derive(Debug, Clone)]
pub struct Options {
    /// Envoy's binary; none looks in `$TOLLGATE_ENVOY`, `PATH` and the cache folder.
    pub envoy: Option<PathBuf>,
    /// Port of the first arm's listener, the next arm's is one higher; none takes any free ports.
    pub base_port: Option<u16>,
    /// Clusters that plugins call: on Envoy one listener more, which answers every HTTP call with status 200. Other
    /// gateways have no clusters, or every one.
    pub clusters: Vec<String>,
    /// How long a gateway may take to become ready. Envoy compiles every plugin before it is.
    pub start_timeout: Duration,
    /// Program and arguments that call [`crate::serve_external`], for the external plugin's process; empty takes this
    /// program with the verb `ext-proc`.
    pub external: Vec<OsString>,
    /// Workers of the gateway, where it can have several; at least 1.
    pub workers: u32,
    /// Whether the members of a chain share a Wasm VM.
    pub vms: VmUse,
    /// Core for the gateway; none leaves it to the scheduler.
    pub gateway_core: Option<u32>,
    /// Core for the probe; none takes the gateway's.
    pub probe_core: Option<u32>,
    /// Folder for a copy of the gateway's generated configuration, to read or to send with a bug report. Without it
    /// nothing is written to disk, so that there is nothing to leave behind.
    pub work_dir: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            envoy: None,
            external: Vec::new(),
            base_port: None,
            clusters: Vec::new(),
            start_timeout: START_TIMEOUT,
            workers: 1,
            vms: VmUse::Own,
            gateway_core: None,
            probe_core: None,
            work_dir: None,
        }
    }
}

impl Options {
    /// The same with probe and gateway on the cores of a placement.
    #[must_use]
    pub fn placed(self, placement: &Placement) -> Self {
        let (probe_core, gateway_core) = match *placement {
            Placement::SameCore { core } => (Some(core), Some(core)),
            Placement::TwoCores { probe, gateway } => (Some(probe), Some(gateway)),
            Placement::Unpinned => (None, None),
        };
        Self { probe_core, gateway_core, ..self }
    }

    /// The address that an arm's listener asks for; port 0 is any free one.
    pub(crate) fn listen_address(&self, arm: usize) -> Result<SocketAddr, GatewayError> {
        let port = match self.base_port {
            None => 0,
            Some(base) => u16::try_from(arm)
                .ok()
                .and_then(|arm| base.checked_add(arm))
                .ok_or(GatewayError::PortRange { base, arm })?,
        };
        Ok(SocketAddr::from(([127, 0, 0, 1], port)))
    }
}

/// A gateway that runs. Dropping it stops it and leaves nothing behind.
pub trait Running {
    /// Where an arm listens. Only for arms that were not refused.
    fn address(&self, arm: usize) -> SocketAddr;
    /// Whether it is still up; if not, why.
    fn check_alive(&mut self) -> Result<(), GatewayError>;
    /// From the gateway's own counters: that each arm's plugin ran for each of the requests sent to it, without an
    /// error. In words, or what speaks against it. May be asked at any time; nothing may be in flight.
    fn prove(&mut self, requests_sent: &[u64]) -> Vec<Result<String, Failure>>;
    /// Arms that the gateway would not load.
    fn refused(&self) -> &[(usize, Failure)];
    /// Forgets what the gateway has said so far, so that a [`Running::complaint`] is about what is sent from now on.
    fn forget_complaints(&mut self);
    /// What the gateway has said about trouble with an arm since then and since it was last asked, for messages.
    fn complaint(&mut self, arm: usize) -> Option<String>;
    /// Core that the probe belongs on; none leaves it where it is.
    fn probe_core(&self) -> Option<u32>;
    /// Whether the gateway times requests itself, those that have [`crate::ROUND_HEADER`].
    fn times_requests(&self) -> bool {
        false
    }
    /// The gateway's own times of all requests that had [`crate::ROUND_HEADER`], of which there were `sent`. Fewer when
    /// the gateway has not told all of them after a while. Not while requests are timed.
    fn own_times(&mut self, sent: usize) -> Vec<OwnTime> {
        let _ = sent;
        Vec::new()
    }
}

/// How long the gateway itself took for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnTime {
    /// Index of the arm.
    pub arm: usize,
    /// Number of the round, as it stood in [`crate::ROUND_HEADER`].
    pub round: u32,
    /// Nanoseconds from when the gateway began to read the request until it began to write the response.
    pub ns: u64,
}
