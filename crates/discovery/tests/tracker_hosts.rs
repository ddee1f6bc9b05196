//! One host with many keys does not become all that a community hears of.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::net::SocketAddr;

use common::{ANY, key, message_id, node, seconds, sent, summary};
use ipv8_core::{
    Handle, Node, OverlayConfig, Transmit,
    messages::{Flags, IntroductionResponse, NO_ADDRESS, NewIntroductionRequest},
};
use ipv8_discovery::{Tracker, TrackerLimits};
use ipv8_wire::CommunityId;

const NOWHERE: SocketAddr = SocketAddr::V4(NO_ADDRESS);

fn tracker(limits: TrackerLimits) -> (Node, Handle<Tracker>) {
    let node = node(1);
    let handle = node.load(OverlayConfig::new(Tracker::new(limits)).any_prefix()).unwrap();
    (node, handle)
}

/// Asks with a key from an address, and answers if it is asked there; returns how many packets came of the request.
fn ask(tracker: &(Node, Handle<Tracker>), community: CommunityId, from: u8, source: &str) -> usize {
    let (node, handle) = tracker;
    let request = NewIntroductionRequest {
        destination_address: NOWHERE,
        source_lan_address: NOWHERE,
        source_wan_address: NOWHERE,
        identifier: 1,
        flags: Flags::default(),
        extra_bytes: Vec::new(),
    };
    let packet = handle.with(|_, cx| cx.pack_as(community, &key(from), Some(1), &request)).unwrap().unwrap();
    node.handle(seconds(0), [(source.parse().unwrap(), packet.as_slice())]);
    let mut packets = sent(node, seconds(0));
    if let Some(question) = packets.pop_if(|last| message_id(last) == 246) {
        assert_eq!(question.to, source.parse().unwrap());
        answer(tracker, community, from, source, &question);
    }
    assert_eq!(summary(&packets).last(), Some(&(source.parse().unwrap(), 233)), "all are answered");
    packets.len()
}

/// Answers a question of the tracker.
fn answer(
    (node, handle): &(Node, Handle<Tracker>),
    community: CommunityId,
    from: u8,
    source: &str,
    question: &Transmit,
) {
    // The identifier stands at the end, before the signature of 64 bytes.
    let (_, rest) = question.bytes.split_at(question.bytes.len() - 66);
    let response = IntroductionResponse {
        destination_address: NO_ADDRESS,
        source_lan_address: NO_ADDRESS,
        source_wan_address: NO_ADDRESS,
        lan_introduction_address: NO_ADDRESS,
        wan_introduction_address: NO_ADDRESS,
        flags: Flags::default(),
        identifier: u16::from_be_bytes([rest[0], rest[1]]),
        extra_bytes: Vec::new(),
    };
    let packet = handle.with(|_, cx| cx.pack_as(community, &key(from), Some(1), &response)).unwrap().unwrap();
    node.handle(seconds(0), [(source.parse().unwrap(), packet.as_slice())]);
    assert_eq!(sent(node, seconds(0)).len(), 0);
}

fn members(tracker: &(Node, Handle<Tracker>), community: CommunityId) -> Vec<String> {
    tracker.1.with(|tracker, _| tracker.peers(community).map(|(_, at)| at.to_string()).collect()).unwrap()
}

#[test]
fn a_host_takes_a_part_of_a_community_at_most() {
    let tracker = tracker(TrackerLimits { peers: 4, peers_of_host_in_one: 2, ..TrackerLimits::default() });
    ask(&tracker, ANY, 2, "198.51.100.1:1");
    for number in 3..30 {
        ask(&tracker, ANY, number, &format!("203.0.113.5:{number}"));
    }
    assert_eq!(members(&tracker, ANY), ["198.51.100.1:1", "203.0.113.5:3", "203.0.113.5:4"], "the honest one stays");
    // Whoever has a place keeps it, and may take it along to another host.
    ask(&tracker, ANY, 3, "203.0.113.5:99");
    ask(&tracker, ANY, 4, "203.0.113.6:4");
    assert_eq!(members(&tracker, ANY), ["198.51.100.1:1", "203.0.113.5:99", "203.0.113.6:4"]);
    ask(&tracker, ANY, 7, "203.0.113.5:7");
    assert_eq!(members(&tracker, ANY).len(), 4, "the place that was left is free");
    // One that moves to where there is no place is not where it was.
    ask(&tracker, ANY, 4, "203.0.113.5:4");
    assert_eq!(members(&tracker, ANY), ["198.51.100.1:1", "203.0.113.5:99", "203.0.113.5:7"]);
}

#[test]
fn a_host_takes_a_part_of_the_whole_at_most() {
    let tracker = tracker(TrackerLimits { peers_of_host: 3, ..TrackerLimits::default() });
    for number in 0..10 {
        ask(&tracker, CommunityId([number; 20]), 2, "203.0.113.5:1");
    }
    let listed: usize = (0..10).map(|number| members(&tracker, CommunityId([number; 20])).len()).sum();
    assert_eq!(listed, 3);
    assert_eq!(tracker.1.with(|tracker, _| (tracker.len(), tracker.communities().count())).unwrap(), (3, 3));
}

#[test]
fn an_ipv6_subscriber_is_one_host() {
    let tracker = tracker(TrackerLimits { peers_of_host_in_one: 1, ..TrackerLimits::default() });
    for source in ["[2001:db8:0:1::1]:1", "[2001:db8:0:1:ffff::2]:1", "[2001:db8:0:2::1]:1"] {
        let number = u8::try_from(members(&tracker, ANY).len()).unwrap() + 2;
        ask(&tracker, ANY, number + 10, source);
    }
    assert_eq!(members(&tracker, ANY), ["[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1"]);
}

#[test]
fn many_nodes_on_one_machine_of_ones_own_are_normal() {
    let tracker = tracker(TrackerLimits { peers_of_host: 1, peers_of_host_in_one: 1, ..TrackerLimits::default() });
    let hosts =
        ["127.0.0.1", "10.0.0.9", "192.168.7.7", "172.16.0.1", "169.254.1.1", "[::1]", "[fd00::1]", "[fe80::1]"];
    for (place, host) in hosts.iter().enumerate() {
        for port in [1, 2] {
            ask(&tracker, ANY, u8::try_from(place * 2 + port).unwrap() + 10, &format!("{host}:{port}"));
        }
    }
    assert_eq!(members(&tracker, ANY).len(), 16);
}

#[test]
fn who_is_not_remembered_meets_those_who_are() {
    let tracker = tracker(TrackerLimits { peers_of_host_in_one: 1, ..TrackerLimits::default() });
    assert_eq!(ask(&tracker, ANY, 2, "203.0.113.5:1"), 1);
    assert_eq!(ask(&tracker, ANY, 3, "203.0.113.5:2"), 2, "a puncture request and the answer");
}
