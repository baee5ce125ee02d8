use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tollgate_fixtures::Plugin;
use tollgate_record::PluginKind;

use crate::{Exchange, HostError, Precompiled, native, runner};

/// What loads a plugin inside our process, or in a runner process of ours.
pub trait Host: Sync {
    /// The name used in records, tables and on the command line.
    fn name(&self) -> &'static str;

    /// Version of the runtime library itself.
    fn version(&self) -> String;

    /// Why it cannot be used here, and how to get it; none when it is here.
    fn absent(&self) -> Option<String> {
        None
    }

    /// Whether it can run plugins of that kind.
    fn runs(&self, kind: PluginKind) -> bool;

    /// Whether a run measures it unasked: one host for each kind of plugin, so that a run is as long as it says. Thorough
    /// runs, proofs, tests and benches take all.
    fn is_default(&self) -> bool {
        false
    }

    /// Turns an artifact into something to make instances of.
    fn compile(&self, plugin: &Plugin) -> Result<Box<dyn Module>, HostError>;

    /// The machine code that [`Host::compile`] would make, to be loaded with [`Host::revive`] in other processes; none
    /// where compiling takes no time, or its outcome cannot be kept.
    ///
    /// # Errors
    /// Those of [`Host::compile`].
    fn precompile(&self, plugin: &Plugin) -> Result<Option<Precompiled>, HostError> {
        let _ = plugin;
        Ok(None)
    }

    /// What [`Host::compile`] makes, from code that was made before from the same plugin.
    ///
    /// # Errors
    /// The code is of another host, or of another version of it.
    fn revive(&self, plugin: &Plugin, code: &Precompiled) -> Result<Box<dyn Module>, HostError> {
        let _ = code;
        self.compile(plugin)
    }

    /// The same host such that it meters: it stops a plugin that runs on and on, and counts fuel where the runtime
    /// can. Too slow to be timed; `None` when it cannot, or does already.
    fn metered(&self) -> Option<&'static dyn Host> {
        None
    }

    /// Whether this very host meters, as [`Host::metered`] does.
    fn is_metered(&self) -> bool {
        false
    }
}

/// A plugin that is loaded.
pub trait Module {
    /// A fresh instance, started with that plugin configuration. Instances share nothing.
    fn instantiate(&self, config: &[u8]) -> Result<Box<dyn Instance>, HostError>;

    /// Nanoseconds that compiling it took, where a process of its own has measured that; none when it was done in ours.
    fn compile_ns(&self) -> Option<u64> {
        None
    }
}

/// A plugin that is configured and waits for requests.
pub trait Instance {
    /// A request's whole life: context create, request headers (and body), response headers (and body), done, log,
    /// delete. A plugin that trapped is dead: every later request is an error.
    fn request(&mut self, exchange: &mut Exchange) -> Result<Action, HostError>;

    /// Times `batches` batches, one after the other, of `requests` requests each; every request begins with the exchange
    /// as it was made. After a batch, the clock stopped, `after` is given the exchange and the nanoseconds that the
    /// batch took; nothing more is done when it breaks off.
    ///
    /// # Errors
    /// The first request that fails ends it.
    fn time(
        &mut self,
        exchange: &mut Exchange,
        requests: u64,
        batches: usize,
        after: After<'_>,
    ) -> Result<(), HostError> {
        time(exchange, requests, batches, after, |exchange| self.request(exchange))
    }

    /// Nanoseconds that the last thing took (being made, or a request), where a process of its own has measured that;
    /// none when it was done in ours.
    fn took_ns(&self) -> Option<u64> {
        None
    }

    /// Memory that it holds now, in bytes: the linear memory of a Wasm guest, what a Lua VM has allocated. `None` where
    /// that is not known, as for a native plugin, whose memory is the process's.
    fn memory_bytes(&self) -> Option<u64> {
        None
    }
}

/// Told, after each batch, the exchange as the batch left it, and what it took in nanoseconds.
pub type After<'a> = &'a mut dyn FnMut(&Exchange, u64) -> ControlFlow<()>;

/// What [`Instance::time`] does, with `request` in place of an instance's: a control has everything but the plugin.
#[inline]
pub(crate) fn time<T>(
    exchange: &mut Exchange,
    requests: u64,
    batches: usize,
    after: After<'_>,
    mut request: impl FnMut(&mut Exchange) -> Result<T, HostError>,
) -> Result<(), HostError> {
    for _ in 0..batches {
        let begin = Instant::now();
        for _ in 0..requests {
            exchange.reset();
            black_box(request(black_box(exchange))?);
        }
        let batch_ns = begin.elapsed().as_nanos() as u64;
        if after(exchange, batch_ns).is_break() {
            break;
        }
    }
    Ok(())
}

/// What a plugin decided about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Action {
    /// It goes on.
    Continue,
    /// The plugin stopped it, and nothing here will ever resume it.
    Pause,
    /// The plugin answered it: see [`Exchange::local_response`].
    LocalResponse,
}

/// Every host, in the order in which reports show them.
pub static HOSTS: &[&dyn Host] = &[
    &native::Native,
    #[cfg(feature = "luajit")]
    &crate::luajit::LuaJit::TIMED,
    #[cfg(feature = "wasmtime")]
    &crate::wasmtime::Wasmtime::CRANELIFT,
    #[cfg(feature = "winch")]
    &crate::wasmtime::Wasmtime::WINCH,
    #[cfg(feature = "pulley")]
    &crate::wasmtime::Wasmtime::PULLEY,
    #[cfg(feature = "wasmer")]
    &crate::wasmer::Wasmer::CRANELIFT,
    #[cfg(feature = "wasmer")]
    &crate::wasmer::Wasmer::SINGLEPASS,
    #[cfg(feature = "wasmi")]
    &crate::wasmi::Wasmi::TIMED,
    &runner::LUA54,
    &runner::LUAU,
];

/// Hosts that are not in this build, each with the way to get it, or why there is none.
pub static ABSENT_HOSTS: &[(&str, &str)] = &[
    #[cfg(not(feature = "winch"))]
    ("wasmtime-winch", "build with `--features winch`"),
    #[cfg(not(feature = "pulley"))]
    ("wasmtime-pulley", "build with `--features pulley`"),
    #[cfg(not(feature = "wasmer"))]
    ("wasmer-cranelift", "build with `--features wasmer`"),
    #[cfg(not(feature = "wasmer"))]
    ("wasmer-singlepass", "build with `--features wasmer`"),
    (
        "wamr",
        "no host yet: of registries only crates.io has it, as C sources of an old release in wamr-sys 0.1.1 (wants cmake \
         and libclang); Debian and npm have nothing, PyPI a development build that sends to GitHub",
    ),
];

/// The hosts that can be used here: all but those that are [`Host::absent`].
pub fn hosts_here() -> impl Iterator<Item = &'static dyn Host> {
    HOSTS.iter().copied().filter(|host| host.absent().is_none())
}

/// The host of that name.
pub fn host(name: &str) -> Option<&'static dyn Host> {
    HOSTS.iter().copied().find(|host| host.name() == name)
}

/// The first host that runs plugins of that kind.
pub fn host_for(kind: PluginKind) -> Option<&'static dyn Host> {
    HOSTS.iter().copied().find(|host| host.runs(kind))
}
