//! Live gateways, and the probe that times them.
//!
//! A gateway starts *all* arms in one process, a listener each ([`Gateway::start`]); [`measure`] sends them the same
//! request in shuffled rounds over one connection per arm and proves from the gateway's own counters that each plugin
//! ran for each request. No statistics here: what is measured goes into a `tollgate_record::Series` as it is.
//!
//! One file and one line in [`GATEWAYS`] add a gateway.
#![deny(missing_docs)]

mod attribution;
mod child;
mod chunked;
mod contract;
mod embedded;
mod envoy;
mod error;
mod gateway;
mod haproxy;
mod install;
mod lane;
pub mod load;
mod memory_file;
mod nginx;
mod own_rounds;
mod placement;
mod probe;
mod program;
pub mod scenario;
mod scripted;
mod tail;
mod tls;
mod url;
mod warmup;

pub use attribution::{Measured, measure};
pub use contract::{
    ARM_HEADER, BODY, CANARY_HEADER, CANARY_VALUE, LEFT_HEADER, ROUND_HEADER, arm_label, request_bytes,
};
pub use envoy::{find_envoy, serve_external};
pub use error::{GatewayError, InstallError};
pub use gateway::{Arm, GATEWAYS, Gateway, Options, OwnTime, Running, START_TIMEOUT, gateway};
pub use install::{ENVOY_VERSION, install_envoy, installed_envoy};
pub use placement::{
    Pin, PlacementError, Wish, allowed_cores, decide_load_placement, decide_placement, pin_current_thread, place,
};
pub use probe::{Probe, ProbeError, Response};
pub use url::{
    HttpVersion, UNPROVED, UrlArm, UrlError, UrlOptions, UrlsRunning, check_url, check_url_load, measure_urls,
};
