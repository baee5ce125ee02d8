//! The in-process gate: from the blocks of fresh processes to a verdict for each cell.

use tollgate_record::{GateCell, GatePlan, GateProcess, GateRecord, Placement};

use super::binomial::least_successes;
use super::replicates::{LogMargin, Replicates, Side};
use super::{Change, ControlCheck, GateKind, Outcome, Row, SmallestEffect, Unit, Verdict};
use crate::number::{percent, signed_percent};

/// Confidence of the intervals.
const CONFIDENCE: f64 = 0.99;
/// Power of the smallest effect that is told.
const POWER: f64 = 0.99;
/// Most processes that are advised.
const MOST_PROCESSES: u32 = 2_000;

/// How a plan judges its cells.
#[derive(Debug, Clone, Copy)]
struct Rule {
    margin: LogMargin,
    /// Of a cell: the run's, split over its cells.
    alpha: f64,
    confirm_alpha: f64,
    equivalence_alpha: f64,
}

impl Rule {
    fn of(plan: &GatePlan, cells: usize) -> Self {
        Self {
            margin: LogMargin::of_share(share(plan.margin_ppm)),
            alpha: share(plan.alpha_ppm) / cells.max(1) as f64,
            confirm_alpha: share(plan.confirm_alpha_ppm),
            equivalence_alpha: share(plan.equivalence_alpha_ppm),
        }
    }
}

/// The verdict of a gate's record: a pure function, from which a file gives the same each time.
pub fn in_process(record: &GateRecord) -> Outcome {
    let rule = Rule::of(&record.plan, record.cells.len());
    let rows = record.cells.iter().map(|cell| row(cell, &record.plan, &rule)).collect();
    let controls = record.cells.iter().filter(|cell| cell.error.is_none()).flat_map(|cell| controls(cell, &rule));
    let sides = (record.base.clone(), record.head.clone());
    Outcome::new(GateKind::InProcess, sides, controls.collect(), rows, notes(record))
}

/// The side on which the first processes of a cell lie beyond the margin, so that it must be confirmed; none when they do
/// not, or are not all there.
pub fn flagged(plan: &GatePlan, cells: usize, cell: &GateCell) -> Option<Side> {
    let rule = Rule::of(plan, cells);
    let first = Replicates::of_blocks(changes(&cell.processes));
    (first.len() >= plan.processes).then(|| first.flagged(&rule.margin, rule.alpha)).flatten()
}

/// The fewest processes with which a cell can be flagged, among so many cells.
pub fn least_processes(plan: &GatePlan, cells: usize) -> u32 {
    let rule = Rule::of(plan, cells);
    let strictest = rule.alpha.min(rule.confirm_alpha).min(rule.equivalence_alpha);
    (1..MOST_PROCESSES).find(|&n| least_successes(n, strictest).is_some()).unwrap_or(MOST_PROCESSES)
}

fn row(cell: &GateCell, plan: &GatePlan, rule: &Rule) -> Row {
    if let Some(failure) = &cell.error {
        return Row::failed(cell.id.clone(), failure.clone());
    }
    let first = Replicates::of_blocks(changes(&cell.processes));
    let smallest = first.smallest_effect(&rule.margin, rule.alpha, (plan.confirming(), rule.confirm_alpha), POWER);
    let smallest_effect = smallest.map(|size| SmallestEffect { size: size.exp_m1(), unit: Unit::Share, power: POWER });
    let with = |row: Row, of: &Replicates| Row { changes: change(of).into_iter().collect(), smallest_effect, ..row };
    if first.len() < plan.processes {
        let reason = format!("{} of {} processes are done; run again", first.len(), plan.processes);
        return with(Row::incomparable(cell.id.clone(), reason), &first);
    }
    let Some(side) = first.flagged(&rule.margin, rule.alpha) else {
        let (verdict, reason) = unflagged(&first, rule);
        return with(Row::judged(cell.id.clone(), verdict, reason), &first);
    };
    // What flagged the cell is large by selection; what confirms it is not, so that is what is told.
    let again = Replicates::of_blocks(changes(&cell.confirmation));
    let (flag, confirm) = (beyond(&first, side, rule), beyond(&again, side, rule));
    if again.len() < plan.confirming() {
        let reason = format!("{flag}, and {} of {} to confirm it are done; run again", again.len(), plan.confirming());
        return with(Row::incomparable(cell.id.clone(), reason), &first);
    }
    let (verdict, reason) = match (again.flagged(&rule.margin, rule.confirm_alpha) == Some(side), side) {
        (true, Side::Slower) => (Verdict::Regression, format!("{flag}, and of others, {confirm}")),
        (true, Side::Faster) => (Verdict::Improvement, format!("{flag}, and of others, {confirm}")),
        (false, _) => (Verdict::Inconclusive, format!("{flag}, but others do not confirm it: of those, {confirm}")),
    };
    with(Row::judged(cell.id.clone(), verdict, reason), &again)
}

/// A cell that nothing speaks against, or not enough.
fn unflagged(first: &Replicates, rule: &Rule) -> (Verdict, String) {
    let within = first.len() - first.above(rule.margin.slower) - first.below(rule.margin.faster);
    let words = format!("{within} of {} processes within the margin", first.len());
    if first.equivalent(&rule.margin, rule.equivalence_alpha) {
        return (Verdict::Equivalent, words);
    }
    let is_faster = first.interval(CONFIDENCE).is_some_and(|(_, high, _)| high < 0.0);
    if is_faster && first.not_slower(&rule.margin, rule.equivalence_alpha) {
        return (Verdict::Improvement, format!("faster, though perhaps by less than the margin: {words}"));
    }
    let advice = match processes_needed(first, rule) {
        Some(needed) => format!("about {needed} processes would tell (--processes)"),
        None => "the change is near the margin, or the machine is too busy: take another --margin, or run again when \
                 it is quieter"
            .to_owned(),
    };
    (Verdict::Inconclusive, format!("{words}; {advice}"))
}

