//! Exchanging plugins while others send the load: one swap after the other, each waited for until it is told what became
//! of it.

use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tollgate_fixtures::Plugin;
use tollgate_record::ProcessSample;

use super::swapping::{CONFIGURATIONS, Step, operations};
use super::{End, LOOK, Shared, Teller, arm, headers};
use crate::GatewayError;
use crate::envoy::{FailurePolicy, SwappingEnvoy, Taken};

/// The one listener whose plugin is exchanged.
pub(super) const SLOT: usize = 0;
/// Name of its arm.
pub(super) const ARM: &str = "reload";
/// How often Envoy is asked what it made of a file, while answers do not show it.
const ASK: Duration = Duration::from_millis(100);
/// How long a swap may take. The largest plugin of the catalogue takes seconds to compile on a busy machine.
const LONGEST: Duration = Duration::from_secs(60);
/// How much later than answers show a swap its counter may come.
const COUNTERS_SETTLE: Duration = Duration::from_secs(1);

/// A swap that was begun.
pub(super) struct Begun {
    pub(super) step: Step,
    pub(super) at: Instant,
    /// Of the configuration.
    pub(super) number: u8,
    pub(super) verdict: Verdict,
    /// What Envoy said until the next one.
    pub(super) complaint: Option<String>,
}

/// What was seen of it while the load went on.
#[derive(Clone)]
pub(super) enum Verdict {
    Seen { proof: String },
    Counted { after: Duration, proof: String },
    Rejected { after: Duration },
    Broken { after: Duration },
    Lost { after: Duration },
}

/// The last request was not answered as it should be.
pub(super) const FAULT: u8 = u8::MAX - 1;
/// How long no request is answered as it should be until a plugin that Envoy took counts as broken.
const BROKEN_AFTER: Duration = Duration::from_secs(2);
/// The least that lies between two swaps, whatever they take: requests that waited are to have their answers.
const APART: Duration = Duration::from_secs(1);

/// VMs at some moments.
pub(super) type Vms = Vec<(Instant, ProcessSample)>;

/// Exchanges the plugin of [`SLOT`].
pub(super) struct Swapper<'a> {
    pub(super) envoy: &'a mut SwappingEnvoy,
    pub(super) plugins: &'a [Plugin],
    pub(super) shared: &'a Shared,
    /// Number of the configuration that the last answer showed, or [`FAULT`].
    pub(super) latest: &'a AtomicU8,
    pub(super) begun: &'a mut Vec<Begun>,
    pub(super) vms: &'a mut Vms,
}

