use std::path::{Path, PathBuf};

use super::NAME;
use crate::GatewayError;
use crate::install::installed_envoy;
use crate::program::{ask, in_path};

/// Variable that names the binary.
const VARIABLE: &str = "TOLLGATE_ENVOY";

/// Envoy's binary: the one that is named, else `$TOLLGATE_ENVOY`, else `envoy` in `PATH`, else the one that
/// [`crate::install_envoy`] installed. What is named and not there is an error, not a reason to take another.
pub fn find_envoy(named: Option<&Path>) -> Result<PathBuf, GatewayError> {
    let variable = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    let named = named.map(|path| (path.to_owned(), "--envoy"));
    if let Some((path, named_by)) = named.or(variable.map(|path| (path, "$TOLLGATE_ENVOY"))) {
        // Absolute, so that it is the file that was looked at and never one of that name in PATH.
        let found = path.is_file().then(|| std::path::absolute(&path).ok()).flatten();
        return found.ok_or(GatewayError::NoSuchEnvoy { path, named_by });
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    in_path(NAME, &path).or_else(|| installed_envoy().filter(|path| path.is_file())).ok_or(GatewayError::EnvoyMissing)
}

/// Asks the program for its version. A build that is not a clean release says so.
pub(super) fn version_of(binary: &Path) -> Result<String, GatewayError> {
    let not_envoy = |reason: String| GatewayError::NotEnvoy { path: binary.to_owned(), reason };
    let said = ask(binary, "--version").map_err(not_envoy)?;
    // `<path>  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`
    let parts: Vec<&str> = said.split("version: ").nth(1).unwrap_or_default().trim().split('/').collect();
    match parts[..] {
        [_, version, "Clean", "RELEASE", ..] if is_version(version) => Ok(version.to_owned()),
        [_, version, state, build, ..] if is_version(version) => Ok(format!("{version} ({state}, {build})")),
        _ => Err(not_envoy("`--version` does not say a version as Envoy does".to_owned())),
    }
}

fn is_version(text: &str) -> bool {
    text.starts_with(|char: char| char.is_ascii_digit()) && text.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_are_no_envoy_are_told_apart() {
        for path in ["/bin/false", "/bin/true", "/etc/hostname"] {
            let error = version_of(Path::new(path)).unwrap_err().to_string();
            assert!(error.contains(path) && error.contains("tollgate install envoy"), "{error}");
        }
    }

    #[test]
    fn what_is_named_and_not_there_is_not_replaced_by_another() {
        let error = find_envoy(Some(Path::new("/no/such/envoy"))).unwrap_err();
        assert!(matches!(error, GatewayError::NoSuchEnvoy { named_by: "--envoy", .. }), "{error}");
    }
}