/// How many processes would show equivalence, if they spread like these.
fn processes_needed(first: &Replicates, rule: &Rule) -> Option<u32> {
    let below = f64::from(first.below(rule.margin.slower)) / f64::from(first.len());
    let above = f64::from(first.above(rule.margin.faster)) / f64::from(first.len());
    let enough = |&n: &u32| {
        let expected = (below.min(above) * f64::from(n)).floor() as u32;
        least_successes(n, rule.equivalence_alpha).is_some_and(|least| expected >= least)
    };
    (first.len() + 1..MOST_PROCESSES).find(enough)
}

fn beyond(replicates: &Replicates, side: Side, rule: &Rule) -> String {
    let (count, word) = match side {
        Side::Slower => (replicates.above(rule.margin.slower), "slower"),
        Side::Faster => (replicates.below(rule.margin.faster), "faster"),
    };
    format!("{count} of {} processes {word} by more than the margin", replicates.len())
}

/// Two sides alike must not differ, and the known slowdown must be found, by the rules that judge the cell.
fn controls(cell: &GateCell, rule: &Rule) -> [ControlCheck; 2] {
    let same = Replicates::of_blocks(cell.processes.iter().map(|process| process.same.as_slice()));
    let flagged = same.flagged(&rule.margin, rule.confirm_alpha);
    let reason = match flagged {
        Some(side) => beyond(&same, side, rule),
        None if same.is_empty() => "it was not measured".to_owned(),
        None => {
            let beyond = same.above(rule.margin.slower) + same.below(rule.margin.faster);
            format!("{beyond} of {} processes beyond the margin", same.len())
        }
    };
    let alike = ControlCheck {
        name: format!("base against base, {}", cell.id),
        passed: flagged.is_none() && !same.is_empty(),
        reason,
        change: change(&same),
    };
    let slowed = Replicates::of_blocks(cell.processes.iter().map(|process| process.slowed.as_slice()));
    let reason = match &cell.slowdown {
        None => "no loop can be put into this plugin, so that nothing shows that a slowdown would be found".to_owned(),
        Some(slowdown) => {
            let spent = slowdown.head_spent.zip(slowdown.slowed_spent);
            let counted =
                spent.map(|(head, slowed)| format!(", {} more instructions counted", slowed.saturating_sub(head)));
            format!(
                "{} turns of a loop, by calibration {} %{}: {}",
                slowdown.turns,
                signed_percent(share(slowdown.expected_ppm)),
                counted.unwrap_or_default(),
                beyond(&slowed, Side::Slower, rule)
            )
        }
    };
    let found = ControlCheck {
        name: format!("known slowdown, {}", cell.id),
        passed: cell.slowdown.is_some() && slowed.flagged(&rule.margin, rule.alpha) == Some(Side::Slower),
        reason,
        change: change(&slowed),
    };
    [alike, found]
}

fn change(replicates: &Replicates) -> Option<Change> {
    let interval = replicates.interval(CONFIDENCE);
    let interval = interval.map(|(low, high, confidence)| (low.exp_m1(), high.exp_m1(), confidence));
    Some(Change::estimated("latency", Unit::Share, replicates.median()?.exp_m1(), interval))
}

fn notes(record: &GateRecord) -> Vec<String> {
    let plan = &record.plan;
    let pinned = match &record.placement {
        Placement::SameCore { core } => format!("on core {core}"),
        Placement::TwoCores { .. } | Placement::Unpinned => "not pinned to a core".to_owned(),
    };
    let processes = if plan.apart { "sets of fresh processes" } else { "fresh processes" };
    let mut notes = vec![format!(
        "margin {}; {} {processes} a cell, {pinned}, {} others to confirm what is flagged; false alarm at most {} \
         over all cells before that; intervals of {} over processes",
        percent(share(plan.margin_ppm)),
        plan.processes,
        plan.confirming(),
        percent(share(plan.alpha_ppm)),
        percent(CONFIDENCE),
    )];
    if plan.apart {
        notes.push(
            "two builds cannot share a process: each arm had one of its own, all on one core and batch by batch in turn. How the \
             code of a build lies is the same in all of its processes and moves latency by itself, which no number of them \
             averages out: hence the wider margin"
                .to_owned(),
        );
    }
    if record.interrupted {
        notes.push("the run was interrupted: cells without all their processes say nothing".to_owned());
    }
    if let Some(busy) = record.environment.busy_share {
        let steal = record.environment.steal_share.map(|share| format!(", {} stolen", percent(share)));
        notes.push(format!("machine {} busy with other work at the start{}", percent(busy), steal.unwrap_or_default()));
    }
    for cell in record.cells.iter().filter(|cell| !cell.processes.is_empty()) {
        let all = Replicates::of_blocks(changes(&cell.processes));
        let between = all.between_share().map_or_else(|| "unknown".to_owned(), percent);
        let took: u64 = cell.processes.iter().map(|process| u64::from(process.took_ms)).sum();
        notes.push(format!(
            "{}: {between} of the variance is between processes, {} of {} are outliers (they count), {:.1} s",
            cell.id,
            all.outliers(),
            all.len(),
            took as f64 / 1_000.0,
        ));
    }
    notes
}

fn changes(processes: &[GateProcess]) -> impl Iterator<Item = &[[u64; 2]]> {
    processes.iter().map(|process| process.change.as_slice())
}

fn share(ppm: u32) -> f64 {
    f64::from(ppm) / 1e6
}
