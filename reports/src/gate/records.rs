//! Two records of runs, cell by cell. Pure: the same records give the same outcome, bit for bit.
//!
//! The change is the difference of the medians over starts of added latency. Its interval is made of the exact
//! distribution-free intervals of both medians (see [`median_interval`](crate::median_interval)): from head's lower end
//! minus base's upper end to head's upper end minus base's lower end. Both starts are independent, so it holds the true
//! difference with at least the product of both confidences, whatever the shapes of the two spreads; of six starts each,
//! 0.969² = 0.938, and in truth far more often, for both ends must be missed on the same side. (The product of marginal
//! confidence regions: G. Casella and R. Berger, "Statistical Inference", 2nd edition, section 9.5; with dependent samples it
//! would be Bonferroni's bound.) Six and six starts of the same thing lie wholly apart, head above, once in 924 times.
//!
//! What changed in the machine between the two runs is in no interval: hence a wide margin. Small changes are for the gates
//! that measure both sides in turn. What the records hold beside the latency of requests is judged in `beside.rs`.

use std::collections::BTreeMap;

use tollgate_record::{Cell, CellId, Environment, Mode, Phase, Record};

use super::beside::{Beside, beside, not_judged};
use super::{Change, ControlCheck, GateKind, Outcome, Row, SmallestEffect, Unit, Verdict};
use crate::estimate::Estimate;
use crate::number::{percent, signed_us};
use crate::summary::{SummaryCell, summarize};

/// Confidence that both medians' intervals must have: that of six starts.
const CONFIDENCE: f64 = 0.95;

/// How much a change must be to count: the larger of a share of base and of an amount.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margin {
    /// Share of base's added latency: 0.05 is five percent.
    pub share: f64,
    /// In process, nanoseconds per request.
    pub in_process_ns: f64,
    /// Live, nanoseconds per request.
    pub live_ns: f64,
}

impl Default for Margin {
    fn default() -> Self {
        Self { share: 0.05, in_process_ns: 100.0, live_ns: 1_000.0 }
    }
}

impl Margin {
    fn least_ns(&self, mode: Mode) -> f64 {
        match mode {
            Mode::InProcess => self.in_process_ns,
            Mode::Live => self.live_ns,
        }
    }

    fn ns(&self, mode: Mode, base: f64) -> f64 {
        (self.share * base.abs()).max(self.least_ns(mode))
    }
}

/// How two machines differ, each in words; empty when they do not.
pub fn other_machine(base: &Environment, head: &Environment) -> Vec<String> {
    let mut reasons = Vec::new();
    let words = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    let is_virtual = |machine: Option<bool>| match machine {
        Some(true) => "virtual".to_owned(),
        Some(false) => "real".to_owned(),
        None => "unknown".to_owned(),
    };
    differs(&mut reasons, "CPU", words(&base.cpu_model), words(&head.cpu_model));
    differs(&mut reasons, "number of cores", base.cores.to_string(), head.cores.to_string());
    differs(&mut reasons, "operating system", base.os.clone(), head.os.clone());
    differs(&mut reasons, "kernel", base.kernel.clone(), head.kernel.clone());
    differs(&mut reasons, "frequency governor", words(&base.governor), words(&head.governor));
    differs(&mut reasons, "kind of machine", is_virtual(base.virtual_machine), is_virtual(head.virtual_machine));
    reasons
}

fn differs(reasons: &mut Vec<String>, what: &str, base: String, head: String) {
    if base != head {
        reasons.push(format!("another {what}: {base} in base, {head} in head"));
    }
}

/// Why two records cannot be compared, each in words; empty when they can.
pub fn incomparable(base: &Record, head: &Record) -> Vec<String> {
    let mut reasons = other_machine(&base.environment, &head.environment);
    let mut differs = |what: &str, base: String, head: String| differs(&mut reasons, what, base, head);
    let (ours, theirs) = (&base.plan, &head.plan);
    for (place, placement) in &ours.placement {
        if let Some(other) = theirs.placement.get(place) {
            differs(&format!("placement of {place}"), format!("{placement:?}"), format!("{other:?}"));
        }
    }
    for (workload, operations) in &ours.operations {
        if let Some(other) = theirs.operations.get(workload) {
            differs(&format!("number of operations in workload {workload}"), operations.to_string(), other.to_string());
        }
    }
    let limits = |limits: Option<bool>| match limits {
        Some(true) => "on".to_owned(),
        Some(false) => "off".to_owned(),
        None => "unknown".to_owned(),
    };
    differs("setting of limits while timing", limits(ours.timed_with_limits), limits(theirs.timed_with_limits));
    reasons
}

/// Compares two records. The latency of requests decides, and a leak that is new. Where the records cannot be compared (see
/// [`incomparable`]) every row shows its figures and is inconclusive.
pub fn compare_records(base: (&str, &Record), head: (&str, &Record), margin: Margin) -> Outcome {
    compare_records_by(base, head, margin, &[])
}

