//! `tollgate report`: the HTML report of records, or their table in a Markdown file; and the table of proofs.

use std::fs;

use anyhow::Context as _;
use tollgate_record::{ProveRecord, Record, RecordError, write_atomically};
use tollgate_reports::gate::proof_table;

use crate::args::ReportArgs;
use crate::status::{Status, usage};

/// What a table in a page stands between.
struct Marks(&'static str, &'static str);

const RUNS: Marks = Marks("<!-- tollgate:begin -->", "<!-- tollgate:end -->");
const PROOFS: Marks = Marks("<!-- tollgate-proofs:begin -->", "<!-- tollgate-proofs:end -->");

/// Writes the report.
pub(crate) fn run(options: &ReportArgs) -> anyhow::Result<Status> {
    let (mut records, mut proofs) = (Vec::new(), Vec::new());
    for path in &options.records {
        // Whose it is, its schema says.
        match ProveRecord::read(path) {
            Ok(proof) => proofs.push(proof),
            Err(RecordError::Schema { .. }) => records.push(Record::read(path)?),
            Err(error) => match Record::read(path) {
                Ok(record) => records.push(record),
                // Of a proof that is damaged, what is wrong with it.
                Err(RecordError::Schema { .. }) => return Err(error.into()),
                Err(other) => return Err(other.into()),
            },
        }
    }
    let (path, text) = match &options.splice {
        Some(path) => {
            let mut page = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            if !records.is_empty() {
                let summaries = records.iter().map(tollgate_reports::summarize);
                let tables: Vec<String> = summaries.map(|summary| tollgate_reports::markdown(&summary)).collect();
                page = splice(&page, &RUNS, tables.join("\n").trim_end())?;
            }
            if !proofs.is_empty() {
                page = splice(&page, &PROOFS, proof_table(&proofs).trim_end())?;
            }
            (path, page)
        }
        None if !proofs.is_empty() => {
            return Err(usage("proofs are a table in a page and have no HTML report; name a page with --splice"));
        }
        None => (&options.out, tollgate_reports::html(&records)),
    };
    write_atomically(path, text.as_bytes())?;
    eprintln!("wrote {}", path.display());
    Ok(Status::Pass)
}

/// The page with its marked part replaced.
fn splice(page: &str, Marks(begin_mark, end_mark): &Marks, text: &str) -> anyhow::Result<String> {
    let marks = page.find(begin_mark).zip(page.find(end_mark)).filter(|(begin, end)| begin < end);
    let (begin, end) = marks
        .ok_or_else(|| usage(format!("the page has no part between `{begin_mark}` and `{end_mark}`; add both")))?;
    Ok(format!("{}{begin_mark}\n{text}\n{}", &page[..begin], &page[end..]))
}
