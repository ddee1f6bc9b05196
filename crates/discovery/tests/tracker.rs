//! The tracker introduces peers of any community to each other, keeps the newest, and forgets the silent and the full.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::net::{SocketAddr, SocketAddrV4};

use common::{ANY, address, key, node, seconds, sent, summary};
use ipv8_core::{
    DropReason, Handle, Node, OverlayConfig, Transmit,
    messages::{Flags, IntroductionRequest, IntroductionResponse, NO_ADDRESS},
};
use ipv8_crypto::PublicKey;
use ipv8_discovery::{Tracker, TrackerLimits};
use ipv8_wire::{CommunityId, Outgoing, Packet, Payload, read_auth, split_signature};

const TRACKER: u8 = 1;
const OTHER: CommunityId = CommunityId([77; 20]);

fn tracker(limits: TrackerLimits) -> (Node, Handle<Tracker>) {
    let node = node(TRACKER);
    let handle = node.load(OverlayConfig::new(Tracker::new(limits)).any_prefix()).unwrap();
    (node, handle)
}

fn v4(number: u8) -> SocketAddrV4 {
    match address(number) {
        SocketAddr::V4(v4) => v4,
        SocketAddr::V6(v6) => panic!("{v6}"),
    }
}

/// Sends a message of the node of a number to the tracker, at some second; returns what the tracker sends.
fn tell(
    (node, handle): &(Node, Handle<Tracker>),
    community: CommunityId,
    from: u8,
    at: u64,
    message: &impl Outgoing,
) -> Vec<Transmit> {
    let packet = handle.with(|_, cx| cx.pack_as(community, &key(from), Some(1), message)).unwrap().unwrap();
    sent(node, seconds(at));
    node.handle(seconds(at), [(address(from), packet.as_slice())]);
    sent(node, seconds(at))
}

fn ask(tracker: &(Node, Handle<Tracker>), community: CommunityId, from: u8, at: u64) -> Vec<Transmit> {
    let request = IntroductionRequest {
        destination_address: v4(TRACKER),
        source_lan_address: SocketAddrV4::new([192, 168, 0, from].into(), 1),
        source_wan_address: NO_ADDRESS,
        flags: Flags::default(),
        identifier: 300,
        extra_bytes: Vec::new(),
    };
    tell(tracker, community, from, at, &request)
}

/// Reads a signed message of the old style of the tracker.
fn read<M: for<'a> Payload<'a>>(packet: &Transmit, community: CommunityId) -> M {
    assert_eq!(Packet::parse(&packet.bytes).unwrap().community_id(), community, "in the name of the community");
    let auth = read_auth(&packet.bytes).unwrap();
    assert_eq!(auth.key(), key(TRACKER).public().as_bytes());
    let signer = PublicKey::from_bytes(auth.key()).unwrap();
    let (signed, signature) = split_signature(&packet.bytes, signer.signature_len()).unwrap();
    assert!(signer.verify(signed, signature));
    M::decode(auth.rest(signed).get(8..).unwrap()).unwrap()
}

fn listed(handle: &Handle<Tracker>, community: CommunityId) -> Vec<SocketAddr> {
    handle.with(|tracker, _| tracker.peers(community).map(|(_, address)| address).collect()).unwrap()
}

#[test]
fn peers_of_one_community_are_introduced() {
    let tracker = tracker(TrackerLimits::default());
    let first = ask(&tracker, ANY, 2, 0);
    assert_eq!(summary(&first), [(address(2), 245)]);
    let response: IntroductionResponse = read(&first[0], ANY);
    assert_eq!(response.wan_introduction_address, NO_ADDRESS, "nobody is there yet");
    assert_eq!((response.destination_address, response.identifier), (v4(2), 300));

    assert_eq!(summary(&ask(&tracker, OTHER, 3, 0)), [(address(3), 245)], "those of others are not introduced");

    let second = ask(&tracker, ANY, 4, 0);
    assert_eq!(summary(&second), [(address(2), 250), (address(4), 245)], "the puncture request goes first");
    let response: IntroductionResponse = read(&second[1], ANY);
    assert_eq!(response.wan_introduction_address, v4(2));
    assert_eq!(response.lan_introduction_address, SocketAddrV4::new([192, 168, 0, 2].into(), 1));
    assert_eq!(Packet::parse(&second[0].bytes).unwrap().community_id(), ANY);
    // One that asks again is introduced to the other one, never to itself: neither as the newest nor as the oldest.
    for _ in 0..10 {
        assert_eq!(summary(&ask(&tracker, ANY, 4, 0)), [(address(2), 250), (address(4), 245)]);
    }
    for _ in 0..10 {
        assert_eq!(summary(&ask(&tracker, ANY, 2, 0)), [(address(4), 250), (address(2), 245)]);
    }
}

