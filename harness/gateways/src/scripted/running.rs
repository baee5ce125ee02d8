use std::net::SocketAddr;

use tollgate_record::Failure;

use super::launch::{Launched, last_words};
use super::port::Port;
use super::report::{ArmReport, Report};
use crate::child::describe;
use crate::{GatewayError, Running};

/// A scripted gateway that takes requests.
#[derive(Debug)]
pub(super) struct RunningScripted {
    gateway: &'static str,
    launched: Launched,
    /// One for each arm. Dropped after the process that listens on them.
    ports: Vec<Port>,
    refused: Vec<(usize, Failure)>,
}

impl RunningScripted {
    pub(super) fn new(
        gateway: &'static str,
        launched: Launched,
        ports: Vec<Port>,
        refused: Vec<(usize, Failure)>,
    ) -> Self {
        Self { gateway, launched, ports, refused }
    }

    fn prove_arm(&self, report: &Report, arm: usize, requests_sent: &[u64]) -> Result<String, Failure> {
        let (gateway, sent) = (self.gateway, requests_sent[arm]);
        let Some(of) = report.of(arm) else {
            return Err(Failure::environment("proof", format!("{gateway} does not report on the arm; run again")));
        };
        let counted = self.check_requests(report, of, arm, requests_sent)?;
        match of {
            ArmReport { has_script: false, .. } => Ok(format!("{counted}, and there is no plugin")),
            ArmReport { runs, errors: 0, .. } if *runs == sent => {
                Ok(format!("{counted}, {runs} runs of the script and no error"))
            }
            ArmReport { runs, errors, .. } => {
                let message = format!(
                    "{gateway} ran the script to its end {runs} times for {sent} requests, with {errors} errors; run \
                     `tollgate verify`"
                );
                Err(Failure::plugin("proof", message))
            }
        }
    }

    /// Whether the gateway counted as many requests as were sent, to the arm or, where it does not tell, to all of them.
    fn check_requests(
        &self,
        report: &Report,
        of: &ArmReport,
        arm: usize,
        requests_sent: &[u64],
    ) -> Result<String, Failure> {
        let (gateway, sent) = (self.gateway, requests_sent[arm]);
        let all: u64 = requests_sent.iter().sum();
        let message = match (of.requests, report.total) {
            (Some(counted), _) if counted == sent => return Ok(format!("{gateway} counted {sent} requests")),
            (None, Some(counted)) if counted == all => {
                return Ok(format!("{gateway} counted {all} requests in all, as were sent, {sent} of them here"));
            }
            (Some(counted), _) => format!(
                "{gateway} counted {counted} requests and {sent} were sent to it; does something else use that port?"
            ),
            (None, Some(counted)) => format!(
                "{gateway} counted {counted} requests in all and {all} were sent to it; does something else use its ports?"
            ),
            (None, None) => format!("{gateway} does not say how many requests it counted; run again"),
        };
        Err(Failure::environment("proof", message))
    }
}

impl Running for RunningScripted {
    fn address(&self, arm: usize) -> SocketAddr {
        self.ports[arm].address
    }

    fn check_alive(&mut self) -> Result<(), GatewayError> {
        let Launched { child, said, .. } = &mut self.launched;
        match child.ended().map_err(GatewayError::system("wait for the gateway"))? {
            None => Ok(()),
            Some(status) => {
                let last = last_words(&said(&child.tail().all()));
                Err(GatewayError::Died { gateway: self.gateway, status: describe(status), last })
            }
        }
    }

    fn prove(&mut self, requests_sent: &[u64]) -> Vec<Result<String, Failure>> {
        let report = self.check_alive().and_then(|()| self.launched.reporter.report());
        match report.map_err(GatewayError::into_failure) {
            Err(failure) => requests_sent.iter().map(|_| Err(failure.clone())).collect(),
            Ok(report) => {
                let prove = |arm: usize| match self.refused.iter().find(|(refused, _)| *refused == arm) {
                    Some((_, failure)) => Err(failure.clone()),
                    None => self.prove_arm(&report, arm, requests_sent),
                };
                (0..requests_sent.len()).map(prove).collect()
            }
        }
    }

    fn refused(&self) -> &[(usize, Failure)] {
        &self.refused
    }

    fn forget_complaints(&mut self) {
        self.launched.child.tail().forget_news();
    }

    fn complaint(&mut self, _arm: usize) -> Option<String> {
        // It does not name the arm; but requests go out one at a time, so what is new is about the last one.
        Some((self.launched.said)(&self.launched.child.tail().late_news())).filter(|said| !said.is_empty())
    }

    fn probe_core(&self) -> Option<u32> {
        self.launched.probe_core
    }
}
