use std::ops::Range;
use std::time::{Duration, Instant};

use tollgate_record::Failure;

use crate::contract::expected_left;
use crate::{Arm, BODY, Probe, ProbeError, ROUND_HEADER, Running, arm_label, request_bytes};

/// How long a response may take: four orders of magnitude above the slowest plugin.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it may take until a process that was killed is seen to be dead: its sockets close a little earlier.
const DEATH_SHOWS: Duration = Duration::from_millis(500);

/// One arm as the probe sees it: its connection, its prebuilt requests and what became of them.
#[derive(Debug)]
pub(crate) struct Lane {
    arm: usize,
    label: String,
    has_plugin: bool,
    plain: Request,
    canary: Request,
    stamped: Stamped,
    probe: Option<Probe>,
    /// Requests sent, canaries among them.
    pub(crate) sent: u64,
    /// Canaries that came back as expected.
    pub(crate) canaries: u64,
    /// Why it is not measured any more.
    pub(crate) failure: Option<Failure>,
    timed_out: bool,
}

/// A prebuilt request, and what its response must say is left of the canary header; none if anything may be.
#[derive(Debug)]
struct Request {
    bytes: Vec<u8>,
    left: Option<Option<String>>,
}

/// A prebuilt request with [`ROUND_HEADER`], whose number is written over.
#[derive(Debug)]
struct Stamped {
    bytes: Vec<u8>,
    digits: Range<usize>,
}

impl Stamped {
    /// The header goes right behind the request line, so that it is where no body is.
    fn new(mut bytes: Vec<u8>) -> Self {
        let line = bytes.windows(2).position(|pair| pair == b"\r\n").map_or(bytes.len(), |end| end + 2);
        let header = format!("{ROUND_HEADER}: {:010}\r\n", 0);
        let end = line + header.len() - 2;
        bytes.splice(line..line, header.into_bytes());
        Self { bytes, digits: end - 10..end }
    }

    fn set(&mut self, round: u32) {
        self.bytes[self.digits.clone()].copy_from_slice(format!("{round:010}").as_bytes());
    }
}

/// What went wrong with one request.
enum Trouble {
    /// No response.
    Probe(ProbeError),
    /// A response that is not the expected one.
    Response(String),
}

impl Lane {
    /// Connects to an arm.
    pub(crate) fn open(arm: usize, arms: &[Arm], running: &mut dyn Running) -> Self {
        let of = &arms[arm];
        let mut lane = Self {
            arm,
            label: arm_label(of),
            has_plugin: of.plugin.is_some(),
            plain: Request { bytes: request_bytes(&of.workload, false), left: expected_left(of, false) },
            canary: Request { bytes: request_bytes(&of.workload, true), left: expected_left(of, true) },
            stamped: Stamped::new(request_bytes(&of.workload, false)),
            probe: None,
            sent: 0,
            canaries: 0,
            failure: running.refused().iter().find(|(refused, _)| *refused == arm).map(|(_, failure)| failure.clone()),
            timed_out: false,
        };
        if lane.failure.is_none() {
            match Probe::connect(running.address(arm), RESPONSE_TIMEOUT) {
                Ok(probe) => lane.probe = Some(probe),
                Err(error) => lane.fail(Trouble::Probe(error), running),
            }
        }
        lane
    }

    /// Whether it is still measured.
    pub(crate) fn is_up(&self) -> bool {
        self.failure.is_none()
    }

    /// One timed request, in nanoseconds. Its response is checked after the clock has stopped; none when it failed.
    pub(crate) fn time(&mut self, running: &mut dyn Running) -> Option<u64> {
        let probe = self.probe.as_mut().filter(|_| self.failure.is_none())?;
        self.sent += 1;
        match probe.exchange(&self.plain.bytes) {
            Ok(latency_ns) => match check(probe, &self.label, &self.plain.left) {
                Ok(()) => return Some(latency_ns),
                Err(trouble) => self.fail(trouble, running),
            },
            Err(error) => self.fail(Trouble::Probe(error), running),
        }
        None
    }

    /// One request that the gateway times itself, with the number of its round; whether it was answered.
    pub(crate) fn send_stamped(&mut self, round: u32, running: &mut dyn Running) -> bool {
        self.stamped.set(round);
        let Some(probe) = self.probe.as_mut().filter(|_| self.failure.is_none()) else {
            return false;
        };
        self.sent += 1;
        let sent = probe.exchange(&self.stamped.bytes).map_err(Trouble::Probe);
        match sent.and_then(|_| check(probe, &self.label, &self.plain.left)) {
            Ok(()) => true,
            Err(trouble) => {
                self.fail(trouble, running);
                false
            }
        }
    }

