//! For systems that take no segments.

use std::io;

use ipv8_core::Transmit;

use super::Udp;

pub(super) fn are_known(_: &Udp) -> bool {
    false
}

pub(super) fn in_a_row(_: &[Transmit]) -> usize {
    1
}

pub(super) fn send(_: &Udp, _: &[Transmit]) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn may_be_refused(_: &io::Error) -> bool {
    true
}