#[test]
fn only_introductions_are_taken() {
    let (node, _) = tracker(TrackerLimits::default());
    let mut packet = vec![0, 2];
    packet.extend(ANY.0);
    for id in (0..=255).filter(|id| ![233, 234, 245, 246].contains(id)) {
        let packet = [packet.as_slice(), &[id]].concat();
        node.handle(seconds(0), [(address(2), packet.as_slice())]);
    }
    let stats = node.stats();
    assert_eq!(stats.dropped(DropReason::UnknownMessage) + stats.dropped(DropReason::DeprecatedMessage), 252);
    assert_eq!(stats.delivered, 0);
}

#[test]
fn the_newest_peers_and_the_busiest_communities_stay() {
    let tracker = tracker(TrackerLimits { peers: 3, communities: 2, peers_in_all: 4, ..TrackerLimits::default() });
    for number in 2..6 {
        ask(&tracker, ANY, number, 0);
    }
    assert_eq!(listed(&tracker.1, ANY), [address(3), address(4), address(5)], "the oldest made room");
    ask(&tracker, ANY, 3, 0);
    assert_eq!(listed(&tracker.1, ANY), [address(4), address(5), address(3)], "who asks again is new again");

    ask(&tracker, OTHER, 6, 0);
    ask(&tracker, OTHER, 7, 0);
    assert_eq!(listed(&tracker.1, ANY), [address(5), address(3)], "there is room for four in all");
    assert_eq!(listed(&tracker.1, OTHER), [address(6), address(7)]);

    ask(&tracker, CommunityId([78; 20]), 8, 0);
    let communities: Vec<_> = tracker.1.with(|tracker, _| tracker.communities().collect()).unwrap();
    assert_eq!(communities, [(OTHER, 2), (CommunityId([78; 20]), 1)], "there is room for two communities");
    // What left with its community is not counted any more.
    ask(&tracker, OTHER, 9, 0);
    assert_eq!(listed(&tracker.1, OTHER), [address(6), address(7), address(9)]);
}

/// Lets time pass until the tracker asks whether somebody is there; returns when, whom, and the identifier.
fn until_pinged(tracker: &(Node, Handle<Tracker>), since: u64) -> (u64, SocketAddr, u16) {
    for second in since..since + 120 {
        if let Some(ping) = sent(&tracker.0, seconds(second)).first() {
            assert_eq!(summary(std::slice::from_ref(ping)), [(ping.to, 246)]);
            let request: IntroductionRequest = read(ping, ANY);
            return (second, ping.to, request.identifier);
        }
    }
    panic!("nobody was pinged");
}

fn answer(from: u8, identifier: u16, flags: u8) -> IntroductionResponse {
    IntroductionResponse {
        destination_address: v4(TRACKER),
        source_lan_address: v4(from),
        source_wan_address: v4(from),
        lan_introduction_address: NO_ADDRESS,
        wan_introduction_address: NO_ADDRESS,
        flags: Flags(flags),
        identifier,
        extra_bytes: Vec::new(),
    }
}

#[test]
fn silent_peers_are_asked_and_then_forgotten() {
    let tracker = tracker(TrackerLimits::default());
    ask(&tracker, ANY, 2, 0);
    let (second, to, _) = until_pinged(&tracker, 0);
    assert_eq!((second, to), (27, address(2)));
    for second in second..=58 {
        assert!(!listed(&tracker.1, ANY).is_empty(), "still there after {second} seconds");
        sent(&tracker.0, seconds(second));
    }
    assert_eq!(listed(&tracker.1, ANY), []);
    assert_eq!(tracker.1.with(|tracker, _| tracker.communities().count()).unwrap(), 0);
}

#[test]
fn a_peer_that_answers_stays() {
    let tracker = tracker(TrackerLimits::default());
    ask(&tracker, ANY, 2, 0);
    let mut now = 0;
    for _ in 0..5 {
        let (second, _, identifier) = until_pinged(&tracker, now);
        assert_eq!(second, now + 27, "after that much silence");
        now = second;
        tell(&tracker, ANY, 2, second, &answer(2, identifier, 0));
    }
    assert_eq!(listed(&tracker.1, ANY), [address(2)]);
    assert_eq!(tracker.0.stats().dropped(DropReason::Unsolicited), 0);
}

#[test]
fn a_peer_that_is_full_is_not_introduced_any_more() {
    let tracker = tracker(TrackerLimits::default());
    ask(&tracker, ANY, 2, 0);
    let (second, _, identifier) = until_pinged(&tracker, 0);
    // Not the answer to this question, or not from where the peer is: it may be a copy.
    tell(&tracker, ANY, 2, second, &answer(2, identifier.wrapping_add(1), Flags::PEER_LIMIT));
    let stray = tracker.1.with(|_, cx| cx.pack_as(ANY, &key(2), Some(1), &answer(2, identifier, Flags::PEER_LIMIT)));
    tracker.0.handle(seconds(second), [(address(9), stray.unwrap().unwrap().as_slice())]);
    assert_eq!(listed(&tracker.1, ANY), [address(2)]);
    assert_eq!(tracker.0.stats().dropped(DropReason::Unsolicited), 2);

    tell(&tracker, ANY, 2, second, &answer(2, identifier, Flags::PEER_LIMIT));
    assert_eq!(listed(&tracker.1, ANY), []);
}
