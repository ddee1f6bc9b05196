//! Many datagrams with one system call: `recvmmsg(2)` and `sendmmsg(2)`.

use std::{
    cell::RefCell,
    io::{self, IoSlice, IoSliceMut},
    net::SocketAddr,
    os::fd::AsRawFd as _,
};

use ipv8_core::Transmit;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, SockaddrIn6, SockaddrLike, recvmmsg, sendmmsg};
use smallvec::SmallVec;
use tokio::{io::Interest, net::UdpSocket};

use super::{BATCH, Received, SLOT};

/// The kernel's view of a batch. Those for reading keep the length of the addresses of their family, and those for sending
/// point to addresses of their own.
struct Headers {
    from_v4: MultiHeaders<SockaddrIn>,
    from_v6: MultiHeaders<SockaddrIn6>,
    to_v4: MultiHeaders<SockaddrIn>,
    to_v6: MultiHeaders<SockaddrIn6>,
}

thread_local! {
    static HEADERS: RefCell<Headers> = RefCell::new(Headers {
        from_v4: MultiHeaders::preallocate(BATCH, None),
        from_v6: MultiHeaders::preallocate(BATCH, None),
        to_v4: MultiHeaders::preallocate(BATCH, None),
        to_v6: MultiHeaders::preallocate(BATCH, None),
    });
}

/// Reads datagrams into the slots of a buffer until none waits; returns how many.
pub(super) fn receive(socket: &UdpSocket, buffer: &mut [u8], received: &mut [Received; BATCH]) -> io::Result<usize> {
    let is_ipv4 = socket.local_addr()?.is_ipv4();
    let mut count = 0;
    let outcome = socket.try_io(Interest::READABLE, || {
        count = HEADERS.with_borrow_mut(|headers| {
            if is_ipv4 {
                receive_from(socket, &mut headers.from_v4, buffer, received)
            } else {
                receive_from(socket, &mut headers.from_v6, buffer, received)
            }
        })?;
        // Fewer than there is room for were all: the socket need not be asked again before it is told of more.
        if count < BATCH { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    });
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(count),
    }
}

fn receive_from<S: SockaddrLike + Copy + Into<SocketAddr>>(
    socket: &UdpSocket,
    headers: &mut MultiHeaders<S>,
    buffer: &mut [u8],
    received: &mut [Received; BATCH],
) -> io::Result<usize> {
    let mut buffers = buffer.chunks_exact_mut(SLOT);
    let mut slots: [_; BATCH] = std::array::from_fn(|_| [IoSliceMut::new(buffers.next().unwrap_or_default())]);
    let messages = recvmmsg(socket.as_raw_fd(), headers, slots.iter_mut(), MsgFlags::MSG_DONTWAIT, None)?;
    let mut count = 0;
    for (message, entry) in messages.zip(received) {
        // Without an address it cannot be answered, and no node sends such.
        *entry = (message.address.map_or(super::NOTHING.0, Into::into), message.bytes);
        count += 1;
    }
    Ok(count)
}

/// Sends the first of some datagrams of one address family; returns how many, at least one.
pub(super) fn send(socket: &UdpSocket, transmits: &[Transmit]) -> io::Result<usize> {
    let is_ipv4 = transmits.first().is_some_and(|transmit| transmit.to.is_ipv4());
    socket.try_io(Interest::WRITABLE, || {
        HEADERS.with_borrow_mut(|headers| {
            if is_ipv4 {
                send_to(socket, &mut headers.to_v4, transmits, |to| match to {
                    SocketAddr::V4(v4) => Some(v4.into()),
                    SocketAddr::V6(_) => None,
                })
            } else {
                send_to(socket, &mut headers.to_v6, transmits, |to| match to {
                    SocketAddr::V4(_) => None,
                    SocketAddr::V6(v6) => Some(v6.into()),
                })
            }
        })
    })
}

fn send_to<S: SockaddrLike + Copy>(
    socket: &UdpSocket,
    headers: &mut MultiHeaders<S>,
    transmits: &[Transmit],
    address: impl Fn(SocketAddr) -> Option<S>,
) -> io::Result<usize> {
    let transmits = transmits.iter().take(BATCH);
    let to: SmallVec<[Option<S>; BATCH]> = transmits.clone().map(|transmit| address(transmit.to)).collect();
    let bytes: SmallVec<[[IoSlice<'_>; 1]; BATCH]> =
        transmits.map(|transmit| [IoSlice::new(&transmit.bytes)]).collect();
    let sent = sendmmsg(socket.as_raw_fd(), headers, bytes.iter(), &to, [], MsgFlags::MSG_DONTWAIT)?;
    Ok(sent.count())
}
