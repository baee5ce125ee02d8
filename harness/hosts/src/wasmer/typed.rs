use wasmer::{AsStoreMut, RuntimeError, Store, TypedFunction, WasmTypeList};

use crate::abi::wrong_signature;

/// Wasmer's typed function, called with its parameters as one value, as [`crate::abi::callbacks`] does.
pub(super) struct TypedFunc<P: WasmTypeList, R: WasmTypeList>(TypedFunction<P, R>);

impl<P: Parameters<R>, R: WasmTypeList> TypedFunc<P, R> {
    #[inline]
    pub(super) fn call(&self, store: &mut impl AsStoreMut, parameters: P) -> Result<R, RuntimeError> {
        parameters.pass(&self.0, store)
    }
}

/// Parameters that are handed over one by one: how many there are is part of wasmer's `call`.
pub(super) trait Parameters<R: WasmTypeList>: WasmTypeList {
    fn pass(self, function: &TypedFunction<Self, R>, store: &mut impl AsStoreMut) -> Result<R, RuntimeError>;
}

macro_rules! parameters {
    ($($type:ty: $pattern:pat => ($($value:ident),*);)*) => {
        $(impl<R: WasmTypeList> Parameters<R> for $type {
            #[inline]
            fn pass(self, function: &TypedFunction<Self, R>, store: &mut impl AsStoreMut) -> Result<R, RuntimeError> {
                let $pattern = self;
                function.call(store $(, $value)*)
            }
        })*
    };
}

parameters! {
    (): () => ();
    u32: a => (a);
    (u32, u32): (a, b) => (a, b);
    (u32, u32, u32): (a, b, c) => (a, b, c);
    (u32, u32, u32, u32): (a, b, c, d) => (a, b, c, d);
    (u32, u32, u32, u32, u32): (a, b, c, d, e) => (a, b, c, d, e);
}

/// An exported function, `None` when there is none; a wrong signature is an error, as in Envoy.
pub(super) fn typed<P: WasmTypeList, R: WasmTypeList>(
    instance: &wasmer::Instance,
    store: &mut Store,
    name: &str,
) -> Result<Option<TypedFunc<P, R>>, String> {
    let Ok(function) = instance.exports.get_function(name) else { return Ok(None) };
    let function = function.typed(store).map_err(|error| wrong_signature(name, error.message()))?;
    Ok(Some(TypedFunc(function)))
}
