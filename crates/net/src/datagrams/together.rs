//! Many datagrams with one system call: `recvmmsg(2)` and `sendmmsg(2)`.

use std::{
    cell::RefCell,
    io::{self, IoSlice, IoSliceMut},
    net::{SocketAddr, UdpSocket},
    os::fd::AsRawFd as _,
};

use ipv8_core::Transmit;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, SockaddrIn6, SockaddrLike, recvmmsg};
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, addr::SocketAddrArg as _, sendmmsg};
use smallvec::SmallVec;

use super::{BATCH, Received, SLOT, Udp};

/// The kernel's view of a batch, with the length of the addresses of each family.
struct Headers {
    v4: MultiHeaders<SockaddrIn>,
    v6: MultiHeaders<SockaddrIn6>,
}

thread_local! {
    static HEADERS: RefCell<Headers> = RefCell::new(Headers {
        v4: MultiHeaders::preallocate(BATCH, None),
        v6: MultiHeaders::preallocate(BATCH, None),
    });
}

/// Reads datagrams into the slots of a buffer until none waits; returns how many.
pub(super) fn receive(socket: &Udp, buffer: &mut [u8], received: &mut [Received; BATCH]) -> io::Result<usize> {
    let is_ipv4 = socket.is_ipv4();
    let mut count = 0;
    let outcome = socket.read(|socket| {
        HEADERS.with_borrow_mut(|headers| {
            // That there were fewer than a batch does not mean that these were all: the kernel stops at an error, too. Only
            // when it says that none waits, the socket need not be asked again before there is news of more.
            while count < BATCH {
                let (slots, entries) = (buffer.get_mut(count * SLOT..), received.get_mut(count..));
                let (slots, entries) = (slots.unwrap_or_default(), entries.unwrap_or_default());
                count += if is_ipv4 {
                    receive_from(socket, &mut headers.v4, slots, entries)?
                } else {
                    receive_from(socket, &mut headers.v6, slots, entries)?
                };
            }
            Ok(())
        })
    });
    match outcome {
        // What an error says of an earlier datagram does not take back those that arrived.
        Err(error) if error.kind() != io::ErrorKind::WouldBlock && count == 0 => Err(error),
        _ => Ok(count),
    }
}

fn receive_from<S: SockaddrLike + Copy + Into<SocketAddr>>(
    socket: &UdpSocket,
    headers: &mut MultiHeaders<S>,
    buffer: &mut [u8],
    received: &mut [Received],
) -> io::Result<usize> {
    let mut buffers = buffer.chunks_exact_mut(SLOT);
    let mut slots: [_; BATCH] = std::array::from_fn(|_| [IoSliceMut::new(buffers.next().unwrap_or_default())]);
    let slots = slots.iter_mut().take(received.len());
    let messages = recvmmsg(socket.as_raw_fd(), headers, slots, MsgFlags::MSG_DONTWAIT, None)?;
    let mut count = 0;
    for (message, entry) in messages.zip(received) {
        // Without an address it cannot be answered, and no node sends such.
        *entry = (message.address.map_or(super::NOTHING.0, Into::into), message.bytes);
        count += 1;
    }
    Ok(count)
}

/// Sends the first of some datagrams, of one address family; returns how many, at least one.
///
/// Not with nix, whose results of `sendmmsg` read addresses that the kernel never wrote.
pub(super) fn send(socket: &Udp, transmits: &[Transmit]) -> io::Result<usize> {
    let transmits = transmits.iter().take(BATCH);
    let to: SmallVec<[SocketAddrAny; BATCH]> = transmits.clone().map(|transmit| transmit.to.as_any()).collect();
    let bytes: SmallVec<[[IoSlice<'_>; 1]; BATCH]> =
        transmits.map(|transmit| [IoSlice::new(&transmit.bytes)]).collect();
    let mut control: SmallVec<[SendAncillaryBuffer<'_, '_, '_>; BATCH]> =
        std::iter::repeat_with(SendAncillaryBuffer::default).take(bytes.len()).collect();
    let parts = to.iter().zip(&bytes).zip(&mut control);
    let mut messages: SmallVec<[MMsgHdr<'_>; BATCH]> =
        parts.map(|((to, bytes), control)| MMsgHdr::new_with_addr(to, bytes, control)).collect();
    socket.write(|socket| Ok(sendmmsg(socket, &mut messages, SendFlags::DONTWAIT)?))
}
