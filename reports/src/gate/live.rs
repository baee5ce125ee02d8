//! The live gate: base and head as arms of one gateway process.
//!
//! A fresh start of the gateway is the replicate. In each start, head minus base is the median of the differences between an
//! arm of head and one of base in the same block. Of how many starts it takes to say something, see `sign_rule.rs`: with
//! nine, one of them may have met a busy machine.

use tollgate_record::{CellId, FailureClass, LiveGate, Placement, Record, Series, Side};

use super::paired::shift;
use super::sign_rule::SignRule;
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
    let Some(head) = judge.plan.arms(Side::Head).iter().find_map(|arm| judge.cell(arm)) else {
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
    judge.seen(judge.batch(&judge.changes, 0), judge.margin_ns).is_some()
}

/// What is no change in that record of a live gate, in nanoseconds per request: the plan's margin, or its share of what base
/// adds. None of another kind of run.
pub fn live_margin_ns(record: &Record) -> Option<f64> {
    let plan = record.plan.live_gate.as_ref()?;
    Some(Judge::new(record, plan).margin_ns)
}

#[derive(Clone, Copy)]
enum Instrument {
    Probe,
    Gateway,
}

/// One start and a figure of it, nanoseconds per request.
type Start = (u32, f64);

struct Judge<'a> {
    record: &'a Record,
    plan: &'a LiveGate,
    /// None when there are too few starts for any.
    rule: Option<SignRule>,
    /// What is no change, in nanoseconds per request.
    margin_ns: f64,
    /// Head minus base in each start, by the probe.
    changes: Vec<Start>,
    /// The same by the gateway's own clock; empty where it has none.
    own_changes: Vec<Start>,
}

impl<'a> Judge<'a> {
    fn new(record: &'a Record, plan: &'a LiveGate) -> Self {
        let rule = SignRule::new(plan.starts, ALPHA.sqrt());
        let (changes, own_changes) = (Vec::new(), Vec::new());
        let mut judge = Self { record, plan, rule, margin_ns: plan.margin_ns as f64, changes, own_changes };
        let (base, head) = (plan.arms(Side::Base), plan.arms(Side::Head));
        let added = median(&figures(&judge.between(Instrument::Probe, &base, &[])));
        judge.margin_ns = judge.margin_ns.max(plan.margin_share * added.unwrap_or_default());
        judge.changes = judge.between(Instrument::Probe, &head, &base);
        judge.own_changes = judge.between(Instrument::Gateway, &head, &base);
        judge
    }

    fn row(&self, cell: CellId) -> Row {
        if let Some(row) = self.failed(&cell) {
            return row;
        }
        let Some(rule) = self.rule else {
            let least = (1..).find(|&starts| SignRule::new(starts, ALPHA.sqrt()).is_some()).unwrap_or_default();
            let words = format!("{} starts can show nothing; give at least {least} with --starts", self.plan.starts);
            return Row::incomparable(cell, words);
        };
        let (first, second) = (self.batch(&self.changes, 0), self.batch(&self.changes, 1));
        if first.len() < self.plan.starts as usize {
            let words = format!("{} of {} starts were measured; run it again", first.len(), self.plan.starts);
            return Row::incomparable(cell, words);
        }
        let values = figures(&self.changes);
        let smallest = self.margin_ns + rule.smallest_shift(variance(&values).sqrt(), 2, POWER);
        let (verdict, reason) = self.decide(first, second, smallest);
        let mut row = Row::judged(cell, verdict, reason);
        row.changes.extend(estimated("added latency", &values));
        let own = figures(&self.own_changes);
        row.changes.extend(estimated("by the gateway's own clock", &own));
        row.smallest_effect = Some(SmallestEffect { size: smallest, unit: Unit::Nanoseconds, power: POWER });
        if let (Some(probe), Some(own)) = (median(&values), median(&own))
            && !instruments::agree(probe, own)
            && verdict != Verdict::Inconclusive
        {
            let words = format!(
                "the instruments disagree: {} by the probe, {} by the gateway's own clock; the first would say {}",
                microseconds(probe),
                microseconds(own),
                verdict.name()
            );
            (row.verdict, row.reason) = (Verdict::Inconclusive, words);
        }
        row
    }

    /// A failure of a side is the row; a failed control is none of the plugin's.
    fn failed(&self, cell: &CellId) -> Option<Row> {
        let arms = [Side::Head, Side::Base].into_iter().flat_map(|side| self.plan.arms(side));
        let failures = arms.filter_map(|arm| Some((self.cell(&arm)?.error.clone()?, arm)));
        let (mut failure, side) = failures.max_by_key(|(failure, _)| failure.class == FailureClass::Plugin)?;
        failure.message = format!("{side}: {}", failure.message);
        Some(Row::failed(cell.clone(), failure))
    }

