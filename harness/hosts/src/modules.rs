use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use tollgate_fixtures::Plugin;

use crate::{Host, HostError, Module};

/// Modules that are already compiled: the same plugin is wanted for several workloads, and Go takes seconds.
#[derive(Default)]
pub(crate) struct Modules {
    known: Vec<Known>,
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
        let module = host.compile(plugin)?;
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
