//! Bootstrapping from trackers: how often they are contacted, and how their names are resolved.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::{Plain, add_peer, address, node, seconds, sent, summary};
use ipv8_core::{Handle, Interfaces, Node, OverlayConfig};
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

    // Now it can: contacted at once, since there are no peers.
    node.resolved(&first[0], &[address(50), address(51)]);
    assert_eq!(summary(&sent(&node, seconds(61))), [(address(50), 246), (address(51), 246)]);
}

#[test]
fn a_tracker_that_moved_is_found_again() {
    let name = || Address::Domain("tracker.example".into(), 6_421);
    // The second one's answer never comes.
    let (node, handle) = bootstrapping([name(), Address::Domain("other.example".into(), 1)]);
    let asked = |node: &Node| std::iter::from_fn(|| node.poll_resolve()).take(10).collect::<Vec<_>>();
    let first = asked(&node);
    node.resolved(&first[0], &[address(50)]);
    let bootstrap = |second| {
        sent(&node, seconds(second));
        handle.with(|_, cx| cx.bootstrap()).unwrap();
        summary(&sent(&node, seconds(second))).into_iter().map(|(to, _)| to).collect::<Vec<_>>()
    };
    assert_eq!(bootstrap(0), [address(50)]);
    assert_eq!(bootstrap(599), [address(50)]);
    assert_eq!(asked(&node).iter().filter(|name| name.host() == "tracker.example").count(), 0);
    assert_eq!(bootstrap(630), [address(50)]);
    assert_eq!(asked(&node).iter().filter(|name| name.host() == "tracker.example").count(), 1, "after ten minutes");

    // It cannot be resolved for once: the old address holds. Then it has another one.
    node.resolved(&first[0], &[]);
    assert_eq!(bootstrap(660), [address(50)]);
    node.resolved(&first[0], &[address(51)]);
    assert_eq!(summary(&sent(&node, seconds(660))), [(address(51), 246)]);
    assert_eq!(bootstrap(690), [address(51)]);
    assert!(handle.with(|_, cx| cx.network().is_blacklisted(address(51))).unwrap());
}

#[test]
fn a_name_may_stand_for_any_number_of_trackers_of_which_some_are_used() {
    let (node, _) = bootstrapping([Address::Domain("tracker.example".into(), 6_421)]);
    let asked = node.poll_resolve().unwrap();
    let many: Vec<_> = (0..1_000).map(|port| (std::net::Ipv4Addr::new(10, 1, 1, 1), 1 + port).into()).collect();
    node.resolved(&asked, &many);
    assert_eq!(sent(&node, seconds(0)).len(), 32);
}

#[test]
fn trackers_of_the_other_address_family_are_used_if_there_is_a_socket() {
    let v6: std::net::SocketAddr = "[2001:db8::50]:6421".parse().unwrap();
    let (node, handle) = bootstrapping([address(50).into(), v6.into()]);
    let round = |second| {
        sent(&node, seconds(second));
        handle.with(|_, cx| cx.bootstrap()).unwrap();
        summary(&sent(&node, seconds(second)))
    };
    assert_eq!(round(0), [(address(50), 246)]);
    let std::net::SocketAddr::V4(v4) = address(1) else { panic!("made as IPv4") };
    let own_v6 = "[2001:db8::1]:8090".parse().unwrap();
    let interfaces = Interfaces { lan: Some(v4.into()), v4: Some(v4), v6: Some(own_v6), ..Interfaces::default() };
    node.set_interfaces(interfaces);
    // IPv6 addresses have no room in an old-style request.
    assert_eq!(round(30), [(address(50), 246), (v6, 234)]);
}

#[test]
fn the_default_trackers_can_be_read() {
    let all: Vec<Address> = DEFAULT_TRACKERS.iter().map(|tracker| tracker.parse().unwrap()).collect();
    assert_eq!(all.iter().filter(|tracker| tracker.socket_addr().is_some()).count(), 13);
    assert_eq!(all.len(), 20);
    assert_eq!(TrackerBootstrapper::new(all).timeout(Duration::from_secs(1)).addresses().len(), 13);
}