    fn decide(&self, first: &[Start], second: &[Start], smallest: f64) -> (Verdict, String) {
        let (starts, margin) = (self.plan.starts, self.margin_ns);
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
                let words =
                    format!("a change was seen in {starts} starts and not in {starts} more; give more --starts");
                (Verdict::Inconclusive, words)
            }
            (None, _) => {
                if let Some(enough) = self.alike(first, margin).map(enough) {
                    if smallest > EQUIVALENT_FINDS * margin {
                        let words = format!(
                            "within {limit} in {enough} starts, but they scatter so much that only a change of {} \
                             would be found; give more --starts, more --copies or a quieter machine",
                            microseconds(smallest)
                        );
                        return (Verdict::Inconclusive, words);
                    }
                    return (Verdict::Equivalent, format!("within {limit} in {enough} fresh starts"));
                }
                let words = format!(
                    "neither more than {limit} apart nor within it in {starts} starts; give more --starts or a wider margin"
                );
                (Verdict::Inconclusive, words)
            }
        }
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

    /// The rule by which the first batch of starts shows that two are alike, if it does: as many on either side of zero as
    /// show that their median is not beyond the margin.
    fn alike(&self, first: &[Start], margin: f64) -> Option<SignRule> {
        let rule = SignRule::new(self.plan.starts, ALPHA_EQUIVALENT)?;
        let values = figures(first);
        let opposite: Vec<f64> = values.iter().map(|ns| -ns).collect();
        (rule.above(&values, -margin) && rule.above(&opposite, -margin)).then_some(rule)
    }

    /// Two arms alike must not differ, and the arm that spins longer must be found.
    fn controls(&self) -> Vec<ControlCheck> {
        let margin = self.margin_ns;
        let alike = [(Side::Base, "base"), (Side::Head, "head")].map(|(side, name)| {
            let arms = self.plan.arms(side);
            let (one, other) = arms.split_at(arms.len() / 2);
            let starts = self.between(Instrument::Probe, other, one);
            // Half as many arms scatter more than what is judged; both are held to the same margin.
            let differs = self.seen(self.batch(&starts, 0), margin).is_some();
            let reason = match (starts.is_empty(), differs) {
                (true, _) => "it was not measured".to_owned(),
                (_, true) => format!("arms of one artifact differ by more than {}", microseconds(margin)),
                (_, false) => format!("arms of one artifact are not shown to differ by {}", microseconds(margin)),
            };
            check(format!("{name} against itself"), !differs && !starts.is_empty(), reason, &starts)
        });
        let starts = self.between(Instrument::Probe, &[LiveGate::LONGER_SPIN.to_owned()], &[LiveGate::SPIN.to_owned()]);
        let known = self.plan.longer_ns as f64;
        let found = self.seen(self.batch(&starts, 0), self.plan.margin_ns as f64) == Some(Verdict::Regression);
        let reason = if found { "found" } else { "not found in enough starts: this run would not see a slowdown" };
        let slow = check(format!("a slowdown of {}", microseconds(known)), found, reason.to_owned(), &starts);
        alike.into_iter().chain([slow]).collect()
    }

    /// The starts of a batch among those of a figure; fewer where starts are missing.
    fn batch<'b>(&self, starts: &'b [Start], batch: u32) -> &'b [Start] {
        let first = starts.partition_point(|&(start, _)| start < self.plan.starts * batch);
        let end = starts.partition_point(|&(start, _)| start < self.plan.starts * (batch + 1));
        &starts[first..end]
    }

    /// How far arms are beyond others (none: control A) in each start in which all were measured, in order.
    fn between(&self, instrument: Instrument, arms: &[String], others: &[String]) -> Vec<Start> {
        let end = self.plan.starts * 2;
        let of = |start| {
            let blocks = |arms: &[String]| {
                arms.iter().map(|arm| self.blocks(arm, start, instrument)).collect::<Option<Vec<Vec<f64>>>>()
            };
            Some((start, shift(&blocks(arms)?, &blocks(others)?)?))
        };
        (0..end).filter_map(of).collect()
    }

    /// Added latency of an arm in a start, by block, nanoseconds per request.
    fn blocks(&self, arm: &str, start: u32, instrument: Instrument) -> Option<Vec<f64>> {
        let series = self.cell(arm)?.series.iter().find(|series| series.start == start)?;
        let Series { added_blocks_ns, gateway_added_blocks_ns, requests_per_sample, .. } = series;
        let (blocks, requests) = match instrument {
            Instrument::Probe => (added_blocks_ns, (*requests_per_sample).max(1)),
            Instrument::Gateway => (gateway_added_blocks_ns.as_ref()?, 1),
        };
        Some(blocks.iter().map(|&ns| ns as f64 / requests as f64).collect())
    }

    fn cell(&self, plugin: &str) -> Option<&tollgate_record::Cell> {
        self.record.cells.iter().find(|cell| cell.id.plugin == plugin && cell.id.mode == tollgate_record::Mode::Live)
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = vec![format!(
            "margin: {} or {} % of base's added latency, whichever is more ({} here); a change must be seen in a batch of {} \
             fresh starts and again in a second one; {} arms of each side in one gateway",
            microseconds(self.plan.margin_ns as f64),
            crate::number::significant(self.plan.margin_share * 100.0),
            microseconds(self.margin_ns),
            self.plan.starts,
            self.plan.copies,
        )];
        if self.own_changes.is_empty() && !self.changes.is_empty() {
            notes.push("this gateway does not time requests itself: there was one instrument only".to_owned());
        }
        let unpinned = |placement: &Placement| *placement == Placement::Unpinned;
        if self.record.plan.placement.values().any(unpinned) {
            notes.push("cores could not be chosen, or were not: small changes are hard to see".to_owned());
        }
        if self.record.interrupted {
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

fn figures(starts: &[Start]) -> Vec<f64> {
    starts.iter().map(|&(_, ns)| ns).collect()
}

fn estimated(what: &str, values: &[f64]) -> Option<Change> {
    Some(Change::estimated(what, Unit::Nanoseconds, median(values)?, median_interval(values)))
}

fn microseconds(ns: f64) -> String {
    if ns < 0.0 { format!("{} µs", signed_us(ns)) } else { format!("{} µs", us(ns, 2)) }
}
