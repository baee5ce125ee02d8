//! Two builds of the harness as base and head: what each of them has, and what both have.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;
use tollgate_fixtures::Plugin;
use tollgate_record::{Failure, PluginKind};

use super::{Contest, Contests};
use crate::args::Selectors;
use crate::arm::Arm;
use crate::out::scratch_folder;
use crate::select::exactly;
use crate::status::usage;
use crate::worker::{About, AboutPlugin};

/// The two programs.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) base: PathBuf,
    pub(crate) head: PathBuf,
}

/// Two builds, and the artifacts of their catalogues as files, which are gone with us.
pub(crate) struct Harnesses {
    pub(crate) programs: Programs,
    base: About,
    head: About,
    _folder: TempDir,
}

impl Harnesses {
    /// Asks both.
    pub(crate) fn of(base: &Path, head: &Path) -> anyhow::Result<Self> {
        let folder = scratch_folder("tollgate-builds-")?;
        // A worker runs in any folder.
        let found = |path: &Path| {
            fs::canonicalize(path).map_err(|error| usage(format!("there is no program {}: {error}", path.display())))
        };
        let programs = Programs { base: found(base)?, head: found(head)? };
        let about = |program: &Path, name: &str| About::of(program, &folder.path().join(name));
        let (base, head) = (about(&programs.base, "base")?, about(&programs.head, "head")?);
        Ok(Self { programs, base, head, _folder: folder })
    }

    /// Base and head in words: version and digest of each program.
    pub(crate) fn names(&self) -> anyhow::Result<(String, String)> {
        let name = |program: &Path, about: &About| -> anyhow::Result<String> {
            let bytes = fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
            let digest = tollgate_fixtures::sha256(&bytes);
            Ok(format!("tollgate {} (SHA-256 {}…)", about.tollgate_version, &digest[..12]))
        };
        Ok((name(&self.programs.base, &self.base)?, name(&self.programs.head, &self.head)?))
    }

    /// Versions of a host in base and in head.
    pub(crate) fn versions(&self, host: &str) -> [(String, String); 2] {
        [("base", &self.base), ("head", &self.head)]
            .map(|(side, about)| (format!("{host} of {side}"), about.host(host).unwrap_or("none").to_owned()))
    }

    /// Each plugin of the selectors on each host, as both builds have it. What one of them has not is a cell that failed.
    /// Unless it is named, the native one is left out: nothing can be put into it, so that nothing would show that a
    /// slowdown is found, without which no cell is judged.
    pub(crate) fn contests(&self, selectors: &Selectors) -> anyhow::Result<Contests> {
        let selection = exactly(selectors)?;
        let (mut contests, mut unloadable) = (Vec::new(), Vec::new());
        unloadable.extend(selection.unloadable.into_iter().map(|(cell, failure)| (cell.id, failure)));
        let is_native = |arm: &Arm| arm.plugin.as_ref().is_some_and(|plugin| plugin.kind == PluginKind::Native);
        for arm in selection.in_process {
            if selectors.plugins.is_empty() && is_native(&arm) {
                continue;
            }
            let sides = [("base", &self.base), ("head", &self.head)].map(|(side, about)| of_side(&arm, side, about));
            match sides {
                [Ok(base), Ok(head)] => contests.push(Contest { id: arm.id.clone(), base, head, made_of: None }),
                [Err(missing), _] | [_, Err(missing)] => {
                    unloadable.push((arm.id.clone(), Failure::environment("load", missing)));
                }
            }
        }
        Ok(Contests { contests, unloadable })
    }
}

/// The arm with the artifact that a build has.
fn of_side(arm: &Arm, side: &str, about: &About) -> Result<Arm, String> {
    let host = &arm.id.host;
    if about.host(host).is_none() {
        return Err(format!("{side} has no host {host} here; build both with the same features"));
    }
    let Some(plugin) = &arm.plugin else { return Ok(arm.clone()) };
    // One given by path is the same on both sides.
    if plugin.path.is_some() {
        return Ok(arm.clone());
    }
    let known = about.plugins.iter().find(|known| known.name == plugin.name && known.on == plugin.on);
    let known = known.ok_or_else(|| format!("{side} has no plugin {}; name others with --plugin", plugin.name))?;
    Ok(Arm { plugin: Some(artifact(plugin, known)?), ..arm.clone() })
}

fn artifact(plugin: &Plugin, known: &AboutPlugin) -> Result<Plugin, String> {
    if plugin.sha256 == known.sha256 {
        return Ok(plugin.clone());
    }
    // Compiled into the build, whatever it has as a file for gateways.
    let Some(file) = known.file.as_ref().filter(|_| plugin.kind != PluginKind::Native) else {
        return Ok(Plugin { sha256: known.sha256.clone(), ..plugin.clone() });
    };
    let loaded = tollgate_fixtures::load(file).map_err(|error| error.to_string())?;
    Ok(Plugin { bytes: loaded.bytes, sha256: loaded.sha256, path: loaded.path, ..plugin.clone() })
}
