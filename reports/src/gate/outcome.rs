use serde::Serialize;

use super::{Change, Row, Verdict};

/// Name and version of an outcome's JSON.
pub const GATE_SCHEMA: &str = "tollgate/gate/1";

/// Which gate it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    /// Exact figures against those of a baseline.
    Counters,
    /// Latency of two artifacts, in alternation in fresh processes.
    InProcess,
    /// Latency of two artifacts as arms of one gateway.
    Live,
    /// Two records of runs, side by side.
    Records,
}

impl GateKind {
    /// The name in reports and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counters => "counters",
            Self::InProcess => "in-process",
            Self::Live => "live",
            Self::Records => "records",
        }
    }
}

/// A check of the gate itself: two sides alike must not differ, a known slowdown must be found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ControlCheck {
    /// What was checked: `A against A on wasmtime`.
    pub name: String,
    /// Whether it held.
    pub passed: bool,
    /// What was seen, in words.
    pub reason: String,
    /// What was measured; null where nothing was.
    pub change: Option<Change>,
}

/// What all rows come to. In the order of their weight: the last is the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// Every row that decides is equivalent or an improvement.
    Pass,
    /// No row that decides is a regression, and one at least is inconclusive; or a control failed; or there is no row.
    Inconclusive,
    /// A row is a regression.
    Regression,
    /// A plugin is wrong: it traps, or does other work than its workload asks for.
    WrongPlugin,
}

impl Conclusion {
    /// In words, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Inconclusive => "inconclusive",
            Self::Regression => "regression",
            Self::WrongPlugin => "wrong plugin",
        }
    }
}

/// What a gate found; serialised, the object of `--format json`. Made by [`Outcome::new`] only.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Outcome {
    /// Always [`GATE_SCHEMA`].
    pub schema: &'static str,
    /// Which gate.
    pub gate: GateKind,
    /// What head is compared with, in words (a file, a version).
    pub base: String,
    /// What was judged, in words.
    pub head: String,
    /// What all rows come to.
    pub conclusion: Conclusion,
    /// Checks of the gate itself; empty for figures without noise.
    pub controls: Vec<ControlCheck>,
    /// One per cell of either side.
    pub rows: Vec<Row>,
    /// What holds for all rows: how it was measured, what was left out.
    pub notes: Vec<String>,
}

impl Outcome {
    /// Puts rows together. Whatever they say, none passes for want of data:
    ///
    /// - a row with a figure that is no number, or with a failure, is inconclusive;
    /// - when a control failed every row is inconclusive, and says what it would have been;
    /// - no rows at all are inconclusive.
    pub fn new(
        gate: GateKind,
        (base, head): (String, String),
        controls: Vec<ControlCheck>,
        rows: Vec<Row>,
        notes: Vec<String>,
    ) -> Self {
        let failed: Vec<String> = controls
            .iter()
            .filter(|control| !control.passed || !control.change.as_ref().is_none_or(Change::is_sound))
            .map(|control| control.name.clone())
            .collect();
        let rows: Vec<Row> = rows.into_iter().map(sound).map(|row| distrust(row, &failed)).collect();
        let conclusion = conclude(&rows);
        Self { schema: GATE_SCHEMA, gate, base, head, conclusion, controls, rows, notes }
    }

    /// Whether an inconclusive outcome is only one of too much noise: there are rows, and all are comparable. Only such
    /// a one may be taken for a pass when somebody asks for that.
    pub fn is_undecided(&self) -> bool {
        self.conclusion == Conclusion::Inconclusive
            && self.deciding().next().is_some()
            && self.deciding().all(|row| row.comparable)
    }

    /// How many rows that decide have that verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.deciding().filter(|row| row.verdict == verdict).count()
    }

    fn deciding(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.decides)
    }

    /// The rows, wrong plugins first, then by the weight of their verdict; last those that do not decide.
    pub(super) fn by_weight(&self) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by_key(|row| (!row.decides, !row.is_wrong(), row.verdict));
        rows
    }

    /// One line: `counters gate: regression (1 regression, 21 equivalent)`.
    pub fn headline(&self) -> String {
        use Verdict::*;
        let wrong = self.deciding().filter(|row| row.is_wrong()).count();
        let inconclusive = self.count(Inconclusive) - wrong;
        let counts = [
            (wrong, "wrong"),
            (self.count(Regression), "regression"),
            (inconclusive, "inconclusive"),
            (self.count(Improvement), "improvement"),
            (self.count(Equivalent), "equivalent"),
        ];
        let counts: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        let counts = if counts.is_empty() { "nothing was compared".to_owned() } else { counts.join(", ") };
        let title = match self.gate {
            GateKind::Records => "comparison of records".to_owned(),
            gate => format!("{} gate", gate.name()),
        };
        let shown = match self.rows.len() - self.deciding().count() {
            0 => String::new(),
            shown => format!("; {shown} shown only"),
        };
        format!("{title}: {} ({counts}{shown})", self.conclusion.words())
    }

    /// Controls that failed, and notes: what stands under every rendering.
    pub(super) fn remarks(&self) -> impl Iterator<Item = String> {
        let controls = self.controls.iter().map(|control| {
            let change = control.change.as_ref().map(|change| format!(", {}", change.words())).unwrap_or_default();
            let held = if control.passed { "held" } else { "FAILED" };
            format!("control {} {held}: {}{change}", control.name, control.reason)
        });
        controls.chain(self.notes.iter().cloned())
    }
}

/// A row whose verdict its figures carry.
fn sound(mut row: Row) -> Row {
    if row.smallest_effect.is_some_and(|effect| !effect.size.is_finite() || !effect.power.is_finite()) {
        row.smallest_effect = None;
    }
    if row.changes.iter().any(|change| !change.is_sound()) {
        row.reason = format!("a figure is no number, so this says nothing: {}", row.reason);
        row.comparable = false;
    }
    if row.failure.is_some() {
        row.comparable = false;
    }
    if !row.comparable {
        row.verdict = Verdict::Inconclusive;
    }
    row
}

fn distrust(mut row: Row, failed: &[String]) -> Row {
    if !failed.is_empty() && row.verdict != Verdict::Inconclusive {
        let word = row.verdict.name();
        row.reason =
            format!("a control failed ({}), without which this would be: {word}, {}", failed.join(", "), row.reason);
        row.verdict = Verdict::Inconclusive;
    }
    row
}

fn conclude(rows: &[Row]) -> Conclusion {
    let of = |row: &Row| match row.verdict {
        _ if row.is_wrong() => Conclusion::WrongPlugin,
        Verdict::Regression => Conclusion::Regression,
        Verdict::Inconclusive => Conclusion::Inconclusive,
        Verdict::Improvement | Verdict::Equivalent => Conclusion::Pass,
    };
    rows.iter().filter(|row| row.decides).map(of).max().unwrap_or(Conclusion::Inconclusive)
}
