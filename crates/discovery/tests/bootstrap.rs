//! Bootstrapping from trackers: how often they are contacted, and how their names are resolved.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::{Plain, add_peer, address, node, seconds, sent, summary};
use ipv8_core::{Handle, Node, OverlayConfig};
use ipv8_discovery::{DEFAULT_TRACKERS, TrackerBootstrapper};
use ipv8_wire::Address;

fn bootstrapping(trackers: impl IntoIterator<Item = Address>) -> (Node, Handle<Plain>) {
    let node = node(1);
    let handle = node.load(OverlayConfig::new(Plain).bootstrapper(TrackerBootstrapper::new(trackers))).unwrap();
    (node, handle)
}

#[test]
fn all_trackers_are_contacted_at_most_every_thirty_seconds() {
    let (node, handle) = bootstrapping([address(50).into(), address(51).into()]);
    let mut contacted = Vec::new();
    for second in 0..62 {
        sent(&node, seconds(second));
        handle.with(|_, cx| cx.new_introduction()).unwrap();
        for packet in summary(&sent(&node, seconds(second))) {
            contacted.push((second, packet));
        }
    }
    let both = |second| [(second, (address(50), 246)), (second, (address(51), 246))];
    assert_eq!(contacted, [both(0), both(30), both(60)].concat());
}

#[test]
fn trackers_never_become_peers() {
    let (_node, handle) = bootstrapping([address(50).into()]);
    assert!(handle.with(|_, cx| cx.network().is_blacklisted(address(50))).unwrap());
}

#[test]
fn with_peers_one_tracker_is_kept_in_touch_now_and_then() {
    let (node, handle) = bootstrapping([address(50).into(), address(51).into()]);
    handle.with(|_, cx| add_peer(cx, 7)).unwrap();
    let mut trackers = 0;
    for _ in 0..1_000 {
        handle.with(|_, cx| cx.new_introduction()).unwrap();
        let packets = sent(&node, seconds(1));
        assert_eq!(packets.len(), 1);
        trackers += usize::from(packets.iter().all(|packet| packet.to != address(7)));
    }
    assert!((25..=80).contains(&trackers), "{trackers} of 1,000 where 50 are expected");
}

#[test]
fn names_are_resolved_and_asked_for_again_if_that_fails() {
    let (node, handle) = bootstrapping([Address::Domain("tracker.example".into(), 6_421)]);
    let asked = |node: &Node| std::iter::from_fn(|| node.poll_resolve()).take(10).collect::<Vec<_>>();
    let first = asked(&node);
    assert_eq!(first.iter().map(|name| (name.host(), name.port())).collect::<Vec<_>>(), [("tracker.example", 6_421)]);

    // It cannot be resolved: asked for again, once, a minute later.
    node.resolved(&first[0], &[]);
    let mut times = Vec::new();
    for second in 1..=61 {
        sent(&node, seconds(second));
        handle.with(|_, cx| cx.bootstrap()).unwrap();
        times.extend(asked(&node).iter().map(|_| second));
    }
    assert_eq!(times, [60]);
    assert_eq!(sent(&node, seconds(61)), [], "nobody to contact yet");

    // Now it can: contacted at once, since there are no peers, and never asked for again.
    node.resolved(&first[0], &[address(50)]);
    assert_eq!(summary(&sent(&node, seconds(61))), [(address(50), 246)]);
    for second in 62..300 {
        sent(&node, seconds(second));
        handle.with(|_, cx| cx.bootstrap()).unwrap();
        assert_eq!(asked(&node), []);
    }
    // An answer to a question that was not asked adds nobody.
    node.resolved(&first[0], &[address(51)]);
    assert_eq!(sent(&node, seconds(300)).len(), 0);
}

#[test]
fn the_default_trackers_can_be_read() {
    let all: Vec<Address> = DEFAULT_TRACKERS.iter().map(|tracker| tracker.parse().unwrap()).collect();
    assert_eq!(all.iter().filter(|tracker| tracker.socket_addr().is_some()).count(), 13);
    assert_eq!(all.len(), 20);
    assert_eq!(TrackerBootstrapper::new(all).timeout(Duration::from_secs(1)).addresses().len(), 13);
}
