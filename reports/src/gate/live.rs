//! The live gate: base and head as arms of one gateway process.
//!
//! A fresh start of the gateway is the replicate. In each start, head minus base is the median of the differences between an
//! arm of head and one of base in the same block. Of how many starts it takes to say something, see `sign_rule.rs`: with
//! nine, one of them may have met a busy machine.

use tollgate_record::{CellId, FailureClass, LiveGate, Placement, Record, Side};

use super::sign_rule::SignRule;
use super::starts::{Instrument, Start, Starts, figures};
use super::{Change, ControlCheck, GateKind, Outcome, Row, SmallestEffect, Unit, Verdict};
use crate::estimate::{median, median_interval, variance};
use crate::instruments;
use crate::number::{signed_us, us};

/// Probability of a false alarm that a change of the whole gate may have: both batches of starts have to show it.
const ALPHA: f64 = 0.001;
/// The same of calling two alike that differ by the margin.
const ALPHA_EQUIVALENT: f64 = 0.05;
/// Two sides are called alike only by a run that would find a change of so many margins: one that scatters more has
/// its starts inside the margin by chance.
const EQUIVALENT_FINDS: f64 = 4.0;
/// With what probability the smallest effect that is printed is found.
const POWER: f64 = 0.99;

/// Judges the record of a live gate. Reads nothing else, so the same record has the same outcome.
///
/// Returns `None` when the record is of another kind of run.
pub fn live(record: &Record) -> Option<Outcome> {
    let plan = record.plan.live_gate.as_ref()?;
    let sides = (plan.base.clone(), plan.head.clone());
    let judge = Judge::new(record, plan);
    let notes = judge.notes();
    let Some(head) = judge.starts.plan.arms(Side::Head).iter().find_map(|arm| judge.starts.cell(arm)) else {
        return Some(Outcome::new(GateKind::Live, sides, Vec::new(), Vec::new(), notes));
    };
    let row = judge.row(CellId { plugin: "head".to_owned(), ..head.id.clone() });
    // With a side gone, the controls were not measured and say nothing.
    let controls = if row.failure.is_some() { Vec::new() } else { judge.controls() };
    Some(Outcome::new(GateKind::Live, sides, controls, vec![row], notes))
}

/// Whether a change was seen in the first batch of starts, so that a second one is to confirm it.
pub fn live_is_to_be_confirmed(record: &Record) -> bool {
    let Some(plan) = &record.plan.live_gate else { return false };
    let judge = Judge::new(record, plan);
    judge.seen(judge.starts.batch(&judge.changes, 0), judge.margin_ns).is_some()
}

/// What is no change in that record of a live gate, in nanoseconds per request: the plan's margin, or its share of what base
/// adds. None of another kind of run.
pub fn live_margin_ns(record: &Record) -> Option<f64> {
    let plan = record.plan.live_gate.as_ref()?;
    Some(Judge::new(record, plan).margin_ns)
}

struct Judge<'a> {
    starts: Starts<'a>,
    /// None when there are too few starts for any.
    rule: Option<SignRule>,
    /// What is no change, in nanoseconds per request.
    margin_ns: f64,
    /// Head minus base in each start, by the probe.
    changes: Vec<Start>,
    /// The same by the gateway's own clock; empty where it has none.
    own_changes: Vec<Start>,
    /// Whether it has one.
    is_timed: bool,
}

impl<'a> Judge<'a> {
    fn new(record: &'a Record, plan: &'a LiveGate) -> Self {
        let rule = SignRule::new(plan.starts, ALPHA.sqrt());
        let starts = Starts { record, plan };
        let (base, head) = (plan.arms(Side::Base), plan.arms(Side::Head));
        let added = median(&figures(&starts.between(Instrument::Probe, &base, &[]))).unwrap_or_default();
        let [changes, own_changes] =
            [Instrument::Probe, Instrument::Gateway].map(|instrument| starts.between(instrument, &head, &base));
        let margin_ns = (plan.margin_ns as f64).max(plan.margin_share * added);
        let is_timed = starts.are_timed(&[base, head].concat());
        Self { starts, rule, margin_ns, changes, own_changes, is_timed }
    }

