//! Finding peers by their key hash, also behind NATs (the reference's `DHTDiscoveryCommunity`, `protocol.md` section 6).
//!
//! A peer has the nodes that are closest to its member id remember where it is, and pings them, so that they still do and its
//! NAT stays open for them. Who looks for it asks those nodes; they tell where it is, and ask it to open its NAT for the
//! asker.
//!
//! | module | holds |
//! |---|---|
//! | `stored` | the peers that we remember for others, and what we answer |
//! | `keepers` | the nodes that remember us |
//! | `connect` | looking for a peer |
//! | `connected` | the peers that were found |
//! | `news` | the punctures of those that are looked for |

pub(crate) mod connect;
pub(crate) mod connected;
pub(crate) mod keepers;
mod news;
mod stored;

use ipv8_core::Time;

pub(crate) use self::keepers::LOOK as LOOK_AFTER_PEERS;
pub(crate) use self::stored::StoredPeers;
pub use self::stored::{MOST_PER_SOURCE, MOST_STORED, STORED_AGE};
pub use self::{
    connect::{ConnectError, MOST_ADDRESSES},
    connected::{CONNECTED_FOR, MOST_CONNECTED},
};
use self::{connected::ConnectedPeers, keepers::Keepers, news::Awaited};
use crate::family::Families;

/// What a node knows for the sake of finding peers.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    pub(crate) stored: StoredPeers,
    pub(crate) keepers: Families<Keepers>,
    /// When we want to be remembered by more nodes, and how often we were by enough.
    pub(crate) next_round: Option<Time>,
    pub(crate) rounds: u32,
    /// We are asking nodes to remember us.
    pub(crate) busy: bool,
    pub(crate) connected: ConnectedPeers,
    pub(crate) awaited: Awaited,
}
