//! The distributed hash table of IPv8: values that are found by their keys and peers that are found by their key hashes, kept by
//! the nodes whose ids are closest.
//!
//! | module | holds |
//! |---|---|
//! | [`api`] | [`Dht`]: what users call |
//! | [`community`], [`messages`] | the overlay: what a node answers |
//! | [`id`], [`routing`], [`family`] | ids and distances, and the nodes that are known of each address family |
//! | [`token`] | who may store |
//! | [`value`], [`store`] | values and their signatures, and where they are kept |
//! | [`crawl`], [`lookup`] | the search for a key: its state, and the task that sends |
//! | [`discovery`] | finding peers by their key hash |
//! | `own` | our own addresses |
//! | `lane` | whom a search asks next in one address family, and when it is over |
//! | [`churn`], `maintenance`, `publish` | what a node does unasked |
//! | [`keep`] | what survives the end of a node: what is written to a disk, and what waits for that |
//! | `limiter` | not answering anybody too much |
//! | `pace` | not asking anybody too much |

use ipv8_wire::{CommunityId, community_id};

pub mod api;
pub mod churn;
pub mod community;
pub mod config;
pub mod crawl;
pub mod discovery;
pub mod family;
pub mod id;
pub mod keep;
pub mod lookup;
pub mod messages;
pub mod routing;
pub mod stats;
pub mod store;
pub mod token;
pub mod value;

mod crowd;
mod lane;
mod limiter;
mod maintenance;
mod own;
mod pace;
mod publish;
mod storing;

pub use self::{
    api::{Dht, FindError, KeepError, StoreError, Values},
    churn::PingChurn,
    community::DhtCommunity,
    config::DhtConfig,
    discovery::ConnectError,
    family::Family,
    id::{Key, NodeId, key_of},
    limiter::MOST_ASKERS,
    lookup::{TraceEvent, TraceStep},
    own::OWN_ADDRESS_AFTER,
    publish::MOST_PUBLICATIONS,
    stats::DhtStats,
    storing::{MOST_LATER, Stored},
    value::{Sign, Value},
};

/// The id of the DHT's community (the reference's `DHTCommunity` and `DHTDiscoveryCommunity`).
pub const DHT_COMMUNITY: CommunityId = community_id!("8d0be1845d74d175f178197cad001591d04d73cc");
