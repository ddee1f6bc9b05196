//! Keeping what a node stores beyond its end: what is written when, and what waits for it.
//!
//! Handlers ask memory only ([`MemoryStore`](crate::store::MemoryStore)). What changes there is noted, and a task of the
//! community hands it to a [`Disk`] outside of the node ([`Handle::blocking`](ipv8_core::Handle::blocking)), all that
//! gathered meanwhile as one [`Batch`]. Only when the disk has a batch, the answers to the store requests that were in it
//! are sent, and [`Dht::store`](crate::Dht::store), [`Dht::forget`](crate::Dht::forget) and
//! [`Dht::flush`](crate::Dht::flush) end. Without a disk, which is the default, everything is answered at once.
//!
//! What happens when the disk does not keep up or fails:
//!
//! - At most [`MOST_WAITING`] answers wait. What comes then is kept in memory, written later, and not answered: whoever asked
//!   takes us for silent and asks again, or another.
//! - A batch that was not written is tried again together with what came later, after 1 second, then 2, and so on up to 10.
//!   Nothing that was in it is acknowledged; answers that waited are dropped and counted ([`KeepStats::unacknowledged`]), and
//!   users are told ([`DiskError`]). While that lasts nobody's values are acknowledged; the node goes on in memory.
//! - What waits to be written is at most what is kept, and what was removed of what the disk has: a value that comes and
//!   goes before it was written leaves nothing.

mod batch;
mod candidates;
mod journal;
mod memory;
mod ticket;

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use ipv8_crypto::PublicKey;

pub use self::{
    batch::{Batch, Rows},
    memory::MemoryDisk,
};
pub(crate) use self::{
    candidates::{Candidates, PING_CANDIDATES},
    journal::Journal,
};
use crate::{family::Family, id::Key, store::Entry};

/// Answers and users that wait for the disk.
pub const MOST_WAITING: usize = 1_024;

/// Nodes of the routing tables that are written.
pub const MOST_NODES: usize = 1_024;

/// Where a node's state is kept: a file, usually (`ipv8-dht-sqlite`).
pub trait Disk: Send {
    /// Writes all of a batch, or nothing of it. It is durable when this returns: it survives the end of the program at any
    /// moment. The same batch may come again, and one that could not be written comes again in one with what came later.
    ///
    /// # Errors
    /// If it was not written. It is as if it had never been tried.
    fn commit(&mut self, batch: &Batch) -> Result<(), DiskError>;
}

/// Why something was not written: what the disk says, for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DiskError(pub String);

/// A value that a disk has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedValue {
    /// The value.
    pub entry: Entry,
    /// When it becomes too old, since 1970.
    pub expires: Duration,
}

/// A value of ours that is stored again and again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedPublication {
    /// What it is stored under.
    pub key: Key,
    /// The whole value.
    pub value: Vec<u8>,
    /// When it is stored the next time, since 1970.
    pub due: Duration,
}

/// A node that was in the routing table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedNode {
    /// Where it was.
    pub address: SocketAddr,
    /// Its public key.
    pub key: PublicKey,
}

/// All that a disk has. Serial numbers are never used again; a higher one came later.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Saved {
    /// Values that are kept for nodes of IPv4, by serial number.
    pub v4: BTreeMap<u64, SavedValue>,
    /// The same of IPv6.
    pub v6: BTreeMap<u64, SavedValue>,
    /// Values of ours, by serial number.
    pub publications: BTreeMap<u64, SavedPublication>,
    /// Nodes.
    pub nodes: Vec<SavedNode>,
}

impl Saved {
    /// The values of a family.
    #[must_use]
    pub const fn values(&self, family: Family) -> &BTreeMap<u64, SavedValue> {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    /// What a disk has after a batch.
    pub fn apply(&mut self, batch: &Batch) {
        batch.v4.apply(&mut self.v4);
        batch.v6.apply(&mut self.v6);
        batch.publications.apply(&mut self.publications);
        if let Some(nodes) = &batch.nodes {
            self.nodes.clone_from(nodes);
        }
    }
}

/// How writing goes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct KeepStats {
    /// Batches that were written.
    pub batches: u64,
    /// Rows that were written or removed in them.
    pub rows: u64,
    /// Batches that were not written, each time that it was tried.
    pub failures: u64,
    /// Store requests that were not answered because the disk failed or did not keep up.
    pub unacknowledged: u64,
    /// Answers and users that wait now.
    pub waiting: usize,
    /// What the disk says, if it failed the last time.
    pub error: Option<DiskError>,
}
