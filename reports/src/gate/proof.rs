//! What many runs of a gate whose right answer was known say of the gate: counts, with exact intervals.

use serde::Serialize;
use tollgate_record::{LivePlan, ProveRecord, ProveRun, ProvedCell, ProvedCount, ProvedLive, PutIn};

use super::binomial::clopper_pearson;
use super::{Unit, Verdict};
use crate::estimate::median;
use crate::number::percent;

/// Confidence of the intervals of counts.
const CONFIDENCE: f64 = 0.95;

/// So many of so many, with the exact interval of the share behind them (Clopper and Pearson, 95 %).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Count {
    /// How many.
    pub count: u32,
    /// Of how many.
    pub of: u32,
    /// Lower end of the share.
    pub low: f64,
    /// Upper end of the share.
    pub high: f64,
}

impl Count {
    /// With its interval.
    pub fn new(count: u32, of: u32) -> Self {
        let (low, high) = if of == 0 { (0.0, 1.0) } else { clopper_pearson(count, of, CONFIDENCE) };
        Self { count, of, low, high }
    }

    /// In words: `300 of 300 (98.8 % to 100 %)`.
    pub fn words(&self) -> String {
        format!("{} of {} ({})", self.count, self.of, self.interval())
    }

    /// The interval in words: `98.8 % to 100 %`.
    pub fn interval(&self) -> String {
        format!("{} to {}", percent(self.low), percent(self.high))
    }
}

/// All runs with one slowdown. Figures are in the unit of the gate: a share of base in process, nanoseconds live, one more
/// of what is counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proved {
    /// Unit of the figures.
    pub unit: Unit,
    /// What head was asked to cost more; 0 for two sides alike.
    pub asked: f64,
    /// What head was made to do more; null where it was to take longer.
    pub put_in: Option<PutIn>,
    /// Runs in which all cells have a verdict that is neither wrong nor inconclusive.
    pub right: Count,
    /// Runs in which a cell was said to be a regression.
    pub regression: Count,
    /// Runs in which a cell was said to be an improvement.
    pub improvement: Count,
    /// Runs in which all cells were said to be equivalent.
    pub equivalent: Count,
    /// Runs in which a cell was inconclusive, and none worse.
    pub inconclusive: Count,
    /// Of those, runs in which a control failed.
    pub control_failed: u32,
    /// Runs with a verdict that is wrong: a regression or an improvement of two sides alike; a slowdown beyond the margin
    /// that is said to be none; of counters, one more that is not named among the changes, or a failure of a plugin that did
    /// not fail before. Inconclusive is never wrong.
    pub wrong: Count,
    /// Median, over runs and cells, of estimate minus truth; null without an estimate.
    pub bias: Option<f64>,
    /// Median truth: by calibration in process, what head spins longer live.
    pub truth: Option<f64>,
    /// Intervals that hold the truth.
    pub covered: Count,
    /// Median time of a run in milliseconds.
    pub took_ms: f64,
    /// Median of the smallest slowdown that a run could have found; null without any.
    pub smallest: Option<f64>,
    /// Instructions (fuel, or Lua's) that were put into a request, for each turn of the loop: the same in all cells and
    /// runs, or the loop is not what it is taken for. Null where nothing is counted or nothing was put in.
    pub instructions_per_turn: Option<(f64, f64)>,
}

/// What a cell of a run came to, in the unit of its gate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged {
    verdict: Verdict,
    control_failed: bool,
    truth: f64,
    /// What is no change.
    margin: f64,
    estimate: Option<f64>,
    interval: Option<(f64, f64)>,
    smallest: Option<f64>,
    /// Whether the gate said something of it that is not so, whatever the verdict.
    misled: bool,
}

impl Judged {
    fn of_cell(cell: &ProvedCell, margin: f64) -> Self {
        let share = |ppb: i64| ppb as f64 / 1e9;
        Self {
            verdict: verdict(&cell.verdict),
            control_failed: cell.control_failed,
            truth: share(cell.truth_ppb),
            margin,
            estimate: cell.estimate_ppb.map(share),
            interval: cell.low_ppb.map(share).zip(cell.high_ppb.map(share)),
            smallest: cell.smallest_ppb.map(share),
            misled: false,
        }
    }

    fn of_live(live: &ProvedLive, plan: &LivePlan) -> Self {
        let ns = |ps: i64| ps as f64 / 1e3;
        Self {
            verdict: verdict(&live.verdict),
            control_failed: live.control_failed,
            truth: live.truth_ns as f64,
            margin: live.margin_ps.map_or(plan.gate.margin_ns as f64, ns),
            estimate: live.estimate_ps.map(ns),
            interval: live.low_ps.map(ns).zip(live.high_ps.map(ns)),
            smallest: live.smallest_ps.map(ns),
            misled: false,
        }
    }

    fn of_count(cell: &ProvedCount, put_in: PutIn) -> Self {
        let verdict = verdict(&cell.verdict);
        // Found is what is named, not what happened to be red for something else.
        let is_named = match put_in {
            PutIn::Nothing => true,
            PutIn::HostCall => cell.has_more("host call "),
            PutIn::Byte => cell.has_more("bytes out"),
        };
        Self {
            verdict,
            control_failed: false,
            truth: if put_in == PutIn::Nothing { 0.0 } else { 1.0 },
            margin: 0.0,
            estimate: None,
            interval: None,
            smallest: None,
            misled: cell.failure.is_some() || verdict == Verdict::Regression && !is_named,
        }
    }

