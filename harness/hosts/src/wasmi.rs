use std::sync::LazyLock;

use tollgate_fixtures::Plugin;
use tollgate_record::PluginKind;
use wasmi::errors::ErrorKind;
use wasmi::{
    Caller, CompilationMode, Config, Engine, Error, Extern, ExternType, ImportType, Linker, Memory, Nullable, Ref,
    Store, StoreLimits, StoreLimitsBuilder, Table, TrapCode, TypedFunc, WasmParams, WasmResults,
};

use crate::abi::{
    self, ALLOCATORS, Callback, Guest, Identity, Life, MEMORY_BYTES, State, TABLE_ELEMENTS, Version, Vm, bind_imports,
    bind_shim, for_each_import, unknown_import, wrong_signature,
};
use crate::{Host, HostError, Instance, Module, Said};

/// Runs Proxy-Wasm plugins on wasmi, an interpreter.
#[derive(Debug)]
pub(crate) struct Wasmi {
    /// Whether fuel is counted: it stops endless loops, and slows the guest down.
    metered: bool,
}

impl Wasmi {
    /// As it is measured: no fuel.
    pub(crate) const TIMED: Self = Self { metered: false };
    const METERED: Self = Self { metered: true };

    fn runtime(&self) -> &'static Runtime {
        static TIMED: LazyLock<Runtime> = LazyLock::new(|| Runtime::new(false));
        static METERED: LazyLock<Runtime> = LazyLock::new(|| Runtime::new(true));
        if self.metered { &METERED } else { &TIMED }
    }
}

/// An interpreter burns less of it in a second than compiled code does; this is still ten times what Go needs to start.
const FUEL: u64 = abi::FUEL / 4;
/// Calls within calls. The default of 1,000 is little beside the stack that compiled code has.
const RECURSION_DEPTH: usize = 10_000;

struct Runtime {
    engine: Engine,
    linker: Linker<Data>,
    shim: wasmi::Module,
}

impl Runtime {
    fn new(metered: bool) -> Self {
        let mut config = Config::default();
        // All of it at once, so that `compile` is what it says and no request pays for it later.
        config.compilation_mode(CompilationMode::Eager).consume_fuel(metered).set_max_recursion_depth(RECURSION_DEPTH);
        let engine = Engine::new(&config);
        let mut linker = Linker::new(&engine);
        bind_all(&mut linker).expect("each import is bound once");
        // An instance binds a shim of its own.
        linker.allow_shadowing(true);
        let shim = wasmi::Module::new(&engine, abi::GET_SHIM).expect("the shim is valid");
        Self { engine, linker, shim }
    }
}

impl Host for Wasmi {
    fn name(&self) -> &'static str {
        "wasmi"
    }

    fn version(&self) -> String {
        env!("WASMI_VERSION").to_owned()
    }

    fn runs(&self, kind: PluginKind) -> bool {
        kind == PluginKind::ProxyWasm
    }

    fn compile(&self, plugin: &Plugin) -> Result<Box<dyn Module>, HostError> {
        if !self.runs(plugin.kind) {
            return Err(HostError::Unsupported { host: self.name(), kind: plugin.kind.name() });
        }
        let refuse = |reason| HostError::Compile { plugin: plugin.name.clone(), reason };
        let runtime = self.runtime();
        let module = wasmi::Module::new(&runtime.engine, &plugin.bytes)
            .map_err(|error| refuse(format!("{error}; build the .wasm again")))?;
        let is_function = |export: &wasmi::ExportType<'_>| matches!(export.ty(), ExternType::Func(_));
        let functions: Vec<&str> = module.exports().filter(is_function).map(|export| export.name()).collect();
        let has_memory = matches!(module.get_export("memory"), Some(ExternType::Memory(_)));
        let version = abi::check_exports(&functions, has_memory, plugin).map_err(refuse)?;
        // wasmi itself looks only when it instantiates.
        if let Some(import) = module.imports().find(|import| abi::known(import.module(), import.name()).is_none()) {
            let missing = format!("unknown import: `{}::{}` has not been defined", import.module(), import.name());
            return Err(refuse(unknown_import(missing)));
        }
        Ok(Box::new(Compiled { plugin: plugin.into(), version, module, runtime, metered: self.metered }))
    }

    fn metered(&self) -> Option<&'static dyn Host> {
        (!self.metered).then_some(&Self::METERED)
    }

    fn is_metered(&self) -> bool {
        self.metered
    }
}

