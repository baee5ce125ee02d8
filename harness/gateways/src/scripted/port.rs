use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::net::sockopt::set_socket_reuseport;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with};

use crate::{GatewayError, Options};

/// A port that is ours as long as this lives: a socket is bound to it and does not listen, so that a program that we start
/// can, and nobody else's. These programs take ports by number and do not say which free one they got.
///
/// Bound alone, it is refused when anybody has the port; only then it is made to be shared (`SO_REUSEPORT`), which the
/// kernel grants to processes of the same user that ask for it.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) address: SocketAddr,
    _socket: OwnedFd,
}

impl Port {
    /// One for each arm, and one for reports as the last.
    pub(super) fn for_arms(arms: usize, options: &Options) -> Result<Vec<Self>, GatewayError> {
        let asked = (0..arms).map(|arm| options.listen_address(arm)).collect::<Result<Vec<_>, _>>()?;
        // Named ports first: a free one that is taken for reports must be none of them.
        asked.into_iter().chain([SocketAddr::from(([127, 0, 0, 1], 0))]).map(Self::reserve).collect()
    }

    /// Takes a port, with 0 any free one.
    fn reserve(address: SocketAddr) -> Result<Self, GatewayError> {
        let taken = || -> io::Result<Self> {
            let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
            bind(&socket, &address)?;
            set_socket_reuseport(&socket, true)?;
            let address = SocketAddr::try_from(getsockname(&socket)?)?;
            Ok(Self { address, _socket: socket })
        };
        taken().map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => GatewayError::PortInUse { address },
            _ => GatewayError::Listen { address, source },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_reserved_port_is_for_those_who_share_it() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let port = Port::reserve(any).unwrap();
        assert!(TcpListener::bind(port.address).is_err(), "somebody else got it");
        assert!(matches!(Port::reserve(port.address), Err(GatewayError::PortInUse { .. })), "another of us got it");
        let program = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        set_socket_reuseport(&program, true).unwrap();
        bind(&program, &port.address).unwrap();
        rustix::net::listen(&program, 1).unwrap();
        std::net::TcpStream::connect(port.address).unwrap();
    }

    #[test]
    fn a_port_that_somebody_shares_is_in_use() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let theirs = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        set_socket_reuseport(&theirs, true).unwrap();
        bind(&theirs, &any).unwrap();
        let address = SocketAddr::try_from(getsockname(&theirs).unwrap()).unwrap();
        assert!(matches!(Port::reserve(address), Err(GatewayError::PortInUse { .. })));
    }
}
