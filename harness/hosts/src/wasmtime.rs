use std::ptr::with_exposed_provenance_mut;
use std::slice;
use std::sync::OnceLock;

use tollgate_fixtures::Plugin;
use tollgate_record::PluginKind;
use wasmtime::{
    Caller, Config, Engine, Error, ExternType, ImportType, InstancePre, Linker, Memory, ResourceLimiter, Store,
    StoreLimits, StoreLimitsBuilder, Table, Trap, TypedFunc, WasmParams, WasmResults,
};

use crate::abi::{
    self, ALLOCATORS, Callback, FUEL, Guest, Identity, Life, MEMORY_BYTES, State, TABLE_ELEMENTS, Version, Vm,
    bind_imports, bind_shim, for_each_import, unknown_import, wrong_signature,
};
use crate::{Host, HostError, Instance, Module, Precompiled, Said};

/// Runs Proxy-Wasm plugins on wasmtime.
#[derive(Debug)]
pub(crate) struct Wasmtime {
    code: Code,
    /// Whether fuel is counted: it stops endless loops, and slows the guest down.
    metered: bool,
}

impl Wasmtime {
    // As they are measured: no fuel, no epochs.
    /// Compiled by the optimising compiler.
    pub(crate) const CRANELIFT: Self = Self { code: Code::Cranelift, metered: false };
    /// Compiled in one pass.
    #[cfg(feature = "winch")]
    pub(crate) const WINCH: Self = Self { code: Code::Winch, metered: false };
    /// Interpreted.
    #[cfg(feature = "pulley")]
    pub(crate) const PULLEY: Self = Self { code: Code::Pulley, metered: false };

    fn runtime(&self) -> &'static Runtime {
        static TIMED: [OnceLock<Runtime>; Code::COUNT] = [const { OnceLock::new() }; Code::COUNT];
        static METERED: [OnceLock<Runtime>; Code::COUNT] = [const { OnceLock::new() }; Code::COUNT];
        let runtimes = if self.metered { &METERED } else { &TIMED };
        runtimes[self.code as usize].get_or_init(|| Runtime::new(self.code, self.metered))
    }
}

/// What makes code of a plugin, and runs it.
#[derive(Debug, Clone, Copy)]
enum Code {
    Cranelift,
    #[cfg(feature = "winch")]
    Winch,
    /// Cranelift's code for a machine that does not exist, interpreted.
    #[cfg(feature = "pulley")]
    Pulley,
}

impl Code {
    const COUNT: usize = 3;

    fn config(self) -> Config {
        #[cfg_attr(not(any(feature = "winch", feature = "pulley")), expect(unused_mut, reason = "changed by variants"))]
        let mut config = Config::new();
        match self {
            Self::Cranelift => {}
            #[cfg(feature = "winch")]
            Self::Winch => {
                config.strategy(wasmtime::Strategy::Winch);
            }
            #[cfg(feature = "pulley")]
            Self::Pulley => {
                config.target("pulley64").expect("wasmtime knows its own interpreter");
            }
        }
        config
    }
}

struct Runtime {
    engine: Engine,
    linker: Linker<Data>,
    shim: InstancePre<Data>,
}

impl Runtime {
    fn new(code: Code, metered: bool) -> Self {
        let mut config = code.config();
        // Names of frames help nobody who has no sources, and taking them makes a trap slow.
        config.wasm_backtrace_max_frames(None).consume_fuel(metered);
        // Pointers of the ABI have 32 bits.
        config.wasm_memory64(false);
        let engine = Engine::new(&config).expect("the configuration is fixed, and tests run with it");
        let mut linker = Linker::new(&engine);
        bind_all(&mut linker).expect("each import is bound once");
        let shim = wasmtime::Module::new(&engine, abi::GET_SHIM).expect("the shim is valid");
        let shim = linker.instantiate_pre(&shim).expect("what it imports is bound");
        Self { engine, linker, shim }
    }
}

