use std::collections::HashMap;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use tollgate_record::{Failure, PluginKind};

use super::NAME;
use super::config::arm_name;
use super::launch::Launched;
use super::own_time;
use crate::child::describe;
use crate::{Arm, GatewayError, OwnTime, Running};

/// Envoy counts a request a moment after its response is on its way.
const COUNTERS_SETTLE: Duration = Duration::from_secs(1);

/// How long it may take until a process whose sockets are closed can be waited for.
const DEATH_SHOWS: Duration = Duration::from_millis(50);

/// An Envoy that takes requests.
#[derive(Debug)]
pub(super) struct RunningEnvoy {
    launched: Launched,
    /// Kind of each arm's plugin.
    kinds: Vec<Option<PluginKind>>,
    refused: Vec<(usize, Failure)>,
}

impl RunningEnvoy {
    pub(super) fn new(launched: Launched, arms: &[Arm], refused: Vec<(usize, Failure)>) -> Self {
        let kinds = arms.iter().map(|arm| arm.plugin.as_ref().map(|plugin| plugin.kind)).collect();
        Self { launched, kinds, refused }
    }

    fn is_refused(&self, arm: usize) -> bool {
        self.refused.iter().any(|(refused, _)| *refused == arm)
    }

    /// How the external plugin's process ended, if it has: that is the plugin's failure, and the gateway lives.
    fn external_death(&mut self) -> Option<String> {
        let child = &mut self.launched.external.as_mut()?.child;
        let begin = Instant::now();
        // Its sockets are closed, which is why Envoy answers with an error, a moment before it can be waited for.
        while begin.elapsed() < DEATH_SHOWS {
            if let Ok(Some(status)) = child.ended() {
                return Some(format!("the plugin's process died ({}){}", describe(status), child.tail().last_words()));
            }
            thread::sleep(DEATH_SHOWS / 25);
        }
        None
    }

