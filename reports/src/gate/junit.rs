//! An outcome as JUnit XML: a test case per cell and per control.

use super::{Outcome, Row, Verdict};
use crate::text::{escape, name};

/// Longest message of a test case, in characters.
const MESSAGE: usize = 4_000;

/// A regression is a `failure`, a wrong plugin an `error`, what is inconclusive or does not decide `skipped` with its reason;
/// all else passed. No times: a gate's cells are measured in turns.
pub fn junit(outcome: &Outcome) -> String {
    let suite = format!("tollgate.{}", outcome.gate.name());
    let wrong = outcome.rows.iter().filter(|row| row.decides && row.is_wrong()).count();
    let shown_only = outcome.rows.iter().filter(|row| !row.decides).count();
    let failed_controls = outcome.controls.iter().filter(|control| !control.passed).count();
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{wrong}\" skipped=\"{}\"",
        outcome.rows.len() + outcome.controls.len(),
        outcome.count(Verdict::Regression),
        outcome.count(Verdict::Inconclusive) - wrong + shown_only + failed_controls,
    );
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    out.push_str(&format!("<testsuites name=\"tollgate\" {counts}>\n"));
    out.push_str(&format!("  <testsuite name=\"{suite}\" {counts}>\n"));
    out.push_str("    <properties>\n");
    for (property, value) in
        [("base", outcome.base.as_str()), ("head", &outcome.head), ("conclusion", outcome.conclusion.words())]
    {
        let value = escape(&name(value, MESSAGE));
        out.push_str(&format!("      <property name=\"{property}\" value=\"{value}\"/>\n"));
    }
    out.push_str("    </properties>\n");
    for row in &outcome.rows {
        out.push_str(&case(&suite, row));
    }
    for control in &outcome.controls {
        let result = (!control.passed).then(|| element("skipped", &control.reason));
        out.push_str(&test_case(&format!("{suite}.control"), &control.name, result));
    }
    for note in &outcome.notes {
        out.push_str(&format!("    <system-out>{}</system-out>\n", escape(&name(note, MESSAGE))));
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn case(suite: &str, row: &Row) -> String {
    let changes = row.change_words(usize::MAX);
    let message = if changes.is_empty() { row.reason.clone() } else { format!("{}: {changes}", row.reason) };
    let result = match row.verdict {
        _ if !row.decides => Some(element("skipped", &format!("{}, which does not decide: {message}", row.word()))),
        _ if row.is_wrong() => Some(element("error", &message)),
        Verdict::Regression => Some(element("failure", &message)),
        Verdict::Inconclusive => Some(element("skipped", &message)),
        Verdict::Improvement | Verdict::Equivalent => None,
    };
    // What reads it makes a tree of the dots in a class name.
    let host = name(&row.cell.host, 200).replace('.', "_");
    test_case(&format!("{suite}.{host}"), &row.title(), result)
}

fn test_case(class: &str, title: &str, result: Option<String>) -> String {
    let head = format!("    <testcase classname=\"{}\" name=\"{}\"", escape(class), escape(&name(title, 400)));
    match result {
        None => format!("{head}/>\n"),
        Some(result) => format!("{head}>{result}</testcase>\n"),
    }
}

fn element(tag: &str, message: &str) -> String {
    format!("<{tag} message=\"{}\"/>", escape(&name(message, MESSAGE)))
}
