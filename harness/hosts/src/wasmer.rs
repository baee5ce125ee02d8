//! Wasmer has no store data, no limiter and no fuel of its own: what stands in for them is in files beside this one.

mod guest;
mod imports;
mod limits;
mod start;
mod typed;

use std::sync::{Arc, OnceLock};

use tollgate_fixtures::Plugin;
use tollgate_record::PluginKind;
use wasmer::sys::vm::{TrapCode, VMMemoryDefinition};
use wasmer::sys::{CompilerConfig, Cranelift, EngineBuilder, NativeEngineExt, Singlepass};
use wasmer::{Engine, ExternType, InstantiationError, LinkError, RuntimeError as Error, Store, Value};
use wasmer_middlewares::Metering;
use wasmer_middlewares::metering::{MeteringPoints, get_remaining_points, set_remaining_points};

use crate::abi::{self, ALLOCATORS, Callback, FUEL, Identity, Life, State, Version, Vm, unknown_import};
use crate::{Host, HostError, Instance, Module, Said};
use guest::{Data, Shared, definition};
use limits::Limits;
use start::StartLater;
use typed::{TypedFunc, typed};

/// Runs Proxy-Wasm plugins on wasmer.
#[derive(Debug)]
pub(crate) struct Wasmer {
    compiler: Compiler,
    /// Whether fuel is counted: it stops endless loops, and slows the guest down.
    metered: bool,
}

#[derive(Debug, Clone, Copy)]
enum Compiler {
    Cranelift,
    Singlepass,
}

/// A module, and the engine that its code lives in.
struct Code {
    engine: Engine,
    module: wasmer::Module,
}

impl Wasmer {
    // As they are measured: no fuel.
    /// Compiled by the optimising compiler.
    pub(crate) const CRANELIFT: Self = Self { compiler: Compiler::Cranelift, metered: false };
    /// Compiled in one pass.
    pub(crate) const SINGLEPASS: Self = Self { compiler: Compiler::Singlepass, metered: false };

    /// An engine for one module: what counts fuel cannot be used for another.
    fn engine(&self, has_start: bool) -> Engine {
        let builder = match self.compiler {
            Compiler::Cranelift => self.builder(Cranelift::default(), has_start),
            Compiler::Singlepass => self.builder(Singlepass::default(), has_start),
        };
        let mut engine: Engine = builder.engine().into();
        let limits = Limits::for_target(engine.target());
        engine.set_tunables(limits);
        engine
    }

    fn builder(
        &self,
        mut compiler: impl CompilerConfig + Into<Box<dyn CompilerConfig>>,
        has_start: bool,
    ) -> EngineBuilder {
        // Each one makes compiling slower, so none is there in vain.
        if has_start {
            compiler.push_middleware(Arc::new(StartLater));
        }
        if self.metered {
            compiler.push_middleware(Arc::new(Metering::new(FUEL, |_| 1)));
        }
        EngineBuilder::new(compiler)
    }
}

impl Compiler {
    const COUNT: usize = 2;

    /// The shim, the same on hosts that meter: it has no loop, and what counts fuel can be used for one module only.
    fn shim(self) -> &'static Code {
        static SHIMS: [OnceLock<Code>; Compiler::COUNT] = [const { OnceLock::new() }; Compiler::COUNT];
        SHIMS[self as usize].get_or_init(|| {
            let engine = Wasmer { compiler: self, metered: false }.engine(false);
            let module = wasmer::Module::from_binary(&engine, abi::GET_SHIM).expect("the shim is valid");
            Code { engine, module }
        })
    }
}

impl Host for Wasmer {
    fn name(&self) -> &'static str {
        match self.compiler {
            Compiler::Cranelift => "wasmer-cranelift",
            Compiler::Singlepass => "wasmer-singlepass",
        }
    }

    fn version(&self) -> String {
        env!("WASMER_VERSION").to_owned()
    }

    fn runs(&self, kind: PluginKind) -> bool {
        kind == PluginKind::ProxyWasm
    }

    fn compile(&self, plugin: &Plugin) -> Result<Box<dyn Module>, HostError> {
        if !self.runs(plugin.kind) {
            return Err(HostError::Unsupported { host: self.name(), kind: plugin.kind.name() });
        }
        let refuse = |reason| HostError::Compile { plugin: plugin.name.clone(), reason };
        let engine = self.engine(start::has_start(&plugin.bytes));
        let module = wasmer::Module::from_binary(&engine, &plugin.bytes)
            .map_err(|error| refuse(format!("{error}; build the .wasm again")))?;
        let exports: Vec<wasmer::ExportType> = module.exports().collect();
        let is_function = |export: &&wasmer::ExportType| matches!(export.ty(), ExternType::Function(_));
        let functions: Vec<&str> = exports.iter().filter(is_function).map(|export| export.name()).collect();
        let has_memory = exports.iter().any(|export| {
            export.name() == "memory" && matches!(export.ty(), ExternType::Memory(memory) if !memory.shared)
        });
        let version = abi::check_exports(&functions, has_memory, plugin).map_err(refuse)?;
        let (code, shim) = (Code { engine, module }, self.compiler.shim());
        Ok(Box::new(Compiled { plugin: plugin.into(), version, code, shim, metered: self.metered }))
    }

    fn metered(&self) -> Option<&'static dyn Host> {
        const CRANELIFT: &Wasmer = &Wasmer { metered: true, ..Wasmer::CRANELIFT };
        const SINGLEPASS: &Wasmer = &Wasmer { metered: true, ..Wasmer::SINGLEPASS };
        (!self.metered).then_some(match self.compiler {
            Compiler::Cranelift => CRANELIFT,
            Compiler::Singlepass => SINGLEPASS,
        })
    }

    fn is_metered(&self) -> bool {
        self.metered
    }
}

