//! The gate without noise: exact figures against those of a baseline. One more of anything is a regression.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_record::{Baseline, BaselineCell, BaselineKey, CellId, Failure, HOST_CALL, Mode, Phase};

use super::{Change, Row, SmallestEffect, Verdict};

/// What was counted of a cell now.
#[derive(Debug, Clone, PartialEq)]
pub enum Counted {
    /// Its figures.
    Figures(BaselineCell),
    /// It failed, or the plugin is wrong.
    Failed(CellId, Failure),
}

impl Counted {
    /// The cell.
    pub fn id(&self) -> CellId {
        match self {
            Self::Figures(cell) => id(cell.key()),
            Self::Failed(id, _) => id.clone(),
        }
    }
}

/// What becomes of a baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// There is no file: what stands for it is another artifact.
    Compare,
    /// It stays.
    Keep,
    /// What is better, new or counted otherwise than before is taken over; what is worse is not.
    Ratchet,
    /// All is taken over as it is now, and what is there no more goes.
    Accept,
}

/// Compares what was counted now with a baseline, and says what the baseline is to be then.
///
/// `asked` tells which cells of the baseline were asked for: one that was and is not there now is inconclusive, others
/// are left alone. `absent` says why a host of the baseline is not here.
pub fn judge_counters(
    baseline: &Baseline,
    now: &[Counted],
    asked: &dyn Fn(BaselineKey<'_>) -> bool,
    absent: &dyn Fn(&str) -> Option<String>,
    update: Update,
) -> (Vec<Row>, Baseline) {
    let mut next: BTreeMap<CellId, BaselineCell> =
        baseline.cells().iter().map(|cell| (id(cell.key()), cell.clone())).collect();
    let seen: BTreeSet<CellId> = now.iter().map(Counted::id).collect();
    let mut rows = Vec::new();
    for counted in now {
        let cell = match counted {
            Counted::Failed(id, failure) => {
                rows.push(Row::failed(id.clone(), failure.clone()));
                continue;
            }
            Counted::Figures(cell) => cell,
        };
        let mut row = match baseline.cell(cell.key()) {
            Some(base) => compare_counted(base, cell),
            None => Row::incomparable(id(cell.key()), "not in the base"),
        };
        let is_same = baseline.cell(cell.key()) == Some(cell);
        match update {
            Update::Keep if !row.comparable => row.reason.push_str("; take it over with --update"),
            Update::Keep if row.verdict == Verdict::Improvement => row.reason.push_str("; keep it so with --update"),
            Update::Keep | Update::Compare => {}
            Update::Ratchet if row.verdict == Verdict::Regression => {
                row.reason.push_str("; not taken over: mend it, or take it over with --update --accept");
            }
            Update::Ratchet | Update::Accept if is_same => {}
            Update::Ratchet | Update::Accept => {
                row = taken_over(row);
                next.insert(id(cell.key()), cell.clone());
            }
        }
        rows.push(row);
    }
    for base in baseline.cells().iter().filter(|base| asked(base.key()) && !seen.contains(&id(base.key()))) {
        let gone = absent(&base.host).map(|way| format!("host {} is not here: {way}", base.host));
        let is_gone = gone.is_none();
        let reason = gone.unwrap_or_else(|| "in the base, and not there any more".to_owned());
        let row = Row::incomparable(id(base.key()), reason);
        rows.push(match update {
            Update::Accept if is_gone => {
                next.remove(&row.cell);
                taken_over(row)
            }
            Update::Accept | Update::Compare => row,
            _ if is_gone => {
                let reason = format!("{}; if that is meant, take it out with --update --accept", row.reason);
                Row { reason, ..row }
            }
            _ => row,
        });
    }
    (rows, Baseline::new(next.into_values()))
}

/// The row of a cell that stands in the baseline from now on.
fn taken_over(row: Row) -> Row {
    let reason = format!("{}; taken over into the baseline", row.reason);
    let verdict = if row.verdict == Verdict::Improvement { Verdict::Improvement } else { Verdict::Equivalent };
    Row { verdict, comparable: true, reason, ..row }
}

/// Names a cell of a baseline as records do.
fn id((plugin, host, workload): BaselineKey<'_>) -> CellId {
    let [plugin, host, workload] = [plugin, host, workload].map(str::to_owned);
    CellId { mode: Mode::InProcess, host, plugin, workload, phase: Phase::Request }
}

/// Compares the figures of one cell. The figures of a host itself, fuel and instructions, are compared within one of
/// its versions only.
pub fn compare_counted(base: &BaselineCell, head: &BaselineCell) -> Row {
    let mut changes = Vec::new();
    let mut worse = false;
    let mut unknown: Vec<String> = Vec::new();
    let (ours, theirs) = (expand(&base.figures, &head.figures), expand(&head.figures, &base.figures));
    let same_version = base.host_version == head.host_version;
    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let mut left_out = BTreeSet::new();
    for name in names {
        if base.unstable.contains(name) || head.unstable.contains(name) {
            continue;
        }
        if !same_version && is_of_host(name) {
            left_out.insert(name.split('.').next().unwrap_or(name));
            continue;
        }
        let (was, is) = (figure(&ours, name), figure(&theirs, name));
        match (was, is) {
            (Some(was), Some(is)) if was == is => continue,
            (Some(was), Some(is)) => worse |= is > was,
            _ => unknown.push(words(name)),
        }
        changes.push(Change::Exact { what: words(name), base: was, head: is });
    }
    // What grew stands first, and most of all what grew by the largest share.
    changes.sort_by(|a, b| growth(b).total_cmp(&growth(a)));

    // A figure that repeated and does no longer cannot be held to anything.
    let shaken: Vec<String> = head.unstable.difference(&base.unstable).map(|name| words(name)).collect();
    let mut reasons = Vec::new();
    if !shaken.is_empty() {
        reasons.push(format!("no longer the same in each process: {}", shaken.join(", ")));
    }
    if !unknown.is_empty() {
        reasons.push(format!("counted on one side only: {}", unknown.join(", ")));
    }
    if !left_out.is_empty() {
        let names: Vec<String> = left_out.iter().map(|name| words(name)).collect();
        reasons.push(format!(
            "{} not comparable: base is of {} {}, head of {}",
            names.join(" and "),
            base.host,
            base.host_version,
            head.host_version
        ));
    }
    let comparable = reasons.is_empty();
    let verdict = match () {
        () if worse => Verdict::Regression,
        () if !comparable => Verdict::Inconclusive,
        () if changes.is_empty() => Verdict::Equivalent,
        () => Verdict::Improvement,
    };
    let what = match verdict {
        Verdict::Regression => "more than in the base",
        Verdict::Improvement => "less than in the base",
        Verdict::Equivalent => "exactly the same",
        Verdict::Inconclusive => "not all could be compared",
    };
    reasons.insert(0, what.to_owned());
    let not_gated: Vec<String> = base.unstable.iter().map(|name| words(name)).collect();
    if !not_gated.is_empty() {
        reasons.push(format!("not gated, for it differs from process to process: {}", not_gated.join(", ")));
    }
    let smallest_effect = Some(SmallestEffect::ONE);
    // What is worse is worse, whatever else could not be compared.
    let comparable = comparable || worse;
    Row { changes, smallest_effect, comparable, ..Row::judged(id(head.key()), verdict, reasons.join("; ")) }
}

/// A figure that requests share on this side and not on the other, put as the other has it.
fn expand(ours: &BTreeMap<String, u64>, theirs: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let mut expanded = ours.clone();
    for name in theirs.keys() {
        let Some((figure, part)) = name.rsplit_once('.') else { continue };
        let requests = match part {
            "least" | "most" => Some(1),
            part => part.strip_prefix("total_of_").and_then(|requests| requests.parse::<u64>().ok()),
        };
        let exact = ours.get(figure).copied();
        if let (Some(requests), Some(exact), false) = (requests, exact, ours.contains_key(name)) {
            expanded.remove(figure);
            expanded.insert(name.clone(), exact.saturating_mul(requests));
        }
    }
    expanded
}

/// A host call that is not named is not made; of other figures nothing is known.
fn figure(figures: &BTreeMap<String, u64>, name: &str) -> Option<u64> {
    figures.get(name).copied().or_else(|| name.starts_with(HOST_CALL).then_some(0))
}

/// Whether it is the host that says what one of it is.
fn is_of_host(name: &str) -> bool {
    ["fuel", "lua_instructions"].contains(&name.split('.').next().unwrap_or(name))
}

/// Head over base; of a figure that was 0, or is not known, the most.
fn growth(change: &Change) -> f64 {
    match change {
        Change::Exact { base: Some(base @ 1..), head: Some(head), .. } => *head as f64 / *base as f64,
        Change::Exact { .. } | Change::Estimated { .. } => f64::INFINITY,
    }
}

/// A figure's name for people: `host call proxy_log`, `fuel, total of 64`.
fn words(name: &str) -> String {
    let (name, call) = name.strip_prefix(HOST_CALL).map_or((name, ""), |name| (name, "host call "));
    match call {
        "" => name.replace('.', ", ").replace('_', " "),
        _ => format!("{call}{}", name.replacen('.', ", ", 1)),
    }
}
