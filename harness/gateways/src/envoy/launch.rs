use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::NAME;
use super::admin::{Admin, failed};
use super::config::{Config, arm_name};
use super::external::External;
use super::refusal::Ended;
use crate::child::Child;
use crate::memory_file::MemoryFile;
use crate::{Arm, GatewayError, Options};

/// Pause between two looks at a starting Envoy. Readiness is asked for, never slept for.
const POLL: Duration = Duration::from_millis(5);

/// An Envoy that is ready.
#[derive(Debug)]
pub(super) struct Launched {
    pub(super) child: Child,
    /// The process of the external plugin, if there is one.
    pub(super) external: Option<External>,
    pub(super) admin: Admin,
    /// By the listeners' names.
    pub(super) addresses: HashMap<String, SocketAddr>,
    pub(super) probe_core: Option<u32>,
    /// Its own times of requests.
    pub(super) times: MemoryFile,
}

/// Why it is not.
#[derive(Debug)]
pub(super) enum LaunchError {
    /// It ended before it was ready, perhaps because of a plugin.
    Ended(Ended),
    /// Anything else.
    Failed(GatewayError),
}

impl From<GatewayError> for LaunchError {
    fn from(error: GatewayError) -> Self {
        Self::Failed(error)
    }
}

/// Starts Envoy with the arms `loaded` and waits until it is ready, has ended or has taken too long.
pub(super) fn launch(
    binary: &Path,
    arms: &[Arm],
    loaded: &[usize],
    options: &Options,
) -> Result<Launched, LaunchError> {
    let launched = launch_with(binary, Config::new(arms, loaded, options)?, options)?;
    if let Some(missing) = loaded.iter().map(|&arm| arm_name(arm)).find(|name| !launched.addresses.contains_key(name)) {
        return Err(failed(format!("/listeners does not tell where {missing} listens")).into());
    }
    Ok(launched)
}

/// The same with a configuration that is there.
pub(super) fn launch_with(binary: &Path, mut config: Config, options: &Options) -> Result<Launched, LaunchError> {
    let external = config.door.take().map(|door| door.serve(options)).transpose();
    let external = external.map_err(GatewayError::system("start the external plugin's process"))?;
    let mut command = command(binary, &config, options.workers);
    command.args(["--admin-address-path", &config.admin_address.path()]);
    let mut child = spawn(command, &config)?;
    let begin = Instant::now();
    let mut admin = None;
    loop {
        if let Some(status) = child.ended().map_err(GatewayError::system("wait for envoy"))? {
            return Err(ended(Ended::of(&child, status)));
        }
        match &admin {
            None => admin = admin_of(&config)?,
            Some(admin) if Admin::is_ready(admin) => break,
            Some(_) => {}
        }
        if begin.elapsed() > options.start_timeout {
            let (waited, last) = (options.start_timeout, child.tail().last_words());
            return Err(GatewayError::StartTimeout { gateway: NAME, waited, last }.into());
        }
        thread::sleep(POLL);
    }
    refuse_wrapper(binary, &child)?;
    if let Some(core) = options.gateway_core {
        pin_worker(&child, core)?;
    }
    let admin = admin.expect("the loop ends only when it is ready");
    let addresses = admin.listeners()?;
    let probe_core = options.probe_core.or(options.gateway_core);
    Ok(Launched { child, external, admin, addresses, probe_core, times: config.times })
}

/// Lets Envoy check a configuration without listening. `None` when it accepts it.
pub(super) fn validate(
    binary: &Path,
    arms: &[Arm],
    loaded: &[usize],
    options: &Options,
) -> Result<Option<Ended>, GatewayError> {
    // Ports play no part in it, and the copy to keep is that of the whole.
    let alone = Options { base_port: None, work_dir: None, ..options.clone() };
    let config = Config::new(arms, loaded, &alone)?;
    let mut command = command(binary, &config, options.workers);
    command.args(["--mode", "validate"]);
    let mut child = spawn(command, &config)?;
    let begin = Instant::now();
    loop {
        if let Some(status) = child.ended().map_err(GatewayError::system("wait for envoy"))? {
            return Ok((!status.success()).then(|| Ended::of(&child, status)));
        }
        if begin.elapsed() > options.start_timeout {
            let last = child.tail().last_words();
            return Err(GatewayError::StartTimeout { gateway: NAME, waited: options.start_timeout, last });
        }
        thread::sleep(POLL);
    }
}

/// Keeps the workers on a core, and only them: Envoy's main thread and V8's compiler threads would be in its way
/// there, and on their own cores they make Envoy ready several times earlier.
fn pin_worker(child: &Child, core: u32) -> Result<(), GatewayError> {
    let pinned = child.pin_threads("wrk:", core).map_err(GatewayError::system("keep envoy's worker on its core"))?;
    match pinned {
        0 => Err(GatewayError::System {
            what: "keep envoy's worker on its core",
            source: io::Error::other("it has no thread named as Envoy names its workers"),
        }),
        _ => Ok(()),
    }
}

fn command(binary: &Path, config: &Config, workers: u32) -> Command {
    let mut command = Command::new(binary);
    command
        .args(["--config-path", &config.bootstrap.path()])
        // One worker, unless more are asked for: all arms share it, and rounds compare like with like.
        .args(["--concurrency", &workers.to_string()])
        .arg("--disable-hot-restart")
        .args(["--log-level", "error", "--log-format", "[%n] %v"]);
    command
}

fn spawn(command: Command, config: &Config) -> Result<Child, GatewayError> {
    Child::spawn(command, config.fds()).map_err(GatewayError::system("start envoy"))
}

/// Its administration port, once Envoy has written where it is.
fn admin_of(config: &Config) -> Result<Option<Admin>, GatewayError> {
    let text = config.admin_address.read().map_err(GatewayError::system("read envoy's address"))?;
    text.trim().parse().ok().map(Admin::new).transpose()
}

/// What it means that it ended before it was ready: a port that is taken is nobody's plugin.
fn ended(ended: Ended) -> LaunchError {
    match ended.bind_failure() {
        Some((address, what)) if what.contains("in use") => GatewayError::PortInUse { address }.into(),
        Some((address, what)) => GatewayError::Listen { address, source: io::Error::other(what) }.into(),
        None => LaunchError::Ended(ended),
    }
}

/// A wrapper that keeps Envoy as its own child would be killed with us, and Envoy would not.
fn refuse_wrapper(binary: &Path, child: &Child) -> Result<(), GatewayError> {
    match child.has_children() {
        Some(true) => Err(GatewayError::NotEnvoy {
            path: binary.to_owned(),
            reason: "it is a wrapper that runs Envoy as its child, which could outlive us; let it `exec` Envoy".into(),
        }),
        _ => Ok(()),
    }
}
