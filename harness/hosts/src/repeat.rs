use serde::{Deserialize, Serialize};
use tollgate_fixtures::{Plugin, Workload};
use tollgate_record::{Counters, Failure};

use crate::modules::Modules;
use crate::tally::Tally;
use crate::verify::{check, observed_request};
use crate::{Exchange, Host, HostError};

/// What many observed requests of one instance counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeated {
    /// Requests after the very first, which may set things up.
    pub requests: u64,
    /// Digest of all counters of all requests in order. Where a plugin does the same in its n-th request in every run, it
    /// is the same in every process of this program.
    pub digest: u64,
    /// What each request counted, and the spread of what they did not count alike.
    pub counters: Counters,
    /// What the plugin itself did not do alike in each request, in words. Its fuel and instructions may differ, and the
    /// calls of WASI that its language makes.
    pub difference: Option<String>,
}

/// Repeats an observed request on one instance, metered where the host can, and compares what it counts.
/// `progress` is called after each. A plugin that is held to a workload is held to it in each request.
pub fn repeat(
    host: &dyn Host,
    plugin: &Plugin,
    workload: &Workload,
    requests: u64,
    progress: &mut dyn FnMut(),
) -> Result<Repeated, Failure> {
    let host = host.metered().unwrap_or(host);
    let expected = workload.expected_trace();
    let module = Modules::of_thread(host, plugin).map_err(HostError::into_failure)?;
    let mut instance = module.instantiate(&workload.config()).map_err(HostError::into_failure)?;
    let mut exchange = Exchange::of(workload);
    let mut tally = Tally::default();
    for number in 0..=requests {
        let seen = observed_request(instance.as_mut(), &mut exchange, workload).map_err(HostError::into_failure)?;
        if plugin.workload_checked {
            check(&seen, &expected, workload, number as usize)?;
        }
        tally.add(seen.observation.counters);
        progress();
    }
    let (digest, difference) = (tally.digest(), tally.difference());
    Ok(Repeated { requests, digest, difference, counters: tally.counters() })
}
