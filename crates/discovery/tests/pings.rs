//! Pings measure round trips; pongs that nobody waits for are counted and change nothing.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::{add_peer, address, key, message_id, node, seconds, sent};
use ipv8_core::{DropReason, Handle, Node};
use ipv8_discovery::DiscoveryCommunity;

/// Two nodes; the first has pinged the second at zero seconds. Returns the pong too.
fn pinged() -> (Node, Handle<DiscoveryCommunity>, Vec<u8>) {
    let (a, b) = (node(1), node(2));
    let discovery = a.load(DiscoveryCommunity::default()).unwrap();
    b.load(DiscoveryCommunity::default()).unwrap();
    discovery
        .with(|community, cx| {
            add_peer(cx, 2);
            let peer = cx.peers().pop().unwrap();
            community.ping(cx, &peer);
        })
        .unwrap();
    let ping = sent(&a, seconds(0)).pop().unwrap();
    assert_eq!((ping.to, message_id(&ping)), (address(2), 3));
    b.handle(seconds(0), [(address(1), ping.bytes.as_slice())]);
    let pong = sent(&b, seconds(0)).pop().unwrap();
    assert_eq!((pong.to, message_id(&pong)), (address(1), 4));
    (a, discovery, pong.bytes)
}

fn round_trips(discovery: &Handle<DiscoveryCommunity>) -> Vec<Duration> {
    discovery.with(|_, cx| cx.network().get(&key(2).mid()).unwrap().pings().collect()).unwrap()
}

#[test]
fn a_pong_counts_once() {
    let (node, discovery, pong) = pinged();
    node.handle(seconds(2), [(address(2), pong.as_slice()), (address(2), pong.as_slice())]);
    assert_eq!(round_trips(&discovery), [Duration::from_secs(2)]);
    assert_eq!(node.stats().dropped(DropReason::Unsolicited), 1);
}

#[test]
fn a_pong_after_five_seconds_does_not_count() {
    let (node, discovery, pong) = pinged();
    node.handle(seconds(5), [(address(2), pong.as_slice())]);
    assert_eq!(round_trips(&discovery), []);
    assert_eq!(node.stats().dropped(DropReason::Unsolicited), 1);
}

#[test]
fn a_pong_from_elsewhere_does_not_count() {
    let (node, discovery, pong) = pinged();
    node.handle(seconds(1), [(address(3), pong.as_slice())]);
    assert_eq!(round_trips(&discovery), []);
    assert_eq!(node.stats().dropped(DropReason::Unsolicited), 1);
    node.handle(seconds(1), [(address(2), pong.as_slice())]);
    assert_eq!(round_trips(&discovery), [Duration::from_secs(1)], "the true one still does");
}
