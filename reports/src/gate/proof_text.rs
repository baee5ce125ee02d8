//! What was proved, as text for a terminal.

use std::fmt::Write as _;

use tollgate_record::{ProveRecord, PutIn};

use super::Unit;
use super::proof::{Proved, proved};
use crate::number::{percent, significant};
use crate::text;

/// What was proved, as text: a paragraph for each slowdown.
pub fn proof_text(record: &ProveRecord) -> String {
    let mut out = heading(record);
    out.push('\n');
    for proved in proved(record) {
        paragraph(&proved, &mut out);
    }
    if let Some(unfinished) = unfinished(record) {
        let _ = writeln!(out, "\n{unfinished}");
    }
    out
}

/// So many of so many, where they are not all there.
pub(super) fn unfinished(record: &ProveRecord) -> Option<String> {
    let done = record.runs.len();
    match record.wanted {
        Some(wanted) if (done as u64) < u64::from(wanted) => Some(format!("{done} of {wanted} runs are done")),
        None if record.interrupted => Some(format!("interrupted: {done} runs are done")),
        _ => None,
    }
}

/// A time of milliseconds in seconds: to a hundredth where it is short.
pub(super) fn seconds(ms: f64) -> String {
    if ms < 1e3 { format!("{:.2}", ms / 1e3) } else { format!("{:.1}", ms / 1e3) }
}

fn heading(record: &ProveRecord) -> String {
    let what = text::name(&record.what, 20);
    let mut out = match (&record.plan, &record.live) {
        (_, Some(live)) => format!(
            "{what} of the live gate on {}: margin {} ns or {} % of base's added latency, {} starts, {} arms of each side; {}",
            text::name(&live.gateway, 40),
            live.gate.margin_ns,
            significant(live.gate.margin_share * 100.0),
            live.gate.starts,
            live.gate.copies,
            match live.is_of_one_plugin() {
                true => format!("both are {}", text::name(&record.plugin, 60)),
                false => format!("base spins {} µs", significant(live.spin_ns as f64 / 1e3)),
            },
        ),
        (Some(plan), None) => format!(
            "{what} of the in-process gate on {}: margin {}, {} processes a cell",
            text::name(&record.plugin, 60),
            percent(f64::from(plan.margin_ppm) / 1e6),
            plan.processes
        ),
        (None, None) => match &record.counters {
            Some(counters) => format!(
                "{what} of the counters gate on {}: both sides counted in {} fresh processes a run",
                text::name(&record.plugin, 60),
                counters.processes
            ),
            None => what,
        },
    };
    if record.hogs > 0 {
        let _ = write!(out, ", {} busy neighbours", record.hogs);
    }
    if let Some(busy) = record.environment.busy_share {
        let _ = write!(out, ", machine {} busy with other work at the start", percent(busy));
    }
    if !record.sittings.is_empty() {
        let _ = write!(out, "; in {} sittings", record.sittings.len() + 1);
    }
    out
}

/// What head was made to do more, in words.
pub(super) fn put_in(put_in: PutIn) -> &'static str {
    match put_in {
        PutIn::Nothing => "alike",
        PutIn::HostCall => "one host call more",
        PutIn::Byte => "one byte more",
    }
}

fn paragraph(proved: &Proved, out: &mut String) {
    let (unit, asked) = (proved.unit, proved.asked);
    let side = match proved.put_in {
        Some(more) if more != PutIn::Nothing => format!("head does {}", put_in(more)),
        _ if asked == 0.0 => "two sides alike".to_owned(),
        _ => format!("head {}{} slower", unit.signed(asked), unit.suffix()),
    };
    let _ = writeln!(out, "\n{side}, {} s a run:", seconds(proved.took_ms));
    for (name, count) in [
        ("regression", &proved.regression),
        ("improvement", &proved.improvement),
        ("equivalent", &proved.equivalent),
        ("inconclusive", &proved.inconclusive),
        ("wrong verdict", &proved.wrong),
        ("interval holds the truth", &proved.covered),
    ] {
        // Figures that are exact have no intervals.
        if count.of > 0 || unit != Unit::Count {
            let _ = writeln!(out, "  {name:<26}{}", count.words());
        }
    }
    if proved.control_failed > 0 {
        let _ = writeln!(out, "  a control failed in {}", proved.control_failed);
    }
    if let Some((truth, bias)) = proved.truth.zip(proved.bias) {
        let (truth, bias, suffix) = (unit.fine(truth), unit.fine(bias), unit.suffix());
        let _ = writeln!(out, "  truth {truth}{suffix}, estimate minus truth {bias}{suffix} (medians)");
    }
    if let Some((least, most)) = proved.instructions_per_turn {
        let _ = writeln!(out, "  instructions counted for each turn of the loop: {least:.3} to {most:.3}");
    }
    if let Some(smallest) = proved.smallest {
        let (smallest, suffix) = (unit.signed(smallest), unit.suffix());
        let _ = writeln!(out, "  smallest slowdown that a run could have found: {smallest}{suffix} (median)");
    }
}
