//! An outcome as GitHub-flavoured Markdown, for a job summary or a comment on a pull request.

use super::{Conclusion, Outcome, Row};
use crate::markdown::escape;
use crate::text;

/// Longest text that GitHub takes for a comment, in bytes; what is rendered is shorter.
pub const COMMENT_LIMIT: usize = 64 * 1024;
/// Room for the end: what was left out, notes and controls.
const ROOM: usize = 8 * 1024;

const HEAD: &str = "| plugin | host | workload | verdict | change | smallest | why |\n|---|---|---|---|---|--:|---|\n";

/// The outcome in less than [`COMMENT_LIMIT`] bytes: what changed first, the rest folded.
pub fn markdown(outcome: &Outcome) -> String {
    let sign = match outcome.conclusion {
        Conclusion::Pass => "✅",
        Conclusion::Inconclusive => "❔",
        Conclusion::Regression | Conclusion::WrongPlugin => "❌",
    };
    let short = |text: &str| escape(&text::name(text, 200));
    let mut out = format!("### {sign} {}\n\n", escape(&outcome.headline()));
    out.push_str(&format!("Base: {}. Head: {}.\n", short(&outcome.base), short(&outcome.head)));
    let rows = outcome.by_weight();
    let (changed, same): (Vec<&Row>, Vec<&Row>) = rows.into_iter().partition(|row| row.is_changed());
    if !changed.is_empty() {
        out.push_str(&format!("\n{HEAD}"));
        push(&mut out, &changed);
    }
    if !same.is_empty() {
        out.push_str(&format!("\n<details><summary>{} without a change</summary>\n\n{HEAD}", same.len()));
        push(&mut out, &same);
        out.push_str("\n</details>\n");
    }
    let mut remarks = outcome.remarks().map(|remark| format!("- {}\n", escape(&text::name(&remark, 400)))).peekable();
    if remarks.peek().is_some() {
        out.push('\n');
    }
    for remark in remarks {
        if out.len() + remark.len() + 100 >= COMMENT_LIMIT {
            out.push_str("- further notes are in gate.json\n");
            break;
        }
        out.push_str(&remark);
    }
    out
}

/// Rows as long as there is room for the end.
fn push(out: &mut String, rows: &[&Row]) {
    for (index, row) in rows.iter().enumerate() {
        let line = line(row);
        if out.len() + line.len() + ROOM >= COMMENT_LIMIT {
            out.push_str(&format!("\n{} more rows are in gate.json\n", rows.len() - index));
            return;
        }
        out.push_str(&line);
    }
}

fn line(row: &Row) -> String {
    let name = |text: &str| escape(&super::row::name(text));
    let workload = match row.phase() {
        "request" => name(&row.cell.workload),
        phase => format!("{}, {}", name(&row.cell.workload), escape(phase)),
    };
    let why = if row.is_changed() { escape(&text::name(&row.reason, 600)) } else { String::new() };
    let fields = [
        name(&row.cell.plugin),
        name(&row.cell.host),
        workload,
        row.word(),
        escape(&row.change_words(8)),
        escape(&row.smallest_words()),
        why,
    ];
    format!("| {} |\n", fields.join(" | "))
}
