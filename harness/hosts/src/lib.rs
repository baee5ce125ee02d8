//! In-process hosts: what loads a plugin inside our own process, and runs requests through it.
//!
//! A [`Host`] compiles a plugin to a [`Module`], a module makes [`Instance`]s, an instance handles the whole life of
//! one [`Exchange`] after the other. [`verify`] proves that a plugin does what its workload expects, and [`Bench`]
//! measures what it costs. One file and one line in [`HOSTS`] add a host. Nothing here prints or opens a socket.
#![deny(missing_docs)]
#![cfg_attr(
    not(any(feature = "luajit", feature = "wasm")),
    expect(dead_code, reason = "without any runtime, as runners need it, much of it has no user")
)]

#[cfg(feature = "wasm")]
mod abi;
mod error;
mod exchange;
mod headers;
mod host;
#[cfg(all(feature = "luajit", feature = "wasm"))]
mod inspect;
mod key;
mod limits;
mod log;
#[cfg(feature = "wasm")]
mod logged;
#[cfg(feature = "lua")]
pub mod lua;
#[cfg(feature = "luajit")]
mod luajit;
mod measure;
mod mirrored;
mod modules;
mod native;
mod observation;
mod precompiled;
mod repeat;
#[cfg(feature = "wasm")]
mod rewrite;
pub mod runner;
#[cfg(feature = "wasm")]
mod slowed;
mod soak;
mod span;
mod stepped;
mod tally;
mod verify;
mod warm_up;
#[cfg(feature = "wasmer")]
mod wasmer;
#[cfg(feature = "wasmi")]
mod wasmi;
#[cfg(feature = "wasmtime")]
mod wasmtime;

#[cfg(feature = "wasm")]
pub use abi::{HOST_FUNCTIONS, HostFunction};
pub use error::{HostError, Said};
pub use exchange::{CALL_BODY, Exchange, LocalResponse, Operations, Trailers};
pub use headers::Headers;
pub use host::{ABSENT_HOSTS, Action, After, HOSTS, Host, Instance, Module, host, host_for, hosts_here};
#[cfg(all(feature = "luajit", feature = "wasm"))]
pub use inspect::{Import, Inspection, LuaInspection, Memory, Section, Standing, Start, WasmInspection, inspect};
#[cfg(feature = "wasm")]
pub use logged::logged;
pub use measure::{Arm, Bench, Lifecycle};
pub use mirrored::{Contender, Failed, Mirrored, MirroredRounds, median_pair, mirrored};
pub use modules::keep_code_in;
pub use observation::Observation;
pub use precompiled::Precompiled;
pub use repeat::{Repeated, repeat};
#[cfg(feature = "wasm")]
pub use slowed::slowed;
pub use soak::soak;
pub use stepped::Stepper;
pub use verify::{Verified, verify};
