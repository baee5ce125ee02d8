//! `tollgate report`: the HTML report of records, or their table in a Markdown file.

use std::fs;

use anyhow::Context as _;
use tollgate_record::{Record, write_atomically};

use crate::args::ReportArgs;
use crate::status::{Status, usage};

const BEGIN: &str = "<!-- tollgate:begin -->";
const END: &str = "<!-- tollgate:end -->";

/// Writes the report.
pub(crate) fn run(options: &ReportArgs) -> anyhow::Result<Status> {
    let records = options.records.iter().map(|path| Record::read(path)).collect::<Result<Vec<_>, _>>()?;
    let (path, text) = match &options.splice {
        Some(path) => {
            let page = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            (path, splice(&page, &records)?)
        }
        None => (&options.out, tollgate_reports::html(&records)),
    };
    write_atomically(path, text.as_bytes())?;
    eprintln!("wrote {}", path.display());
    Ok(Status::Pass)
}

/// The page with its marked part replaced by the records' tables, each with the command that repeats it.
fn splice(page: &str, records: &[Record]) -> anyhow::Result<String> {
    let marks = page.find(BEGIN).zip(page.find(END)).filter(|(begin, end)| begin < end);
    let (begin, end) =
        marks.ok_or_else(|| usage(format!("the page has no part between `{BEGIN}` and `{END}`; add both")))?;
    let tables: Vec<String> =
        records.iter().map(|record| tollgate_reports::markdown(&tollgate_reports::summarize(record))).collect();
    Ok(format!("{}{BEGIN}\n{}\n{}", &page[..begin], tables.join("\n").trim_end(), &page[end..]))
}
