//! Datagrams to one peer that the kernel takes as one and parts late: segments, `UDP_SEGMENT` of `udp(7)`.

use std::{
    io::{self, IoSlice},
    os::fd::AsRawFd as _,
};

use ipv8_core::Transmit;
use nix::{
    errno::Errno,
    sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, getsockopt, sendmsg, sockopt::UdpGsoSegment},
};
use smallvec::SmallVec;

use super::{BATCH, Udp};

/// What fits into a frame of every network that carries IPv6 (RFC 8200): the kernel does not make fragments of segments.
const LARGEST: usize = 1_232;

/// Bytes of all segments: what one datagram may have.
const MOST_BYTES: usize = 65_000;

/// Whether the kernel knows segments.
pub(super) fn are_known(socket: &Udp) -> bool {
    getsockopt(socket, UdpGsoSegment).is_ok()
}

/// How many of these can be segments of one, the first included: to one peer, of the size of the first, but for a shorter last one.
pub(super) fn in_a_row(transmits: &[Transmit]) -> usize {
    let Some(first) = transmits.first() else { return 0 };
    let size = first.bytes.len();
    if !(1..=LARGEST).contains(&size) {
        return 1;
    }
    let most = (MOST_BYTES / size).min(BATCH);
    let mut count = 1;
    for transmit in transmits.iter().take(most).skip(1) {
        // A segment without bytes would be none.
        if transmit.to != first.to || !(1..=size).contains(&transmit.bytes.len()) {
            break;
        }
        count += 1;
        if transmit.bytes.len() < size {
            break;
        }
    }
    count
}

/// Sends all of these, which are in a row; returns how many.
pub(super) fn send(socket: &Udp, transmits: &[Transmit]) -> io::Result<usize> {
    let Some(first) = transmits.first() else { return Ok(0) };
    let size = u16::try_from(first.bytes.len()).map_err(|_| Errno::EMSGSIZE)?;
    let bytes: SmallVec<[IoSlice<'_>; BATCH]> =
        transmits.iter().map(|transmit| IoSlice::new(&transmit.bytes)).collect();
    let (to, control) = (SockaddrStorage::from(first.to), [ControlMessage::UdpGsoSegments(&size)]);
    socket.write(|socket| {
        sendmsg(socket.as_raw_fd(), &bytes, &control, MsgFlags::MSG_DONTWAIT, Some(&to))?;
        Ok(transmits.len())
    })
}

/// Whether an error may mean that only segments cannot be sent: a network card without checksums, or frames that are smaller.
pub(super) fn may_be_refused(error: &io::Error) -> bool {
    [Errno::EIO, Errno::EINVAL, Errno::EMSGSIZE].iter().any(|errno| error.raw_os_error() == Some(*errno as i32))
}
