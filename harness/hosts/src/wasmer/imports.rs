use std::collections::HashSet;
use std::sync::Arc;

use wasmer::{Function, FunctionEnv, FunctionEnvMut, Imports, Module, RuntimeError, Store};

use super::guest::{Call, Shared};
use crate::abi::{self, Guest as _, for_each_import};

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

/// The host functions that a module imports, for an instance with those data.
pub(super) fn bind(store: &mut Store, module: &Module, shared: &Arc<Shared>) -> Imports {
    let env = FunctionEnv::new(store, ());
    let types: Vec<wasmer::ImportType> = module.imports().collect();
    let wanted = types.iter().map(|import| (import.module(), import.name())).collect();
    let mut binder = Binder { store, env, wanted, imports: Imports::new() };
    for_each_import!(bind!(binder, shared));
    binder.imports
}
