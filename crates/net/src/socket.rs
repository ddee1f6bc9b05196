//! Opening UDP sockets.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    sync::Once,
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

/// A socket that tokio can use.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) socket: UdpSocket,
    /// Bytes that the kernel keeps for it.
    pub(crate) receive_buffer: u64,
}

/// Opens a socket.
pub(crate) fn bind(listen: Listen) -> Result<Bound, BindError> {
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

fn bind_at(address: SocketAddr) -> io::Result<Bound> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // IPv4 has a socket of its own.
        socket.set_only_v6(true)?;
    }
    let receive_buffer = enlarge_buffer(&socket, RECEIVE_BUFFER);
    if address.is_ipv4()
        && let Err(error) = socket.set_broadcast(true)
    {
        tracing::warn!(%error, "beacons cannot be sent");
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(Bound { socket: socket.into(), receive_buffer: u64::try_from(receive_buffer).unwrap_or(u64::MAX) })
}

/// Asks for a receive buffer, and says how much of it the kernel grants: it cuts what is asked for to a limit of its own,
/// in silence. Less than asked for is logged once in a process.
fn enlarge_buffer(socket: &Socket, wanted: usize) -> usize {
    static TOLD: Once = Once::new();
    let asked = socket.set_recv_buffer_size(wanted);
    // Linux keeps as much again for its own bookkeeping and counts it in.
    let granted = socket.recv_buffer_size().unwrap_or(0) / if cfg!(target_os = "linux") { 2 } else { 1 };
    if asked.is_err() || granted < wanted {
        TOLD.call_once(|| {
            tracing::warn!(
                wanted,
                granted,
                "the receive buffer is smaller than asked for: bursts may be lost (on Linux, raise net.core.rmem_max)"
            );
        });
    }
    granted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_port_is_an_error_only_if_it_was_asked_for() {
        let first = bind(Listen::exactly("127.0.0.1:0".parse().unwrap())).unwrap();
        let busy = first.socket.local_addr().unwrap();
        assert!(matches!(bind(Listen::exactly(busy)), Err(BindError::InUse { address }) if address == busy));
        let next = bind(Listen::or_next(busy)).unwrap().socket.local_addr().unwrap();
        assert!(next.port() > busy.port());
    }

    #[test]
    fn the_receive_buffer_is_what_the_kernel_grants() {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        assert_eq!(enlarge_buffer(&socket, 65_536), 65_536);
        let most = enlarge_buffer(&socket, 1 << 30);
        assert!(most < 1 << 30, "no kernel gives a gigabyte");
        assert_eq!(enlarge_buffer(&socket, most), most);
    }

    #[test]
    fn an_address_of_another_machine_is_named_in_the_error() {
        let error = bind(Listen::exactly("192.0.2.1:1".parse().unwrap())).unwrap_err();
        assert!(error.to_string().contains("192.0.2.1:1"), "{error}");
    }
}
