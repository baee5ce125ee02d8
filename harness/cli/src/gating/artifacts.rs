//! What the processes of a gate load: artifacts that are slowed down, and the machine code of all, in a folder that is
//! gone with us.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;
use tollgate_fixtures::Plugin;
use tollgate_hosts::{logged, slowed};
use tollgate_record::PluginKind;

use crate::arm::Arm;
use crate::out::scratch_folder;
use crate::status::usage;
use crate::verification::arm_limit;
use crate::worker::{Job, Message, MirroredArm, WorkerArm, WorkerEnd, run_job_in};

/// The folder, which only we can write, with what is in it.
pub(crate) struct Artifacts {
    folder: TempDir,
    /// Machine code by program, host and artifact; none where there is none to keep.
    code: HashMap<(Option<PathBuf>, String, String), Option<PathBuf>>,
}

impl Artifacts {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self { folder: scratch_folder("tollgate-gate-")?, code: HashMap::new() })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The arm with a loop of so many turns put into its plugin.
    pub(crate) fn slowed(&self, arm: &Arm, turns: u32) -> anyhow::Result<Arm> {
        self.made(arm, &turns.to_string(), &|plugin| slowed(plugin, turns))
    }

    /// The arm whose plugin first logs so many lines of so many bytes.
    pub(crate) fn logged(&self, arm: &Arm, lines: u32, bytes: u32) -> anyhow::Result<Arm> {
        self.made(arm, &format!("logs-{lines}-{bytes}"), &|plugin| logged(plugin, lines, bytes))
    }

    /// The arm with another artifact of its plugin, in a file that says by which name.
    fn made(&self, arm: &Arm, name: &str, make: &dyn Fn(&Plugin) -> Result<Vec<u8>, String>) -> anyhow::Result<Arm> {
        let plugin = arm.plugin.as_ref().context("a control has no plugin into which something could be put")?;
        let bytes = make(plugin).map_err(usage)?;
        let suffix = if plugin.kind == PluginKind::Lua { "lua" } else { "wasm" };
        let path = self.folder.path().join(format!("{}-{name}.{suffix}", &plugin.sha256));
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        let loaded = tollgate_fixtures::load(&path)?;
        let plugin = Plugin { bytes: loaded.bytes, sha256: loaded.sha256, path: loaded.path, ..plugin.clone() };
        Ok(Arm { plugin: Some(plugin), ..arm.clone() })
    }

    /// The arm as a process takes it, its plugin compiled: once, whatever the number of processes. By another build, which
    /// has other runtimes, when there is a program.
    pub(crate) fn ready(&mut self, arm: &Arm, program: Option<&Path>) -> anyhow::Result<MirroredArm> {
        let worker = WorkerArm::from(arm);
        let Some((plugin, host)) = arm.plugin.as_ref().zip(tollgate_hosts::host(&arm.id.host)) else {
            return Ok(MirroredArm { arm: worker, code: None });
        };
        let key = (program.map(Path::to_owned), arm.id.host.clone(), plugin.sha256.clone());
        if let Some(code) = self.code.get(&key) {
            return Ok(MirroredArm { arm: worker, code: code.clone() });
        }
        let path = self.folder.path().join(format!("{}.code", self.code.len()));
        let is_written = match program {
            Some(program) => precompiled(program, arm, &path)?,
            None => match host.precompile(plugin)? {
                None => false,
                Some(code) => {
                    fs::write(&path, code.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
                    true
                }
            },
        };
        let code = is_written.then_some(path);
        self.code.insert(key, code.clone());
        Ok(MirroredArm { arm: worker, code })
    }
}

/// Has another build compile the arm's plugin into a file. False where its host keeps no code, or when interrupted.
fn precompiled(program: &Path, arm: &Arm, to: &Path) -> anyhow::Result<bool> {
    let job = Job::Precompile { arm: Box::new(WorkerArm::from(arm)), to: to.to_owned() };
    let mut is_written = false;
    let end = run_job_in(Some(program), &job, arm_limit([arm]), &mut |message| {
        match message {
            Message::Precompiled { written } => is_written = written,
            Message::Failed { cell, failure } => anyhow::bail!("{cell}: {}", failure.message),
            _ => {}
        }
        Ok(())
    })?;
    match end {
        Ok(()) | Err(WorkerEnd::Interrupted) => Ok(is_written),
        Err(WorkerEnd::Died { how, .. }) => anyhow::bail!("{} ended: {how}", program.display()),
        Err(WorkerEnd::Silent { .. }) => anyhow::bail!("{} said nothing; run again", program.display()),
    }
}
