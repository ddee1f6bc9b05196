//! The distributed hash table of IPv8: values that are found by their keys, kept by the nodes whose ids are closest.
//!
//! | module | holds |
//! |---|---|
//! | [`messages`] | what nodes send each other |
//! | [`id`], [`routing`] | ids and distances, and the nodes that are known |
//! | [`token`] | who may store |
//! | [`value`] | values and their signatures |
//! | [`store`] | where values are kept |

use ipv8_wire::{CommunityId, community_id};

pub mod id;
pub mod messages;
pub mod routing;
pub mod store;
pub mod token;
pub mod value;

/// The id of the DHT's community (the reference's `DHTCommunity` and `DHTDiscoveryCommunity`).
pub const DHT_COMMUNITY: CommunityId = community_id!("8d0be1845d74d175f178197cad001591d04d73cc");
