use std::collections::HashMap;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use tollgate_fixtures::HeaderPath;
use tollgate_record::{Failure, PluginKind};

use super::NAME;
use super::admin::Vms;
use super::config::arm_name;
use super::launch::Launched;
use super::own_time;
use crate::child::describe;
use crate::{Arm, GatewayError, OwnTime, Probe, Running};

/// Envoy counts a request a moment after its response is on its way.
const COUNTERS_SETTLE: Duration = Duration::from_secs(1);

/// How long it may take until a process whose sockets are closed can be waited for.
const DEATH_SHOWS: Duration = Duration::from_millis(50);

/// What Envoy says of each call of a plugin that handles a request, or a response, and of each context that is made for one.
const HANDLES: &str = "[host->vm] proxy_on_request_headers(";
const HANDLES_RESPONSE: &str = "[host->vm] proxy_on_response_headers(";
const CONTEXT: &str = "[host->vm] proxy_on_context_create(";

/// What is known of an arm.
#[derive(Debug)]
struct Known {
    kind: Option<PluginKind>,
    /// The headers that its workload is on.
    path: HeaderPath,
    /// Times that the plugin is in it.
    chain: u64,
    /// What Envoy says of each plugin that runs for a request.
    runs: &'static str,
    /// Requests that were sent to it and are in nobody's count.
    traced: u64,
    /// Runs of the plugin in the last one of them.
    seen: Option<u64>,
}

/// An Envoy that takes requests.
#[derive(Debug)]
pub(crate) struct RunningEnvoy {
    launched: Launched,
    known: Vec<Known>,
    refused: Vec<(usize, Failure)>,
}

impl RunningEnvoy {
    pub(super) fn new(launched: Launched, arms: &[Arm], refused: Vec<(usize, Failure)>) -> Self {
        let known = |arm: &Arm| Known {
            kind: arm.plugin.as_ref().map(|plugin| plugin.kind),
            path: arm.workload.path,
            chain: u64::from(arm.chain),
            runs: match (arm.plugin.as_ref().is_some_and(|plugin| plugin.workload_checked), arm.workload.path) {
                (true, HeaderPath::Request) => HANDLES,
                (true, HeaderPath::Response) => HANDLES_RESPONSE,
                // Somebody's own plugin may handle no headers.
                (false, _) => CONTEXT,
            },
            traced: 0,
            seen: None,
        };
        Self { launched, known: arms.iter().map(known).collect(), refused }
    }

