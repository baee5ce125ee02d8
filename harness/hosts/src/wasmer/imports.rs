use std::collections::HashSet;
use std::sync::Arc;

use wasmer::{Function, FunctionEnv, FunctionEnvMut, Imports, Instance, Module, RuntimeError, Store, Table};

use super::guest::{Call, Shared};
use super::refusal;
use crate::abi::{self, GET, Guest as _, SHIM_IMPORTS, for_each_import};

/// Makes host functions for one instance.
struct Binder<'a> {
    store: &'a mut Store,
    env: FunctionEnv<()>,
    /// Names of module and function. The others are not made: here it is done for each instance, not once.
    wanted: HashSet<(&'a str, &'a str)>,
    imports: Imports,
}

impl Binder<'_> {
    fn bind(&mut self, module: &str, name: &str, make: impl FnOnce(&mut Store, &FunctionEnv<()>) -> Function) {
        if self.wanted.contains(&(module, name)) {
            self.imports.define(module, name, make(self.store, &self.env));
        }
    }

    /// Makes the shim's instance, which is itself a function of `env`, and gives the table in which it looks for the
    /// allocator.
    fn bind_shim(&mut self, shim: &Module, shared: &Arc<Shared>) -> Result<Table, String> {
        let (begin, finish) = (shared.clone(), shared.clone());
        let begin = move |store: FunctionEnvMut<'_, ()>, map: u32, name: u32, name_size: u32| {
            abi::begin_get(&mut Call { shared: &begin, store }, map, name, name_size)
        };
        let finish = move |store: FunctionEnvMut<'_, ()>, value: u32, value_at: u32, size_at: u32| {
            abi::finish_get(&mut Call { shared: &finish, store }, value, value_at, size_at)
        };
        let mut imports = Imports::new();
        imports.define(SHIM_IMPORTS, "begin_get", Function::new_typed_with_env(self.store, &self.env, begin));
        imports.define(SHIM_IMPORTS, "finish_get", Function::new_typed_with_env(self.store, &self.env, finish));
        let shim = Instance::new(self.store, shim, &imports).map_err(refusal)?;
        let get = shim.exports.get_function(GET).expect("the shim exports it");
        self.imports.define("env", GET, get.clone());
        Ok(shim.exports.get_table("allocator").expect("the shim exports it").clone())
    }
}

/// Makes one function per import: what it needs of wasmer is here, what it does is in `abi`.
macro_rules! bind {
    (
        ($binder:ident, $shared:ident)
        status { $($status:ident($($status_arg:ident: $status_type:ty),*);)* }
        plain { $($plain:ident = $plain_to:ident($($plain_arg:ident: $plain_type:ty),*) -> $plain_result:ty;)* }
        wasi { $($wasi:ident = $wasi_to:ident($($wasi_arg:ident: $wasi_type:ty),*) -> $wasi_result:ty;)* }
        refused { $($refused:ident($($refused_type:ty),*) = $errno:literal;)* }
    ) => {
        $($binder.bind("env", stringify!($status), |store, env| {
            let shared = $shared.clone();
            let function = move |store: FunctionEnvMut<'_, ()>, $($status_arg: $status_type),*| {
                let mut call = Call { shared: &shared, store };
                call.state().count_call(stringify!($status));
                let answer: Result<u32, RuntimeError> = abi::answer(abi::$status(&mut call, $($status_arg),*));
                answer
            };
            Function::new_typed_with_env(store, env, function)
        });)*
        $($binder.bind("env", stringify!($plain), |store, env| {
            let shared = $shared.clone();
            let function = move |store: FunctionEnvMut<'_, ()>, $($plain_arg: $plain_type),*| -> $plain_result {
                let mut call = Call { shared: &shared, store };
                call.state().count_call(stringify!($plain));
                abi::$plain_to(&mut call, $($plain_arg),*)
            };
            Function::new_typed_with_env(store, env, function)
        });)*
        for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
            $($binder.bind(module, stringify!($wasi), |store, env| {
                let shared = $shared.clone();
                let function = move |store: FunctionEnvMut<'_, ()>, $($wasi_arg: $wasi_type),*| -> $wasi_result {
                    let mut call = Call { shared: &shared, store };
                    call.state().count_call(stringify!($wasi));
                    abi::$wasi_to(&mut call, $($wasi_arg),*)
                };
                Function::new_typed_with_env(store, env, function)
            });)*
            $($binder.bind(module, stringify!($refused), |store, env| {
                let shared = $shared.clone();
                let function = move |store: FunctionEnvMut<'_, ()>, $(_: $refused_type),*| -> u32 {
                    Call { shared: &shared, store }.state().count_call(stringify!($refused));
                    $errno
                };
                Function::new_typed_with_env(store, env, function)
            });)*
        }
    };
}

/// The host functions that a module imports, for an instance with those data; and the table for its allocator, if it
/// imports what the shim is.
pub(super) fn bind(
    store: &mut Store,
    module: &Module,
    shim: &Module,
    shared: &Arc<Shared>,
) -> Result<(Imports, Option<Table>), String> {
    let env = FunctionEnv::new(store, ());
    let types: Vec<wasmer::ImportType> = module.imports().collect();
    let wanted: HashSet<_> = types.iter().map(|import| (import.module(), import.name())).collect();
    let wants_shim = wanted.contains(&("env", GET));
    let mut binder = Binder { store, env, wanted, imports: Imports::new() };
    for_each_import!(bind!(binder, shared));
    let allocators = if wants_shim { Some(binder.bind_shim(shim, shared)?) } else { None };
    Ok((binder.imports, allocators))
}
