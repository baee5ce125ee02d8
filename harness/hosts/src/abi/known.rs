use super::for_each_import;

/// A host function, as data: what a runtime binds, for those who only want to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    /// `env`, or `wasi` for both names of that module.
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
    /// Types of the parameters, as in WAT.
    pub(crate) parameters: &'static [&'static str],
    /// Whether it answers with an `i32`.
    pub(crate) answers: bool,
}

/// Names of the WASI module that guests import.
pub(crate) const WASI_MODULES: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];

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
            $(Known {
                module: "env", name: stringify!($status),
                parameters: &[$(<$status_type>::NAME),*], answers: true,
            },)*
            $(Known {
                module: "env", name: stringify!($plain),
                parameters: &[$(<$plain_type>::NAME),*], answers: size_of::<$plain_result>() > 0,
            },)*
            $(Known {
                module: "wasi", name: stringify!($wasi),
                parameters: &[$(<$wasi_type>::NAME),*], answers: size_of::<$wasi_result>() > 0,
            },)*
            $(Known {
                module: "wasi", name: stringify!($refused),
                parameters: &[$(<$refused_type>::NAME),*], answers: true,
            },)*
        ]
    };
}

/// Every host function there is.
pub(crate) static KNOWN: &[Known] = for_each_import!(list!());

/// The host function of that name in a module as a guest names it.
pub(crate) fn known(module: &str, name: &str) -> Option<&'static Known> {
    let module = if WASI_MODULES.contains(&module) { "wasi" } else { module };
    KNOWN.iter().find(|known| (known.module, known.name) == (module, name))
}