impl Swapper<'_> {
    /// All swaps at even distances within `duration`, which has a part without one at both ends.
    pub(super) fn swap_all(&mut self, steps: &[Step], duration: Duration, teller: &mut Teller<'_>) -> Result<(), End> {
        let distance = duration / (steps.len() as u32 + 1);
        let (mut active, mut last, mut free) = (0, 0, teller.begin);
        let mut taken = self.envoy.taken(SLOT)?;
        for (index, step) in steps.iter().enumerate() {
            let name = &self.plugins[step.plugin].name;
            teller.doing = format!("swap {}/{} to {name}", index + 1, steps.len());
            let due = (teller.begin + distance * (index as u32 + 1)).max(free);
            self.wait(due, teller)?;
            // Other than that which answers show now, and other than the last one that was tried: Envoy passes over a file
            // that holds what it has just refused, and counts it as accepted.
            let others = (1..CONFIGURATIONS).map(|more| (last + more) % CONFIGURATIONS);
            let number = others.into_iter().find(|number| *number != active).unwrap_or(0);
            last = number;
            let verdict = self.swap(*step, number, &mut taken, teller)?;
            free = Instant::now() + distance.min(APART);
            if matches!(verdict, Verdict::Seen { .. } | Verdict::Counted { .. }) {
                active = number;
            }
        }
        teller.doing = "after the last swap".to_owned();
        self.wait((teller.begin + duration).max(free), teller)
    }

    /// What Envoy has said goes to the last swap.
    pub(super) fn note_complaint(&mut self) {
        let news = self.envoy.news();
        if let (Some(last), Some(_)) = (self.begun.last_mut(), &news) {
            last.complaint = news;
        }
    }

    /// Waits for a moment, and asks meanwhile whether to go on.
    fn wait(&mut self, due: Instant, teller: &mut Teller<'_>) -> Result<(), End> {
        loop {
            self.ask(teller)?;
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(ASK));
        }
    }

    /// One swap, and what became of it.
    fn swap(&mut self, step: Step, number: u8, taken: &mut Taken, teller: &mut Teller<'_>) -> Result<Verdict, End> {
        let plugin = &self.plugins[step.plugin];
        self.note_complaint();
        let arm = arm(ARM, Some(plugin), operations(number), headers());
        let at = self.envoy.swap(SLOT, &arm, FailurePolicy::Closed)?;
        let index = self.begun.len();
        self.begun.push(Begun { step, at, number, verdict: Verdict::Lost { after: Duration::ZERO }, complaint: None });
        let (mut asked, mut faulty_since) = (at, None);
        let (verdict, now) = loop {
            if plugin.workload_checked && self.latest.load(Ordering::Acquire) == number {
                let now = self.settled(*taken)?;
                let proof = format!("envoy counted {} accepted", now.accepted - taken.accepted);
                break (Verdict::Seen { proof }, now);
            }
            if asked.elapsed() > ASK {
                self.ask(teller)?;
                asked = Instant::now();
                if let Some(told) = self.told(at, *taken, plugin.workload_checked) {
                    break told;
                }
                // Faults of the old plugin do not count: a plugin is the new one once Envoy has accepted it.
                let is_faulty = self.latest.load(Ordering::Acquire) == FAULT;
                let accepted = self.accepted(*taken).filter(|_| is_faulty);
                faulty_since = accepted.map(|_| *faulty_since.get_or_insert(asked));
                if let Some(now) =
                    accepted.filter(|_| asked.duration_since(faulty_since.unwrap_or(asked)) > BROKEN_AFTER)
                {
                    break (Verdict::Broken { after: at.elapsed() }, now);
                }
            }
            if at.elapsed() > LONGEST {
                break (Verdict::Lost { after: at.elapsed() }, *taken);
            }
            thread::sleep(LOOK);
        };
        *taken = now;
        self.begun[index].verdict = verdict.clone();
        self.vms.extend(sample(self.envoy));
        Ok(verdict)
    }

    /// What Envoy's counters say of a swap, as far as answers do not. While it loads a plugin it tells nothing, and that
    /// is no failure.
    fn told(&self, at: Instant, before: Taken, answers_show: bool) -> Option<(Verdict, Taken)> {
        let now = self.envoy.taken(SLOT).ok()?;
        let after = at.elapsed();
        if now.refused > before.refused {
            return Some((Verdict::Rejected { after }, now));
        }
        let is_taken = !answers_show && now.accepted > before.accepted;
        let proof = || format!("envoy counted {} accepted", now.accepted - before.accepted);
        is_taken.then(|| (Verdict::Counted { after, proof: proof() }, now))
    }

    /// Counters, if Envoy has accepted something since.
    fn accepted(&self, before: Taken) -> Option<Taken> {
        self.envoy.taken(SLOT).ok().filter(|now| now.accepted > before.accepted)
    }

    /// Counters once they hold what answers have shown, or after a while.
    fn settled(&self, before: Taken) -> Result<Taken, GatewayError> {
        let begin = Instant::now();
        loop {
            let now = self.envoy.taken(SLOT)?;
            if now.accepted > before.accepted || begin.elapsed() > COUNTERS_SETTLE {
                return Ok(now);
            }
            thread::sleep(10 * LOOK);
        }
    }

    /// Whether to go on.
    fn ask(&mut self, teller: &mut Teller<'_>) -> Result<(), End> {
        self.envoy.check_alive()?;
        teller.tell(self.shared)
    }
}

/// VMs at this moment; none when Envoy does not tell.
pub(super) fn sample(envoy: &SwappingEnvoy) -> Option<(Instant, ProcessSample)> {
    let vms = envoy.vms().ok()?;
    let (vms_active, vms_created) = (Some(vms.active), vms.created);
    Some((Instant::now(), ProcessSample { at_ns: 0, resident_bytes: None, vms_active, vms_created }))
}
