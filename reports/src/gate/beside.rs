//! What two records say beside the latency of warm requests: a plugin's life before them, its exact counters, its memory.
//!
//! *Life.* Compiling, instantiating and the first request happen once in a start, so that a start gives one value and the
//! interval over starts is the same one as of requests. Starts differ far more here. Of a thorough run on a quiet machine (240
//! cells on six hosts, 12 starts) halves of six, drawn at random 2,000 times and compared by the margin below, gave a verdict
//! that was wrong for at least one cell in 0.7 % of the draws, and could not tell of 42 % of the cells (compile), 64 %
//! (instantiate) and 16 % (first request); two runs hours apart differed by up to 12 % where more than the least amount was at
//! stake. Hence a wide margin, which finds what a reload or a cold start would feel (a toolchain that doubles the code, an
//! initialisation that grew), and no verdict of this kind decides unless it is asked to: with the six starts of a standard run
//! it would be inconclusive more often than not. Twelve (`--time thorough`) tell most.
//!
//! *Counters* are exact and were counted in one process, so that one more is a regression, as in the gate of counters, which
//! knows besides what differs from process to process. They decide when asked.
//!
//! *Memory* is judged where both records have a soak: by what each says of itself, leak or none. That is a verdict in its own
//! right, so a leak that is new decides unasked.

use tollgate_record::{BaselineCell, Cell, CellId, Mode, Phase, Record};

use super::counters::compare_counted;
use super::records::{estimated, not_comparable};
use super::{Row, Verdict};
use crate::estimate::{Estimate, median, over_starts};
use crate::soak::{SoakVerdict, judge};

/// What can decide beside the latency of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Compile, instantiate, first request.
    Lifecycle,
    /// Exact counters.
    Counters,
    /// Leaks, by soaks.
    Memory,
}

/// Share of base that is no change in a plugin's life, and the least amounts that are any, nanoseconds: about what single starts of
/// small plugins scatter by.
const SHARE: f64 = 0.25;
const LEAST_NS: [(Phase, f64); 3] =
    [(Phase::Compile, 1_000_000.0), (Phase::Instantiate, 100_000.0), (Phase::FirstRequest, 50_000.0)];

/// Rows of all of it, those that are shown, and notes that count the others. `apart` says why the records cannot be compared,
/// `company` that plugins were measured among other arms, which moves times and no exact figure.
pub(super) fn beside(
    (base, head): (&Record, &Record),
    apart: &[String],
    company: Option<String>,
    asked: &[Beside],
) -> (Vec<Row>, Vec<String>) {
    let timed: Vec<String> = apart.iter().cloned().chain(company).collect();
    let (mut shown, mut notes) = (Vec::new(), Vec::new());
    for (kind, what, option, rows) in [
        (Beside::Lifecycle, "compile, instantiate and first request", "lifecycle", life(base, head)),
        (Beside::Counters, "counters", "counters", counters(base, head)),
        (Beside::Memory, "memory in soaks", "memory", memory(base, head)),
    ] {
        let apart = if kind == Beside::Lifecycle { &timed } else { apart };
        let rows = rows.into_iter().map(|row| not_comparable(row, apart));
        let (mut equivalent, mut inconclusive, mut undecided) = (0, 0, 0);
        for mut row in rows {
            let is_changed = matches!(row.verdict, Verdict::Regression | Verdict::Improvement) && row.comparable;
            row.decides = asked.contains(&kind) || (kind == Beside::Memory && is_changed);
            match row.verdict {
                _ if row.decides => shown.push(row),
                _ if is_changed => {
                    undecided += 1;
                    shown.push(row);
                }
                Verdict::Equivalent if row.comparable => equivalent += 1,
                _ => inconclusive += 1,
            }
        }
        let counts = [(undecided, "in brackets"), (equivalent, "equivalent"), (inconclusive, "inconclusive")];
        let counts: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        if !counts.is_empty() {
            notes.push(format!("{what}: {}; they decide with --decide {option}", counts.join(", ")));
        }
    }
    (shown, notes)
}

