use super::for_each_import;

/// A function that every Wasm host gives to its guests, as data: for tests, and for those who only want to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostFunction {
    /// Modules that it can be imported from: both names of WASI have the same functions.
    pub modules: &'static [&'static str],
    /// Its name.
    pub name: &'static str,
    /// Types of the parameters, as in WAT.
    pub parameters: &'static [&'static str],
    /// Whether it answers with an `i32`.
    pub answers: bool,
}

const ENV: &[&str] = &["env"];
const WASI: &[&str] = &["wasi_snapshot_preview1", "wasi_unstable"];

trait Wat {
    const NAME: &'static str;
}

impl Wat for u32 {
    const NAME: &'static str = "i32";
}
impl Wat for u64 {
    const NAME: &'static str = "i64";
}
impl Wat for i64 {
    const NAME: &'static str = "i64";
}

macro_rules! list {
    (
        ()
        status { $($status:ident($($status_arg:ident: $status_type:ty),*);)* }
        plain { $($plain:ident = $plain_to:ident($($plain_arg:ident: $plain_type:ty),*) -> $plain_result:ty;)* }
        wasi { $($wasi:ident = $wasi_to:ident($($wasi_arg:ident: $wasi_type:ty),*) -> $wasi_result:ty;)* }
        refused { $($refused:ident($($refused_type:ty),*) = $errno:literal;)* }
    ) => {
        &[
            $(HostFunction {
                modules: ENV, name: stringify!($status),
                parameters: &[$(<$status_type>::NAME),*], answers: true,
            },)*
            $(HostFunction {
                modules: ENV, name: stringify!($plain),
                parameters: &[$(<$plain_type>::NAME),*], answers: size_of::<$plain_result>() > 0,
            },)*
            $(HostFunction {
                modules: WASI, name: stringify!($wasi),
                parameters: &[$(<$wasi_type>::NAME),*], answers: size_of::<$wasi_result>() > 0,
            },)*
            $(HostFunction {
                modules: WASI, name: stringify!($refused),
                parameters: &[$(<$refused_type>::NAME),*], answers: true,
            },)*
        ]
    };
}

/// Every function of the ABI and of WASI that hosts give to guests.
pub static HOST_FUNCTIONS: &[HostFunction] = for_each_import!(list!());

/// The host function of that name in a module as a guest names it.
pub(crate) fn known(module: &str, name: &str) -> Option<&'static HostFunction> {
    HOST_FUNCTIONS.iter().find(|known| known.name == name && known.modules.contains(&module))
}
