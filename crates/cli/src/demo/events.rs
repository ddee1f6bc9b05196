//! What happens in a demo.

use std::net::SocketAddr;
use std::time::Duration;

use ipv8_crypto::Mid;
use serde::{Serialize, Serializer};

/// Something that happened. Peers are numbered from 1.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(crate) enum Event {
    /// The tracker listens.
    Tracker {
        listen: SocketAddr,
        #[serde(serialize_with = "text")]
        mid: Mid,
    },
    /// A peer listens.
    Started {
        node: usize,
        listen: SocketAddr,
        #[serde(serialize_with = "text")]
        mid: Mid,
    },
    /// A peer found another one.
    Peer {
        node: usize,
        #[serde(serialize_with = "text")]
        mid: Mid,
        address: SocketAddr,
        /// The number of the one that was found.
        #[serde(skip)]
        found: usize,
    },
    /// The clock of a peer moved.
    Clock { node: usize, clock: u32 },
    /// The end.
    Summary(Summary),
}

/// What came of a demo.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(crate) struct Summary {
    /// How many peers took part.
    pub(crate) peers: usize,
    /// How many times a peer found another one.
    pub(crate) pairs_found: usize,
    /// How many times there is to be found: each peer, every other.
    pub(crate) pairs: usize,
    /// The latest clock.
    pub(crate) clock: u32,
    /// How long it took.
    #[serde(serialize_with = "seconds")]
    pub(crate) seconds: Duration,
    /// Every peer heard the clock of another.
    #[serde(skip)]
    pub(crate) all_clocks_moved: bool,
}

impl Summary {
    /// Whether every peer found every other one, and the clock moved.
    pub(crate) fn is_success(&self) -> bool {
        self.pairs_found == self.pairs && self.all_clocks_moved
    }
}

fn text<S: Serializer>(mid: &Mid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(mid)
}

/// Seconds, to the millisecond.
fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1_000.0).round() / 1_000.0)
}
