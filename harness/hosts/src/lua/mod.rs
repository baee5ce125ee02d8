//! Scripts with Envoy's stream-handle API, on whichever Lua the program is built with: what the handle's functions do,
//! once, and how a script is loaded and called. A Lua is a [`Dialect`]: it only binds them.

mod context;
mod counter;
mod functions;
#[cfg(feature = "hooks")]
pub mod hooks;
mod script;

pub use context::{Context, Field};
pub use counter::{Counter, host_chunk};
pub use functions::functions;
pub use script::{Dialect, MEMORY_BYTES, OVERTIME, Opened, compile};

pub(crate) use context::time_ms;
#[cfg(feature = "luajit")]
pub(crate) use script::definitions;
pub(crate) use script::{ON_REQUEST, ON_RESPONSE};
