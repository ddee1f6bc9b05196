//! Where values are kept: the [`Store`] trait, and [`MemoryStore`].

mod memory;

use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

pub use memory::MemoryStore;

use crate::{
    id::Key,
    keep::{Rows, SavedValue},
};

/// On whose behalf a value is kept. Floods are held off by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Source {
    /// Our own: gives way to nothing but our own.
    Own,
    /// A node at an IPv4 address, or in an IPv6 network of 64 bits.
    Network(IpAddr),
}

impl Source {
    /// Who stores from this address.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        Self::Network(match ip {
            IpAddr::V4(_) => ip,
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        })
    }

    /// The IPv6 network of 48 bits that it is in: one customer may have as many as 65,536 of 64 bits.
    pub(crate) fn site(self) -> Option<Self> {
        match self {
            Self::Network(IpAddr::V6(v6)) => {
                let [a, b, c, ..] = v6.segments();
                Some(Self::Network(IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))))
            }
            Self::Own | Self::Network(IpAddr::V4(_)) => None,
        }
    }
}

/// A value to keep.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What it is kept under.
    pub key: Key,
    /// What makes two values of a key the same ([`Value::storage_id`](crate::value::Value::storage_id)).
    pub id: [u8; 20],
    /// The whole value.
    pub value: Vec<u8>,
    /// Replaces the value with the same id unless that one's is higher.
    pub version: u32,
    /// For how long it is kept.
    pub max_age: Duration,
    /// Who brought it.
    pub source: Source,
}

/// What became of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Put {
    /// It is kept.
    Kept,
    /// One of the same id has a higher version. It keeps its age.
    Older,
    /// It was the least valuable of too many.
    NoRoom,
}

/// How much is kept. When there is more, the least valuable goes first: of the source that has most, what expires first. IPv6
/// sources in one network of 48 bits count together; in the network that has most, that of 64 bits goes first that has most. Of
/// two that have as many, it is that of which a value expires first.
///
/// A value that several sources brought counts as that of the first, or of a later one if the first floods us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreLimits {
    /// Values in all.
    pub total: usize,
    /// Values under one key.
    pub per_key: usize,
    /// Values of one source.
    pub per_source: usize,
}

impl Default for StoreLimits {
    /// 65,536 values in all, 128 under one key, 4,096 of one source.
    fn default() -> Self {
        Self { total: 65_536, per_key: 128, per_source: 4_096 }
    }
}

/// Keeps values. Times are since 1970, so that they mean something after a restart.
///
/// Values of a key are ordered: those put last come first, but one whose id is the key itself comes last of all (`protocol.md`
/// section 6, "Storage"). A store is asked from handlers, so it must not block for long.
pub trait Store: Send {
    /// Keeps a value, or refreshes the one of the same id.
    fn put(&mut self, entry: Entry, now: Duration) -> Put;

    /// At most so many values of a key, after leaving some out: the newest of each source, then the second of each, and so on, or
    /// who stores many would hide those of others, of which a node tells eight at a time. (The reference has no sources; where
    /// each source has one value, or one source has all, the order is its own.) Age plays no role: only [`Store::expire`] removes.
    fn get(&self, key: &Key, offset: usize, limit: usize) -> Vec<Vec<u8>>;

    /// Removes the values that are older than their age; returns how many.
    fn expire(&mut self, now: Duration) -> usize;

    /// How many values there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls a function with everything that is kept.
    fn for_each(&self, call: &mut dyn FnMut(&Entry));

    /// What changed since the last call, to be written to a disk; nothing, as here, if that is not noted
    /// ([`MemoryStore::restore`]).
    fn take_changes(&mut self) -> Rows<SavedValue> {
        Rows::default()
    }
}
