//! An outcome as commands that GitHub's runner turns into annotations: `::error title=...::message`.

use super::{Outcome, Row, Verdict};
use crate::text;

/// GitHub shows ten annotations of each level for a step and leaves out the others without a word.
const MOST: usize = 10;

/// A regression and a wrong plugin are errors, what is inconclusive a warning, an improvement a notice; so is whatever does
/// not decide.
pub fn github(outcome: &Outcome) -> String {
    let mut out = String::new();
    let rows = outcome.by_weight();
    for level in ["error", "warning", "notice"] {
        let rows: Vec<&&Row> = rows.iter().filter(|row| level_of(row) == Some(level)).collect();
        // Room for the line that says how many are left out.
        let shown = if rows.len() > MOST { MOST - 1 } else { rows.len() };
        for row in &rows[..shown] {
            let changes = row.change_words(8);
            let message = if changes.is_empty() { row.reason.clone() } else { format!("{}: {changes}", row.reason) };
            out.push_str(&command(level, &format!("{}: {}", row.title(), row.word()), &message));
        }
        if shown < rows.len() {
            let more = format!("{} more, see gate.md or gate.json", rows.len() - shown);
            out.push_str(&command(level, &format!("{} gate", outcome.gate.name()), &more));
        }
    }
    for control in outcome.controls.iter().filter(|control| !control.passed) {
        out.push_str(&command("warning", &format!("control failed: {}", control.name), &control.reason));
    }
    out.push_str(&command("notice", "tollgate", &outcome.headline()));
    out
}

fn level_of(row: &Row) -> Option<&'static str> {
    match row.verdict {
        Verdict::Equivalent => None,
        _ if !row.decides => Some("notice"),
        _ if row.is_wrong() => Some("error"),
        Verdict::Regression => Some("error"),
        Verdict::Inconclusive => Some("warning"),
        Verdict::Improvement => Some("notice"),
    }
}

/// One command. The runner undoes these escapes, so that text cannot end the line or the property that it stands in
/// (source: `escapeData` and `escapeProperty` of actions/toolkit, packages/core/src/command.ts).
fn command(level: &str, title: &str, message: &str) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    format!("::{level} title={}::{}\n", property(&text::name(title, 200)), data(&text::name(message, 1_000)))
}
