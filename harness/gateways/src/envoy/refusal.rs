use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;

use tollgate_record::Failure;

use super::NAME;
use super::config::arm_name;
use super::launch::validate;
use crate::child::{Child, describe};
use crate::{Arm, GatewayError, Options};

/// How Envoy ended before it was ready, in its own lines.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    status: ExitStatus,
    lines: Vec<String>,
}

impl Ended {
    /// A child that has ended.
    pub(super) fn of(child: &Child, status: ExitStatus) -> Self {
        Self { status, lines: child.tail().all() }
    }

    /// As an error, when no plugin is to blame.
    pub(super) fn into_error(self) -> GatewayError {
        match self.is_refusal() {
            true => GatewayError::ConfigRefused { gateway: NAME, reason: self.summary(), tested: crate::ENVOY_VERSION },
            false => {
                let last =
                    if self.lines.is_empty() { String::new() } else { format!("; its last words: {}", self.summary()) };
                GatewayError::Died { gateway: NAME, status: describe(self.status), last }
            }
        }
    }

    /// Whether it ended because of its configuration; otherwise it crashed.
    fn is_refusal(&self) -> bool {
        self.lines.iter().any(|line| line.contains("initializing config"))
    }

    /// As the failure of a plugin.
    fn as_failure(&self) -> Failure {
        let summary = self.summary();
        Failure::plugin(
            "start",
            match self.is_refusal() {
                true => format!("envoy refuses the plugin: {summary}; `tollgate verify` shows what other hosts say"),
                false => {
                    let status = describe(self.status);
                    format!(
                        "the plugin crashes envoy ({status}) while it is loaded: {summary}; `tollgate verify` shows what other hosts say"
                    )
                }
            },
        )
    }

    /// A listener that could not be opened, and what the system said.
    pub(super) fn bind_failure(&self) -> Option<(SocketAddr, String)> {
        self.lines.iter().find_map(|line| {
            let (address, what) = line.split("cannot bind '").nth(1)?.split_once("': ")?;
            Some((address.parse().ok()?, what.split('`').next()?.trim().to_owned()))
        })
    }

    /// Index of the arm whose plugin Envoy names; it names those in Wasm.
    fn named_arm(&self, loaded: &[usize]) -> Option<usize> {
        let named = |arm: usize| {
            let words = format!("Unable to create Wasm plugin {}", arm_name(arm));
            self.lines
                .iter()
                .any(|line| line.split(&words).nth(1).is_some_and(|rest| !rest.starts_with(char::is_numeric)))
        };
        loaded.iter().copied().find(|&arm| named(arm))
    }

    /// What matters of it, in one line: the causes, without the frame that is around them in each refusal.
    pub(super) fn summary(&self) -> String {
        const NOISE: &[&str] = &[
            "Plugin configured to fail closed",
            "failed to load",
            "Failed to load Wasm code",
            "Unable to create",
            "Backtrace (use",
            "] Envoy version: ",
            "] Address mapping: ",
        ];
        let is_cause = |line: &&String| line.starts_with('[') && !NOISE.iter().any(|words| line.contains(words));
        let mut causes: Vec<&str> = self.lines.iter().filter(is_cause).map(|line| cause(line)).collect();
        causes.dedup();
        if causes.is_empty() { self.lines.join(" | ") } else { causes.join(" | ") }
    }
}

/// What a line says, without the logger's name and without what Envoy wraps around every refusal.
fn cause(line: &str) -> &str {
    let text = line.split_once(']').map_or(line, |(_, text)| text.trim());
    let validating = text.strip_prefix("error initializing configuration ").and_then(|rest| rest.split_once(": "));
    let running = text.strip_prefix("error `").and_then(|rest| rest.rsplit_once("` initializing config"));
    validating.map(|(_, cause)| cause).or(running.map(|(cause, _)| cause)).unwrap_or(text)
}

/// Arms whose plugins are to blame: the one that Envoy names, else each whose listener alone also ends it. Empty when
/// it is nobody's in particular.
pub(super) fn culprits(
    binary: &Path,
    arms: &[Arm],
    loaded: &[usize],
    ended: &Ended,
    options: &Options,
) -> Result<Vec<(usize, Failure)>, GatewayError> {
    if let Some(arm) = ended.named_arm(loaded) {
        return Ok(vec![(arm, ended.as_failure())]);
    }
    // When it does not even take the controls it is not the plugins.
    let controls: Vec<usize> = loaded.iter().copied().filter(|&arm| arms[arm].plugin.is_none()).collect();
    if validate(binary, arms, &controls, options)?.is_some() {
        return Ok(Vec::new());
    }
    let mut culprits = Vec::new();
    for &arm in loaded.iter().filter(|&&arm| arms[arm].plugin.is_some()) {
        if let Some(ended) = validate(binary, arms, &[arm], options)? {
            culprits.push((arm, ended.as_failure()));
        }
    }
    Ok(culprits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(lines: &[&str]) -> Ended {
        Ended { status: ExitStatus::default(), lines: lines.iter().map(|&line| line.to_owned()).collect() }
    }

    /// As Envoy 1.40 wrote it.
    #[test]
    fn reads_what_envoy_says() {
        let wasm = ended(&[
            "[wasm] Wasm VM failed Missing or unknown Proxy-Wasm ABI version",
            "[wasm] Wasm VM failed Failed to load Wasm code",
            "[wasm] Plugin arm_1 failed to load",
            "[wasm] Plugin configured to fail closed failed to load",
            "[main] error `Unable to create Wasm plugin arm_1` initializing config 'goo.gle/debugonly",
            "/dev/fd/7'",
            "Unable to create Wasm plugin arm_1",
        ]);
        assert!(wasm.is_refusal());
        assert_eq!(wasm.named_arm(&[0, 1, 11]), Some(1));
        assert_eq!(wasm.summary(), "Wasm VM failed Missing or unknown Proxy-Wasm ABI version");

        let lua = ended(&["[main] error `script load error: [string \"x\"]:3: ')' expected` initializing config 'x'"]);
        assert_eq!((lua.is_refusal(), lua.named_arm(&[0, 1])), (true, None));
        assert_eq!(lua.summary(), "script load error: [string \"x\"]:3: ')' expected");

        let port = ended(&[
            "[config] listener 'arm_0' failed to bind: cannot bind '127.0.0.1:35781': Address already in use",
            "[main] error `cannot bind '127.0.0.1:35781': Address already in use` initializing config 'x'",
        ]);
        let (address, what) = port.bind_failure().unwrap();
        assert_eq!((address.port(), what.as_str()), (35781, "Address already in use"));
    }

    #[test]
    fn arm_1_is_not_arm_11() {
        let wasm = ended(&["[main] error `Unable to create Wasm plugin arm_11` initializing config 'x'"]);
        assert_eq!(wasm.named_arm(&[0, 1, 11]), Some(11));
    }
}
