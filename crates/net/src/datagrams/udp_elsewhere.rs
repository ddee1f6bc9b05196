//! A socket of the driver's where the runtime always tells both what can be read and what can be written.

use std::{
    io,
    net::SocketAddr,
    task::{Context, Poll},
};

use tokio::net::UdpSocket;

#[derive(Debug)]
pub(crate) struct Udp {
    socket: UdpSocket,
    is_ipv4: bool,
}

impl Udp {
    /// A socket that does not block, within a runtime.
    pub(crate) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        let is_ipv4 = socket.local_addr()?.is_ipv4();
        Ok(Self { socket: UdpSocket::from_std(socket)?, is_ipv4 })
    }

    pub(crate) const fn is_ipv4(&self) -> bool {
        self.is_ipv4
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    pub(crate) const fn wait_to_write(&mut self, _: bool) {}

    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.socket.poll_recv_ready(cx).map(drop)
    }

    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.socket.poll_send_ready(cx).map(drop)
    }

    pub(super) fn try_recv_from(&self, bytes: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.try_recv_from(bytes)
    }

    pub(super) fn try_send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.socket.try_send_to(bytes, to)
    }
}
