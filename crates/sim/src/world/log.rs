//! What became of packets in one shard, until it is known what happened before in the others.

use std::net::SocketAddr;

use ipv8_core::{Time, wire::PREFIX_LEN};

use crate::{
    capture::{Fate, Tap},
    queue::Due,
    trace::{Record, Trace, fingerprint},
};

/// A datagram of which something became.
#[derive(Debug)]
pub(super) struct Entry {
    /// The event in which it did.
    due: Due,
    fate: Fate,
    /// Zero for one that was not delivered.
    fingerprint: u64,
    record: Record,
    /// Kept only where somebody looks at them.
    bytes: Vec<u8>,
}

/// Entries in the order of their events.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: Vec<Entry>,
    current: Due,
    /// Whether a sink wants to see all packets, with their bytes.
    pub(super) captures: bool,
}

impl Log {
    /// An event begins.
    pub(super) fn begin(&mut self, due: Due) {
        self.current = due;
    }

    pub(super) fn packet(&mut self, at: Time, from: SocketAddr, to: SocketAddr, fate: Fate, bytes: &[u8]) {
        let delivered = fate == Fate::Delivered;
        if !delivered && !self.captures {
            return;
        }
        self.entries.push(Entry {
            due: self.current,
            fate,
            fingerprint: if delivered { fingerprint(at, from, to, bytes) } else { 0 },
            record: Record { at, from, to, message: bytes.get(PREFIX_LEN).copied(), size: bytes.len() },
            bytes: if self.captures { bytes.to_vec() } else { Vec::new() },
        });
    }

    /// Moves the entries to where others of this shard may be already.
    pub(super) fn move_to(&mut self, other: &mut Vec<Entry>) {
        other.append(&mut self.entries);
    }

    /// Tells what this shard saw, which is all that there is.
    pub(super) fn tell(&mut self, trace: &mut Trace, tap: &mut Tap) {
        for entry in self.entries.drain(..) {
            tell(&entry, trace, tap);
        }
    }
}

/// Tells what several shards saw, in the order in which it happened.
pub(super) fn tell_in_order(entries: &mut Vec<Entry>, trace: &mut Trace, tap: &mut Tap) {
    // Stable, for what one event did; and quick, for it is a few rows that are in order already.
    entries.sort_by_key(|entry| entry.due);
    for entry in entries.drain(..) {
        tell(&entry, trace, tap);
    }
}

fn tell(entry: &Entry, trace: &mut Trace, tap: &mut Tap) {
    let Record { at, from, to, .. } = entry.record;
    if entry.fate == Fate::Delivered {
        trace.add(entry.fingerprint, &entry.record);
    }
    tap.packet(at, from, to, entry.fate, &entry.bytes);
}