/// The same where more decides.
pub fn compare_records_by(
    (base_name, base): (&str, &Record),
    (head_name, head): (&str, &Record),
    margin: Margin,
    decide: &[Beside],
) -> Outcome {
    let apart = incomparable(base, head);
    let (ours, theirs) = (cells(base), cells(head));
    let mut rows = Vec::new();
    for (id, (cell, figures)) in &ours {
        if cell.control.is_some() {
            continue;
        }
        rows.push(match theirs.get(id) {
            None => Row::incomparable((*id).clone(), missing("head", head)),
            Some((other, their_figures)) => {
                let apart: Vec<String> = apart.iter().cloned().chain(company(id, &ours, &theirs)).collect();
                row(id, (cell, figures), (other, their_figures), &apart, margin)
            }
        });
    }
    for (id, (cell, _)) in theirs.iter().filter(|(id, (cell, _))| cell.control.is_none() && !ours.contains_key(*id)) {
        rows.push(match &cell.error {
            Some(failure) => Row::failed((*id).clone(), failure.clone()),
            None => Row::incomparable((*id).clone(), missing("base", base)),
        });
    }
    let mut controls = noise("base", &ours, margin);
    controls.extend(noise("head", &theirs, margin));
    let sides = (side(base_name, base), side(head_name, head));
    let mut notes = notes(base, head, &apart, margin);
    let in_process = ours.keys().find(|id| id.mode == Mode::InProcess);
    let company = in_process.and_then(|id| company(id, &ours, &theirs));
    let (others, said) = beside((base, head), &apart, company, decide);
    rows.extend(others);
    notes.extend(said);
    notes.push(not_judged(base, head));
    Outcome::new(GateKind::Records, sides, controls, rows, notes)
}

type Cells<'a> = BTreeMap<&'a CellId, (&'a Cell, SummaryCell)>;

/// The cells whose latency is compared, with their figures.
fn cells(record: &Record) -> Cells<'_> {
    let figures = summarize(record).cells;
    let cells = record.cells.iter().zip(figures).filter(|(cell, _)| cell.id.phase == Phase::Request);
    let mut all = BTreeMap::new();
    for (cell, figures) in cells {
        all.entry(&cell.id).or_insert((cell, figures));
    }
    all
}

/// That a cell was measured among other arms in the two runs, if it was: they share caches and a gateway's threads. A thorough
/// run with all hosts and a standard one differed by 0.1 to 0.4 us in plugins that do nothing, on one machine, minutes apart.
fn company(id: &CellId, ours: &Cells<'_>, theirs: &Cells<'_>) -> Option<String> {
    let place = |other: &CellId| (other.mode, (other.mode == Mode::Live).then(|| other.host.clone()));
    let only = |these: &Cells<'_>, those: &Cells<'_>| {
        these.keys().filter(|other| place(other) == place(id) && !those.contains_key(*other)).count()
    };
    let (base_only, head_only) = (only(ours, theirs), only(theirs, ours));
    (base_only + head_only > 0)
        .then(|| format!("measured among other arms: {base_only} were in base only, {head_only} in head only"))
}

fn missing(side: &str, record: &Record) -> String {
    let why = if record.interrupted { ", whose run was interrupted" } else { "" };
    format!("not in {side}{why}; run both with the same plugins, hosts and gateways")
}

fn row(
    id: &CellId,
    (base, base_figures): (&Cell, &SummaryCell),
    (head, head_figures): (&Cell, &SummaryCell),
    apart: &[String],
    margin: Margin,
) -> Row {
    if let Some(failure) = &head.error {
        return Row::failed(id.clone(), failure.clone());
    }
    if let Some(failure) = &base.error {
        return Row::incomparable(id.clone(), format!("failed in base at {}: {}", failure.stage, failure.message));
    }
    let (Some(was), Some(is)) = (base_figures.added_ns, head_figures.added_ns) else {
        let side = if base_figures.added_ns.is_none() { "base" } else { "head" };
        return Row::incomparable(
            id.clone(),
            format!("nothing was measured of it in {side}; run it again, for longer"),
        );
    };
    let row = estimated(id, "added latency", &was, &is, margin.ns(id.mode, was.p50));
    not_comparable(row, apart)
}

/// The row with what speaks against it, if anything does.
pub(super) fn not_comparable(row: Row, apart: &[String]) -> Row {
    if apart.is_empty() {
        return row;
    }
    let reason = format!(
        "not comparable ({}), otherwise this would be: {}, {}",
        apart.join(", "),
        row.verdict.name(),
        row.reason
    );
    Row { reason, comparable: false, ..row }
}

