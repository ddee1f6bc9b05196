//! Which message an id of a community stands for.

use ipv8_core::messages::{
    IntroductionRequest, IntroductionResponse, NewIntroductionRequest, NewIntroductionResponse, NewPuncture,
    NewPunctureRequest, Puncture, PunctureRequest,
};
use ipv8_wire::{CommunityId, Message, Payload as _, ReadError, community_id};

use super::fields::{Describe, Fields};

/// The reference's DiscoveryCommunity.
pub(super) const DISCOVERY: CommunityId = community_id!("7e313685c1912a141279f8248fc8db5899c5df5a");
/// The reference's DHTDiscoveryCommunity, and its DHTCommunity.
pub(super) const DHT: CommunityId = community_id!("8d0be1845d74d175f178197cad001591d04d73cc");
const TUNNEL: CommunityId = community_id!("81ded07332bdc775aa5a46f96de9f8f390bbc9f3");
const IDENTITY: CommunityId = community_id!("d5889074c1e4c50423cdb6e9307ee0ca5695ead7");
const ATTESTATION: CommunityId = community_id!("b42c93d167a0fc4a0843f917d4bf1e9ebb340ec4");

/// The name of an overlay that the reference brings along.
pub(super) fn community_name(id: CommunityId) -> Option<&'static str> {
    match id {
        DISCOVERY => Some("DiscoveryCommunity"),
        DHT => Some("DHTDiscoveryCommunity"),
        TUNNEL => Some("HiddenTunnelCommunity"),
        IDENTITY => Some("IdentityCommunity"),
        ATTESTATION => Some("AttestationCommunity"),
        _ => None,
    }
}

/// A message: how it is framed and read.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) signed: bool,
    pub(super) global_time: bool,
    pub(super) read: fn(&[u8]) -> Result<Fields, ReadError>,
}

/// What a message of this id may be. Where there are several, the first that can be read is meant; they are framed alike.
/// Empty for unknown ids.
pub(super) fn kinds(community: CommunityId, id: u8) -> Vec<Kind> {
    let _ = community;
    base(id).into_iter().collect()
}

fn base(id: u8) -> Option<Kind> {
    [
        kind::<IntroductionRequest>(),
        kind::<IntroductionResponse>(),
        kind::<PunctureRequest>(),
        kind::<Puncture>(),
        kind::<NewIntroductionRequest>(),
        kind::<NewIntroductionResponse>(),
        kind::<NewPunctureRequest>(),
        kind::<NewPuncture>(),
    ]
    .into_iter()
    .find_map(|(message, kind)| (message == id).then_some(kind))
}

/// The id and kind of a type of message.
fn kind<M: Message>() -> (u8, Kind)
where
    M: Describe,
    for<'a> M::Of<'a>: Describe,
{
    let kind = Kind {
        name: <M as Describe>::NAME,
        signed: <M::Auth as ipv8_wire::Auth>::SIGNED,
        global_time: M::GLOBAL_TIME,
        read: |bytes| M::Of::decode(bytes).map(Describe::fields),
    };
    (M::ID, kind)
}
