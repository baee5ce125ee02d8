//! Gates: whether head is slower than base, as rows with a verdict each, and as what CI systems read.
//!
//! An [`Outcome`] is a pure function of what was measured; every renderer takes it. It cannot be made to pass by what is
//! not there: see [`Outcome::new`].

mod change;
mod counters;
mod github;
mod junit;
mod live;
mod markdown;
mod outcome;
mod records;
mod row;
mod sign_rule;
mod table;
mod verdict;

pub use change::{Change, SmallestEffect, Unit};
pub use counters::{Counted, Update, compare_counted, judge_counters};
pub use github::github;
pub use junit::junit;
pub use live::{live, live_is_to_be_confirmed};
pub use markdown::{COMMENT_LIMIT, markdown};
pub use outcome::{Conclusion, ControlCheck, GATE_SCHEMA, GateKind, Outcome};
pub use records::{Margin, compare_records, incomparable};
pub use row::Row;
pub use table::table;
pub use verdict::Verdict;

/// The outcome as one JSON object, indented.
pub fn json(outcome: &Outcome) -> String {
    serde_json::to_string_pretty(outcome).expect("an outcome has string keys and nothing that can fail")
}
