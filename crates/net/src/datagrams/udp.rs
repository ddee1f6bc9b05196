//! A socket of the driver's, of which the runtime tells what can be read, and what can be written only while something waits to be
//! sent: the kernel tells of room after each datagram that left, which would wake the driver for nothing.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    task::{Context, Poll},
};

use tokio::io::{Interest, unix::AsyncFd};

#[derive(Debug)]
pub(crate) struct Udp {
    socket: AsyncFd<UdpSocket>,
    is_ipv4: bool,
    /// The same socket, watched for room, while something waits for that. What is known of the one for reading stays.
    for_room: Option<AsyncFd<UdpSocket>>,
}

impl Udp {
    /// A socket that does not block, within a runtime.
    pub(crate) fn new(socket: UdpSocket) -> io::Result<Self> {
        let is_ipv4 = socket.local_addr()?.is_ipv4();
        Ok(Self { socket: register(socket, Interest::READABLE)?, is_ipv4, for_room: None })
    }

    pub(crate) const fn is_ipv4(&self) -> bool {
        self.is_ipv4
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get_ref().local_addr()
    }

    /// Whether something waits until this socket can be written, or does not any more.
    pub(crate) fn wait_to_write(&mut self, waits: bool) {
        if !waits {
            self.for_room = None;
        } else if self.for_room.is_none() {
            let again = self.socket.get_ref().try_clone().and_then(|socket| register(socket, Interest::WRITABLE));
            // Without it is tried again and again, which keeps a processor busy but sends what can be sent.
            self.for_room = again.inspect_err(|error| tracing::warn!(%error, "no news of room in a socket")).ok();
        }
    }

    /// Ready with an error counts: the operation itself will tell.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.socket.poll_read_ready(cx).map(drop)
    }

    /// The same for writing, while something waits for that.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.for_room.as_ref().map_or(Poll::Ready(()), |socket| socket.poll_write_ready(cx).map(drop))
    }

    /// Reads with a system call, if the runtime knows of something to read.
    pub(super) fn read<T>(&self, read: impl FnOnce(&UdpSocket) -> io::Result<T>) -> io::Result<T> {
        self.socket.try_io(Interest::READABLE, |socket| read(socket))
    }

    /// Writes with a system call, if it is not known that it would block.
    pub(super) fn write<T>(&self, write: impl FnOnce(&UdpSocket) -> io::Result<T>) -> io::Result<T> {
        match &self.for_room {
            Some(socket) => socket.try_io(Interest::WRITABLE, |socket| write(socket)),
            None => write(self.socket.get_ref()),
        }
    }

    pub(super) fn try_recv_from(&self, bytes: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.read(|socket| socket.recv_from(bytes))
    }

    pub(super) fn try_send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.write(|socket| socket.send_to(bytes, to))
    }
}

/// Lets the runtime watch a socket.
#[expect(
    deprecated,
    reason = "its successor is unsafe, for it cannot know that what it is given keeps the socket open, as ours does"
)]
fn register(socket: UdpSocket, interest: Interest) -> io::Result<AsyncFd<UdpSocket>> {
    AsyncFd::with_interest(socket, interest)
}

impl AsFd for Udp {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.get_ref().as_fd()
    }
}

impl AsRawFd for Udp {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.get_ref().as_raw_fd()
    }
}
