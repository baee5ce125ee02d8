use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use tollgate_fixtures::Plugin;

use crate::{Host, HostError, Module, Precompiled};

/// Modules that are already compiled: the same plugin is wanted for several workloads, and Go takes seconds.
#[derive(Default)]
pub(crate) struct Modules {
    known: Vec<Known>,
    /// Where machine code is kept; none where each module is compiled.
    kept_in: Option<PathBuf>,
}

struct Known {
    /// Name, and whether it meters.
    host: (&'static str, bool),
    plugin: Plugin,
    compiled: Compiled,
}

/// A module and what it took.
#[derive(Clone)]
pub(crate) struct Compiled {
    pub(crate) module: Rc<dyn Module>,
    /// Nanoseconds that the compilation took, when it was compiled.
    pub(crate) compile_ns: u64,
}

/// Modules that are kept; the oldest goes first.
const KEPT: usize = 64;

thread_local! {
    static OF_THREAD: RefCell<Modules> = RefCell::default();
}

/// Has this thread keep the machine code of what it compiles in a folder, and take what is there already instead of
/// compiling anew: that of processes before it. A folder that cannot be written is no help, and does no harm.
///
/// # Safety
/// All that is in the folder was kept there by this very program, and nobody else can write it: it is run as it is.
pub unsafe fn keep_code_in(folder: &Path) {
    OF_THREAD.with_borrow_mut(|modules| modules.kept_in = Some(folder.to_owned()));
}

impl Modules {
    /// The plugin compiled by that host, now or before on this thread.
    pub(crate) fn of_thread(host: &dyn Host, plugin: &Plugin) -> Result<Rc<dyn Module>, HostError> {
        OF_THREAD.with_borrow_mut(|modules| modules.compile(host, plugin)).map(|compiled| compiled.module)
    }

    /// The plugin compiled by that host, now or before.
    pub(crate) fn compile(&mut self, host: &dyn Host, plugin: &Plugin) -> Result<Compiled, HostError> {
        let name = (host.name(), host.is_metered());
        let same = |known: &&Known| known.host == name && known.plugin == *plugin;
        if let Some(known) = self.known.iter().find(same) {
            return Ok(known.compiled.clone());
        }
        let begin = Instant::now();
        let module = match &self.kept_in {
            Some(folder) => kept(host, plugin, folder)?,
            None => host.compile(plugin)?,
        };
        let elapsed_ns = begin.elapsed().as_nanos() as u64;
        let compile_ns = module.compile_ns().unwrap_or(elapsed_ns);
        Ok(self.put(host, plugin, module, compile_ns))
    }

    /// Takes in the plugin as that host has compiled it.
    pub(crate) fn put(
        &mut self,
        host: &dyn Host,
        plugin: &Plugin,
        module: Box<dyn Module>,
        compile_ns: u64,
    ) -> Compiled {
        let compiled = Compiled { module: module.into(), compile_ns };
        if self.known.len() == KEPT {
            self.known.remove(0);
        }
        let host = (host.name(), host.is_metered());
        self.known.push(Known { host, plugin: plugin.clone(), compiled: compiled.clone() });
        compiled
    }
}

/// The plugin from the code that is kept of it; compiled, and kept, where there is none.
fn kept(host: &dyn Host, plugin: &Plugin, folder: &Path) -> Result<Box<dyn Module>, HostError> {
    let metered = if host.is_metered() { "-metered" } else { "" };
    let path = folder.join(format!("{}-{}{metered}.code", plugin.sha256, host.name()));
    if let Ok(bytes) = fs::read(&path) {
        // SAFETY: `keep_code_in` was told that whatever is there was kept by this program, which is what follows.
        return host.revive(plugin, &unsafe { Precompiled::from_bytes(bytes) });
    }
    let Some(code) = host.precompile(plugin)? else { return host.compile(plugin) };
    // All of it or nothing, whenever this process ends. Where there is no room the next one compiles again.
    let part = path.with_extension(format!("{}.part", std::process::id()));
    let _ = fs::write(&part, code.as_bytes()).and_then(|()| fs::rename(&part, &path));
    host.revive(plugin, &code)
}