impl Host for Wasmtime {
    fn name(&self) -> &'static str {
        match self.code {
            Code::Cranelift => "wasmtime",
            #[cfg(feature = "winch")]
            Code::Winch => "wasmtime-winch",
            #[cfg(feature = "pulley")]
            Code::Pulley => "wasmtime-pulley",
        }
    }

    fn version(&self) -> String {
        env!("WASMTIME_VERSION").to_owned()
    }

    fn runs(&self, kind: PluginKind) -> bool {
        kind == PluginKind::ProxyWasm
    }

    fn is_default(&self) -> bool {
        matches!(self.code, Code::Cranelift)
    }

    fn compile(&self, plugin: &Plugin) -> Result<Box<dyn Module>, HostError> {
        if !self.runs(plugin.kind) {
            return Err(HostError::Unsupported { host: self.name(), kind: plugin.kind.name() });
        }
        let module = wasmtime::Module::from_binary(&self.runtime().engine, &plugin.bytes);
        self.module(plugin, module)
    }

    fn precompile(&self, plugin: &Plugin) -> Result<Option<Precompiled>, HostError> {
        let code = self.runtime().engine.precompile_module(&plugin.bytes);
        code.map(|code| Some(Precompiled::new(code))).map_err(|error| refuse(plugin, rebuild(&error)))
    }

    fn revive(&self, plugin: &Plugin, code: &Precompiled) -> Result<Box<dyn Module>, HostError> {
        // SAFETY: such code was made by `precompile` of this program, as whoever made a `Precompiled` has vouched for;
        // wasmtime checks by itself that its version and this engine's settings are those.
        let module = unsafe { wasmtime::Module::deserialize(&self.runtime().engine, code.as_bytes()) };
        self.module(plugin, module)
    }

    fn metered(&self) -> Option<&'static dyn Host> {
        const CRANELIFT: &Wasmtime = &Wasmtime { metered: true, ..Wasmtime::CRANELIFT };
        #[cfg(feature = "winch")]
        const WINCH: &Wasmtime = &Wasmtime { metered: true, ..Wasmtime::WINCH };
        #[cfg(feature = "pulley")]
        const PULLEY: &Wasmtime = &Wasmtime { metered: true, ..Wasmtime::PULLEY };
        (!self.metered).then_some(match self.code {
            Code::Cranelift => CRANELIFT,
            #[cfg(feature = "winch")]
            Code::Winch => WINCH,
            #[cfg(feature = "pulley")]
            Code::Pulley => PULLEY,
        })
    }

    fn is_metered(&self) -> bool {
        self.metered
    }
}

fn refuse(plugin: &Plugin, reason: String) -> HostError {
    HostError::Compile { plugin: plugin.name.clone(), reason }
}

fn rebuild(error: &Error) -> String {
    format!("{}; build the .wasm again", error.root_cause())
}

impl Wasmtime {
    /// A compiled module that has all that a plugin must have.
    fn module(&self, plugin: &Plugin, module: Result<wasmtime::Module, Error>) -> Result<Box<dyn Module>, HostError> {
        let refuse = |reason| refuse(plugin, reason);
        let runtime = self.runtime();
        let module = module.map_err(|error| refuse(rebuild(&error)))?;
        let is_function = |export: &wasmtime::ExportType| matches!(export.ty(), ExternType::Func(_));
        let functions: Vec<&str> = module.exports().filter(is_function).map(|export| export.name()).collect();
        let has_memory = matches!(module.get_export("memory"), Some(ExternType::Memory(memory)) if !memory.is_shared());
        let version = abi::check_exports(&functions, has_memory, plugin).map_err(refuse)?;
        let linked = runtime.linker.instantiate_pre(&module);
        linked.map_err(|error| refuse(unknown_import(error.root_cause())))?;
        Ok(Box::new(Compiled { plugin: plugin.into(), version, module, runtime, metered: self.metered }))
    }
}

struct Compiled {
    plugin: Identity,
    version: Version,
    module: wasmtime::Module,
    runtime: &'static Runtime,
    metered: bool,
}

