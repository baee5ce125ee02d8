//! One file per verb of the command line.

pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod ext_proc;
pub(crate) mod gate;
pub(crate) mod inspect;
pub(crate) mod install;
pub(crate) mod list;
pub(crate) mod man;
pub(crate) mod prove;
pub(crate) mod report;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod scenario;
pub(crate) mod summary;
pub(crate) mod verify;
pub(crate) mod worker;

use crate::status::Status;

/// `tollgate` alone: what to do first.
pub(crate) fn first_steps() -> anyhow::Result<Status> {
    crate::out::line(
        "tollgate tells what a gateway plugin costs each request.

  tollgate run                   measure all plugins here (about two minutes), write a report
  tollgate run --time quick      a first look (about 20 seconds)
  tollgate install envoy         get a real Envoy, then: tollgate run --gateway envoy
  tollgate run --plugin ./my.wasm --config my.json
                                 your own plugin beside the others
  tollgate gate counters --base old.wasm --head new.wasm
                                 whether a change made it do more; `gate in-process`: whether it is slower
  tollgate list                  what is here, what is missing and how to get it, and what disturbs measurements
  tollgate --help                everything else",
    );
    Ok(Status::Pass)
}
