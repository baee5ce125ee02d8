//! What a run takes to put gateways under load.

use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use tollgate_record::Arrivals;

use super::duration;

/// What gateways are put under after the attribution.
#[derive(Debug, ClapArgs)]
pub(crate) struct LoadArgs {
    /// Afterwards, put each gateway under load (one by URL over HTTP/1.1 without TLS only), all arms in turn: requests that are due at times fixed beforehand, at 25, 50
    /// and 75 % of what it answers at most, for so long each (`10s`)
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) load: Option<Duration>,
    /// A rate in requests a second, all arms together, in place of the shares (may be given again)
    #[arg(long = "load-rate", value_name = "N", requires = "load", value_parser = rate)]
    pub(crate) load_rates: Vec<f64>,
    /// How the times between requests are distributed
    #[arg(long, value_enum, default_value = "fixed", requires = "load")]
    pub(crate) arrivals: ArrivalsArg,
    /// Connections to each arm under load
    #[arg(long, value_name = "N", default_value = "16", requires = "load", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) connections: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ArrivalsArg {
    /// All the same
    Fixed,
    /// Exponentially, as those of many clients that know nothing of each other
    Poisson,
}

impl From<ArrivalsArg> for Arrivals {
    fn from(arrivals: ArrivalsArg) -> Self {
        match arrivals {
            ArrivalsArg::Fixed => Self::Fixed,
            ArrivalsArg::Poisson => Self::Poisson,
        }
    }
}

/// A rate that a generator on one core can keep or show that it cannot.
fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (1.0..=1e6).contains(&rate) => Ok(rate),
        _ => Err("give requests a second, from 1 to 1000000".to_owned()),
    }
}
