//! Pings measure round trips; pongs that nobody waits for are counted and change nothing.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use ipv8_core::DropReason;
use ipv8_discovery::{
    DiscoveryCommunity,
    messages::{Ping, Pong},
};
use ipv8_test::{Captured, Net, assert_received, assert_sent};

/// Two nodes; the first pings the second, whose pong takes so many seconds longer than usual.
fn pinged(delay: u64) -> Net {
    let mut net = Net::of(2, |_| DiscoveryCommunity::default());
    let peer = net.peer(1);
    net.at(0, |community: &mut DiscoveryCommunity, cx| community.ping(cx, &peer));
    net.delay_next(Duration::from_secs(delay), Captured::is::<Pong>);
    net
}

/// The round trips that the first node measured, in seconds.
fn round_trips(net: &Net) -> Vec<u64> {
    let mid = net.peer(1).mid();
    let mut seconds = Vec::new();
    net.at(0, |_: &mut DiscoveryCommunity, cx| {
        for ping in cx.network().get(&mid).unwrap().pings() {
            seconds.push(ping.as_secs());
        }
    });
    seconds
}

#[test]
fn a_pong_counts_once() {
    let mut net = pinged(2);
    net.deliver();
    assert_sent!(net, 0, [to 1 => Ping { .. }]);
    let pong = net.received_packets(0).pop().unwrap();
    net.inject(0, 1, pong.bytes);
    net.deliver();
    assert_eq!(round_trips(&net), [2]);
    assert_received!(net, 0, [from 1 => Pong { .. }]);
    assert_eq!(net.drops(0), [DropReason::Unsolicited]);
}

#[test]
fn a_pong_after_five_seconds_does_not_count() {
    let mut net = pinged(5);
    net.deliver();
    assert_eq!(round_trips(&net), [0; 0]);
    assert_eq!(net.drops(0), [DropReason::Unsolicited]);
}

#[test]
fn a_pong_from_elsewhere_does_not_count() {
    let mut net = pinged(1);
    net.advance(Duration::from_millis(500));
    let pong = net.sent_packets(1).pop().unwrap();
    net.inject(0, "10.0.0.3:8090".parse::<std::net::SocketAddr>().unwrap(), pong.bytes);
    net.advance(Duration::from_millis(100));
    assert_eq!(round_trips(&net), [0; 0]);
    assert_eq!(net.drops(0), [DropReason::Unsolicited]);
    net.deliver();
    assert_eq!(round_trips(&net), [1], "the true one still does");
}
