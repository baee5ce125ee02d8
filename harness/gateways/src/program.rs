//! Programs of the system's packages: where they are looked for, and what they say of themselves.

use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::GatewayError;

/// A gateway's program answers within 0.1 s; one that does not end at all is another program.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read, in bytes. A pipe holds as much, so a program that says no more is never kept waiting.
const LONGEST_ANSWER: u64 = 65_536;
/// Where daemons are installed, which is not in everybody's `PATH`.
const SYSTEM_FOLDERS: &str = "/usr/local/sbin:/usr/sbin:/sbin";

/// A program that packages bring.
#[derive(Debug)]
pub(crate) struct Program {
    /// Its file's name, and the gateway's.
    pub(crate) name: &'static str,
    /// Variable that names the binary.
    pub(crate) variable: &'static str,
    /// Command that installs it.
    pub(crate) install: &'static str,
}

impl Program {
    /// Its binary: the one that the variable names, else the first in `PATH`, else in the folders of daemons. What is
    /// named and not there is an error, not a reason to take another.
    pub(crate) fn find(&self) -> Result<PathBuf, GatewayError> {
        self.find_in(std::env::var_os(self.variable).as_deref(), &std::env::var_os("PATH").unwrap_or_default())
    }

    fn find_in(&self, named: Option<&OsStr>, path: &OsStr) -> Result<PathBuf, GatewayError> {
        if let Some(named) = named.filter(|named| !named.is_empty()) {
            let path = Path::new(named);
            // Absolute, so that it is the file that was looked at and never one of that name in PATH.
            let found = path.is_file().then(|| std::path::absolute(path).ok()).flatten();
            return found
                .ok_or_else(|| self.missing(format!("no file at {}, which ${} names", path.display(), self.variable)));
        }
        in_path(self.name, path).or_else(|| in_path(self.name, OsStr::new(SYSTEM_FOLDERS))).ok_or_else(|| {
            self.missing(format!("no {} in ${}, in PATH or in {SYSTEM_FOLDERS}", self.name, self.variable))
        })
    }

    fn missing(&self, reason: String) -> GatewayError {
        GatewayError::ProgramMissing { reason, install: self.install, variable: self.variable }
    }

    /// What it says when called with `argument`; an error says that it is no such program.
    pub(crate) fn ask(&self, binary: &Path, argument: &str) -> Result<String, GatewayError> {
        ask(binary, argument).map_err(|reason| self.unfit(binary, reason))
    }

    /// The error that this binary cannot be used.
    pub(crate) fn unfit(&self, binary: &Path, reason: String) -> GatewayError {
        GatewayError::ProgramUnfit {
            gateway: self.name,
            path: binary.to_owned(),
            reason,
            install: self.install,
            variable: self.variable,
        }
    }
}

/// The first executable file of that name in a list of folders such as `PATH`; relative folders are left out.
pub(crate) fn in_path(name: &str, path: &OsStr) -> Option<PathBuf> {
    let executable = |file: &PathBuf| {
        file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(path).filter(|folder| folder.is_absolute()).map(|folder| folder.join(name)).find(executable)
}

/// What a program writes, to standard output and then to standard error, when called with one argument. The error says
/// why it did not answer.
pub(crate) fn ask(binary: &Path, argument: &str) -> Result<String, String> {
    let mut child = Command::new(binary)
        .arg(argument)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("it cannot be run ({error})"))?;
    let begin = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if begin.elapsed() < ANSWER_TIMEOUT => thread::sleep(Duration::from_millis(2)),
            other => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(match other {
                    Err(error) => format!("its end cannot be waited for ({error})"),
                    Ok(_) => format!("`{argument}` did not end within {ANSWER_TIMEOUT:?}"),
                });
            }
        }
    };
    if !status.success() {
        return Err(format!("`{argument}` ended with {status}"));
    }
    read_all(child).map_err(|error| format!("`{argument}` is not text ({error})"))
}

fn read_all(mut child: Child) -> std::io::Result<String> {
    let mut said = String::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(LONGEST_ANSWER).read_to_string(&mut said)?;
    }
    if let Some(stderr) = child.stderr.take() {
        stderr.take(LONGEST_ANSWER).read_to_string(&mut said)?;
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: Program = Program { name: "sh", variable: "TOLLGATE_SH", install: "apt-get install dash" };

    #[test]
    fn what_is_named_and_not_there_is_not_replaced_by_another() {
        let find = |named: &str, path: &str| PROGRAM.find_in(Some(OsStr::new(named)), OsStr::new(path));
        let error = find("/no/such/sh", "/bin").unwrap_err().to_string();
        assert!(error.contains("$TOLLGATE_SH") && error.contains("apt-get install dash"), "{error}");
        assert!(find("", "/bin").unwrap().ends_with("sh"));
        assert!(find("/etc/hostname", "").unwrap().ends_with("hostname"));
    }

    #[test]
    fn what_is_nowhere_is_told_with_the_command_that_gets_it() {
        let nowhere = Program { name: "no-such-program-anywhere", ..PROGRAM };
        let error = nowhere.find_in(None, OsStr::new("/bin:relative")).unwrap_err().to_string();
        assert!(error.contains("apt-get install dash"), "{error}");
    }

    #[test]
    fn a_program_that_does_not_answer_is_told() {
        for path in ["/bin/false", "/etc/hostname", "/no/such/file"] {
            let error = PROGRAM.ask(Path::new(path), "--version").unwrap_err().to_string();
            assert!(error.contains(path) && error.contains("apt-get install dash"), "{error}");
        }
    }
}
