use serde::Serialize;
use tollgate_record::{CellId, Failure, FailureClass};

use super::{Change, SmallestEffect, Verdict};
use crate::text;

/// What a gate says of one cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The cell.
    pub cell: CellId,
    /// What of the cell is judged where that is not its time: `counters`, `memory`; null otherwise.
    pub figure: Option<&'static str>,
    /// Whether the conclusion depends on it. A row that does not is shown, with the verdict that it has.
    pub decides: bool,
    /// What came of it.
    pub verdict: Verdict,
    /// What head has otherwise than base, the weightiest first; empty where nothing was compared.
    pub changes: Vec<Change>,
    /// The smallest slowdown that could have been found; null where nothing was compared.
    pub smallest_effect: Option<SmallestEffect>,
    /// Why the verdict is what it is and what to do next, in words.
    pub reason: String,
    /// Whether both sides have what a judgement needs. Where they do not (a cell is missing, a figure is no number, the
    /// machines differ) the verdict is inconclusive and stays so, whatever is asked for.
    pub comparable: bool,
    /// Why the cell has no figures, where it failed; a failure of the plugin makes the whole gate fail.
    pub failure: Option<Failure>,
}

impl Row {
    /// A cell that both sides have.
    pub fn judged(cell: CellId, verdict: Verdict, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self {
            cell,
            figure: None,
            decides: true,
            verdict,
            changes: Vec::new(),
            smallest_effect: None,
            reason,
            comparable: true,
            failure: None,
        }
    }

    /// A cell of which nothing can be said.
    pub fn incomparable(cell: CellId, reason: impl Into<String>) -> Self {
        Self { comparable: false, ..Self::judged(cell, Verdict::Inconclusive, reason) }
    }

    /// A cell that failed on head.
    pub fn failed(cell: CellId, failure: Failure) -> Self {
        let reason = format!("failed at {}: {}", failure.stage, failure.message);
        Self { failure: Some(failure), ..Self::incomparable(cell, reason) }
    }

    /// Whether the plugin is wrong.
    pub fn is_wrong(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| failure.class == FailureClass::Plugin)
    }

    /// Whether it stands among those that differ, which are shown first.
    pub(super) fn is_changed(&self) -> bool {
        self.verdict != Verdict::Equivalent
    }

    /// The verdict, or that the plugin is wrong; in brackets where it does not count.
    pub(super) fn word(&self) -> String {
        let word = if self.is_wrong() { "wrong plugin" } else { self.verdict.name() };
        if self.decides { word.to_owned() } else { format!("({word})") }
    }

    /// What names it: `cpp-raw on wasmtime (headers)`, shown and never obeyed.
    pub(super) fn title(&self) -> String {
        let CellId { plugin, host, workload, .. } = &self.cell;
        format!("{} on {} ({}){}", name(plugin), name(host), name(workload), self.phase_words())
    }

    /// The phase or figure where it is not the usual one.
    fn phase_words(&self) -> String {
        match self.phase() {
            "request" => String::new(),
            other => format!(", {other}"),
        }
    }

    /// Name of what is judged: that of the phase as in records, or of the figure.
    pub(super) fn phase(&self) -> &'static str {
        use tollgate_record::Phase::*;
        self.figure.unwrap_or(match self.cell.phase {
            Compile => "compile",
            Instantiate => "instantiate",
            FirstRequest => "first_request",
            Request => "request",
        })
    }

    /// All changes in words, at most so many.
    pub(super) fn change_words(&self, most: usize) -> String {
        let mut words: Vec<String> = self.changes.iter().take(most).map(Change::words).collect();
        if let Some(more @ 1..) = self.changes.len().checked_sub(most) {
            words.push(format!("{more} more"));
        }
        words.join(", ")
    }

    /// The smallest effect in words; empty where there is none.
    pub(super) fn smallest_words(&self) -> String {
        self.smallest_effect.map(|effect| effect.words()).unwrap_or_default()
    }
}

pub(super) fn name(text: &str) -> String {
    text::name(text, 60)
}