    /// Counters, once Envoy has counted all that was sent, or after a while.
    fn settled_stats(&self, requests_sent: &[u64]) -> Result<HashMap<String, u64>, GatewayError> {
        let begin = Instant::now();
        loop {
            let stats = self.launched.admin.stats("^http.arm_")?;
            let counted = |(arm, &sent): (usize, &u64)| {
                self.is_refused(arm) || stat(&stats, arm, "downstream_rq_completed") >= sent
            };
            if requests_sent.iter().enumerate().all(counted) || begin.elapsed() > COUNTERS_SETTLE {
                return Ok(stats);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn prove_arm(&self, stats: &HashMap<String, u64>, arm: usize, sent: u64) -> Result<String, Failure> {
        let counted = stat(stats, arm, "downstream_rq_completed");
        if counted != sent {
            let message = format!(
                "envoy counted {counted} requests and {sent} were sent to it; does something else use that port?"
            );
            return Err(Failure::environment("proof", message));
        }
        // The answer of the route behind the plugin: a plugin that fails is closed, and the request never gets there.
        let passed = stat(stats, arm, "rq_direct_response");
        if passed != sent {
            let message =
                format!("only {passed} of {sent} requests got past the plugin; run `tollgate verify` to see why");
            return Err(Failure::plugin("proof", message));
        }
        match self.kinds[arm] {
            Some(PluginKind::Lua) => {
                let prefix = format!("lua.{}", arm_name(arm));
                let runs = stat(stats, arm, &format!("{prefix}.executions"));
                let errors = stat(stats, arm, &format!("{prefix}.errors"));
                // Lua in Envoy fails open: a script that breaks looks like a fast one. Envoy counts a run for each of
                // `envoy_on_request` and `envoy_on_response` that the script defines.
                if ![sent, 2 * sent].contains(&runs) || errors != 0 {
                    let message = format!(
                        "envoy ran the script {runs} times for {sent} requests, with {errors} errors; run `tollgate verify` \
                         without a gateway to see what the script does in process"
                    );
                    return Err(Failure::plugin("proof", message));
                }
                Ok(format!("envoy counted {sent} requests, {runs} runs of the script and no error"))
            }
            Some(PluginKind::External) => {
                let count = |name: &str| stat(stats, arm, &format!("ext_proc.{}.{name}", arm_name(arm)));
                let (streams, answers) = (count("streams_started"), count("stream_msgs_received"));
                let failed = count("streams_failed") + count("message_timeouts") + count("rejected_header_mutations");
                if (streams, answers, failed) != (sent, sent, 0) {
                    let message = format!(
                        "envoy asked the plugin's process {streams} times and was answered {answers} times for {sent} \
                         requests, with {failed} failures; run again with this plugin alone"
                    );
                    return Err(Failure::plugin("proof", message));
                }
                Ok(format!("envoy counted {sent} requests and {answers} answers of the plugin's process, none failed"))
            }
            Some(PluginKind::Native | PluginKind::ProxyWasm) => {
                Ok(format!("envoy counted {sent} requests, and {passed} got past the plugin, which fails closed"))
            }
            None => Ok(format!("envoy counted {sent} requests, and there is no plugin")),
        }
    }
}

impl Running for RunningEnvoy {
    fn address(&self, arm: usize) -> SocketAddr {
        self.launched.addresses[&arm_name(arm)]
    }

    fn check_alive(&mut self) -> Result<(), GatewayError> {
        let child = &mut self.launched.child;
        match child.ended().map_err(GatewayError::system("wait for envoy"))? {
            None => Ok(()),
            Some(status) => {
                let last = child.tail().last_words();
                Err(GatewayError::Died { gateway: NAME, status: describe(status), last })
            }
        }
    }

    fn prove(&mut self, requests_sent: &[u64]) -> Vec<Result<String, Failure>> {
        let stats = self.check_alive().and_then(|()| self.settled_stats(requests_sent));
        match stats.map_err(GatewayError::into_failure) {
            Err(failure) => requests_sent.iter().map(|_| Err(failure.clone())).collect(),
            Ok(stats) => {
                let prove = |(arm, &sent): (usize, &u64)| match self.refused.iter().find(|(refused, _)| *refused == arm)
                {
                    Some((_, failure)) => Err(failure.clone()),
                    None => self.prove_arm(&stats, arm, sent),
                };
                requests_sent.iter().enumerate().map(prove).collect()
            }
        }
    }

    fn refused(&self) -> &[(usize, Failure)] {
        &self.refused
    }

    fn forget_complaints(&mut self) {
        self.launched.child.tail().forget_news();
    }

    fn complaint(&mut self, arm: usize) -> Option<String> {
        if self.kinds[arm] == Some(PluginKind::External)
            && let Some(death) = self.external_death()
        {
            return Some(death);
        }
        // Envoy does not name the arm; but requests go out one at a time, so what is new is about the last one.
        let news = self.launched.child.tail().late_news();
        (!news.is_empty()).then(|| news[news.len().saturating_sub(3)..].join(" | "))
    }

    fn probe_core(&self) -> Option<u32> {
        self.launched.probe_core
    }

    fn times_requests(&self) -> bool {
        true
    }

    fn own_times(&mut self, sent: usize) -> Vec<OwnTime> {
        let begin = Instant::now();
        loop {
            // Envoy writes a line when a request is over, a moment after its response is here; what it cannot tell is
            // missing, and that a dead Envoy is dead is told elsewhere.
            let flushed = self.launched.admin.flush_logs().is_ok();
            let times = own_time::parse(&self.launched.times.read().unwrap_or_default());
            if times.len() >= sent || !flushed || begin.elapsed() > COUNTERS_SETTLE {
                return times;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn stat(stats: &HashMap<String, u64>, arm: usize, name: &str) -> u64 {
    stats.get(&format!("http.{}.{name}", arm_name(arm))).copied().unwrap_or(0)
}
