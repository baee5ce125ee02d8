//! A plugin in a process of its own, which Envoy asks over gRPC (`ext_proc`) about every request.

mod messages;
mod serve;
mod work;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd as _;
use std::process::Command;

pub use serve::serve_external;

use crate::Options;
use crate::child::Child;

/// Environment variable with the number of the socket that the process serves on.
const LISTENER_VARIABLE: &str = "TOLLGATE_EXT_PROC_LISTENER";
/// gRPC metadata with the plugin's configuration.
pub(super) const CONFIG_HEADER: &str = "x-tollgate-config";
/// The verb of our command line that calls [`serve_external`].
const VERB: &str = "ext-proc";

/// The running process; it dies with us, and when this is dropped.
#[derive(Debug)]
pub(super) struct External {
    pub(super) child: Child,
}

/// The socket that it will serve on, which is open before it is started: Envoy's connection waits there.
#[derive(Debug)]
pub(super) struct Door {
    listener: TcpListener,
    address: SocketAddr,
}

impl Door {
    /// On any free port of this machine.
    pub(super) fn open() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it is.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts the process behind it, on the gateway's core if that has one: between cores a wake-up would cost more
    /// than all else, and differ from the probe's.
    pub(super) fn serve(self, options: &Options) -> io::Result<External> {
        let mut command = match options.external.as_slice() {
            [] => {
                let mut own = Command::new(std::env::current_exe()?);
                own.arg(VERB);
                own
            }
            [program, arguments @ ..] => {
                let mut other = Command::new(program);
                other.args(arguments);
                other
            }
        };
        let number = self.listener.as_raw_fd();
        command.env(LISTENER_VARIABLE, number.to_string());
        let child = Child::spawn(command, vec![number])?;
        if let Some(core) = options.gateway_core {
            child.pin_threads("", core)?;
        }
        Ok(External { child })
    }
}
