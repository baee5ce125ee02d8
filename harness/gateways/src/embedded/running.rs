use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tollgate_record::Failure;

use super::tally::Tally;
use crate::{GatewayError, OwnTime, Running};

/// How long the gateway's thread may take to end. Only a plugin that never returns takes longer; its thread is left
/// to the end of the process, because a thread cannot be killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// The embedded gateway, taking requests.
#[derive(Debug)]
pub(super) struct RunningEmbedded {
    pub(super) gateway: &'static str,
    pub(super) thread: Option<JoinHandle<()>>,
    /// Dropping it stops the gateway.
    pub(super) stop: Option<oneshot::Sender<()>>,
    /// One per arm, as the next two.
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) tallies: Vec<Arc<Tally>>,
    pub(super) has_plugin: Vec<bool>,
    pub(super) refused: Vec<(usize, Failure)>,
    pub(super) probe_core: Option<u32>,
}

impl RunningEmbedded {
    fn prove_arm(&self, arm: usize, sent: u64) -> Result<String, Failure> {
        if let Some((_, failure)) = self.refused.iter().find(|(refused, _)| *refused == arm) {
            return Err(failure.clone());
        }
        let (requests, runs, errors) = self.tallies[arm].counts();
        if requests != sent {
            let message = format!(
                "the gateway counted {requests} requests and {sent} were sent to it; does something else use that port?"
            );
            return Err(Failure::environment("proof", message));
        }
        match self.has_plugin[arm] {
            false => Ok(format!("the gateway counted {sent} requests, and there is no plugin")),
            true if (runs, errors) == (sent, 0) => {
                Ok(format!("the gateway counted {sent} requests, {runs} runs of the plugin and no error"))
            }
            true => {
                let message = format!(
                    "the plugin ran {runs} times for {sent} requests, with {errors} errors; run `tollgate verify`"
                );
                Err(Failure::plugin("proof", message))
            }
        }
    }
}

impl Running for RunningEmbedded {
    fn address(&self, arm: usize) -> SocketAddr {
        self.addresses[arm]
    }

    fn check_alive(&mut self) -> Result<(), GatewayError> {
        match &self.thread {
            Some(thread) if !thread.is_finished() => Ok(()),
            _ => Err(died(self.gateway, self.thread.take())),
        }
    }

    fn prove(&mut self, requests_sent: &[u64]) -> Vec<Result<String, Failure>> {
        if let Err(error) = self.check_alive() {
            let failure = error.into_failure();
            return requests_sent.iter().map(|_| Err(failure.clone())).collect();
        }
        requests_sent.iter().enumerate().map(|(arm, &sent)| self.prove_arm(arm, sent)).collect()
    }

    fn refused(&self) -> &[(usize, Failure)] {
        &self.refused
    }

    fn forget_complaints(&mut self) {
        // They are kept by arm: nobody gets another's.
    }

    fn complaint(&mut self, arm: usize) -> Option<String> {
        self.tallies[arm].take_error()
    }

    fn probe_core(&self) -> Option<u32> {
        self.probe_core
    }

    fn times_requests(&self) -> bool {
        true
    }

    fn own_times(&mut self, _sent: usize) -> Vec<OwnTime> {
        // Noted before the response is sent, so all are there.
        let of_arm = |(arm, tally): (usize, &Arc<Tally>)| {
            tally.take_own_times().into_iter().map(move |(round, ns)| OwnTime { arm, round, ns })
        };
        self.tallies.iter().enumerate().flat_map(of_arm).collect()
    }
}

impl Drop for RunningEmbedded {
    fn drop(&mut self) {
        drop(self.stop.take());
        let Some(thread) = self.thread.take() else {
            return;
        };
        let begin = Instant::now();
        while !thread.is_finished() && begin.elapsed() < STOP_TIMEOUT {
            std::thread::sleep(Duration::from_millis(1));
        }
        if thread.is_finished() {
            // How it ended plays no part any more.
            let _ = thread.join();
        }
    }
}

/// Why the gateway's thread has ended by itself.
pub(super) fn died(gateway: &'static str, thread: Option<JoinHandle<()>>) -> GatewayError {
    let panic = thread.and_then(|thread| thread.join().err());
    let said = panic.as_ref().and_then(|payload| {
        payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref::<&str>().map(|&text| text.to_owned()))
    });
    let status = if panic.is_some() { "its thread panicked" } else { "its thread ended" };
    GatewayError::Died {
        gateway,
        status: status.to_owned(),
        last: said.map_or_else(String::new, |said| format!("; its last words: {said}")),
    }
}
