//! `tollgate gate`: is head slower than base? Each gate is a file; what becomes of its outcome is here.

mod counters;
pub(crate) mod in_process;
pub(crate) mod live;

use std::path::Path;

use tollgate_record::write_atomically;
use tollgate_reports::gate::{Conclusion, Outcome, github, json, junit, markdown, table};

use crate::args::gate::{GateArgs, GateFormat, GateName, Inconclusive, OutcomeArgs};
use crate::out::{self, make_folder};
use crate::status::{Status, usage};

pub(super) use in_process::plan as plan_of;

/// Runs a gate.
pub(crate) fn run(options: &GateArgs) -> anyhow::Result<Status> {
    match (&options.gate, options.record.as_deref()) {
        (Some(GateName::Counters(options)), _) => counters::run(options),
        (Some(GateName::InProcess(options)), _) => in_process::run(options),
        (Some(GateName::Live(options)), _) => live::run(options),
        (None, Some([base, head])) => finish(&super::compare::compare(base, head, &options.options)?, &options.outcome),
        (None, _) => Err(usage("name a gate (`tollgate gate --help`), or two records with --record BASE HEAD")),
    }
}

/// Writes and prints the outcome, and only then says how the program ends.
pub(crate) fn finish(outcome: &Outcome, options: &OutcomeArgs) -> anyhow::Result<Status> {
    show(outcome, options.out.as_deref(), options.format)?;
    Ok(status(outcome, options.inconclusive))
}

/// Writes and prints the outcome. What was found is printed whatever becomes of the files.
pub(super) fn show(outcome: &Outcome, folder: Option<&Path>, format: GateFormat) -> anyhow::Result<()> {
    let written = folder.map_or(Ok(()), |folder| write(outcome, folder));
    let text = match format {
        GateFormat::Table => table(outcome, super::summary::table_options()),
        GateFormat::Json => json(outcome),
        GateFormat::Markdown => markdown(outcome),
        GateFormat::Github => github(outcome),
        GateFormat::Junit => junit(outcome),
    };
    out::line(text.trim_end());
    written
}

fn write(outcome: &Outcome, folder: &Path) -> anyhow::Result<()> {
    make_folder(folder)?;
    for (name, text) in [("gate.json", json(outcome)), ("gate.md", markdown(outcome)), ("gate.xml", junit(outcome))] {
        write_atomically(&folder.join(name), text.as_bytes())?;
    }
    Ok(())
}

/// A wrong plugin outweighs a regression, that what is inconclusive, and that a pass.
fn status(outcome: &Outcome, inconclusive: Option<Inconclusive>) -> Status {
    match outcome.conclusion {
        Conclusion::Pass => Status::Pass,
        Conclusion::Regression => Status::Regression,
        Conclusion::WrongPlugin => Status::Plugin,
        Conclusion::Inconclusive => match inconclusive {
            Some(Inconclusive::Pass) if outcome.is_undecided() => Status::Pass,
            Some(Inconclusive::Fail) => Status::Regression,
            Some(Inconclusive::Pass) | None => Status::Inconclusive,
        },
    }
}

#[cfg(test)]
mod tests {
    use tollgate_record::{CellId, Failure, Mode, Phase};
    use tollgate_reports::gate::{ControlCheck, GateKind, Row, Verdict};

    use super::*;

    fn cell() -> CellId {
        let [host, plugin, workload] = ["wasmtime", "boundary", "headers"].map(str::to_owned);
        CellId { mode: Mode::InProcess, host, plugin, workload, phase: Phase::Request }
    }

    fn outcome(rows: Vec<Row>, controls: Vec<ControlCheck>) -> Outcome {
        Outcome::new(GateKind::InProcess, ("old.wasm".to_owned(), "new.wasm".to_owned()), controls, rows, Vec::new())
    }

    #[test]
    fn the_exit_status_is_that_of_the_worst_and_no_option_makes_a_pass_of_what_is_missing() {
        use Status::{Inconclusive as Unsure, Pass, Plugin, Regression};
        let of = |verdict| Row::judged(cell(), verdict, "measured");
        let missing = || Row::incomparable(cell(), "not in head");
        let wrong = || Row::failed(cell(), Failure::plugin("verify", "traps"));
        let broken = || Row::failed(cell(), Failure::environment("start", "no port"));
        let (worse, better, same) = (Verdict::Regression, Verdict::Improvement, Verdict::Equivalent);
        let noise = Verdict::Inconclusive;
        // Rows; status without the option, with `pass`, with `fail`.
        let cases = [
            (vec![of(same)], [Pass; 3]),
            (vec![of(same), of(better)], [Pass; 3]),
            (vec![of(same), of(worse), of(noise)], [Regression; 3]),
            (vec![of(same), of(noise)], [Unsure, Pass, Regression]),
            (vec![of(same), missing()], [Unsure, Unsure, Regression]),
            (vec![of(same), broken()], [Unsure, Unsure, Regression]),
            (vec![of(worse), missing(), wrong()], [Plugin; 3]),
            (vec![], [Unsure, Unsure, Regression]),
        ];
        for (rows, expected) in cases {
            let outcome = outcome(rows, Vec::new());
            for (option, expected) in
                [None, Some(Inconclusive::Pass), Some(Inconclusive::Fail)].into_iter().zip(expected)
            {
                assert_eq!(status(&outcome, option), expected, "{option:?}: {outcome:#?}");
            }
        }
        let failed = ControlCheck { name: "A against A".into(), passed: false, reason: "differs".into(), change: None };
        let distrusted = outcome(vec![of(worse), of(same)], vec![failed]);
        assert_eq!(status(&distrusted, None), Unsure);
        assert!(distrusted.rows.iter().all(|row| row.verdict == noise), "{distrusted:#?}");
    }
}