    fn row(&self, cell: CellId) -> Row {
        if let Some(row) = self.failed(&cell) {
            return row;
        }
        if self.rule.is_none() {
            let least = (1..).find(|&starts| SignRule::new(starts, ALPHA.sqrt()).is_some()).unwrap_or_default();
            let words =
                format!("{} starts can show nothing; give at least {least} with --starts", self.starts.plan.starts);
            return Row::incomparable(cell, words);
        }
        let (first, second) = (self.starts.batch(&self.changes, 0), self.starts.batch(&self.changes, 1));
        if first.len() < self.starts.plan.starts as usize {
            let way = match (self.starts.record.interrupted, self.starts.missing()) {
                (true, _) => "the run was interrupted; go on with `tollgate resume` and its folder".to_owned(),
                (_, Some(arm)) => format!("nothing is there of {arm}; run it again"),
                (_, None) => "run it again, with more --time where requests are slow".to_owned(),
            };
            let words =
                format!("{} of {} starts were measured of all arms: {way}", first.len(), self.starts.plan.starts);
            return Row::incomparable(cell, words);
        }
        let values = figures(&self.changes);
        let smallest = self.smallest(&values);
        let (verdict, reason) = self.decide(first, second);
        let mut row = Row::judged(cell, verdict, reason);
        row.changes.extend(estimated("added latency", &values));
        let own = figures(&self.own_changes);
        row.changes.extend(estimated("by the gateway's own clock", &own));
        row.smallest_effect = Some(SmallestEffect { size: smallest, unit: Unit::Nanoseconds, power: POWER });
        if let Some(words) = self.disagreement(verdict, &values, &own) {
            let words = format!("{words}; the probe alone would say {}", verdict.name());
            (row.verdict, row.reason) = (Verdict::Inconclusive, words);
        }
        row
    }

    /// Why the second instrument does not bear a verdict out. It sees less of a plugin, for it stops when the response begins: a
    /// change that both see beyond the margin is one, of whatever size.
    fn disagreement(&self, verdict: Verdict, values: &[f64], own: &[f64]) -> Option<String> {
        if !self.is_timed || verdict == Verdict::Inconclusive {
            return None;
        }
        let (timed, starts) = (own.len(), values.len());
        if timed < starts {
            return Some(format!("the gateway's own clock timed {timed} of {starts} starts; run it again"));
        }
        let (probe, own) = (median(values)?, median(own)?);
        let sees_it = match verdict {
            Verdict::Regression => own > self.margin_ns,
            Verdict::Improvement => -own > self.margin_ns,
            _ => false,
        };
        (!sees_it && !instruments::agree(probe, own)).then(|| {
            let (probe, own) = (microseconds(probe), microseconds(own));
            format!("the instruments disagree: {probe} by the probe, {own} by the gateway's own clock")
        })
    }

    /// A failure of a side is the row, under that side's name; a failed control is none of the plugin's.
    fn failed(&self, cell: &CellId) -> Option<Row> {
        let of = |side, name| self.starts.plan.arms(side).into_iter().map(move |arm| (name, arm));
        let arms = of(Side::Head, "head").chain(of(Side::Base, "base"));
        let failures = arms.filter_map(|(side, arm)| Some((self.starts.cell(&arm)?.error.clone()?, side, arm)));
        let (mut failure, side, arm) = failures.max_by_key(|(failure, ..)| failure.class == FailureClass::Plugin)?;
        failure.message = format!("{arm}: {}", failure.message);
        Some(Row::failed(CellId { plugin: side.to_owned(), ..cell.clone() }, failure))
    }

    fn decide(&self, first: &[Start], second: &[Start]) -> (Verdict, String) {
        let (starts, margin) = (self.starts.plan.starts, self.margin_ns);
        let limit = microseconds(margin);
        match (self.seen(first, margin), self.seen(second, margin)) {
            (Some(seen), Some(again)) if seen == again => {
                let word = if seen == Verdict::Regression { "slower" } else { "faster" };
                let enough = self.rule.map(enough).unwrap_or_default();
                (seen, format!("{word} by more than {limit} in {enough} fresh starts, and in as many again"))
            }
            (Some(_), _) if second.len() < starts as usize => {
                let words = "a change was seen and the starts that were to confirm it are not all there; run it again";
                (Verdict::Inconclusive, words.to_owned())
            }
            (Some(_), _) => {
                let words = format!(
                    "a change was seen in a batch of {starts} starts and not again in the next; give more --starts"
                );
                (Verdict::Inconclusive, words)
            }
            (None, _) => self.alike(&figures(first), &limit),
        }
    }

    /// Whether the first batch of starts, which shows no change, shows that there is none.
    fn alike(&self, values: &[f64], limit: &str) -> (Verdict, String) {
        let (starts, margin) = (self.starts.plan.starts, self.margin_ns);
        let middle = median(values).unwrap_or_default();
        let inside = values.iter().filter(|ns| ns.abs() < margin).count();
        let Some(rule) = SignRule::new(starts, ALPHA_EQUIVALENT).filter(|rule| inside >= rule.least as usize) else {
            let words = format!(
                "neither more than {limit} apart nor within it in {starts} starts; give more --starts or a wider margin"
            );
            return (Verdict::Inconclusive, words);
        };
        // Those that the rule lets go astray say nothing of how far the others scatter.
        let mut kept = values.to_vec();
        kept.sort_by(|one, other| (one - middle).abs().total_cmp(&(other - middle).abs()));
        kept.truncate(rule.least as usize);
        let smallest = self.smallest(&kept);
        if smallest > EQUIVALENT_FINDS * margin {
            let words = format!(
                "within {limit} in {inside} of {starts} starts, but they scatter so much that only a change of {} would be \
                 found; give more --starts, more --copies or a quieter machine",
                microseconds(smallest)
            );
            return (Verdict::Inconclusive, words);
        }
        (Verdict::Equivalent, format!("within {limit} in {inside} of {starts} fresh starts"))
    }

