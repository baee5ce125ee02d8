//! What many runs of a gate whose right answer was known say of the gate: counts, with exact intervals.

use std::fmt::Write as _;

use serde::Serialize;
use tollgate_record::{ProveRecord, ProveRun, ProvedCell};

use super::Verdict;
use super::binomial::clopper_pearson;
use crate::estimate::median;
use crate::number::{percent, signed_percent};

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
        format!("{} of {} ({} to {})", self.count, self.of, percent(self.low), percent(self.high))
    }
}

/// All runs with one slowdown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proved {
    /// What head was asked to cost more, as a share of base; 0 for two sides alike.
    pub asked: f64,
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
    /// that is said to be none. Inconclusive is never wrong.
    pub wrong: Count,
    /// Median, over runs and cells, of estimate minus truth, as a share of base; null without an estimate.
    pub bias: Option<f64>,
    /// Median truth by calibration.
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

/// The runs by what head was asked to cost, in the order of it.
pub fn proved(record: &ProveRecord) -> Vec<Proved> {
    let mut asked: Vec<u32> = record.runs.iter().map(|run| run.asked_ppm).collect();
    asked.sort_unstable();
    asked.dedup();
    let margin_ppm = record.plan.margin_ppm;
    let of = |asked_ppm| {
        let runs: Vec<&ProveRun> = record.runs.iter().filter(|run| run.asked_ppm == asked_ppm).collect();
        sum_up(asked_ppm, &runs, margin_ppm)
    };
    asked.into_iter().map(of).collect()
}

fn sum_up(asked_ppm: u32, runs: &[&ProveRun], margin_ppm: u32) -> Proved {
    let all = runs.len() as u32;
    let worst = |run: &ProveRun| {
        let verdicts = run.cells.iter().map(|cell| verdict(cell).unwrap_or(Verdict::Inconclusive));
        verdicts.min().unwrap_or(Verdict::Inconclusive)
    };
    let counted = |wanted: Verdict| Count::new(runs.iter().filter(|run| worst(run) == wanted).count() as u32, all);
    let is_wrong = |cell: &ProvedCell| match verdict(cell) {
        None | Some(Verdict::Inconclusive) => false,
        Some(Verdict::Improvement) => true,
        Some(Verdict::Regression) => cell.truth_ppb <= 0,
        Some(Verdict::Equivalent) => cell.truth_ppb > i64::from(margin_ppm) * 1_000,
    };
    let wrong = runs.iter().filter(|run| run.cells.iter().any(is_wrong)).count() as u32;
    let cells: Vec<&ProvedCell> = runs.iter().flat_map(|run| &run.cells).collect();
    let bounded: Vec<(&&ProvedCell, i64, i64)> =
        cells.iter().filter_map(|cell| Some((cell, cell.low_ppb?, cell.high_ppb?))).collect();
    let covered = bounded.iter().filter(|(cell, low, high)| (*low..=*high).contains(&cell.truth_ppb)).count() as u32;
    let share = |ppb: i64| ppb as f64 / 1e9;
    let of = |values: Vec<f64>| median(&values);
    let per_turn = |cell: &&&ProvedCell| Some(cell.spent_more? as f64 / f64::from(cell.turns));
    let per_turn: Vec<f64> = cells.iter().filter(|cell| cell.turns > 0).filter_map(|cell| per_turn(&cell)).collect();
    Proved {
        asked: f64::from(asked_ppm) / 1e6,
        regression: counted(Verdict::Regression),
        improvement: counted(Verdict::Improvement),
        equivalent: counted(Verdict::Equivalent),
        inconclusive: counted(Verdict::Inconclusive),
        control_failed: runs.iter().filter(|run| run.cells.iter().any(|cell| cell.control_failed)).count() as u32,
        wrong: Count::new(wrong, all),
        bias: of(cells.iter().filter_map(|cell| Some(share(cell.estimate_ppb? - cell.truth_ppb))).collect()),
        truth: of(cells.iter().map(|cell| share(cell.truth_ppb)).collect()),
        covered: Count::new(covered, bounded.len() as u32),
        took_ms: of(runs.iter().map(|run| run.took_ms as f64).collect()).unwrap_or_default(),
        smallest: of(cells.iter().filter_map(|cell| cell.smallest_ppb.map(share)).collect()),
        instructions_per_turn: (!per_turn.is_empty()).then(|| {
            let least = per_turn.iter().copied().fold(f64::INFINITY, f64::min);
            (least, per_turn.iter().copied().fold(0.0, f64::max))
        }),
    }
}

fn verdict(cell: &ProvedCell) -> Option<Verdict> {
    let all = [Verdict::Regression, Verdict::Inconclusive, Verdict::Improvement, Verdict::Equivalent];
    all.into_iter().find(|verdict| verdict.name() == cell.verdict)
}

/// What was proved, as text: a paragraph for each slowdown.
pub fn proof_text(record: &ProveRecord) -> String {
    let plan = &record.plan;
    let mut out = format!(
        "{} of the in-process gate on {}: margin {}, {} processes a cell",
        record.what,
        record.plugin,
        percent(f64::from(plan.margin_ppm) / 1e6),
        plan.processes
    );
    match record.hogs {
        0 => {}
        hogs => {
            let _ = write!(out, ", {hogs} busy neighbours");
        }
    }
    if let Some(busy) = record.environment.busy_share {
        let _ = write!(out, ", machine {} busy with other work at the start", percent(busy));
    }
    out.push('\n');
    for proved in proved(record) {
        let side = if proved.asked == 0.0 {
            "two sides alike".to_owned()
        } else {
            format!("head {} % slower", signed_percent(proved.asked))
        };
        let _ = writeln!(out, "\n{side}, {:.1} s a run:", proved.took_ms / 1e3);
        for (name, count) in [
            ("regression", &proved.regression),
            ("improvement", &proved.improvement),
            ("equivalent", &proved.equivalent),
            ("inconclusive", &proved.inconclusive),
            ("wrong verdict", &proved.wrong),
            ("interval holds the truth", &proved.covered),
        ] {
            let _ = writeln!(out, "  {name:<26}{}", count.words());
        }
        if proved.control_failed > 0 {
            let _ = writeln!(out, "  a control failed in {}", proved.control_failed);
        }
        if let Some((truth, bias)) = proved.truth.zip(proved.bias) {
            let _ =
                writeln!(out, "  truth {:+.4} %, estimate minus truth {:+.4} % (medians)", truth * 100.0, bias * 100.0);
        }
        if let Some((least, most)) = proved.instructions_per_turn {
            let _ = writeln!(out, "  instructions counted for each turn of the loop: {least:.3} to {most:.3}");
        }
        if let Some(smallest) = proved.smallest {
            let _ = writeln!(
                out,
                "  smallest slowdown that a run could have found: {} % (median)",
                signed_percent(smallest)
            );
        }
    }
    if record.interrupted {
        out.push_str("\ninterrupted: these are the runs that were done\n");
    }
    out
}