impl Compiled {
    /// An instance of the module in its store, whose start section has run, and the table in which the shim looks for
    /// its allocator.
    fn link(&self, store: &mut Store<Data>) -> Result<(wasmtime::Instance, Option<Table>), Error> {
        let is_get = |import: &ImportType<'_>| (import.module(), import.name()) == ("env", abi::GET);
        let mut allocators = None;
        let mut imports = Vec::with_capacity(self.module.imports().len());
        for import in self.module.imports() {
            let bound = if is_get(&import) {
                let shim = self.runtime.shim.instantiate(&mut *store)?;
                allocators = shim.get_table(&mut *store, "allocator");
                shim.get_export(&mut *store, abi::GET)
            } else {
                self.runtime.linker.get_by_import(&mut *store, &import)
            };
            imports.push(bound.expect("compiled only when all is bound"));
        }
        Ok((wasmtime::Instance::new(&mut *store, &self.module, &imports)?, allocators))
    }
}

impl Module for Compiled {
    fn instantiate(&self, config: &[u8]) -> Result<Box<dyn Instance>, HostError> {
        let limits = StoreLimitsBuilder::new().memory_size(MEMORY_BYTES).table_elements(TABLE_ELEMENTS).build();
        let data = Data {
            state: State::new(self.version, &self.plugin, config),
            memory: None,
            allocator: None,
            growth: Growth { view: None, limits },
        };
        let mut store = Store::new(&self.runtime.engine, data);
        store.limiter(|data| &mut data.growth);
        if self.metered {
            store.set_fuel(FUEL).expect("this engine counts fuel");
        }
        let bound = self.link(&mut store).map_err(|error| explain(&error)).and_then(|(instance, allocators)| {
            let callbacks = Callbacks::bind(&instance, &mut store, self.version)?;
            let allocator = ALLOCATORS.into_iter().find(|name| instance.get_func(&mut store, name).is_some());
            let allocator: Option<TypedFunc<u32, u32>> =
                typed(&instance, &mut store, allocator.unwrap_or(ALLOCATORS[0]))?;
            if let (Some(table), Some(allocator)) = (allocators, &allocator) {
                table.set(&mut store, 0, (*allocator.func()).into()).expect("the shim's table has room for one");
            }
            let memory = instance.get_memory(&mut store, "memory");
            (store.data_mut().memory, store.data_mut().allocator) = (memory, allocator);
            Ok(callbacks)
        });
        match bound {
            Ok(callbacks) => {
                let vm = Running { store, callbacks, metered: self.metered };
                Ok(Box::new(Life::start(vm, &self.plugin.name)?))
            }
            Err(reason) => Err(HostError::Instantiate {
                plugin: self.plugin.name.clone(),
                reason,
                said: Said(store.data_mut().state.log.lines()),
            }),
        }
    }
}

/// What is kept in a store. Handles are looked up once per instance, never by name in a call.
struct Data {
    state: State,
    memory: Option<Memory>,
    /// Taken out while it runs, so that it is not cloned.
    allocator: Option<TypedFunc<u32, u32>>,
    growth: Growth,
}

/// Watches over the growing of memories and tables.
struct Growth {
    /// Where the guest's memory lies, as long as that holds: asking the store again costs as much as a whole host call.
    view: Option<View>,
    limits: StoreLimits,
}

/// A guest's memory: the address of its first byte (exposed), and its length in bytes.
#[derive(Clone, Copy)]
struct View {
    address: usize,
    length: usize,
}

