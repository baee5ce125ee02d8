//! `tollgate compare`: two records side by side. The gate `--record` is the same with an exit status.

use std::path::Path;

use tollgate_record::Record;
use tollgate_reports::gate::{Beside, Margin, Outcome, compare_records_by, incomparable};

use super::gate::show;
use crate::args::gate::{CompareArgs, Decide, RecordsArgs};
use crate::status::{Status, usage};

/// Prints what changed.
pub(crate) fn run(options: &CompareArgs) -> anyhow::Result<Status> {
    let outcome = compare(&options.base, &options.head, &options.options)?;
    show(&outcome, options.out.as_deref(), options.format)?;
    Ok(Status::Pass)
}

/// Judges one record against another.
pub(super) fn compare(base: &Path, head: &Path, options: &RecordsArgs) -> anyhow::Result<Outcome> {
    let (ours, theirs) = (Record::read(base)?, Record::read(head)?);
    let apart = incomparable(&ours, &theirs);
    if !apart.is_empty() && !options.anyway {
        let reasons = apart.join("; ");
        return Err(usage(format!(
            "the records cannot be compared: {reasons}; measure both in one place, or add --anyway"
        )));
    }
    let margin = Margin { share: options.margin, ..Margin::default() };
    let name = |path: &Path| path.display().to_string();
    let also = options.decide.iter().map(|decide| match decide {
        Decide::Lifecycle => Beside::Lifecycle,
        Decide::Counters => Beside::Counters,
        Decide::Memory => Beside::Memory,
    });
    let also: Vec<Beside> = also.collect();
    Ok(compare_records_by((&name(base), &ours), (&name(head), &theirs), margin, &also))
}