    pub(super) fn is_wrong(&self) -> bool {
        match self.verdict {
            _ if self.misled => true,
            Verdict::Inconclusive => false,
            Verdict::Improvement => true,
            Verdict::Regression => self.truth <= 0.0,
            Verdict::Equivalent => self.truth > self.margin,
        }
    }

    fn error(&self) -> Option<f64> {
        Some(self.estimate? - self.truth)
    }

    fn is_covered(&self) -> Option<bool> {
        self.interval.map(|(low, high)| (low..=high).contains(&self.truth))
    }
}

/// Readers refuse other words.
fn verdict(name: &str) -> Verdict {
    let all = [Verdict::Regression, Verdict::Improvement, Verdict::Equivalent];
    all.into_iter().find(|verdict| verdict.name() == name).unwrap_or(Verdict::Inconclusive)
}

/// What the cells of a run came to.
pub(super) fn judged(record: &ProveRecord, run: &ProveRun) -> Vec<Judged> {
    if let Some((plan, live)) = record.live.as_ref().zip(run.live.as_ref()) {
        return vec![Judged::of_live(live, plan)];
    }
    if let Some(counters) = &run.counters {
        return counters.cells.iter().map(|cell| Judged::of_count(cell, counters.put_in)).collect();
    }
    let margin = record.plan.as_ref().map_or(0.0, |plan| f64::from(plan.margin_ppm) / 1e6);
    run.cells.iter().map(|cell| Judged::of_cell(cell, margin)).collect()
}

/// Unit of the figures of a record.
pub(super) fn unit(record: &ProveRecord) -> Unit {
    match (&record.live, &record.counters) {
        (Some(_), _) => Unit::Nanoseconds,
        (None, Some(_)) => Unit::Count,
        (None, None) => Unit::Share,
    }
}

/// The runs by what head was asked to cost, in the order of it.
pub fn proved(record: &ProveRecord) -> Vec<Proved> {
    let mut all: Vec<u64> = record.runs.iter().map(ProveRun::asked).collect();
    all.sort_unstable();
    all.dedup();
    let of = |of: u64| {
        let runs: Vec<&ProveRun> = record.runs.iter().filter(|run| run.asked() == of).collect();
        let asked = match unit(record) {
            Unit::Share => of as f64 / 1e6,
            Unit::Nanoseconds => of as f64,
            // Whatever it is one of.
            Unit::Count => of.min(1) as f64,
        };
        sum_up(record, asked, &runs)
    };
    all.into_iter().map(of).collect()
}

fn sum_up(record: &ProveRecord, asked: f64, runs: &[&ProveRun]) -> Proved {
    let all = runs.len() as u32;
    let judged: Vec<Vec<Judged>> = runs.iter().map(|run| judged(record, run)).collect();
    let worst = |cells: &[Judged]| cells.iter().map(|cell| cell.verdict).min().unwrap_or(Verdict::Inconclusive);
    let runs_with = |is: &dyn Fn(&[Judged]) -> bool| judged.iter().filter(|cells| is(cells)).count() as u32;
    let counted = |wanted: Verdict| Count::new(runs_with(&|cells| worst(cells) == wanted), all);
    let is_right = |cells: &[Judged]| {
        !cells.is_empty() && cells.iter().all(|cell| cell.verdict != Verdict::Inconclusive && !cell.is_wrong())
    };
    let cells: Vec<Judged> = judged.iter().flatten().copied().collect();
    let of = |values: Vec<f64>| median(&values);
    let per_turn = |cell: &ProvedCell| Some(cell.spent_more? as f64 / f64::from(cell.turns));
    let with_turns = runs.iter().flat_map(|run| &run.cells).filter(|cell| cell.turns > 0);
    let per_turn: Vec<f64> = with_turns.filter_map(per_turn).collect();
    Proved {
        unit: unit(record),
        asked,
        put_in: runs.first().and_then(|run| Some(run.counters.as_ref()?.put_in)),
        right: Count::new(runs_with(&is_right), all),
        regression: counted(Verdict::Regression),
        improvement: counted(Verdict::Improvement),
        equivalent: counted(Verdict::Equivalent),
        inconclusive: counted(Verdict::Inconclusive),
        control_failed: runs_with(&|cells| cells.iter().any(|cell| cell.control_failed)),
        wrong: Count::new(runs_with(&|cells| cells.iter().any(Judged::is_wrong)), all),
        bias: bias(&cells),
        truth: of(cells.iter().map(|cell| cell.truth).collect()),
        covered: covered(&cells),
        took_ms: of(runs.iter().map(|run| run.took_ms as f64).collect()).unwrap_or_default(),
        smallest: of(cells.iter().filter_map(|cell| cell.smallest).collect()),
        instructions_per_turn: (!per_turn.is_empty()).then(|| {
            let least = per_turn.iter().copied().fold(f64::INFINITY, f64::min);
            (least, per_turn.iter().copied().fold(0.0, f64::max))
        }),
    }
}

/// Median of estimate minus truth.
pub(super) fn bias(cells: &[Judged]) -> Option<f64> {
    median(&cells.iter().filter_map(Judged::error).collect::<Vec<_>>())
}

/// Intervals that hold the truth, of those that there are.
pub(super) fn covered(cells: &[Judged]) -> Count {
    let intervals: Vec<bool> = cells.iter().filter_map(Judged::is_covered).collect();
    Count::new(intervals.iter().filter(|&&covered| covered).count() as u32, intervals.len() as u32)
}
