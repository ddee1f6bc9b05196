//! For systems that read and send one datagram with one system call.

use std::io;

use super::{Received, SLOT, Udp};
use ipv8_core::Transmit;

/// Reads datagrams into the slots of a buffer until none waits; returns how many.
pub(super) fn receive(socket: &Udp, buffer: &mut [u8], received: &mut [Received]) -> io::Result<usize> {
    let mut count = 0;
    for (slot, entry) in buffer.chunks_exact_mut(SLOT).zip(received) {
        match socket.try_recv_from(slot) {
            Ok((len, from)) => *entry = (from, len),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock || count > 0 => break,
            Err(error) => return Err(error),
        }
        count += 1;
    }
    Ok(count)
}

/// Sends the first of some datagrams; returns 1.
pub(super) fn send(socket: &Udp, transmits: &[Transmit]) -> io::Result<usize> {
    match transmits.first() {
        Some(Transmit { to, bytes }) => socket.try_send_to(bytes, *to).map(|_| 1),
        None => Ok(0),
    }
}
