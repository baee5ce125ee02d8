/// Defines `Callbacks`, the guest's callbacks by number, for a runtime's types of an instance and a store. Written once
/// as a macro because no trait can name what runtimes ask of parameters; calls stay static.
///
/// The runtime has `TypedFunc<Parameters, Answer>`, whose `call` takes the store and the parameters as one value, and
/// `typed(&instance, &mut store, name)`, which finds an exported function: `None` when there is none, an error in words
/// when it has another signature (as in Envoy).
macro_rules! callbacks {
    ($instance:ty, $store:ty) => {
        /// The guest's callbacks, by number.
        struct Callbacks([Option<Function>; $crate::abi::Callback::ALL.len()]);

        /// A callback by number of parameters, and by whether it answers.
        enum Function {
            P0(TypedFunc<(), ()>),
            P0Answer(TypedFunc<(), u32>),
            P1(TypedFunc<u32, ()>),
            P1Answer(TypedFunc<u32, u32>),
            P2(TypedFunc<(u32, u32), ()>),
            P2Answer(TypedFunc<(u32, u32), u32>),
            P3(TypedFunc<(u32, u32, u32), ()>),
            P3Answer(TypedFunc<(u32, u32, u32), u32>),
            P4(TypedFunc<(u32, u32, u32, u32), ()>),
            P5(TypedFunc<(u32, u32, u32, u32, u32), ()>),
        }

        impl Callbacks {
            fn bind(instance: &$instance, store: &mut $store, version: $crate::abi::Version) -> Result<Self, String> {
                let mut callbacks = [const { None }; $crate::abi::Callback::ALL.len()];
                for callback in $crate::abi::Callback::ALL {
                    let name = callback.name();
                    callbacks[callback as usize] = match (callback.parameters(version), callback.answers()) {
                        (0, false) => typed(instance, store, name)?.map(Function::P0),
                        (0, true) => typed(instance, store, name)?.map(Function::P0Answer),
                        (1, false) => typed(instance, store, name)?.map(Function::P1),
                        (1, true) => typed(instance, store, name)?.map(Function::P1Answer),
                        (2, false) => typed(instance, store, name)?.map(Function::P2),
                        (2, true) => typed(instance, store, name)?.map(Function::P2Answer),
                        (3, false) => typed(instance, store, name)?.map(Function::P3),
                        (4, false) => typed(instance, store, name)?.map(Function::P4),
                        (5, false) => typed(instance, store, name)?.map(Function::P5),
                        (3, true) => typed(instance, store, name)?.map(Function::P3Answer),
                        _ => unreachable!("no callback has another shape"),
                    };
                }
                Ok(Self(callbacks))
            }

            /// Calls a callback if the guest has it; one without an answer answers 0.
            #[inline]
            fn call(
                &self,
                store: &mut $store,
                callback: $crate::abi::Callback,
                arguments: &[u32],
            ) -> Result<Option<u32>, Error> {
                let Some(function) = &self.0[callback as usize] else { return Ok(None) };
                let answer = match (function, arguments) {
                    (Function::P0(function), &[]) => function.call(store, ()).map(|()| 0),
                    (Function::P0Answer(function), &[]) => function.call(store, ()),
                    (Function::P1(function), &[a]) => function.call(store, a).map(|()| 0),
                    (Function::P1Answer(function), &[a]) => function.call(store, a),
                    (Function::P2(function), &[a, b]) => function.call(store, (a, b)).map(|()| 0),
                    (Function::P2Answer(function), &[a, b]) => function.call(store, (a, b)),
                    (Function::P3(function), &[a, b, c]) => function.call(store, (a, b, c)).map(|()| 0),
                    (Function::P3Answer(function), &[a, b, c]) => function.call(store, (a, b, c)),
                    (Function::P4(function), &[a, b, c, d]) => function.call(store, (a, b, c, d)).map(|()| 0),
                    (Function::P5(function), &[a, b, c, d, e]) => function.call(store, (a, b, c, d, e)).map(|()| 0),
                    _ => unreachable!("a callback is bound with as many parameters as it is called with"),
                };
                answer.map(Some)
            }
        }
    };
}

pub(crate) use callbacks;