/// The limits, and the one way to learn that a memory grows: before it does, the limiter is asked.
impl ResourceLimiter for Growth {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool, Error> {
        self.view = None;
        self.limits.memory_growing(current, desired, maximum)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool, Error> {
        self.limits.table_growing(current, desired, maximum)
    }
}

/// Asks the store, the first time and after a memory has grown.
#[cold]
fn look_up<'a>(guest: &'a mut Caller<'_, Data>) -> (&'a mut [u8], &'a mut State) {
    let known = guest.data().memory;
    // The start section calls before the instance is there to be asked.
    let exported = |guest: &mut Caller<'_, Data>| guest.get_export("memory").and_then(|export| export.into_memory());
    let Some(memory) = known.or_else(|| exported(guest)) else {
        return (&mut [], &mut guest.data_mut().state);
    };
    let (bytes, data) = memory.data_and_store_mut(guest);
    if known.is_some() {
        let address = bytes.as_mut_ptr().expose_provenance();
        data.growth.view = Some(View { address, length: bytes.len() });
    }
    (bytes, &mut data.state)
}

impl Guest for Caller<'_, Data> {
    type Trap = Error;

    #[inline]
    fn parts(&mut self) -> (&mut [u8], &mut State) {
        let Some(View { address, length }) = self.data().growth.view else { return look_up(self) };
        // SAFETY: the store gave these bytes out as a slice. They lie there until the memory grows, for it never
        // shrinks and lives as long as the store, which this caller borrows; and growing takes the view away first
        // (`memory_growing`). Nobody else holds a reference to them: `data_and_store_mut` is called in `look_up`
        // only, and the guest cannot run while the caller is borrowed, as it is for as long as the slice lives.
        let bytes = unsafe { slice::from_raw_parts_mut(with_exposed_provenance_mut::<u8>(address), length) };
        (bytes, &mut self.data_mut().state)
    }

    #[inline]
    fn allocate(&mut self, size: u32) -> Result<u32, Error> {
        let allocator = self.data_mut().allocator.take().expect("it is there, and not at work");
        let pointer = allocator.call(&mut *self, size);
        self.data_mut().allocator = Some(allocator);
        pointer
    }

    #[inline]
    fn state(&mut self) -> &mut State {
        &mut self.data_mut().state
    }
}

fn bind_all(linker: &mut Linker<Data>) -> Result<(), Error> {
    for_each_import!(bind_imports!(linker));
    bind_shim!(linker);
    Ok(())
}

/// An instance in its store.
struct Running {
    store: Store<Data>,
    callbacks: Callbacks,
    metered: bool,
}

impl Vm for Running {
    #[inline]
    fn call(&mut self, callback: Callback, arguments: &[u32]) -> Result<Option<u32>, String> {
        self.callbacks.call(&mut self.store, callback, arguments).map_err(|error| explain(&error))
    }

    #[inline]
    fn state(&mut self) -> &mut State {
        &mut self.store.data_mut().state
    }

    #[inline]
    fn refuel(&mut self) {
        if self.metered {
            self.store.set_fuel(FUEL).expect("this engine counts fuel");
        }
    }

    fn memory_bytes(&self) -> u64 {
        self.store.data().memory.map_or(0, |memory| memory.data_size(&self.store) as u64)
    }

    #[inline]
    fn fuel_used(&mut self) -> Option<u64> {
        self.metered.then(|| FUEL - self.store.get_fuel().expect("this engine counts fuel"))
    }
}

abi::callbacks!(wasmtime::Instance, Store<Data>);

/// An exported function, `None` when there is none; a wrong signature is an error, as in Envoy.
fn typed<P: WasmParams, R: WasmResults>(
    instance: &wasmtime::Instance,
    store: &mut Store<Data>,
    name: &str,
) -> Result<Option<TypedFunc<P, R>>, String> {
    let Some(function) = instance.get_func(&mut *store, name) else { return Ok(None) };
    function.typed(&*store).map(Some).map_err(|error| wrong_signature(name, error.root_cause()))
}

fn explain(error: &Error) -> String {
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => abi::Trap::OutOfFuel(FUEL),
        Some(Trap::StackOverflow) => abi::Trap::StackOverflow,
        Some(trap) => abi::Trap::Wasm(trap.to_string()),
        None => abi::Trap::Other(error.root_cause().to_string()),
    }
    .to_string()
}