struct Compiled {
    plugin: Identity,
    version: Version,
    code: Code,
    shim: &'static Code,
    metered: bool,
}

impl Module for Compiled {
    fn instantiate(&self, config: &[u8]) -> Result<Box<dyn Instance>, HostError> {
        let shared = Arc::new(Shared::new(Data::new(State::new(self.version, &self.plugin, config))));
        match self.bind(&shared) {
            Ok(vm) => Ok(Box::new(Life::start(vm, &self.plugin.name)?)),
            Err(reason) => {
                // SAFETY: the store is gone, so nobody else reaches the data.
                let data = unsafe { shared.data() };
                let said = Said(data.state.log.lines());
                Err(HostError::Instantiate { plugin: self.plugin.name.clone(), reason, said })
            }
        }
    }
}

impl Compiled {
    /// An instance whose start section has run, with what is called in it.
    fn bind(&self, shared: &Arc<Shared>) -> Result<Running, String> {
        let mut store = Store::new(self.code.engine.clone());
        let module = &self.code.module;
        let (imports, allocators) = imports::bind(&mut store, module, &self.shim.module, shared)?;
        let instance = wasmer::Instance::new(&mut store, module, &imports).map_err(refusal)?;
        let callbacks = Callbacks::bind(&instance, &mut store, self.version)?;
        let allocator = ALLOCATORS.into_iter().find_map(|name| Some((name, instance.exports.get_function(name).ok()?)));
        let allocator = match allocator {
            Some((name, function)) => {
                let typed: Option<TypedFunc<u32, u32>> = typed(&instance, &mut store, name)?;
                if let Some(table) = allocators {
                    let function = Value::FuncRef(Some(function.clone()));
                    table.set(&mut store, 0, function).expect("the shim's table has room for one");
                }
                typed
            }
            None => None,
        };
        let start: Option<TypedFunc<(), ()>> = typed(&instance, &mut store, start::EXPORT)?;
        let memory = definition(&instance, &mut store);
        let mut vm = Running { shared: shared.clone(), store, instance, memory, callbacks, metered: self.metered };
        vm.data().allocator = allocator;
        vm.data().set_memory(memory);
        if let Some(start) = start {
            start.call(&mut vm.store, ()).map_err(|error| vm.explain(error))?;
        }
        Ok(vm)
    }
}

/// An instance in its store.
struct Running {
    shared: Arc<Shared>,
    store: Store,
    instance: wasmer::Instance,
    /// See [`definition`].
    memory: *mut VMMemoryDefinition,
    callbacks: Callbacks,
    metered: bool,
}

impl Running {
    #[inline]
    fn data(&mut self) -> &mut Data {
        // SAFETY: the store is borrowed with `self`, so no host function runs while the reference lives.
        unsafe { self.shared.data() }
    }

    fn explain(&mut self, error: Error) -> String {
        let is_exhausted =
            self.metered && matches!(get_remaining_points(&mut self.store, &self.instance), MeteringPoints::Exhausted);
        if is_exhausted { abi::Trap::<&str>::OutOfFuel(FUEL).to_string() } else { explain(error) }
    }
}

impl Vm for Running {
    #[inline]
    fn call(&mut self, callback: Callback, arguments: &[u32]) -> Result<Option<u32>, String> {
        self.callbacks.call(&mut self.store, callback, arguments).map_err(|error| self.explain(error))
    }

    #[inline]
    fn state(&mut self) -> &mut State {
        &mut self.data().state
    }

    #[inline]
    fn refuel(&mut self) {
        if self.metered {
            set_remaining_points(&mut self.store, &self.instance, FUEL);
        }
    }

    fn memory_bytes(&self) -> u64 {
        // SAFETY: null, or wasmer's own note, which lives as long as the store does.
        unsafe { self.memory.as_ref() }.map_or(0, |memory| memory.current_length as u64)
    }

    #[inline]
    fn fuel_used(&mut self) -> Option<u64> {
        if !self.metered {
            return None;
        }
        match get_remaining_points(&mut self.store, &self.instance) {
            MeteringPoints::Remaining(points) => Some(FUEL - points),
            MeteringPoints::Exhausted => Some(FUEL),
        }
    }
}

abi::callbacks!(wasmer::Instance, Store);

fn explain(error: Error) -> String {
    let message = error.message();
    match error.to_trap() {
        Some(TrapCode::StackOverflow) => abi::Trap::StackOverflow,
        Some(_) => abi::Trap::Wasm(message),
        None => abi::Trap::Other(message),
    }
    .to_string()
}

fn refusal(error: InstantiationError) -> String {
    match error {
        InstantiationError::Link(LinkError::Trap(error)) | InstantiationError::Start(error) => explain(error),
        InstantiationError::Link(error @ LinkError::Import(..)) => unknown_import(error),
        error => abi::Trap::Other(error).to_string(),
    }
}
