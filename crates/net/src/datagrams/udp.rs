//! A socket of the driver's, of which the runtime tells what can be read, and what can be written only while something waits to be
//! sent: the kernel tells of room after each datagram that left, which would wake the driver for nothing.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{Interest, unix::AsyncFd};

#[derive(Debug)]
pub(crate) struct Udp {
    socket: Arc<UdpSocket>,
    /// Nothing if the system did not take it again, which no limit of a running process makes it do.
    registered: Option<AsyncFd<Arc<UdpSocket>>>,
    is_ipv4: bool,
    /// Whether the runtime tells when it can be written, too.
    waits: bool,
}

impl Udp {
    /// A socket that does not block, within a runtime.
    pub(crate) fn new(socket: UdpSocket) -> io::Result<Self> {
        let is_ipv4 = socket.local_addr()?.is_ipv4();
        let socket = Arc::new(socket);
        let registered = Some(register(&socket, Interest::READABLE)?);
        Ok(Self { socket, registered, is_ipv4, waits: false })
    }

    pub(crate) const fn is_ipv4(&self) -> bool {
        self.is_ipv4
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Whether something waits until this socket can be written, or does not any more.
    pub(crate) fn wait_to_write(&mut self, waits: bool) {
        if self.waits == waits {
            return;
        }
        self.waits = waits;
        let interest = if waits { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        // The kernel tells at once of what waits to be read: nothing is lost in between.
        self.registered = None;
        match register(&self.socket, interest) {
            Ok(registered) => self.registered = Some(registered),
            Err(error) => tracing::error!(%error, "the runtime does not watch a socket any more"),
        }
    }

    /// Ready with an error counts: the operation itself will tell.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.registered.as_ref().map_or(Poll::Ready(()), |socket| socket.poll_read_ready(cx).map(drop))
    }

    /// The same for writing. Only while something waits to be written.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.registered {
            Some(socket) if self.waits => socket.poll_write_ready(cx).map(drop),
            _ => Poll::Ready(()),
        }
    }

    /// Reads with a system call, if the runtime knows of something to read.
    pub(super) fn read<T>(&self, read: impl FnOnce(&UdpSocket) -> io::Result<T>) -> io::Result<T> {
        match &self.registered {
            Some(socket) => socket.try_io(Interest::READABLE, |socket| read(socket)),
            None => read(&self.socket),
        }
    }

    /// Writes with a system call, if it is not known that it would block.
    pub(super) fn write<T>(&self, write: impl FnOnce(&UdpSocket) -> io::Result<T>) -> io::Result<T> {
        match &self.registered {
            Some(socket) if self.waits => socket.try_io(Interest::WRITABLE, |socket| write(socket)),
            _ => write(&self.socket),
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
fn register(socket: &Arc<UdpSocket>, interest: Interest) -> io::Result<AsyncFd<Arc<UdpSocket>>> {
    AsyncFd::with_interest(socket.clone(), interest)
}

impl AsFd for Udp {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Udp {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
