//! Peers tell each other their communities, once for each key.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::net::SocketAddr;

use common::{ANY, Plain, address, key, node, seconds, sent};
use ipv8_core::{
    DropReason, MaxPeers, OverlayConfig,
    messages::{Flags, IntroductionRequest},
};
use ipv8_crypto::PublicKey;
use ipv8_discovery::{
    DISCOVERY_COMMUNITY, DiscoveryCommunity,
    messages::{SimilarityRequest, SimilarityResponse},
};
use ipv8_test::{Net, NodeSpec, assert_sent};
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
    let mut net = Net::new();
    let one = net.add(NodeSpec::new(DiscoveryCommunity::default));
    let two = net.add(NodeSpec::new(DiscoveryCommunity::default).and(|| Plain));
    let to = net.address(two);
    net.at(one, |_: &mut DiscoveryCommunity, cx| cx.walk_to(to));
    net.deliver();
    let services = |at: usize, of: usize| {
        let mid = net.peer(of).mid();
        net.at(at, |_: &mut DiscoveryCommunity, cx| cx.network().services_of(&mid).to_vec())
    };
    assert_eq!(services(one, two), [DISCOVERY_COMMUNITY, ANY]);
    assert_eq!(services(two, one), [DISCOVERY_COMMUNITY]);
    assert_sent!(net, one, [to two => SimilarityRequest { .. }]);
    assert_sent!(net, two, [to one => SimilarityResponse { .. }]);
}

#[test]
fn requests_over_the_peer_limit_are_dropped() {
    let mut net = Net::new();
    net.add(NodeSpec::new(|| OverlayConfig::new(DiscoveryCommunity::default()).max_peers(MaxPeers::Limit(1))));
    let SocketAddr::V4(own) = net.address(0) else { panic!("made as IPv4") };
    let request = IntroductionRequest {
        destination_address: own,
        source_lan_address: own,
        source_wan_address: own,
        flags: Flags::default(),
        identifier: 1,
        extra_bytes: Vec::new(),
    };
    for number in 2..6 {
        let packet = net.signed_by::<DiscoveryCommunity, _>(&key(number), &request);
        net.inject(0, address(number), packet);
        net.deliver();
    }
    // The limit is reached, not passed, with the first; passed with the second, which still counts as one too many.
    let answered = (2..6).map(|number| net.sent_packets(0).iter().any(|packet| packet.to.address == address(number)));
    assert_eq!(answered.collect::<Vec<_>>(), [true, true, false, false]);
    assert_eq!(net.drops(0), [DropReason::PeerLimit; 2]);
}
