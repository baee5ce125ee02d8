use serde::Serialize;

use crate::number::{grouped, signed_percent, signed_us};
use crate::text;

/// What a change is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Things that are counted: calls, bytes, instructions.
    Count,
    /// Share of base: 0.01 is one percent more than base.
    Share,
    /// Nanoseconds per request.
    Nanoseconds,
}

impl Unit {
    /// A difference with its sign, without its unit.
    pub(super) fn signed(self, value: f64) -> String {
        match self {
            Self::Count => format!("{value:+.0}"),
            Self::Share => signed_percent(value),
            Self::Nanoseconds => signed_us(value),
        }
    }

    /// The same with digits enough for what should be nothing.
    pub(super) fn fine(self, value: f64) -> String {
        match self {
            Self::Share => format!("{:+.4}", value * 100.0),
            Self::Count | Self::Nanoseconds => self.signed(value),
        }
    }

    /// What stands after a figure, with the space before it.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Count => "",
            Self::Share => " %",
            Self::Nanoseconds => " µs",
        }
    }
}

/// A figure that head has otherwise than base.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A figure without noise: both sides are what they are.
    Exact {
        /// Which figure: `fuel`, `host call proxy_log`.
        what: String,
        /// Of base; null where base does not have it.
        base: Option<u64>,
        /// Of head; null where head does not have it.
        head: Option<u64>,
    },
    /// A figure that was estimated: head minus base, or head over base minus 1.
    Estimated {
        /// Which figure: `added latency`.
        what: String,
        /// Unit of the three figures below.
        unit: Unit,
        /// The change; above 0 is worse.
        estimate: f64,
        /// Lower end of its interval; null without one.
        low: Option<f64>,
        /// Upper end of its interval; null without one.
        high: Option<f64>,
        /// Probability, 0 to 1, that such an interval holds the true change: at least; null without an interval.
        confidence: Option<f64>,
    },
}

impl Change {
    /// An estimate with its interval `(low, high, confidence)`, where there is one.
    pub(super) fn estimated(what: &str, unit: Unit, estimate: f64, interval: Option<(f64, f64, f64)>) -> Self {
        Self::Estimated {
            what: what.to_owned(),
            unit,
            estimate,
            low: interval.map(|(low, _, _)| low),
            high: interval.map(|(_, high, _)| high),
            confidence: interval.map(|(_, _, confidence)| confidence),
        }
    }

    /// Whether all of its figures are numbers, and the interval is one.
    pub(super) fn is_sound(&self) -> bool {
        match self {
            Self::Exact { .. } => true,
            Self::Estimated { estimate, low, high, .. } => {
                let ends = low.unwrap_or(f64::NEG_INFINITY) <= high.unwrap_or(f64::INFINITY);
                estimate.is_finite() && low.is_none_or(f64::is_finite) && high.is_none_or(f64::is_finite) && ends
            }
        }
    }

    /// Which figure.
    fn what(&self) -> String {
        match self {
            Self::Exact { what, .. } | Self::Estimated { what, .. } => text::name(what, 80),
        }
    }

    /// In words: `fuel 10 to 12 (+2)`, `added latency +1.02 [+0.98, +1.05] %`.
    pub fn words(&self) -> String {
        format!("{} {}", self.what(), self.figures())
    }

    /// The same where there is little room: without its name where that is understood.
    pub(super) fn short(&self) -> String {
        match self {
            Self::Exact { .. } => self.words(),
            Self::Estimated { .. } => self.figures(),
        }
    }

    fn figures(&self) -> String {
        match self {
            Self::Exact { base, head, .. } => {
                let figure = |side: &Option<u64>| side.map_or_else(|| "none".to_owned(), grouped);
                let difference = base.zip(*head).map(|(base, head)| match head.checked_sub(base) {
                    Some(more) => format!(" (+{})", grouped(more)),
                    None => format!(" (-{})", grouped(base - head)),
                });
                format!("{} to {}{}", figure(base), figure(head), difference.unwrap_or_default())
            }
            Self::Estimated { unit, estimate, low, high, .. } => {
                let (estimate, suffix) = (unit.signed(*estimate), unit.suffix());
                match low.zip(*high) {
                    Some((low, high)) => format!("{estimate} [{}, {}]{suffix}", unit.signed(low), unit.signed(high)),
                    None => format!("{estimate}{suffix} (no interval)"),
                }
            }
        }
    }
}

/// The smallest slowdown that a run like this one finds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SmallestEffect {
    /// How large it is; above 0.
    pub size: f64,
    /// Unit of the size.
    pub unit: Unit,
    /// With what probability it is found, 0 to 1; 1 for figures without noise.
    pub power: f64,
}

impl SmallestEffect {
    /// Of figures without noise: one more of anything is found.
    pub const ONE: Self = Self { size: 1.0, unit: Unit::Count, power: 1.0 };

    /// In words: `+0.62 %`.
    pub fn words(&self) -> String {
        format!("{}{}", self.unit.signed(self.size), self.unit.suffix())
    }
}
