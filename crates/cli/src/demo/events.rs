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
    /// The DHT was used.
    Dht(DhtEvent),
    /// The end.
    Summary(Summary),
}

/// What was done with the DHT.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "what", rename_all = "lowercase")]
pub(crate) enum DhtEvent {
    /// A peer stored a signed value.
    Stored { node: usize, key: String, stored_on: usize },
    /// Another found it.
    Found {
        node: usize,
        key: String,
        #[serde(serialize_with = "hexadecimal")]
        value: Vec<u8>,
        /// Who signed it.
        #[serde(serialize_with = "text")]
        signer: Mid,
    },
    /// It looked for the one who signed it, who answered.
    Connected {
        node: usize,
        #[serde(serialize_with = "text")]
        mid: Mid,
        address: SocketAddr,
        /// The number of the one that was found.
        #[serde(skip)]
        found: usize,
    },
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
    /// A signed value was stored and found by another peer, and so was the one who signed it.
    pub(crate) dht: bool,
    /// How long it took.
    #[serde(serialize_with = "seconds")]
    pub(crate) seconds: Duration,
    /// Every peer heard the clock of another.
    #[serde(skip)]
    pub(crate) all_clocks_moved: bool,
}

impl Summary {
    /// Whether every peer found every other one, the clock moved, and the DHT worked.
    pub(crate) fn is_success(&self) -> bool {
        self.pairs_found == self.pairs && self.all_clocks_moved && self.dht
    }
}

fn text<S: Serializer>(mid: &Mid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(mid)
}

fn hexadecimal<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(bytes))
}

/// Seconds, to the millisecond.
fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1_000.0).round() / 1_000.0)
}
