//! Which message an id of a community stands for.

use ipv8_core::messages::{
    IntroductionRequest, IntroductionResponse, NewIntroductionRequest, NewIntroductionResponse, NewPuncture,
    NewPunctureRequest, Puncture, PunctureRequest,
};
use ipv8_dht::DHT_COMMUNITY;
use ipv8_dht::messages::{
    ConnectPeerRequest, ConnectPeerResponse, FindRequest, FindResponse, PingRequest, PingResponse, StorePeerRequest,
    StorePeerResponse, StoreRequest, StoreResponse,
};
use ipv8_discovery::DISCOVERY_COMMUNITY;
use ipv8_discovery::messages::{DiscoveryIntroductionRequest, Ping, Pong, SimilarityRequest, SimilarityResponse};
use ipv8_wire::{Auth as _, CommunityId, Message, Payload as _, ReadError, community_id};

use super::fields::{Describe, Fields};

const TUNNEL: CommunityId = community_id!("81ded07332bdc775aa5a46f96de9f8f390bbc9f3");
const IDENTITY: CommunityId = community_id!("d5889074c1e4c50423cdb6e9307ee0ca5695ead7");
const ATTESTATION: CommunityId = community_id!("b42c93d167a0fc4a0843f917d4bf1e9ebb340ec4");

/// The name of an overlay that the reference brings along.
pub(super) fn community_name(id: CommunityId) -> Option<&'static str> {
    match id {
        DISCOVERY_COMMUNITY => Some("DiscoveryCommunity"),
        DHT_COMMUNITY => Some("DHTDiscoveryCommunity"),
        TUNNEL => Some("HiddenTunnelCommunity"),
        IDENTITY => Some("IdentityCommunity"),
        ATTESTATION => Some("AttestationCommunity"),
        _ => None,
    }
}

/// A message: how it is framed and read.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// What errors call it.
    pub(super) name: &'static str,
    pub(super) signed: bool,
    pub(super) global_time: bool,
    pub(super) read: fn(&[u8]) -> Result<Payload, ReadError>,
}

/// What a message says.
pub(super) struct Payload {
    /// The name of the reference's class, without `Payload`.
    pub(super) name: &'static str,
    pub(super) fields: Fields,
}

/// The message of this id; `None` for unknown ones.
pub(super) fn kind(community: CommunityId, id: u8) -> Option<Kind> {
    let own = match community {
        DISCOVERY_COMMUNITY => discovery(id),
        DHT_COMMUNITY => dht(id),
        _ => None,
    };
    own.or_else(|| base(id))
}

fn base(id: u8) -> Option<Kind> {
    pick(
        id,
        [
            entry::<IntroductionRequest>(),
            entry::<IntroductionResponse>(),
            entry::<PunctureRequest>(),
            entry::<Puncture>(),
            entry::<NewIntroductionRequest>(),
            entry::<NewIntroductionResponse>(),
            entry::<NewPunctureRequest>(),
            entry::<NewPuncture>(),
        ],
    )
}

fn discovery(id: u8) -> Option<Kind> {
    pick(
        id,
        [
            entry::<DiscoveryIntroductionRequest>(),
            entry::<SimilarityRequest>(),
            entry::<SimilarityResponse>(),
            entry::<Ping>(),
            entry::<Pong>(),
        ],
    )
}

fn dht(id: u8) -> Option<Kind> {
    pick(
        id,
        [
            entry::<PingRequest>(),
            entry::<PingResponse>(),
            entry::<StoreRequest>(),
            entry::<StoreResponse>(),
            entry::<FindRequest>(),
            entry::<FindResponse>(),
            entry::<StorePeerRequest>(),
            entry::<StorePeerResponse>(),
            entry::<ConnectPeerRequest>(),
            entry::<ConnectPeerResponse>(),
        ],
    )
}

fn pick(id: u8, entries: impl IntoIterator<Item = (u8, Kind)>) -> Option<Kind> {
    entries.into_iter().find_map(|(entry, kind)| (entry == id).then_some(kind))
}

/// The id and kind of a type of message.
fn entry<M: Message>() -> (u8, Kind)
where
    for<'a> M::Of<'a>: Describe,
{
    let kind = Kind {
        name: M::NAME,
        signed: M::Auth::SIGNED,
        global_time: M::GLOBAL_TIME,
        read: |bytes| {
            let message = M::Of::decode(bytes)?;
            Ok(Payload { name: message.name(), fields: message.fields() })
        },
    };
    (M::ID, kind)
}