/// Judges a time in nanoseconds of which both sides have an estimate.
pub(super) fn estimated(id: &CellId, what: &str, was: &Estimate, is: &Estimate, margin_ns: f64) -> Row {
    let ends = was.interval().zip(is.interval());
    let interval = ends.map(|((low, high), (head_low, head_high))| (head_low - high, head_high - low));
    let confidence = was.confidence.zip(is.confidence).map(|(base, head)| base * head);
    let change = |what: &str, unit, estimate, interval: Option<(f64, f64)>| Change::Estimated {
        what: what.to_owned(),
        unit,
        estimate,
        low: interval.map(|(low, _)| low),
        high: interval.map(|(_, high)| high),
        confidence: interval.and(confidence),
    };
    let mut changes = vec![change(what, Unit::Nanoseconds, is.p50 - was.p50, interval)];
    // A share of what may be nothing is none.
    if let Some(((low, high), (head_low, head_high))) =
        ends.filter(|((low, _), (head_low, _))| *low > 0.0 && *head_low > 0.0)
    {
        let shares = (head_low / high - 1.0, head_high / low - 1.0);
        changes.push(change("relative", Unit::Share, is.p50 / was.p50 - 1.0, Some(shares)));
    }
    let few = [was, is].iter().any(|side| !side.between_starts || side.confidence.unwrap_or(0.0) < CONFIDENCE);
    let (verdict, reason) = match interval {
        _ if few => {
            let reason = format!(
                "{} and {} starts are too few to tell (six of each are needed); run both for longer",
                was.starts, is.starts
            );
            (Verdict::Inconclusive, reason)
        }
        None => (Verdict::Inconclusive, "there is no interval; run both for longer".to_owned()),
        Some((low, high)) => {
            let words = format!("margin {} µs", signed_us(margin_ns).trim_start_matches('+'));
            if low > margin_ns {
                (Verdict::Regression, format!("slower by more than the {words}"))
            } else if high < -margin_ns {
                (Verdict::Improvement, format!("faster by more than the {words}"))
            } else if low > -margin_ns && high < margin_ns {
                (Verdict::Equivalent, format!("the whole interval is within the {words}"))
            } else {
                (Verdict::Inconclusive, format!("the interval reaches over the {words}; run both for longer"))
            }
        }
    };
    // A change of the margin and the width of the interval is above the margin whenever the interval holds it.
    let smallest_effect = interval.zip(confidence).filter(|_| !few).map(|((low, high), power)| SmallestEffect {
        size: margin_ns + high - low,
        unit: Unit::Nanoseconds,
        power,
    });
    Row { changes, smallest_effect, ..Row::judged(id.clone(), verdict, reason) }
}

/// No plugin, measured like one, must cost nothing.
fn noise(side: &str, cells: &Cells<'_>, margin: Margin) -> Vec<ControlCheck> {
    let noise = cells.values().filter(|(cell, _)| cell.control == Some(tollgate_record::Control::APrime));
    let checked = noise.filter_map(|(cell, figures)| {
        let added = figures.added_ns?;
        let (low, high) = added.interval().unwrap_or((added.p50, added.p50));
        let least = margin.least_ns(cell.id.mode);
        let passed = low <= least && high >= -least;
        let change = Change::Estimated {
            what: "added latency".to_owned(),
            unit: Unit::Nanoseconds,
            estimate: added.p50,
            low: added.low,
            high: added.high,
            confidence: added.confidence,
        };
        let reason = if passed { "no plugin costs nothing" } else { "no plugin seems to cost something" };
        let name = format!("A' on {} in {side}", cell.id.host);
        Some(ControlCheck { name, passed, reason: reason.to_owned(), change: Some(change) })
    });
    checked.collect()
}

fn side(name: &str, record: &Record) -> String {
    format!("{name} of {}", crate::number::date(record.started_unix_ms))
}

fn notes(base: &Record, head: &Record, apart: &[String], margin: Margin) -> Vec<String> {
    let mut notes = vec![format!(
        "margin: {} of base's added latency, at least {} µs in process and {} µs live; intervals hold the true change with \
         at least the confidence given; how the machine changed between the runs is in none of them",
        percent(margin.share),
        signed_us(margin.in_process_ns).trim_start_matches('+'),
        signed_us(margin.live_ns).trim_start_matches('+'),
    )];
    let (ours, theirs) = (&base.environment.versions, &head.environment.versions);
    for (name, version) in ours {
        if let Some(other) = theirs.get(name).filter(|other| *other != version) {
            notes.push(format!("{name} is {version} in base and {other} in head"));
        }
    }
    for (side, record) in [("base", base), ("head", head)] {
        if record.interrupted {
            notes.push(format!("the run of {side} was interrupted: what it had not finished is missing"));
        }
    }
    notes.extend(apart.iter().map(|reason| format!("not comparable: {reason}")));
    notes
}
