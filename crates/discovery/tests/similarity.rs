//! Peers tell each other their communities, once for each key.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::net::SocketAddr;

use common::{ANY, Plain, address, key, node, seconds, sent, settle};
use ipv8_core::{
    MaxPeers, OverlayConfig,
    messages::{Flags, IntroductionRequest},
};
use ipv8_crypto::PublicKey;
use ipv8_discovery::{DISCOVERY_COMMUNITY, DiscoveryCommunity, messages::SimilarityRequest};
use ipv8_wire::{CommunityId, Packet, Payload, read_auth, split_signature};

const OTHER: CommunityId = CommunityId([5; 20]);

#[test]
fn a_node_with_two_keys_sends_one_message_for_each() {
    let node = node(1);
    let discovery = node.load(DiscoveryCommunity::default()).unwrap();
    node.load(OverlayConfig::new(Plain).key(key(2))).unwrap();
    node.load(OverlayConfig::new(Plain).id(OTHER)).unwrap();
    discovery.with(|community, cx| community.ask_similarity(cx, address(9))).unwrap();

    let mut told = Vec::new();
    for packet in sent(&node, seconds(0)) {
        assert_eq!(Packet::parse(&packet.bytes).unwrap().community_id(), DISCOVERY_COMMUNITY);
        let auth = read_auth(&packet.bytes).unwrap();
        let signer = PublicKey::from_bytes(auth.key()).unwrap();
        let (signed, signature) = split_signature(&packet.bytes, signer.signature_len()).unwrap();
        assert!(signer.verify(signed, signature), "signed with the key that is named");
        let request = SimilarityRequest::decode(auth.rest(signed).get(8..).unwrap()).unwrap();
        told.push((signer, request.preference_list));
    }
    assert_eq!(
        told,
        [(key(1).public().clone(), vec![DISCOVERY_COMMUNITY, OTHER]), (key(2).public().clone(), vec![ANY])]
    );
}

#[test]
fn nodes_that_meet_learn_what_they_have_in_common() {
    let (a, b) = (node(1), node(2));
    let a_discovery = a.load(DiscoveryCommunity::default()).unwrap();
    let b_discovery = b.load(DiscoveryCommunity::default()).unwrap();
    b.load(Plain).unwrap();
    a_discovery.with(|_, cx| cx.walk_to(address(2))).unwrap();
    assert_eq!(settle(&[(1, &a), (2, &b)], seconds(0)), []);
    let services = |of: u8| move |cx: &ipv8_core::Context<'_>| cx.network().services_of(&key(of).mid()).to_vec();
    assert_eq!(a_discovery.with(|_, cx| services(2)(cx)).unwrap(), [DISCOVERY_COMMUNITY, ANY]);
    assert_eq!(b_discovery.with(|_, cx| services(1)(cx)).unwrap(), [DISCOVERY_COMMUNITY]);
}

#[test]
fn requests_over_the_peer_limit_are_dropped() {
    let node = node(1);
    let discovery = node.load(OverlayConfig::new(DiscoveryCommunity::default()).max_peers(MaxPeers::Limit(1))).unwrap();
    let SocketAddr::V4(own) = address(1) else { panic!("made as IPv4") };
    let request = IntroductionRequest {
        destination_address: own,
        source_lan_address: own,
        source_wan_address: own,
        flags: Flags::default(),
        identifier: 1,
        extra_bytes: Vec::new(),
    };
    let mut answered = Vec::new();
    for number in 2..6 {
        let packet =
            discovery.with(|_, cx| cx.pack_as(DISCOVERY_COMMUNITY, &key(number), Some(1), &request)).unwrap().unwrap();
        node.handle(seconds(0), [(address(number), packet.as_slice())]);
        answered.push(sent(&node, seconds(0)).iter().any(|packet| packet.to == address(number)));
    }
    // The limit is reached, not passed, with the first; passed with the second, which still counts as one too many.
    assert_eq!(answered, [true, true, false, false]);
    assert_eq!(node.stats().dropped(ipv8_core::DropReason::PeerLimit), 2);
}
