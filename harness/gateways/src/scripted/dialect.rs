use std::fmt::Debug;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::GatewayError;
use crate::program::Program;

/// What tells one scripted gateway from another.
pub(crate) trait Dialect: Debug + Sync + 'static {
    /// Its program, which also names the gateway.
    fn program(&self) -> &'static Program;
    /// The stream handle in its own calls: see `shim.lua` for what it must define.
    fn handle(&self) -> &'static str;
    /// Its version, when it can run scripts; an error when it cannot.
    fn version(&self, binary: &Path) -> Result<String, GatewayError>;
    /// Its configuration: the arms of a plan, answering by the contract, and a listener for reports.
    fn config(&self, binary: &Path, plan: &Plan) -> Result<String, GatewayError>;
    /// How it is run with a configuration, in the foreground.
    fn command(&self, binary: &Path, config: &str) -> Command;
    /// What a line of its standard error says, without time and process; none when it only says more of the line before.
    fn words(line: &str) -> Option<&str>;
}

/// What a configuration is made of.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The arms.
    pub(crate) sites: Vec<Site>,
    /// Where reports are asked for.
    pub(crate) report: SocketAddr,
    /// Path of the Lua to load: the shim, the handle and the scripts.
    pub(crate) bundle: String,
    /// Path of a file for a process id, for who insists on writing one.
    pub(crate) pid: String,
    /// Bytes of the largest request that is sent.
    pub(crate) largest_request: usize,
}

/// An arm in a configuration.
#[derive(Debug)]
pub(crate) struct Site {
    /// Number of the arm.
    pub(crate) arm: usize,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What its responses are labelled with: visible ASCII without `%`.
    pub(crate) label: String,
    /// The response header that gets the request's canary: [`crate::CANARY_HEADER`] before the plugin sees the response,
    /// [`crate::LEFT_HEADER`] whenever.
    pub(crate) echo_header: &'static str,
    /// Whether its plugin is to be called with each request.
    pub(crate) on_request: bool,
    /// Whether it is to be called with each response.
    pub(crate) on_response: bool,
    /// Whether its requests have a body, which is to be waited for.
    pub(crate) has_body: bool,
}
