//! What nodes store and look for in the distributed hash table.

use std::time::Duration;

/// Values that nodes store in the DHT and look for later, and nodes that spoil it; for [`OverlayKind::Dht`](super::OverlayKind).
///
/// Each value is looked for at one moment only, since a search that finds a value stores it on one more node. Beside each of these
/// searches some node looks for the nodes that are closest to a random key.
#[derive(Clone, Debug, PartialEq)]
pub struct Dht {
    /// How many values are stored, each under a random key of its own and signed.
    pub values: u32,
    /// When the storing begins.
    pub store_at: Duration,
    /// Within which time they are stored, evenly.
    pub store_over: Duration,
    /// When values are looked for. They are dealt out to the moments in turn.
    pub find_at: Vec<Duration>,
    /// Within which time from each of these moments, evenly.
    pub find_over: Duration,
    /// How many nodes, the first, never go, whatever the sessions say. If there are any, they publish every second value.
    pub staying: u32,
    /// Whether publishers that went publish again what they had published, a minute after they came back.
    pub remember: bool,
    /// How often publishers store their values again; `None` is never, as with the reference.
    pub republish: Option<Duration>,
    /// Which part of the nodes is malicious; those that stay never are. They publish nothing and look for nothing.
    pub malicious: f64,
    /// What they do.
    pub malice: Malice,
}

impl Dht {
    /// The most moments at which values are looked for.
    pub const MOST_MOMENTS: usize = 6;
}

impl Default for Dht {
    /// A hundred values, stored within half a minute after two minutes, and looked for within a minute after three.
    fn default() -> Self {
        Self {
            values: 100,
            store_at: Duration::from_secs(120),
            store_over: Duration::from_secs(30),
            find_at: vec![Duration::from_secs(180)],
            find_over: Duration::from_secs(60),
            staying: 0,
            remember: false,
            republish: None,
            malicious: 0.0,
            malice: Malice::default(),
        }
    }
}

/// What malicious nodes of the DHT do. All of them walk, are met, and answer pings, so that they stay in routing tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Malice {
    /// Answers no questions and keeps nothing.
    #[default]
    Silent,
    /// Answers every question at once: with false values, with an empty list, or with nodes that do not exist, close to what is
    /// looked for, at the addresses of other liars or where nobody is. Confirms all that it is to keep, and keeps nothing.
    Liar,
    /// Behaves, but keeps nothing that it confirms.
    Forgetful,
}

impl Malice {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Silent, Self::Liar, Self::Forgetful];

    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Liar => "liar",
            Self::Forgetful => "forgetful",
        }
    }
}
