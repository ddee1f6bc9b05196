//! Keeps what a node of the DHT stores in a SQLite file: values, the routing table, and the node's own publications.
//!
//! ```no_run
//! use ipv8_dht::DhtConfig;
//!
//! # fn example() -> Result<(), ipv8_dht_sqlite::OpenError> {
//! let (community, opened) = ipv8_dht_sqlite::open("dht.sqlite", DhtConfig::default())?;
//! println!("{} values, {} nodes, {} publications", opened.values, opened.nodes, opened.publications);
//! if let Some(damaged) = opened.set_aside {
//!     println!("what was there before is damaged, and now {}", damaged.display());
//! }
//! // Load `community` into a node as one that keeps nothing: `node.load(community.overlay())`.
//! # Ok(())
//! # }
//! ```
//!
//! # What survives what
//!
//! The node answers a store request, and ends [`Dht::store`](ipv8_dht::Dht::store), when the transaction is committed
//! ([`ipv8_dht::keep`]). What is acknowledged so survives
//!
//! - the end of the program at any moment (`kill -9`, a crash): everything;
//! - the end of the machine (loss of power): the node's own publications, for which every commit waits until the medium has
//!   it. Values of others may be missing that came since the last checkpoint, at most some seconds under load: they live for
//!   an hour, on eight nodes, and to wait for the medium for each would cost much more. The file opens in any case.
//!
//! That is SQLite's write-ahead log with `synchronous` at `FULL` where publications are written and at `NORMAL` elsewhere;
//! pages have 8,192 bytes, as the reference's.
//!
//! # The files
//!
//! `FILE`, `FILE-wal` (the log) and `FILE.lock`, all for their owner only (0600). One process at a time has them: another
//! gets [`OpenError::InUse`], after two seconds. `FILE.lock` is empty and stays.
//!
//! Every start checks the file (`PRAGMA quick_check`). A damaged one is set aside as `FILE.damaged-N`, with its log, and a
//! new one begun; [`Opened::set_aside`] tells. Files of other programs, and of newer versions of this one, are left alone, and
//! are an error. A file of an older version is brought up to date, in one transaction for each version.
//!
//! The check finds pages that are not what they should be; a bit that changed within a value, SQLite does not notice.
//!
//! Space that becomes free is used again and not given back: the file has the size of the most that it ever held, at most
//! about 100 MB with the default limits.
//!
//! # The clock
//!
//! Values expire by the time since 1970. If the clock was set forward while no node ran, values expire early, as they would
//! have in a node that ran. If it was set back, they are kept for at most their age, counted from the start of the node;
//! publications are stored again after at most one interval.

mod aside;
mod disk;
mod error;
mod files;
mod rows;
mod schema;

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ipv8_dht::{DhtCommunity, DhtConfig, Family, MOST_PUBLICATIONS};

pub use self::{disk::SqliteDisk, error::OpenError};

/// What a file held when it was opened.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Opened {
    /// Values of others that are not too old, both families, within [`DhtConfig::store`].
    pub values: usize,
    /// Values of ours that are stored again.
    pub publications: usize,
    /// Nodes that will be pinged.
    pub nodes: usize,
    /// Where what was there before is now, if it was damaged.
    pub set_aside: Option<PathBuf>,
}

/// A node of the DHT that keeps its state in a file, and goes on with what is there. The file is made if there is none; its
/// directory has to be there.
///
/// It reads the whole file, which takes a second for some 100,000 values: call it where that does not hold anybody up. Writing
/// is done outside of the node's turns. If the disk fails later, the node goes on in memory and acknowledges nothing
/// ([`DhtCommunity::keeping`] tells).
///
/// # Errors
/// If the file is in use, not accessible, no file of ours, or of a newer version. Damage is no error.
pub fn open(path: impl AsRef<Path>, config: DhtConfig) -> Result<(DhtCommunity, Opened), OpenError> {
    Options::default().open(path, config)
}

/// How a file is opened; the default is what [`open`] does.
#[derive(Clone, Debug)]
pub struct Options {
    now: Option<Duration>,
    checkpoint: u32,
    most_pages: Option<u32>,
}

impl Default for Options {
    /// A checkpoint every 512 pages (4 MB), no limit of the file.
    fn default() -> Self {
        Self { now: None, checkpoint: 512, most_pages: None }
    }
}

impl Options {
    /// Takes this for the time since 1970, instead of the machine's: for tests and simulations.
    #[must_use]
    pub const fn now(mut self, now: Duration) -> Self {
        self.now = Some(now);
        self
    }

    /// Copies the log into the file whenever it has so many pages of 8,192 bytes.
    #[must_use]
    pub const fn checkpoint(mut self, pages: u32) -> Self {
        self.checkpoint = pages;
        self
    }

    /// Lets the file have at most so many pages of 8,192 bytes; it is full then, like a disk.
    #[must_use]
    pub const fn most_pages(mut self, pages: u32) -> Self {
        self.most_pages = Some(pages);
        self
    }

    /// See [`open`].
    ///
    /// # Errors
    /// As [`open`].
    pub fn open(&self, path: impl AsRef<Path>, config: DhtConfig) -> Result<(DhtCommunity, Opened), OpenError> {
        let now = self.now.unwrap_or_else(unix_time);
        let (disk, saved, set_aside) = SqliteDisk::open(path.as_ref(), self)?;
        let (publications, nodes) = (saved.publications.len().min(MOST_PUBLICATIONS), saved.nodes.len());
        let community = DhtCommunity::kept(config, Box::new(disk), saved, now);
        let values = Family::ALL.iter().map(|family| community.store(*family).len()).sum();
        Ok((community, Opened { values, publications, nodes, set_aside }))
    }
}

#[allow(clippy::disallowed_methods, reason = "this is outside of the node, which is told the same by its driver")]
fn unix_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
