//! The introduction request of 2014 is answered, always in the old style, and lists of communities stay bounded.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::net::SocketAddrV4;

use common::{address, key, node, seconds, sent, summary};
use ipv8_core::{
    Handle, Node,
    messages::{Flags, IntroductionRequest},
};
use ipv8_discovery::{
    DISCOVERY_COMMUNITY, DiscoveryCommunity,
    messages::{DiscoveryIntroductionRequest, SimilarityRequest, SimilarityResponse},
};
use ipv8_wire::{CommunityId, Outgoing};

fn discovery() -> (Node, Handle<DiscoveryCommunity>) {
    let node = node(1);
    let handle = node.load(DiscoveryCommunity::default()).unwrap();
    (node, handle)
}

/// The message, as the node of number 7 signs it.
fn hear(node: &Node, handle: &Handle<DiscoveryCommunity>, message: &impl Outgoing) {
    let packet = handle.with(|_, cx| cx.pack_as(DISCOVERY_COMMUNITY, &key(7), Some(3), message)).unwrap().unwrap();
    node.handle(seconds(1), [(address(7), packet.as_slice())]);
}

fn v4(number: u8) -> SocketAddrV4 {
    match address(number) {
        std::net::SocketAddr::V4(v4) => v4,
        std::net::SocketAddr::V6(_) => panic!("made as IPv4"),
    }
}

#[test]
fn both_forms_are_answered_in_the_old_style_and_make_a_peer() {
    for introduce_to in [None, Some([5; 20])] {
        let (node, handle) = discovery();
        let request = IntroductionRequest {
            destination_address: v4(1),
            source_lan_address: v4(7),
            source_wan_address: v4(7),
            flags: Flags::default(),
            identifier: 3,
            extra_bytes: Vec::new(),
        };
        hear(&node, &handle, &DiscoveryIntroductionRequest { introduce_to, request });
        assert_eq!(summary(&sent(&node, seconds(1))), [(address(7), 245)]);
        let (peers, lan) = handle
            .with(|_, cx| (cx.peer_count(), cx.network().get(&key(7).mid()).map(|peer| peer.addresses().lan)))
            .unwrap();
        assert_eq!((peers, lan), (1, Some(None)), "its claimed LAN address is not kept");
    }
}

#[test]
fn lists_of_any_length_are_kept_within_the_limits() {
    let (node, handle) = discovery();
    let ids = |number: u16| CommunityId([number.to_be_bytes(); 10].concat().try_into().unwrap());
    let many: Vec<CommunityId> = (0..3_000).map(ids).chain([DISCOVERY_COMMUNITY]).collect();
    let request = SimilarityRequest {
        identifier: 1,
        lan_address: v4(7),
        wan_address: v4(7),
        flags: Flags::default(),
        preference_list: many.clone(),
    };
    hear(&node, &handle, &request);
    assert_eq!(summary(&sent(&node, seconds(1))), [(address(7), 2)], "whoever asks is answered");
    assert_eq!(handle.with(|_, cx| (cx.network().len(), cx.peer_count())).unwrap(), (0, 0), "and is no peer for that");
    assert_eq!(handle.with(|_, cx| cx.network().services_of(&key(7).mid()).len()).unwrap(), 32);

    let response = SimilarityResponse { identifier: 1, preference_list: many, tb_overlap: Vec::new() };
    hear(&node, &handle, &response);
    let known = handle.with(|_, cx| cx.network().services_of(&key(7).mid()).len()).unwrap();
    assert_eq!((known, handle.with(|_, cx| cx.peer_count()).unwrap()), (32, 1), "our own communities count first");
}
