//! Opening UDP sockets.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
};

use socket2::{Domain, Protocol, Socket, Type};

/// What the reference asks the kernel for, so that bursts wait instead of being dropped (`quirks.md`). The kernel may
/// give less.
const RECEIVE_BUFFER: usize = 870_400;

/// Ports that are tried after a default one that is busy, as in the reference.
const NEXT_PORTS: u16 = 10_000;

/// Where to listen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listen {
    address: SocketAddr,
    or_next: bool,
}

impl Listen {
    /// At this address and no other: what a user asked for. Port 0 picks a free one.
    #[must_use]
    pub const fn exactly(address: SocketAddr) -> Self {
        Self { address, or_next: false }
    }

    /// At this address, or at the next free port if it is busy: for defaults.
    #[must_use]
    pub const fn or_next(address: SocketAddr) -> Self {
        Self { address, or_next: true }
    }

    /// The address that was asked for.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Why a socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The port is in use.
    #[error("{address} is in use: stop what listens there, or name another port (0 picks a free one)")]
    InUse {
        /// The address.
        address: SocketAddr,
    },
    /// Something else is wrong with the address.
    #[error("cannot listen at {address}: {source}")]
    Io {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Two addresses of one family: what is sent goes through the socket of its family, and there is one of each.
    #[error("{first} and {second} are of one family: give one IPv4 and one IPv6 address at most")]
    SameFamily {
        /// The address that was given first.
        first: SocketAddr,
        /// The other one.
        second: SocketAddr,
    },
    /// Nothing to listen at.
    #[error("no address to listen at was given")]
    Nowhere,
    /// No seed for the node's randomness.
    #[error("the operating system gives no randomness: {0}")]
    Randomness(String),
}

/// Opens a socket that tokio can use.
pub(crate) fn bind(listen: Listen) -> Result<UdpSocket, BindError> {
    let mut address = listen.address;
    let tries = if listen.or_next { NEXT_PORTS } else { 0 };
    for _ in 0..=tries {
        match bind_at(address) {
            Ok(socket) => {
                if address != listen.address {
                    tracing::warn!(wanted = %listen.address, got = %address, "the port is in use, listening at another");
                }
                return Ok(socket);
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => match address.port().checked_add(1) {
                Some(next) => address.set_port(next),
                None => break,
            },
            Err(source) => return Err(BindError::Io { address, source }),
        }
    }
    Err(BindError::InUse { address: listen.address })
}

fn bind_at(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // IPv4 has a socket of its own.
        socket.set_only_v6(true)?;
    }
    if let Err(error) = socket.set_recv_buffer_size(RECEIVE_BUFFER) {
        tracing::warn!(%error, "the receive buffer keeps its default size: bursts may be lost");
    }
    if address.is_ipv4()
        && let Err(error) = socket.set_broadcast(true)
    {
        tracing::warn!(%error, "beacons cannot be sent");
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_port_is_an_error_only_if_it_was_asked_for() {
        let first = bind(Listen::exactly("127.0.0.1:0".parse().unwrap())).unwrap();
        let busy = first.local_addr().unwrap();
        assert!(matches!(bind(Listen::exactly(busy)), Err(BindError::InUse { address }) if address == busy));
        let next = bind(Listen::or_next(busy)).unwrap().local_addr().unwrap();
        assert!(next.port() > busy.port());
    }

    #[test]
    fn an_address_of_another_machine_is_named_in_the_error() {
        let error = bind(Listen::exactly("192.0.2.1:1".parse().unwrap())).unwrap_err();
        assert!(error.to_string().contains("192.0.2.1:1"), "{error}");
    }
}
