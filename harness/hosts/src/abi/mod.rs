//! The Proxy-Wasm ABI (0.1.0, 0.2.0, 0.2.1, Higress's 0.2.100) and the part of WASI that its guests use, written once.
//!
//! Every host function is generic over [`Guest`], the little that it needs of a Wasm runtime, and is listed with its
//! signature in [`imports`]; a runtime binds the list and nothing else. Pointers and lengths come from the guest and
//! are never trusted: what lies outside its memory is answered with a status, never with a panic.

mod bind;
mod buffers;
mod callback;
mod callbacks;
mod calls;
mod exports;
mod functions;
mod get_shim;
mod guest;
mod headers;
mod higress;
mod imports;
mod known;
mod life;
mod limits;
mod logging;
mod metrics;
mod pairs;
mod properties;
mod queues;
mod shared;
mod state;
mod status;
mod stream;
#[cfg(test)]
mod tests;
mod trap;
mod upstream;
mod version;
mod wasi;

pub(crate) use bind::{bind_imports, bind_shim};
pub(crate) use callback::Callback;
pub(crate) use callbacks::callbacks;
pub(crate) use exports::{ALLOCATORS, check_exports};
pub(crate) use functions::*;
pub(crate) use get_shim::{GET, GET_SHIM, SHIM_IMPORTS, begin_get, finish_get};
pub(crate) use guest::Guest;
pub(crate) use imports::{HIGRESS_IMPORTS, for_each_import};
pub(crate) use known::known;
pub use known::{HOST_FUNCTIONS, HostFunction};
pub(crate) use life::{Life, Vm};
pub(crate) use limits::{FUEL, MEMORY_BYTES, TABLE_ELEMENTS};
pub(crate) use state::{Identity, Phase, State};
pub(crate) use trap::{Trap, unknown_import, wrong_signature};
pub(crate) use version::Version;
