//! Gates: whether head is slower than base, as rows with a verdict each, and as what CI systems read.
//!
//! An [`Outcome`] is a pure function of what was measured; every renderer takes it. It cannot be made to pass by what is
//! not there: see [`Outcome::new`].

mod beside;
mod binomial;
mod change;
mod counters;
mod github;
mod in_process;
mod junit;
mod live;
mod markdown;
mod outcome;
mod paired;
mod proof;
mod proof_table;
mod proof_text;
mod records;
mod replicates;
mod row;
mod sign_rule;
mod starts;
mod table;
mod verdict;

pub use beside::Beside;
pub use binomial::{at_least, clopper_pearson, least_successes};
pub use change::{Change, SmallestEffect, Unit};
pub use counters::{Counted, Update, compare_counted, judge_counters};
pub use github::github;
pub use in_process::{flagged, in_process, least_processes};
pub use junit::junit;
pub use live::{live, live_is_to_be_confirmed, live_margin_ns};
pub use markdown::{COMMENT_LIMIT, markdown};
pub use outcome::{Conclusion, ControlCheck, GATE_SCHEMA, GateKind, Outcome};
pub use paired::shift;
pub use proof::{Count, Proved, proved};
pub use proof_table::proof_table;
pub use proof_text::proof_text;
pub use records::{Margin, compare_records, compare_records_by, incomparable, other_machine};
pub use replicates::{LogMargin, Replicates, Side};
pub use row::Row;
pub use table::table;
pub use verdict::Verdict;

/// The outcome as one JSON object, indented.
pub fn json(outcome: &Outcome) -> String {
    serde_json::to_string_pretty(outcome).expect("an outcome has string keys and nothing that can fail")
}
