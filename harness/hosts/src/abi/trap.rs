use std::fmt;

/// What became of a guest that did not come back, on whatever runtime; shown with what to do about it, and without the
/// frames that nobody can read.
#[derive(Debug)]
pub(crate) enum Trap<T> {
    /// It used up its fuel, of so many units.
    OutOfFuel(u64),
    /// It used up its stack.
    StackOverflow,
    /// A trap of WebAssembly, in the runtime's own words.
    Wasm(T),
    /// Anything else, in the runtime's own words.
    Other(T),
}

impl<T: fmt::Display> fmt::Display for Trap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfFuel(fuel) => {
                write!(f, "it did not come back in time ({fuel} units of fuel); look for an endless loop")
            }
            Self::StackOverflow => f.write_str("it used up its call stack; look for an endless recursion"),
            Self::Wasm(trap) => {
                write!(f, "{trap}; look in the plugin for a panic, an assertion or memory out of bounds")
            }
            Self::Other(error) => write!(f, "{error}; see what the plugin did there"),
        }
    }
}

/// What is wrong with an import that no host function fits.
pub(crate) fn unknown_import(error: impl fmt::Display) -> String {
    format!("{error}; no ABI from 0.1.0 to 0.2.1 has it, so remove that import")
}

/// What is wrong with an export of that name, in the runtime's own words.
pub(crate) fn wrong_signature(name: &str, error: impl fmt::Display) -> String {
    format!("`{name}` has a signature that its ABI version does not have ({error}); use an SDK for that version")
}
