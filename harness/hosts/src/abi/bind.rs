/// Binds one function per import to a linker with `func_wrap`, as wasmtime's and wasmi's are: for [`for_each_import`].
/// `Caller` and `Data` are those of the file that calls it; what the functions do is in `abi`.
///
/// [`for_each_import`]: super::for_each_import
macro_rules! bind_imports {
    (
        ($linker:ident)
        status { $($status:ident($($status_arg:ident: $status_type:ty),*);)* }
        plain { $($plain:ident = $plain_to:ident($($plain_arg:ident: $plain_type:ty),*) -> $plain_result:ty;)* }
        wasi { $($wasi:ident = $wasi_to:ident($($wasi_arg:ident: $wasi_type:ty),*) -> $wasi_result:ty;)* }
        refused { $($refused:ident($($refused_type:ty),*) = $errno:literal;)* }
    ) => {
        $($linker.func_wrap(
            "env",
            stringify!($status),
            |mut guest: Caller<'_, Data>, $($status_arg: $status_type),*| {
                guest.state().count_call(stringify!($status));
                $crate::abi::answer($crate::abi::$status(&mut guest, $($status_arg),*))
            },
        )?;)*
        $($linker.func_wrap(
            "env",
            stringify!($plain),
            |mut guest: Caller<'_, Data>, $($plain_arg: $plain_type),*| -> $plain_result {
                guest.state().count_call(stringify!($plain));
                $crate::abi::$plain_to(&mut guest, $($plain_arg),*)
            },
        )?;)*
        for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
            $($linker.func_wrap(
                module,
                stringify!($wasi),
                |mut guest: Caller<'_, Data>, $($wasi_arg: $wasi_type),*| -> $wasi_result {
                    guest.state().count_call(stringify!($wasi));
                    $crate::abi::$wasi_to(&mut guest, $($wasi_arg),*)
                },
            )?;)*
            $($linker.func_wrap(
                module,
                stringify!($refused),
                |mut guest: Caller<'_, Data>, $(_: $refused_type),*| -> u32 {
                    guest.state().count_call(stringify!($refused));
                    $errno
                },
            )?;)*
        }
    };
}

/// Binds what the shim imports, in the same way.
macro_rules! bind_shim {
    ($linker:ident) => {
        $linker.func_wrap(
            $crate::abi::SHIM_IMPORTS,
            "begin_get",
            |mut guest: Caller<'_, Data>, map: u32, name: u32, name_size: u32| {
                $crate::abi::begin_get(&mut guest, map, name, name_size)
            },
        )?;
        $linker.func_wrap(
            $crate::abi::SHIM_IMPORTS,
            "finish_get",
            |mut guest: Caller<'_, Data>, value: u32, value_at: u32, size_at: u32| {
                $crate::abi::finish_get(&mut guest, value, value_at, size_at)
            },
        )?;
    };
}

pub(crate) use bind_imports;
pub(crate) use bind_shim;