struct Compiled {
    plugin: Identity,
    version: Version,
    module: wasmi::Module,
    runtime: &'static Runtime,
    metered: bool,
}

impl Compiled {
    /// An instance of the module in its store, whose start section has run, and the table in which the shim looks for
    /// its allocator.
    fn link(&self, store: &mut Store<Data>) -> Result<(wasmi::Instance, Option<Table>), Error> {
        let linker = &self.runtime.linker;
        let is_get = |import: ImportType<'_>| (import.module(), import.name()) == ("env", abi::GET);
        if !self.module.imports().any(is_get) {
            return Ok((linker.instantiate_and_start(store, &self.module)?, None));
        }
        let shim = linker.instantiate_and_start(&mut *store, &self.runtime.shim)?;
        let mut linker = linker.clone();
        linker.define("env", abi::GET, shim.get_func(&*store, abi::GET).expect("the shim exports it"))?;
        Ok((linker.instantiate_and_start(&mut *store, &self.module)?, shim.get_table(&*store, "allocator")))
    }
}

impl Module for Compiled {
    fn instantiate(&self, config: &[u8]) -> Result<Box<dyn Instance>, HostError> {
        let data = Data {
            state: State::new(self.version, &self.plugin, config),
            memory: None,
            allocator: None,
            limits: StoreLimitsBuilder::new().memory_size(MEMORY_BYTES).table_elements(TABLE_ELEMENTS).build(),
        };
        let mut store = Store::new(&self.runtime.engine, data);
        store.limiter(|data| &mut data.limits);
        if self.metered {
            store.set_fuel(FUEL).expect("this engine counts fuel");
        }
        let bound = self.link(&mut store).map_err(|error| explain(&error)).and_then(|(instance, allocators)| {
            let callbacks = Callbacks::bind(&instance, &mut store, self.version)?;
            let allocator = ALLOCATORS.into_iter().find(|name| instance.get_func(&store, name).is_some());
            let allocator: Option<TypedFunc<u32, u32>> =
                typed(&instance, &mut store, allocator.unwrap_or(ALLOCATORS[0]))?;
            if let (Some(table), Some(allocator)) = (allocators, &allocator) {
                let allocator = Ref::Func(Nullable::Val(*allocator.func()));
                table.set(&mut store, 0, allocator).expect("the shim's table has room for one");
            }
            let memory = instance.get_memory(&store, "memory");
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
    limits: StoreLimits,
}

impl Guest for Caller<'_, Data> {
    type Trap = Error;

    #[inline]
    fn parts(&mut self) -> (&mut [u8], &mut State) {
        let memory = match self.data().memory {
            Some(memory) => memory,
            // The start section calls before the instance is there to be asked.
            None => match self.get_export("memory").and_then(Extern::into_memory) {
                Some(memory) => memory,
                None => return (&mut [], &mut self.data_mut().state),
            },
        };
        let (bytes, data) = memory.data_and_store_mut(self);
        (bytes, &mut data.state)
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

abi::callbacks!(wasmi::Instance, Store<Data>);

/// An exported function, `None` when there is none; a wrong signature is an error, as in Envoy.
fn typed<P: WasmParams, R: WasmResults>(
    instance: &wasmi::Instance,
    store: &mut Store<Data>,
    name: &str,
) -> Result<Option<TypedFunc<P, R>>, String> {
    let Some(function) = instance.get_func(&*store, name) else { return Ok(None) };
    function.typed(&*store).map(Some).map_err(|error| wrong_signature(name, error))
}

fn explain(error: &Error) -> String {
    match (error.as_trap_code(), error.kind()) {
        (Some(TrapCode::OutOfFuel), _) => abi::Trap::OutOfFuel(FUEL),
        (Some(TrapCode::StackOverflow), _) => abi::Trap::StackOverflow,
        (Some(trap), _) => abi::Trap::Wasm(trap.to_string()),
        (None, ErrorKind::Linker(error)) => return unknown_import(error),
        (None, _) => abi::Trap::Other(error.to_string()),
    }
    .to_string()
}
