//! Who is at which address.

use std::{collections::HashMap, hash::BuildHasher as _, net::SocketAddr};

use hashbrown::HashTable;
use smallvec::SmallVec;

use super::slots::{Records, Slot};

/// Peers that are found by one address; who shares it with more of them is found by its key only.
const MOST_AT_ONE_ADDRESS: usize = 16;

/// Which address of a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    V4,
    V6,
    Lan,
}

impl Class {
    /// Of an address where a peer was seen.
    pub(super) const fn of(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(_) => Self::V4,
            SocketAddr::V6(_) => Self::V6,
        }
    }
}

/// A peer by one of its addresses: its slot and the class, in four bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Entry(u32);

impl Entry {
    const fn new(slot: Slot, class: Class) -> Self {
        // Slots have 30 bits.
        Self(slot.0 << 2 | class as u32)
    }

    const fn slot(self) -> Slot {
        Slot(self.0 >> 2)
    }

    /// The address by which it is indexed, which its record holds.
    fn address(self, peers: &Records) -> Option<SocketAddr> {
        let record = peers.get(self.slot())?;
        match self.0 & 3 {
            0 => record.v4().map(SocketAddr::V4),
            1 => record.v6().map(SocketAddr::V6),
            _ => record.lan().map(SocketAddr::V4),
        }
    }
}

/// Peers by address. The addresses themselves stand in the records, save those that several peers share.
///
/// A change takes two steps: what was is removed, whatever the record says by now; then what is is added.
#[derive(Debug, Default)]
pub(super) struct AddressIndex {
    /// The last one at each address.
    last: HashTable<Entry>,
    /// All of them where there are more, the last one at the end.
    shared: HashMap<SocketAddr, SmallVec<[Slot; 4]>>,
}

impl AddressIndex {
    /// The peers at an address, the last one first.
    pub(super) fn at<'a>(&'a self, peers: &Records, address: SocketAddr) -> impl Iterator<Item = Slot> + use<'a> {
        let shared = if self.shared.is_empty() { None } else { self.shared.get(&address) };
        let alone = if shared.is_some() { None } else { self.last_at(peers, address) };
        shared.into_iter().flatten().rev().copied().chain(alone)
    }

    pub(super) fn last_at(&self, peers: &Records, address: SocketAddr) -> Option<Slot> {
        if self.last.is_empty() {
            return None;
        }
        let same = |entry: &Entry| entry.address(peers) == Some(address);
        self.last.find(peers.hasher.hash_one(address), same).map(|entry| entry.slot())
    }

    pub(super) fn add(&mut self, peers: &Records, address: SocketAddr, class: Class, slot: Slot) {
        let hash = |entry: &Entry| entry.address(peers).map_or(0, |address| peers.hasher.hash_one(address));
        let same = |entry: &Entry| entry.slot() != slot && entry.address(peers) == Some(address);
        let new = Entry::new(slot, class);
        let hash_of_it = peers.hasher.hash_one(address);
        match self.last.find_mut(hash_of_it, same) {
            Some(before) => {
                let there = self.shared.entry(address).or_insert_with(|| SmallVec::from_slice(&[before.slot()]));
                if there.len() == MOST_AT_ONE_ADDRESS {
                    there.remove(0);
                }
                there.push(slot);
                *before = new;
            }
            None => drop(self.last.insert_unique(hash_of_it, new, hash)),
        }
    }

    pub(super) fn remove(&mut self, peers: &Records, address: SocketAddr, class: Class, slot: Slot) {
        let hash = peers.hasher.hash_one(address);
        let there = if self.shared.is_empty() { None } else { self.shared.get_mut(&address) };
        let Some(there) = there else {
            if let Ok(entry) = self.last.find_entry(hash, |other| *other == Entry::new(slot, class)) {
                entry.remove();
            }
            return;
        };
        let last = there.last().map(|last| Entry::new(*last, class));
        there.retain(|other| *other != slot);
        let now = there.last().map(|last| Entry::new(*last, class));
        if there.len() == 1 {
            self.shared.remove(&address);
        }
        if let (Some(last), Some(now)) = (last, now)
            && let Some(entry) = self.last.find_mut(hash, |other| *other == last)
        {
            *entry = now;
        }
    }
}