    /// Number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.launched.child.id()
    }

    /// Wasm VMs.
    pub(crate) fn vms(&self) -> Result<Vms, GatewayError> {
        self.launched.admin.vms()
    }

    /// Connections that each worker has taken of an arm's listener.
    pub(crate) fn connections(&self, arm: usize) -> Result<Vec<u64>, GatewayError> {
        let prefix = format!("listener.{}.worker_", arm_name(arm));
        let stats = self.launched.admin.stats(&format!("^{prefix}"))?;
        let of = |worker: usize| stats.get(&format!("{prefix}{worker}.downstream_cx_total")).copied();
        Ok((0..).map_while(of).collect())
    }

    /// Sends one request for which Envoy says every call of a Wasm plugin, and keeps how many there were for
    /// [`Running::prove`]. Nothing else may be in flight. An arm without Wasm is passed over.
    pub(crate) fn trace(&mut self, arm: usize, request: &[u8], timeout: Duration) -> Result<(), GatewayError> {
        if self.known[arm].kind != Some(PluginKind::ProxyWasm) || self.is_refused(arm) {
            return Ok(());
        }
        let (tail, known) = (self.launched.child.tail().clone(), &mut self.known[arm]);
        tail.count(known.runs);
        self.launched.admin.log_wasm("trace")?;
        let address = self.launched.addresses[&arm_name(arm)];
        let sent = Probe::connect(address, timeout).and_then(|mut probe| probe.exchange(request));
        self.launched.admin.log_wasm("error")?;
        // Who cannot be reached is told when it is measured.
        if sent.is_ok() {
            known.traced += 1;
            known.seen = Some(tail.counted(known.chain));
        }
        tail.forget_news();
        Ok(())
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
                self.is_refused(arm) || stat(&stats, arm, "downstream_rq_completed") >= sent + self.known[arm].traced
            };
            if requests_sent.iter().enumerate().all(counted) || begin.elapsed() > COUNTERS_SETTLE {
                return Ok(stats);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn prove_arm(&self, stats: &HashMap<String, u64>, arm: usize, sent: u64) -> Result<String, Failure> {
        let Known { kind, path, chain, traced, seen, .. } = self.known[arm];
        let sent = sent + traced;
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
        // A plugin that fails on the response makes another of it, which Envoy counts as what the client got.
        let answered = stat(stats, arm, "downstream_rq_2xx");
        if path == HeaderPath::Response && answered != sent {
            let message =
                format!("only {answered} of {sent} responses got past the plugin; run `tollgate verify` to see why");
            return Err(Failure::plugin("proof", message));
        }
        match kind {
            Some(PluginKind::Lua) => {
                let prefix = format!("lua.{}", arm_name(arm));
                let runs = stat(stats, arm, &format!("{prefix}.executions"));
                let errors = stat(stats, arm, &format!("{prefix}.errors"));
                // Lua in Envoy fails open: a script that breaks looks like a fast one. Envoy counts a run for each of
                // `envoy_on_request` and `envoy_on_response` that the script defines.
                if ![sent * chain, 2 * sent * chain].contains(&runs) || errors != 0 {
                    let message = format!(
                        "envoy ran the script {runs} times for {sent} requests{}, with {errors} errors; run `tollgate verify` \
                         without a gateway to see what the script does in process",
                        times(chain)
                    );
                    return Err(Failure::plugin("proof", message));
                }
                Ok(format!("envoy counted {sent} requests{}, {runs} runs of the script and no error", times(chain)))
            }
            Some(PluginKind::External) => {
                let count = |name: &str| stat(stats, arm, &format!("ext_proc.{}.{name}", arm_name(arm)));
                let (streams, answers) = (count("streams_started"), count("stream_msgs_received"));
                let failed = count("streams_failed") + count("message_timeouts") + count("rejected_header_mutations");
                if (streams, answers, failed) != (sent * chain, sent * chain, 0) {
                    let message = format!(
                        "envoy asked the plugin's process {streams} times and was answered {answers} times for {sent} \
                         requests{}, with {failed} failures; run again with this plugin alone",
                        times(chain)
                    );
                    return Err(Failure::plugin("proof", message));
                }
                Ok(format!(
                    "envoy counted {sent} requests{} and {answers} answers of the plugin's process, none failed",
                    times(chain)
                ))
            }
            Some(PluginKind::Native | PluginKind::ProxyWasm) => {
                let (passed, what) = match path {
                    HeaderPath::Request => (passed, ""),
                    HeaderPath::Response => (answered, " responses"),
                };
                let passed = format!(
                    "envoy counted {sent} requests, and {passed}{what} got past the plugin{}, which fails closed",
                    times(chain)
                );
                match seen {
                    None => Ok(passed),
                    Some(runs) if runs == chain => Ok(format!(
                        "{passed}; in one that it was asked to say every call of, it called it {runs} times"
                    )),
                    Some(runs) => Err(Failure::plugin(
                        "proof",
                        format!(
                            "in a request that envoy was asked to say every call of, it called the plugin {runs} times in \
                             place of {chain}; run `tollgate inspect` to see what the plugin exports"
                        ),
                    )),
                }
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
        if self.known[arm].kind == Some(PluginKind::External)
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

/// That a plugin is there more than once, in words.
fn times(chain: u64) -> String {
    if chain == 1 { String::new() } else { format!(" ({chain} in a row)") }
}

fn stat(stats: &HashMap<String, u64>, arm: usize, name: &str) -> u64 {
    stats.get(&format!("http.{}.{name}", arm_name(arm))).copied().unwrap_or(0)
}
