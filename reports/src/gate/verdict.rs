use serde::{Deserialize, Serialize};

/// What a gate or a comparison says of a cell. In the order of their weight: the first is the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Head costs more than base, by more than the margin.
    Regression,
    /// What was measured does not say, or nothing could be compared.
    Inconclusive,
    /// Head costs less than base, by more than the margin.
    Improvement,
    /// Shown to differ by less than the margin. Not the same as nothing found.
    Equivalent,
}

impl Verdict {
    /// The name in records, reports and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Regression => "regression",
            Self::Inconclusive => "inconclusive",
            Self::Improvement => "improvement",
            Self::Equivalent => "equivalent",
        }
    }
}
