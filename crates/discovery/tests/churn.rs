//! The churn pings silent peers and drops those that stay silent, at the reference's times.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::{Plain, add_peer, address, key, message_id, node, seconds, sent};
use ipv8_core::{Community, Context, Handle, Node, OverlayConfig, Routes, Target};
use ipv8_discovery::{DiscoveryCommunity, RandomChurn};
use ipv8_wire::CommunityId;

/// A node with one peer, which was heard at zero seconds and whose round trip is known; a step a second.
fn churning(churn: RandomChurn) -> (Node, Handle<DiscoveryCommunity>) {
    churning_in(node(1), churn)
}

fn churning_in(node: Node, churn: RandomChurn) -> (Node, Handle<DiscoveryCommunity>) {
    let overlay = OverlayConfig::new(DiscoveryCommunity::default()).strategy(churn, Target::Always);
    let handle = node.load(overlay).unwrap();
    handle
        .with(|_, cx| {
            add_peer(cx, 7);
            let record = cx.network_mut().get_mut(&key(7).mid()).unwrap();
            (0..5).for_each(|_| record.add_ping(Duration::from_millis(50)));
        })
        .unwrap();
    hear(&node, 0);
    (node, handle)
}

/// Any datagram from its address is a sign of life.
fn hear(node: &Node, second: u64) {
    node.handle(seconds(second), [(address(7), b"anything".as_slice())]);
}

/// In which of these seconds the node pings its peer.
fn pings(node: &Node, during: std::ops::RangeInclusive<u64>) -> Vec<u64> {
    let pinged = |second: &u64| {
        let packets = sent(node, seconds(*second));
        assert!(packets.iter().all(|packet| (packet.to, message_id(packet)) == (address(7), 3)));
        assert!(packets.len() <= 1);
        packets.len() == 1
    };
    during.filter(pinged).collect()
}

fn peers(handle: &Handle<impl Community>) -> usize {
    handle.with(|_, cx| cx.peer_count()).unwrap()
}

#[test]
fn a_silent_peer_is_pinged_from_27_5_seconds_on_and_dropped_after_57_5() {
    let (node, handle) = churning(RandomChurn::default());
    assert_eq!(pings(&node, 0..=57), [28, 39, 50], "more than ten seconds apart");
    assert_eq!(peers(&handle), 1);
    assert_eq!(pings(&node, 58..=58), []);
    assert_eq!(peers(&handle), 0);
}

#[test]
fn a_sign_of_life_begins_it_anew() {
    let (node, handle) = churning(RandomChurn::default());
    assert_eq!(pings(&node, 0..=50), [28, 39, 50]);
    hear(&node, 51);
    assert_eq!(pings(&node, 51..=108), [79, 90, 101]);
    assert_eq!(peers(&handle), 1);
    assert_eq!(pings(&node, 109..=109), []);
    assert_eq!(peers(&handle), 0);
}

#[test]
fn a_peer_whose_round_trip_is_not_known_is_pinged_every_ten_seconds() {
    let (node, handle) = churning(RandomChurn::default());
    handle
        .with(|_, cx| {
            cx.network_mut().remove(&key(7).mid());
            add_peer(cx, 7);
        })
        .unwrap();
    let mut pinged = Vec::new();
    for second in 0..=40 {
        hear(&node, second);
        pinged.extend(pings(&node, second..=second));
    }
    // The step of second 0 was taken before the peer was added.
    assert_eq!(pinged, [1, 12, 23, 34]);
}

#[test]
fn one_that_was_never_heard_is_dropped_unless_the_node_trusts_as_the_reference() {
    let churn = RandomChurn::default;
    let cases = [
        ("compatible", churn(), 0),
        ("hardened", churn(), 0),
        ("reference", churn(), 1),
        ("compatible", churn().drop_never_heard(false), 1),
        ("reference", churn().drop_never_heard(true), 0),
    ];
    for (preset, churn, left) in cases {
        let (node, handle) = churning_in(common::node_like(1, preset), churn);
        handle
            .with(|_, cx| {
                cx.network_mut().remove(&key(7).mid());
                add_peer(cx, 7);
            })
            .unwrap();
        pings(&node, 1..=57);
        assert_eq!(peers(&handle), 1);
        pings(&node, 58..=300);
        assert_eq!(peers(&handle), left, "{preset}");
    }
}

#[test]
fn after_a_long_sleep_peers_are_asked_before_they_are_dropped() {
    let (node, handle) = churning(RandomChurn::default());
    assert_eq!(pings(&node, 0..=20), []);
    assert_eq!(pings(&node, 10_000..=10_004), [10_000]);
    assert_eq!(peers(&handle), 1);
    assert_eq!(pings(&node, 10_005..=10_005), []);
    assert_eq!(peers(&handle), 0);
}

#[test]
fn in_a_community_without_pings_a_silent_peer_is_asked_for_an_introduction() {
    let node = node(1);
    let handle = node.load(OverlayConfig::new(Plain).strategy(RandomChurn::default(), Target::Always)).unwrap();
    handle.with(|_, cx| add_peer(cx, 7)).unwrap();
    hear(&node, 0);
    let mut asked = Vec::new();
    for second in 0..=58 {
        for packet in sent(&node, seconds(second)) {
            assert_eq!((packet.to, message_id(&packet)), (address(7), 246));
            asked.push(second);
        }
    }
    assert_eq!(asked, [28, 39, 50]);
    assert_eq!(peers(&handle), 0);
}

/// A community with another id than [`Plain`].
struct Other;

impl Community for Other {
    const ID: CommunityId = CommunityId([8; 20]);

    fn routes(_: &mut Routes<Self>) {}
}

#[test]
fn a_dropped_peer_leaves_all_communities_that_share_the_network() {
    let (node, discovery) = churning(RandomChurn::default());
    let shared = node.load(Plain).unwrap();
    let apart = node.load(OverlayConfig::new(Other).own_network()).unwrap();
    let join = |cx: &mut Context<'_>| add_peer(cx, 7);
    shared.with(|_, cx| join(cx)).unwrap();
    apart.with(|_, cx| join(cx)).unwrap();
    pings(&node, 0..=57);
    assert_eq!((peers(&discovery), peers(&shared), peers(&apart)), (1, 1, 1));
    pings(&node, 58..=58);
    assert_eq!((peers(&discovery), peers(&shared), peers(&apart)), (0, 0, 1));
}
