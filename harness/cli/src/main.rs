//! `tollgate`: what a gateway plugin costs each request. A verb is a file in `verbs/`.

mod args;
mod arm;
mod counting;
mod doctor;
mod gating;
mod interrupt;
mod live;
mod machine;
mod measuring;
mod out;
mod plan;
mod progress;
mod repeating;
mod schedule;
mod select;
mod sides;
mod status;
mod urls;
mod verbs;
mod verification;
mod worker;

use std::process::ExitCode;

use crate::args::{Args, Verb, settings};
use crate::status::Status;

fn main() -> ExitCode {
    let merged = match settings::of_program(&args::command()) {
        Ok(merged) => merged,
        Err(error) => return fail(&error),
    };
    let args = match args::parse(&merged.words) {
        Ok(args) => args,
        Err(error) => {
            // Nothing to do when the terminal is gone; help is not an error, all else is a usage error.
            let _ = error.print();
            if !error.use_stderr() {
                return Status::Pass.into();
            }
            if let Some(settings) = merged.said() {
                eprintln!("\n{settings}; --no-settings leaves them out");
            }
            return Status::Usage.into();
        }
    };
    // What is measured may depend on it, so nobody shall be surprised.
    if let Some(settings) = merged.said().filter(|_| !merged.is_quiet()) {
        eprintln!("{settings}");
    }
    run(args).map_or_else(|error| fail(&error), ExitCode::from)
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    status::of_error(error).into()
}

fn run(args: Args) -> anyhow::Result<Status> {
    match args.verb {
        None => verbs::first_steps(),
        Some(Verb::Run(options)) => verbs::run::run(&options),
        Some(Verb::Resume(options)) => verbs::resume::run(&options),
        Some(Verb::Verify(options)) => verbs::verify::run(&options),
        Some(Verb::List(options)) => verbs::list::run(&options),
        Some(Verb::Compare(options)) => verbs::compare::run(&options),
        Some(Verb::Gate(options)) => verbs::gate::run(&options),
        Some(Verb::Prove(options)) => verbs::prove::run(&options),
        Some(Verb::Scenario(options)) => verbs::scenario::run(&options),
        Some(Verb::Install(options)) => verbs::install::run(&options),
        Some(Verb::Summary(options)) => verbs::summary::run(&options),
        Some(Verb::Report(options)) => verbs::report::run(&options),
        Some(Verb::Inspect(options)) => verbs::inspect::run(&options),
        Some(Verb::Completions(options)) => verbs::completions::run(&options),
        Some(Verb::Man(options)) => verbs::man::run(&options),
        Some(Verb::Worker(options)) => verbs::worker::run(&options),
        Some(Verb::ExtProc) => verbs::ext_proc::run(),
    }
}
