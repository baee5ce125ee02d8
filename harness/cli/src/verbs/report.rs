//! `tollgate report`: the HTML report of records, or their table in a Markdown file; and the table of proofs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tollgate_record::{Kept, Record, RecordError, write_atomically};
use tollgate_reports::gate::proof_table;
use tollgate_reports::{Summary, charts, front_page, markdown, summarize};

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
        if path.is_dir() {
            records.extend(in_folder(path)?);
            continue;
        }
        match Kept::read(path)? {
            Kept::Run(record) => records.push(*record),
            Kept::Proof(proof) => proofs.push(*proof),
            Kept::Gate(_) => {
                return Err(usage(format!(
                    "{} is of a gate, which has no HTML report; see `tollgate summary` and `tollgate gate --help`",
                    path.display()
                )));
            }
        }
    }
    let (path, text) = match &options.splice {
        Some(path) => {
            let mut page = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let summaries: Vec<Summary> = records.iter().map(summarize).collect();
            if let Some(chart) = &options.chart {
                page = splice(&page, &RUNS, front(&summaries, chart, path)?.trim_end())?;
            } else if !summaries.is_empty() {
                let tables: Vec<String> = summaries.iter().map(markdown).collect();
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

/// Writes the chart, and gives what the page says with it.
fn front(summaries: &[Summary], chart: &Path, page: &Path) -> anyhow::Result<String> {
    let [summary] = summaries else {
        return Err(usage(format!("--chart is of one record, and there are {}; name that one", summaries.len())));
    };
    let folder = page.parent().unwrap_or(Path::new(""));
    let link = chart.strip_prefix(folder).ok().and_then(Path::to_str).filter(|link| !link.starts_with('/'));
    let link = link.ok_or_else(|| {
        usage(format!("{} is not below the folder of {}; put the chart there", chart.display(), page.display()))
    })?;
    let svg = charts::headline(summary).ok_or_else(|| usage("the record has no figure that could be drawn"))?;
    write_atomically(chart, svg.as_bytes())?;
    Ok(front_page(summary, &link.replace(' ', "%20")))
}

/// All records of a folder and of the folders in it, as runs leave them, oldest first. What is there besides is said.
fn in_folder(folder: &Path) -> anyhow::Result<Vec<Record>> {
    let mut records = Vec::new();
    for path in candidates(folder)? {
        match Record::read(&path) {
            Ok(record) => records.push(record),
            // A summary or a gate's files lie beside records.
            Err(RecordError::Schema { .. }) => eprintln!("skipped {}: another kind of file", path.display()),
            Err(error @ RecordError::Parse { .. }) => eprintln!("skipped {}: {error}", path.display()),
            Err(error) => return Err(error.into()),
        }
    }
    if records.is_empty() {
        return Err(usage(format!(
            "{} has no record in it or in the folders in it; name one into which `tollgate run --out` wrote",
            folder.display()
        )));
    }
    records.sort_by_key(|record| record.started_unix_ms);
    Ok(records)
}

/// JSON files of the folder, packed or not, and `record.json` of each folder in it; sorted.
fn candidates(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let list = || format!("cannot list {}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(list)? {
        let path = entry.with_context(list)?.path();
        if path.is_dir() {
            paths.extend(
                ["record.json", "record.json.gz"].map(|name| path.join(name)).into_iter().find(|it| it.is_file()),
            );
        } else if path.extension().is_some_and(|extension| extension == "json" || extension == "gz") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The page with its marked part replaced.
fn splice(page: &str, Marks(begin_mark, end_mark): &Marks, text: &str) -> anyhow::Result<String> {
    let marks = page.find(begin_mark).zip(page.find(end_mark)).filter(|(begin, end)| begin < end);
    let (begin, end) = marks
        .ok_or_else(|| usage(format!("the page has no part between `{begin_mark}` and `{end_mark}`; add both")))?;
    Ok(format!("{}{begin_mark}\n{text}\n{}", &page[..begin], &page[end..]))
}