/// What of the records nobody judges.
pub(super) fn not_judged(base: &Record, head: &Record) -> String {
    let has = |of: fn(&Record) -> bool| of(base) || of(head);
    let mut all = vec!["percentiles above the median".to_owned()];
    if has(|record| !record.loads.is_empty()) {
        all.push("requests under load (each rate has one start, so that nothing tells how starts differ)".to_owned());
    }
    if has(|record| record.cells.iter().flat_map(|cell| &cell.series).any(|series| series.memory.is_some())) {
        all.push("memory outside soaks".to_owned());
    }
    if has(|record| !record.scenarios.is_empty()) {
        all.push("scenarios".to_owned());
    }
    format!("not judged: {}", all.join(", "))
}

/// The plugins' cells of that phase in process that did not fail.
fn cells(record: &Record, phase: Phase) -> impl Iterator<Item = &Cell> {
    let is_it = move |cell: &&Cell| cell.id.phase == phase && cell.id.mode == Mode::InProcess;
    record.cells.iter().filter(is_it).filter(|cell| cell.control.is_none() && cell.error.is_none())
}

/// Each of base with that of head.
fn pairs<'a>(base: &'a Record, head: &'a Record, phase: Phase) -> impl Iterator<Item = (&'a Cell, &'a Cell)> {
    cells(base, phase).filter_map(move |cell| Some((cell, cells(head, phase).find(|other| other.id == cell.id)?)))
}

/// A plugin's life on a host, at the first of its workloads there: it is compiled once for all of them.
fn life(base: &Record, head: &Record) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (phase, least_ns) in LEAST_NS {
        for (was, is) in pairs(base, head, phase) {
            let same =
                |row: &Row| (row.cell.phase, &row.cell.host, &row.cell.plugin) == (phase, &was.id.host, &was.id.plugin);
            if rows.iter().any(same) {
                continue;
            }
            let Some((before, after)) = values(was).zip(values(is)) else { continue };
            let margin_ns = (SHARE * before.p50).max(least_ns);
            rows.push(estimated(&was.id, "time", &before, &after, margin_ns));
        }
    }
    rows
}

/// Over starts, of each its only value.
fn values(cell: &Cell) -> Option<Estimate> {
    let of_start = |blocks: &[u64]| median(&blocks.iter().map(|&ns| ns as f64).collect::<Vec<_>>());
    let values: Vec<f64> = cell.series.iter().filter_map(|series| of_start(&series.sample_blocks_ns)).collect();
    over_starts(&values)
}

fn counters(base: &Record, head: &Record) -> Vec<Row> {
    let figures = |cell: &Cell| {
        let CellId { plugin, host, workload, .. } = &cell.id;
        let size = cell.artifact.as_ref().map(|artifact| artifact.size_bytes);
        BaselineCell::new(
            (plugin, host, workload),
            &cell.host_version,
            size,
            std::slice::from_ref(cell.counters.as_ref()?),
        )
    };
    let row = |(was, is): (&Cell, &Cell)| {
        let row = compare_counted(&figures(was)?, &figures(is)?);
        Some(Row { figure: Some("counters"), ..row })
    };
    pairs(base, head, Phase::Request).filter_map(row).collect()
}

fn memory(base: &Record, head: &Record) -> Vec<Row> {
    let row = |(was, is): (&Cell, &Cell)| {
        let (before, after) = (judge(was.soak.as_ref()?), judge(is.soak.as_ref()?));
        use SoakVerdict::{Leak, NoLeak};
        let (verdict, word) = match (before.verdict, after.verdict) {
            (NoLeak, Leak) => (Verdict::Regression, "it leaks now"),
            (Leak, NoLeak) => (Verdict::Improvement, "it leaks no more"),
            (Leak, Leak) => (Verdict::Equivalent, "it leaks on both sides"),
            (NoLeak, NoLeak) => (Verdict::Equivalent, "it leaks on neither side"),
            _ => (Verdict::Inconclusive, "one side cannot tell"),
        };
        let reason = format!("{word}: base {}, head {}", before.reason, after.reason);
        Some(Row { figure: Some("memory"), ..Row::judged(is.id.clone(), verdict, reason) })
    };
    pairs(base, head, Phase::Request).filter_map(row).collect()
}
