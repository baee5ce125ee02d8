//! What is told to a gateway that is started here.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use serde::{Deserialize, Serialize};
use tollgate_gateways::{Options, START_TIMEOUT};

use super::duration;

#[derive(Debug, Clone, Default, ClapArgs, Serialize, Deserialize)]
pub(crate) struct GatewayArgs {
    /// Envoy's binary (default: $TOLLGATE_ENVOY, PATH, then the cache folder)
    #[arg(long, value_name = "PATH")]
    pub(crate) envoy: Option<PathBuf>,
    /// First port of the gateway's listeners, one per arm (default: any free ones)
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) base_port: Option<u16>,
    /// A cluster that plugins call on Envoy: it answers every HTTP call with 200 `pass` (may be given again). In process
    /// plugins find all clusters
    #[arg(long = "cluster", value_name = "NAME")]
    pub(crate) clusters: Vec<String>,
    /// How long the gateway may take to become ready: Envoy compiles all plugins first (default: 60s)
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) start_timeout: Option<Duration>,
}

impl GatewayArgs {
    /// As gateways take them.
    pub(crate) fn options(&self) -> Options {
        Options {
            envoy: self.envoy.clone(),
            base_port: self.base_port,
            clusters: self.clusters.clone(),
            start_timeout: self.start_timeout(),
            ..Options::default()
        }
    }

    /// How long a gateway may take to become ready.
    pub(crate) fn start_timeout(&self) -> Duration {
        self.start_timeout.unwrap_or(START_TIMEOUT)
    }
}
