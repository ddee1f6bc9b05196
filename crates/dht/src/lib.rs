//! The distributed hash table of IPv8. So far it holds the [`messages`]; the overlay that speaks them is still to come.

use ipv8_wire::{CommunityId, community_id};

pub mod messages;

/// The id of the DHT's community (the reference's `DHTCommunity` and `DHTDiscoveryCommunity`).
pub const DHT_COMMUNITY: CommunityId = community_id!("8d0be1845d74d175f178197cad001591d04d73cc");
