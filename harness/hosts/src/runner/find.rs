use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::process::Process;
use super::protocol::{Hello, PROTOCOL};

/// A runner that can be used.
#[derive(Debug)]
pub(crate) struct Found {
    pub(super) program: PathBuf,
    /// Version of the runtime in it.
    pub(super) runtime: String,
}

const OURS: &str = env!("CARGO_PKG_VERSION");

/// Looks for the runner of a host and asks who it is. The error says how to get it.
pub(super) fn find(host: &str) -> Result<Found, String> {
    let program = format!("tollgate-{host}");
    let remedy = remedy(host);
    let Some(program) = folders().into_iter().map(|folder| folder.join(&program)).find(|path| is_program(path)) else {
        return Err(format!("there is no program `{program}` beside tollgate or on PATH; {remedy}"));
    };
    let refused = |what: String| format!("{} {what}; {remedy}", program.display());
    let mut process = Process::start(&program).map_err(|error| refused(format!("does not start ({error})")))?;
    let hello: Hello = process.answer().map_err(|error| refused(format!("is no runner of ours: {error}")))?;
    let Hello { protocol, tollgate, runtime } = hello;
    if (protocol, tollgate.as_str()) != (PROTOCOL, OURS) {
        let what = format!("is of tollgate {tollgate} (protocol {protocol}), this is {OURS} ({PROTOCOL})");
        return Err(refused(what));
    }
    Ok(Found { program, runtime })
}

/// `TOLLGATE_RUNNERS`, then beside the program that runs, then `PATH`.
fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("TOLLGATE_RUNNERS").map(PathBuf::from).into_iter().collect();
    if let Some(beside) = std::env::current_exe().ok().as_deref().and_then(Path::parent) {
        folders.push(beside.to_owned());
        // Cargo keeps tests and benches one folder below the programs.
        folders.extend(beside.parent().filter(|_| beside.ends_with("deps")).map(Path::to_owned));
    }
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    folders
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

fn remedy(host: &str) -> String {
    let release = if cfg!(debug_assertions) { "" } else { "--release " };
    let package = format!("harness/runners/{host}");
    format!(
        "in a checkout, `cargo build {release}--manifest-path {package}/Cargo.toml --target-dir target` builds it, \
         `cargo install --path {package}` installs it; $TOLLGATE_RUNNERS names another folder"
    )
}
