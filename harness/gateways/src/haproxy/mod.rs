//! HAProxy as a child process, with scripts in its own Lua.
//!
//! A script is an action of the frontend's request rules; the answer is a `return` of the backend, which comes after
//! them. There is no action for such an answer, so what a script wants of responses runs as a sample fetch in a rule of
//! `http-after-response`. Controls have the same frontend and backend, and neither.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::program::Program;
use crate::scripted::{Dialect, Plan, Site};
use crate::{ARM_HEADER, BODY, CANARY_HEADER, GatewayError};

const PROGRAM: Program = Program { name: "haproxy", variable: "TOLLGATE_HAPROXY", install: "apt-get install haproxy" };

/// HAProxy's own default for a request in memory. It keeps a part free for what is added, so a request of more than
/// half of it gets a larger one.
const BUFFER: usize = 16_384;

/// HAProxy with its Lua.
#[derive(Debug)]
pub(crate) struct HaProxy;

impl Dialect for HaProxy {
    fn program(&self) -> &'static Program {
        &PROGRAM
    }

    fn handle(&self) -> &'static str {
        include_str!("handle.lua")
    }

    fn version(&self, binary: &Path) -> Result<String, GatewayError> {
        version_in(&PROGRAM.ask(binary, "-vv")?).map_err(|reason| PROGRAM.unfit(binary, reason))
    }

    fn config(&self, _binary: &Path, plan: &Plan) -> Result<String, GatewayError> {
        let mut text = String::new();
        write(&mut text, plan).expect("a string takes everything");
        Ok(text)
    }

    fn command(&self, binary: &Path, config: &str) -> Command {
        let mut command = Command::new(binary);
        command.args(["-db", "-f", config]);
        command
    }

    /// `[ALERT]    (17304) : Lua function 'arm_2': ...`
    fn words(line: &str) -> Option<&str> {
        let (level, text) = line.strip_prefix('[')?.split_once("] ")?;
        let text = text.split_once(") : ").map_or(text, |(_, text)| text);
        (level != "NOTICE").then_some(text.trim())
    }
}

/// Version of HAProxy and of its Lua, in what it says of how it was built; the error says that it cannot be used.
fn version_in(said: &str) -> Result<String, String> {
    let part = |begin: &str| said.lines().find_map(|line| line.strip_prefix(begin)).map(str::trim);
    // `HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/`, before 2.4 `HA-Proxy`.
    let version = part("HAProxy version ").or(part("HA-Proxy version ")).and_then(|rest| rest.split(' ').next());
    match (version, part("Built with Lua version : Lua ")) {
        (Some(version), Some(lua)) => Ok(format!("{version} (Lua {lua})")),
        (Some(version), None) => Err(format!("version {version} was built without Lua")),
        (None, _) => Err("`-vv` does not say a version as HAProxy does".to_owned()),
    }
}

fn write(text: &mut String, plan: &Plan) -> std::fmt::Result {
    // One thread, so that all arms share it and rounds compare like with like.
    writeln!(
        text,
        "global\n  nbthread 1\n  tune.bufsize {}",
        BUFFER.max((2 * plan.largest_request).next_power_of_two())
    )?;
    writeln!(text, "  lua-load {}", plan.bundle)?;
    text.push_str("defaults\n  mode http\n  timeout connect 5s\n");
    // Connections stay for as long as a run lasts.
    for what in ["client", "server", "http-request", "http-keep-alive"] {
        writeln!(text, "  timeout {what} 1d")?;
    }
    plan.sites.iter().try_for_each(|site| arm(text, site))?;
    writeln!(text, "frontend report\n  bind {}\n  http-request use-service lua.tollgate_report", plan.report)
}

fn arm(text: &mut String, site: &Site) -> std::fmt::Result {
    let Site { arm, address, label, echo_header, .. } = site;
    writeln!(text, "frontend arm_{arm}\n  bind {address}")?;
    if site.has_body {
        text.push_str("  option http-buffer-request\n");
    }
    if site.on_request {
        writeln!(text, "  http-request lua.arm_{arm}\n  http-request return status 500")?;
    }
    if site.on_response {
        // The only Lua that it calls with responses of its own; without a value the script has failed.
        writeln!(text, "  http-after-response set-status 500 unless {{ lua.arm_{arm} -m bool }}")?;
    }
    writeln!(
        text,
        "  default_backend answer_{arm}\nbackend answer_{arm}\n  http-request return status 200 content-type text/plain \
         hdr {ARM_HEADER} {} hdr {echo_header} %[req.fhdr({CANARY_HEADER})] string {}",
        quote(label),
        double_quote(BODY)
    )
}

/// A string in which nothing means anything but the quote itself, as in a shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A string of text that may have ends of lines.
fn double_quote(text: &str) -> String {
    let escaped = text.replace('\\', r"\\").replace('"', r#"\""#).replace('$', r"\$").replace('\n', r"\n");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_with_anything_in_it_stays_one_string() {
        assert_eq!(quote(r#"a'b"c$d\e"#), r#"'a'\''b"c$d\e'"#);
    }

    /// As HAProxy 2.6 wrote them.
    #[test]
    fn reads_what_haproxy_says() {
        let said =
            "HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/\nBuilt with Lua version : Lua 5.3.6\n";
        assert_eq!(version_in(said).unwrap(), "2.6.12-1+deb12u4 (Lua 5.3.6)");
        assert!(version_in("HAProxy version 2.6.12\nBuilt without Lua support\n").unwrap_err().contains("without Lua"));
        assert!(version_in("bash 5").is_err());
        let line = "[ALERT]    (17304) : Lua function 'arm_2': [state-id 0] runtime error: x";
        assert_eq!(HaProxy::words(line), Some("Lua function 'arm_2': [state-id 0] runtime error: x"));
        assert_eq!(HaProxy::words("[NOTICE]   (17004) : haproxy version is 2.6.12"), None);
    }
}