    /// The smallest change that is found when starts scatter like these, in nanoseconds.
    fn smallest(&self, values: &[f64]) -> f64 {
        let shift = self.rule.map_or(f64::INFINITY, |rule| rule.smallest_shift(variance(values).sqrt(), 2, POWER));
        self.margin_ns + shift
    }

    /// What a batch of starts shows, if it shows a change.
    fn seen(&self, batch: &[Start], margin: f64) -> Option<Verdict> {
        let rule = self.rule?;
        let slower = figures(batch);
        let faster: Vec<f64> = slower.iter().map(|ns| -ns).collect();
        match (rule.above(&slower, margin), rule.above(&faster, margin)) {
            (true, _) => Some(Verdict::Regression),
            (_, true) => Some(Verdict::Improvement),
            _ => None,
        }
    }

    /// Two arms alike must not differ, and the arm that spins longer must be found.
    fn controls(&self) -> Vec<ControlCheck> {
        let margin = self.margin_ns;
        let alike = [(Side::Base, "base"), (Side::Head, "head")].map(|(side, name)| {
            let arms = self.starts.plan.arms(side);
            let (one, other) = arms.split_at(arms.len() / 2);
            let starts = self.starts.between(Instrument::Probe, other, one);
            // Half as many arms scatter more than what is judged; both are held to the same margin.
            let differs = self.seen(self.starts.batch(&starts, 0), margin).is_some();
            let reason = match (starts.is_empty(), differs) {
                (true, _) => "it was not measured".to_owned(),
                (_, true) => format!("arms of one artifact differ by more than {}", microseconds(margin)),
                (_, false) => format!("arms of one artifact are not shown to differ by {}", microseconds(margin)),
            };
            check(format!("{name} against itself"), !differs && !starts.is_empty(), reason, &starts)
        });
        let starts =
            self.starts.between(Instrument::Probe, &[LiveGate::LONGER_SPIN.to_owned()], &[LiveGate::SPIN.to_owned()]);
        let known = self.starts.plan.longer_ns as f64;
        let found =
            self.seen(self.starts.batch(&starts, 0), self.starts.plan.margin_ns as f64) == Some(Verdict::Regression);
        let reason = if found {
            "found"
        } else {
            "not found in enough starts: this run would not see a slowdown; give more --starts or a quieter machine"
        };
        let slow = check(format!("a slowdown of {}", microseconds(known)), found, reason.to_owned(), &starts);
        alike.into_iter().chain([slow]).collect()
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = vec![format!(
            "margin: {} or {} % of base's added latency, whichever is more ({} here); a change must be seen in {} \
             fresh starts and in as many of a second batch; {} arms of each side in one gateway",
            microseconds(self.starts.plan.margin_ns as f64),
            crate::number::significant(self.starts.plan.margin_share * 100.0),
            microseconds(self.margin_ns),
            self.rule.map_or_else(|| self.starts.plan.starts.to_string(), enough),
            self.starts.plan.copies,
        )];
        if !self.is_timed && !self.changes.is_empty() {
            notes.push("this gateway does not time requests itself: there was one instrument only".to_owned());
        }
        let unpinned = |placement: &Placement| *placement == Placement::Unpinned;
        if self.starts.record.plan.placement.values().any(unpinned) {
            notes.push("cores could not be chosen, or were not: small changes are hard to see".to_owned());
        }
        if self.starts.record.interrupted {
            notes.push("the run was interrupted".to_owned());
        }
        notes
    }
}

fn check(name: String, passed: bool, reason: String, starts: &[Start]) -> ControlCheck {
    ControlCheck { name, passed, reason, change: estimated("added latency", &figures(starts)) }
}

/// How many starts said it, in words: of few it takes all.
fn enough(rule: SignRule) -> String {
    match rule {
        SignRule { replicates, least } if least == replicates => format!("each of {replicates}"),
        SignRule { replicates, least } => format!("at least {least} of {replicates}"),
    }
}

fn estimated(what: &str, values: &[f64]) -> Option<Change> {
    Some(Change::estimated(what, Unit::Nanoseconds, median(values)?, median_interval(values)))
}

fn microseconds(ns: f64) -> String {
    if ns < 0.0 { format!("{} µs", signed_us(ns)) } else { format!("{} µs", us(ns, 2)) }
}
