//! What identifies a run: a hash over every delivery, and the last packets for those who look for a fault.

use std::{collections::VecDeque, fmt, net::SocketAddr};

use ipv8_core::Time;

use crate::seed::mix;

/// A datagram that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When.
    pub at: Time,
    /// From which address, as the receiver saw it.
    pub from: SocketAddr,
    /// At which address.
    pub to: SocketAddr,
    /// The message id, if the datagram is long enough to have one.
    pub message: Option<u8>,
    /// Its bytes, without headers of lower layers.
    pub size: usize,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} -> {}", self.at, self.from, self.to)?;
        if let Some(message) = self.message {
            write!(f, " message {message}")?;
        }
        write!(f, ", {} bytes", self.size)
    }
}

/// The running hash and the last packets.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    hash: u64,
    keep: usize,
    recent: VecDeque<Record>,
}

impl Trace {
    pub(crate) fn keep(&mut self, packets: usize) {
        self.keep = packets;
        self.recent.truncate(packets);
    }

    /// Takes in one delivery.
    pub(crate) fn add(&mut self, fingerprint: u64, record: &Record) {
        self.hash = mix(self.hash, fingerprint);
        if self.keep > 0 {
            if self.recent.len() >= self.keep {
                self.recent.pop_front();
            }
            self.recent.push_back(record.clone());
        }
    }

    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn recent(&self) -> impl Iterator<Item = &Record> {
        self.recent.iter()
    }
}

/// A hash over one delivery, which each thread can make for itself: its time, both addresses and its bytes.
pub(crate) fn fingerprint(at: Time, from: SocketAddr, to: SocketAddr, bytes: &[u8]) -> u64 {
    let mut hash = mix(0, at.as_nanos());
    hash = add_address(add_address(hash, from), to);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = mix(hash, u64::from_le_bytes(*word));
    }
    for byte in rest {
        hash = mix(hash, u64::from(*byte));
    }
    mix(hash, u64::try_from(bytes.len()).unwrap_or(u64::MAX))
}

fn add_address(hash: u64, address: SocketAddr) -> u64 {
    let hash = mix(hash, u64::from(address.port()));
    match address {
        SocketAddr::V4(v4) => mix(hash, u64::from(v4.ip().to_bits())),
        SocketAddr::V6(v6) => v6.ip().segments().into_iter().fold(hash, |hash, part| mix(hash, u64::from(part))),
    }
}