    /// One canary, not timed.
    pub(crate) fn send_canary(&mut self, running: &mut dyn Running) {
        let Some(probe) = self.probe.as_mut().filter(|_| self.failure.is_none()) else {
            return;
        };
        if self.sent == 0 {
            running.forget_complaints();
        }
        self.sent += 1;
        let sent = probe.exchange(&self.canary.bytes).map_err(Trouble::Probe);
        match sent.and_then(|_| check(probe, &self.label, &self.canary.left)) {
            Ok(()) => self.canaries += 1,
            Err(trouble) => self.fail(trouble, running),
        }
    }

    /// Takes the arm out, for a reason found elsewhere; the first reason is the one that is kept.
    pub(crate) fn give_up(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
        self.probe = None;
    }

    /// Whether it got no answer in time, told once.
    pub(crate) fn take_timeout(&mut self) -> bool {
        std::mem::take(&mut self.timed_out)
    }

    fn fail(&mut self, trouble: Trouble, running: &mut dyn Running) {
        self.timed_out = matches!(trouble, Trouble::Probe(ProbeError::Timeout(_)));
        let failure = match trouble {
            Trouble::Probe(error) => match death(running) {
                Some(failure) => failure,
                None => self.no_response(&error, running),
            },
            Trouble::Response(what) => self.wrong(format!("{what}{}", complaint(self.arm, running))),
        };
        self.give_up(failure);
    }

    fn no_response(&self, error: &ProbeError, running: &mut dyn Running) -> Failure {
        let said = complaint(self.arm, running);
        match error {
            ProbeError::Timeout(_) if self.has_plugin => Failure::plugin(
                "measure",
                format!("{error}: its plugin may not return; run `tollgate verify --plugin` on it{said}"),
            ),
            _ => Failure::environment(
                "measure",
                format!(
                    "{error}, after {} requests; run again, and look for what else uses this machine{said}",
                    self.sent
                ),
            ),
        }
    }

    fn wrong(&self, what: String) -> Failure {
        match self.has_plugin {
            true => Failure::plugin("measure", format!("{what}; run `tollgate verify` to see what the plugin does")),
            false => Failure::environment("measure", format!("{what}, though the arm has no plugin; run again")),
        }
    }
}

/// Compares the last response with the contract. `left` is what must be left of the canary, none if anything may.
fn check(probe: &mut Probe, label: &str, left: &Option<Option<String>>) -> Result<(), Trouble> {
    let response = probe.response().map_err(Trouble::Probe)?;
    // The route behind the plugin puts the arm's name on its response.
    let Some(who) = response.arm else {
        return Err(Trouble::Response(format!(
            "status {} came from something before the route: the plugin itself, or the gateway because the plugin \
             failed; only a request that gets to the route is measured here, so give one with `--request`, or what the \
             plugin wants with `--config`",
            response.status
        )));
    };
    if response.status != 200 {
        return Err(Trouble::Response(format!("answered with status {} in place of 200", response.status)));
    }
    if who != label {
        return Err(Trouble::Response(format!("{who} answered in place of {label}")));
    }
    // A plugin of which nothing is known may write a body of its own.
    if left.is_some() && response.body != BODY.as_bytes() {
        return Err(Trouble::Response(format!("answered with {} other bytes of body", response.body.len())));
    }
    match left {
        Some(left) if left.as_deref() != response.left => {
            let say = |left: Option<&str>| left.map_or("nothing".to_owned(), |value| format!("`{value}`"));
            let (found, expected) = (say(response.left), say(left.as_deref()));
            Err(Trouble::Response(format!("behind the plugin a canary had {found} left in place of {expected}")))
        }
        _ => Ok(()),
    }
}

/// Why the gateway is dead, if it is.
fn death(running: &mut dyn Running) -> Option<Failure> {
    let begin = Instant::now();
    while begin.elapsed() < DEATH_SHOWS {
        if let Err(error) = running.check_alive() {
            return Some(error.into_failure());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

fn complaint(arm: usize, running: &mut dyn Running) -> String {
    running.complaint(arm).map_or_else(String::new, |said| format!("; the gateway says: {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_written_over_in_place() {
        let mut stamped = Stamped::new(b"GET / HTTP/1.1\r\nhost: a\r\n\r\nbody\r\n".to_vec());
        for (round, text) in [(7, "0000000007"), (u32::MAX, "4294967295")] {
            stamped.set(round);
            let expected = format!("GET / HTTP/1.1\r\n{ROUND_HEADER}: {text}\r\nhost: a\r\n\r\nbody\r\n");
            assert_eq!(String::from_utf8_lossy(&stamped.bytes), expected);
        }
    }
}
