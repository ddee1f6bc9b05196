//! What happens to the network, and when.

use std::time::Duration;

use super::network::LinkModel;

/// Something that happens at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When, from the beginning.
    pub at: Duration,
    /// What.
    pub what: Happening,
}

impl Event {
    /// Something at a time.
    #[must_use]
    pub const fn new(at: Duration, what: Happening) -> Self {
        Self { at, what }
    }
}

/// Something that can happen to a network.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// The network falls into parts: packets pass only within each of them. Packets on their way arrive. Trackers are in the
    /// first part, unless regions part; attackers reach everybody. It takes the place of a partition that is there.
    Partition(Parts),
    /// The partition ends.
    Heal,
    /// All trackers go down and lose what they know.
    TrackersDown,
    /// All trackers are there again, and know nothing.
    TrackersUp,
    /// Nodes go down without a word: random ones of those that are up.
    Crash {
        /// How many of those that are up.
        count: Count,
        /// After how long they start again; never, if it is `None`.
        pause: Option<Duration>,
        /// Whether they then know the peers that they had, as from a peer file.
        keep_peers: bool,
    },
    /// New nodes come.
    FlashCrowd {
        /// How many. A share is one of the scenario's nodes, and may be above 1.
        count: Count,
        /// Within which time, evenly.
        within: Duration,
    },
    /// The link between all nodes is another one from now on.
    Link(LinkModel),
}

impl Happening {
    /// Its name in files.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Partition(_) => "partition",
            Self::Heal => "heal",
            Self::TrackersDown => "trackers-down",
            Self::TrackersUp => "trackers-up",
            Self::Crash { .. } => "crash",
            Self::FlashCrowd { .. } => "flash-crowd",
            Self::Link(_) => "link",
        }
    }
}

/// Into which parts a network falls. Each node is in one of them, whenever it starts.
#[derive(Clone, PartialEq, Debug)]
pub enum Parts {
    /// Into so many equal ones: nodes take turns.
    Equal(u32),
    /// Into two: the second has this share of all nodes.
    Share(f64),
    /// Into two: the second is the region of this name.
    Region(String),
}

/// How many of some nodes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Count {
    /// So many; all, if there are fewer.
    Nodes(u32),
    /// This part of them; 1 is all.
    Share(f64),
}

impl Count {
    /// How many these are of so many, rounded to the nearest number.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded, not negative, and bounded")]
    pub fn of(self, nodes: u32) -> u32 {
        match self {
            Self::Nodes(count) => count,
            Self::Share(share) if share.is_nan() => 0,
            Self::Share(share) => (f64::from(nodes) * share).round().clamp(0.0, f64::from(u32::MAX)) as u32,
        }
    }
}
