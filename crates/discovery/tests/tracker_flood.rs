//! One key that asks for communities it makes up neither drives out those of others nor makes a tracker's turns long.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::collections::BTreeSet;

use common::{ANY, address, key, node, seconds, sent, summary};
use ipv8_core::{
    Handle, Node, OverlayConfig,
    messages::{Flags, IntroductionRequest, NO_ADDRESS},
};
use ipv8_discovery::{Tracker, TrackerLimits};
use ipv8_wire::{CommunityId, Packet};

const OTHER: CommunityId = CommunityId([77; 20]);

fn tracker(limits: TrackerLimits) -> (Node, Handle<Tracker>) {
    let node = node(1);
    let handle = node.load(OverlayConfig::new(Tracker::new(limits)).any_prefix()).unwrap();
    (node, handle)
}

fn ask((node, handle): &(Node, Handle<Tracker>), community: CommunityId, from: u8) {
    let request = IntroductionRequest {
        destination_address: NO_ADDRESS,
        source_lan_address: NO_ADDRESS,
        source_wan_address: NO_ADDRESS,
        flags: Flags::default(),
        identifier: 1,
        extra_bytes: Vec::new(),
    };
    let packet = handle.with(|_, cx| cx.pack_as(community, &key(from), Some(1), &request)).unwrap().unwrap();
    node.handle(seconds(0), [(address(from), packet.as_slice())]);
    sent(node, seconds(0));
}

/// An id that somebody made up.
fn made_up(number: u16) -> CommunityId {
    let mut id = [0xAA; 20];
    // Anywhere among the others.
    let [low, high] = number.to_le_bytes();
    id[0] = low;
    id[1] = high;
    CommunityId(id)
}

fn members(tracker: &(Node, Handle<Tracker>), community: CommunityId) -> usize {
    tracker.1.with(|tracker, _| tracker.peers(community).count()).unwrap()
}

fn communities(tracker: &(Node, Handle<Tracker>)) -> usize {
    tracker.1.with(|tracker, _| tracker.communities().count()).unwrap()
}

#[test]
fn communities_that_several_are_in_stay() {
    let tracker = tracker(TrackerLimits { communities: 5, ..TrackerLimits::default() });
    for number in [2, 3] {
        ask(&tracker, ANY, number);
        ask(&tracker, OTHER, number);
    }
    for number in 0..50 {
        ask(&tracker, made_up(number), 4);
    }
    assert_eq!((members(&tracker, ANY), members(&tracker, OTHER)), (2, 2));
    assert_eq!(communities(&tracker), 5);
    assert_eq!(members(&tracker, made_up(46)), 0, "the oldest of those with one member made room");
    for number in 47..50 {
        assert_eq!(members(&tracker, made_up(number)), 1);
    }
}

#[test]
fn a_new_community_finds_room_among_large_ones() {
    let tracker = tracker(TrackerLimits { communities: 2, ..TrackerLimits::default() });
    for number in [2, 3] {
        ask(&tracker, ANY, number);
        ask(&tracker, OTHER, number);
    }
    ask(&tracker, OTHER, 4);
    ask(&tracker, made_up(1), 5);
    assert_eq!([ANY, OTHER, made_up(1)].map(|id| members(&tracker, id)), [0, 3, 1], "the smallest one made room");
}

#[test]
fn the_fullest_community_makes_room_for_peers_of_others() {
    let tracker = tracker(TrackerLimits { peers_in_all: 4, ..TrackerLimits::default() });
    for number in [2, 3, 4] {
        ask(&tracker, ANY, number);
    }
    for number in 0..6 {
        ask(&tracker, made_up(number), 5);
    }
    let in_all: usize = tracker.1.with(|tracker, _| tracker.communities().map(|(_, members)| members).sum()).unwrap();
    assert_eq!(in_all, 4);
    assert_eq!(members(&tracker, ANY), 0, "with one member, it is the oldest of equals");
    assert_eq!(members(&tracker, made_up(5)), 1);
}

#[test]
fn limits_of_zero_leave_room_for_one() {
    let tracker = tracker(TrackerLimits { peers: 0, communities: 0, peers_in_all: 0, ..TrackerLimits::default() });
    for (community, number) in [(ANY, 2), (ANY, 3), (OTHER, 4)] {
        ask(&tracker, community, number);
        assert_eq!((communities(&tracker), members(&tracker, community)), (1, 1));
    }
}

#[test]
fn so_many_peers_are_asked_in_turn_and_none_is_forgotten_before() {
    let tracker = tracker(TrackerLimits::default());
    let number = 1_200;
    for community in 0..number {
        ask(&tracker, made_up(community), 2);
    }
    let mut asked = BTreeSet::new();
    // A minute that the tracker slept through: all are quiet, and have been for long enough to be forgotten.
    for (second, expected) in [(60, 400), (61, 400), (62, 400), (63, 0)] {
        let pings = sent(&tracker.0, seconds(second));
        assert_eq!(pings.len(), expected, "in second {second}");
        assert!(summary(&pings).iter().all(|ping| *ping == (address(2), 246)));
        asked.extend(pings.iter().map(|ping| Packet::parse(&ping.bytes).unwrap().community_id()));
        assert_eq!(communities(&tracker), usize::from(number), "nobody is forgotten yet");
    }
    assert_eq!(asked.len(), usize::from(number), "each community once");
    let mut left = Vec::new();
    for second in 64..=66 {
        sent(&tracker.0, seconds(second));
        left.push(communities(&tracker));
    }
    assert_eq!(left, [800, 400, 0]);
}
