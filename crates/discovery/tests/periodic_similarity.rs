//! One random peer a second is told our communities.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::{collections::BTreeSet, time::Duration};

use common::{Plain, add_peer, address, message_id, node, seconds, sent};
use ipv8_core::{OverlayConfig, Target, Time};
use ipv8_discovery::{DiscoveryCommunity, PeriodicSimilarity};

fn at(millis: u64) -> Time {
    Time::from_duration(Duration::from_millis(millis))
}

#[test]
fn peers_of_all_communities_are_asked_at_most_one_a_second() {
    let node = node(1);
    let discovery = OverlayConfig::new(DiscoveryCommunity::default());
    node.load(discovery.strategy(PeriodicSimilarity::default(), Target::Always)).unwrap();
    let plain = node.load(Plain).unwrap();
    // Nobody to ask: the second is not used up.
    assert_eq!(sent(&node, seconds(0)).len(), 0);
    plain.with(|_, cx| (10..13).for_each(|number| add_peer(cx, number))).unwrap();
    let mut asked = BTreeSet::new();
    let mut packets = 0;
    // The test's tick is a second, so each look is a step or none.
    for tenth in 10..=410 {
        for packet in sent(&node, at(tenth * 100)) {
            assert_eq!(message_id(&packet), 1);
            asked.insert(packet.to);
            packets += 1;
        }
    }
    assert_eq!(packets, 41);
    assert_eq!(asked, (10..13).map(address).collect());
}

#[test]
fn it_does_nothing_in_another_community() {
    let node = node(1);
    let plain = node.load(OverlayConfig::new(Plain).strategy(PeriodicSimilarity::default(), Target::Always)).unwrap();
    plain.with(|_, cx| add_peer(cx, 10)).unwrap();
    for second in 0..5 {
        assert_eq!(sent(&node, seconds(second)).len(), 0);
    }
    assert_eq!(node.stats().panics, 0);
}
