//! What is measured or verified: plugins, places and workloads.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use serde::{Deserialize, Serialize};

use super::{GatewayArgs, GivenArgs};

/// What to run: shared by `run` and `verify`.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct Selectors {
    /// A plugin's name, or the path of a .wasm or .lua, which is taken beside the named ones (no name: all)
    #[arg(long = "plugin", value_name = "NAME|PATH")]
    pub(crate) plugins: Vec<String>,
    #[command(flatten)]
    pub(crate) given: GivenArgs,
    /// A host to run on in process (default: one for each kind of plugin; `verify` and `--time thorough`: all that are here)
    #[arg(long = "host", value_name = "NAME")]
    pub(crate) hosts: Vec<String>,
    /// A gateway to measure on, beside `embedded`; or a URL that somebody serves, with a name if wanted (`NAME=URL`)
    #[arg(long = "gateway", value_name = "NAME|URL")]
    pub(crate) gateways: Vec<String>,
    /// For a gateway by URL: the same route without the plugin, which the others are compared with
    #[arg(long, value_name = "URL")]
    pub(crate) baseline_url: Option<String>,
    /// For a gateway by URL: a header to send, `name: value`
    #[arg(long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,
    /// For a gateway by URL: the HTTP to insist on (default: what TLS settles, and 1.1 without TLS)
    #[arg(long, value_enum)]
    pub(crate) http: Option<Http>,
    /// For a gateway by URL: certificates to trust beside the system's, a PEM file
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// For a gateway by URL: trust any certificate
    #[arg(long)]
    pub(crate) insecure: bool,
    /// A workload (default: those on the request path; `verify` and `--time thorough`: all); plugins given by path are held to its effects only when it is named
    #[arg(long = "workload", value_name = "NAME")]
    pub(crate) workloads: Vec<String>,
    /// Besides, the workload `headers` or `response-headers` with so many operations in each of its loops: cost against
    /// work (`0,5,40,80`)
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) operations: Vec<u32>,
    /// Leave out a plugin, host or gateway
    #[arg(long = "skip", value_name = "NAME")]
    pub(crate) skip: Vec<String>,
    /// Only one of the two modes
    #[arg(long, value_enum)]
    pub(crate) only: Option<Only>,
    #[command(flatten)]
    pub(crate) gateway: GatewayArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub(crate) enum Http {
    #[value(name = "1.1")]
    Http1,
    #[value(name = "2")]
    Http2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Only {
    InProcess,
    Live,
}
