use std::path::Path;
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

use super::bundle::bundle;
use super::port::Port;
use super::report::{Report, Reporter};
use super::{Dialect, Plan, Site};
use crate::child::{Child, describe};
use crate::contract::echo_header;
use crate::memory_file::MemoryFile;
use crate::{Arm, GatewayError, Options, arm_label, request_bytes};

/// Pause between two looks at a starting gateway. Readiness is asked for, never slept for.
const POLL: Duration = Duration::from_millis(5);

/// A gateway that is ready.
#[derive(Debug)]
pub(super) struct Launched {
    pub(super) child: Child,
    pub(super) reporter: Reporter,
    /// Its first report, from before any request.
    pub(super) first: Report,
    /// What lines of its standard error say, in one.
    pub(super) said: fn(&[String]) -> String,
    pub(super) probe_core: Option<u32>,
}

/// Whose scripts are called, and when: arms by their index.
#[derive(Debug, Default)]
pub(super) struct Hooked {
    pub(super) on_request: Vec<usize>,
    pub(super) on_response: Vec<usize>,
}

/// Starts a gateway with the arms `loaded` and waits until it reports, has ended or has taken too long.
pub(super) fn launch<D: Dialect>(
    dialect: &D,
    binary: &Path,
    arms: &[Arm],
    loaded: &[usize],
    ports: &[Port],
    hooked: &Hooked,
    options: &Options,
) -> Result<Launched, GatewayError> {
    let name = dialect.program().name;
    let system = || GatewayError::system("make a file in memory");
    let lua = bundle(dialect.handle(), arms, loaded);
    let bundle = MemoryFile::new("scripts.lua", lua.as_bytes()).map_err(system())?;
    let pid = MemoryFile::new("pid", b"").map_err(system())?;
    let plan = Plan {
        sites: loaded.iter().map(|&arm| site(arm, &arms[arm], ports, hooked)).collect(),
        report: ports[arms.len()].address,
        bundle: bundle.path(),
        pid: pid.path(),
        largest_request: arms.iter().map(|arm| request_bytes(&arm.workload, true).len()).max().unwrap_or(0),
    };
    let text = dialect.config(binary, &plan)?;
    if let Some(folder) = &options.work_dir {
        keep_copy(folder, name, &text, &lua)?;
    }
    let config = MemoryFile::new("config", text.as_bytes()).map_err(system())?;
    let files = vec![config.fd(), bundle.fd(), pid.fd()];
    let command = dialect.command(binary, &config.path());
    let mut child = Child::spawn(command, files).map_err(GatewayError::system("start the gateway"))?;
    let reporter = Reporter::new(name, plan.report)?;
    let begin = Instant::now();
    let first = loop {
        if let Some(status) = child.ended().map_err(GatewayError::system("wait for the gateway"))? {
            return Err(ended(dialect, binary, &child, status));
        }
        if let Ok(report) = reporter.report() {
            break report;
        }
        if begin.elapsed() > options.start_timeout {
            let last = last_words(&said::<D>(&child.tail().lines()));
            return Err(GatewayError::StartTimeout { gateway: name, waited: options.start_timeout, last });
        }
        thread::sleep(POLL);
    };
    if child.has_children() == Some(true) {
        let reason = format!("it runs {name} as its child, which could outlive us; let it `exec` {name}");
        return Err(dialect.program().unfit(binary, reason));
    }
    if let Some(core) = options.gateway_core {
        // All of its threads: there is one, under whatever name.
        child.pin_threads("", core).map_err(GatewayError::system("keep the gateway on its core"))?;
    }
    Ok(Launched { child, reporter, first, said: said::<D>, probe_core: options.probe_core.or(options.gateway_core) })
}

fn site(index: usize, arm: &Arm, ports: &[Port], hooked: &Hooked) -> Site {
    Site {
        arm: index,
        address: ports[index].address,
        label: arm_label(arm),
        echo_header: echo_header(arm),
        on_request: hooked.on_request.contains(&index),
        on_response: hooked.on_response.contains(&index),
        has_body: !arm.workload.request_body.is_empty(),
    }
}

/// What it means that it ended before it was ready. Scripts are loaded under guard, so it is no plugin's fault.
fn ended<D: Dialect>(dialect: &D, binary: &Path, child: &Child, status: ExitStatus) -> GatewayError {
    let what = said::<D>(&child.tail().all());
    match status.code() {
        Some(_) if !what.is_empty() => {
            dialect.program().unfit(binary, format!("it refuses tollgate's configuration: {what}"))
        }
        _ => GatewayError::Died { gateway: dialect.program().name, status: describe(status), last: last_words(&what) },
    }
}

/// The last of what lines of standard error say, in one line.
fn said<D: Dialect>(lines: &[String]) -> String {
    let words: Vec<&str> = lines.iter().filter_map(|line| D::words(line)).collect();
    words[words.len().saturating_sub(3)..].join(" | ")
}

/// As the end of a message.
pub(super) fn last_words(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!("; its last words: {said}") }
}

fn keep_copy(folder: &Path, name: &str, config: &str, lua: &str) -> Result<(), GatewayError> {
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(folder.join(format!("{name}.conf")), config))
        .and_then(|()| std::fs::write(folder.join(format!("{name}.lua")), lua))
        .map_err(GatewayError::system("write the configuration into the work folder"))
}
