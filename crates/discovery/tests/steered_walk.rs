//! The steered walk takes one step at a time, where it is likely to find somebody.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use common::{ANY, Plain, add_peer, address, key, node, seconds, sent, summary};
use ipv8_core::{Handle, Node, OverlayConfig, Target};
use ipv8_discovery::{SteeredWalk, TrackerBootstrapper};

/// A node that walks one step a second. It knows these addresses, and a tracker if there is one.
fn walker(walk: SteeredWalk, tracker: Option<u8>, known: &[SocketAddr]) -> (Node, Handle<Plain>) {
    let node = node(1);
    let mut overlay = OverlayConfig::new(Plain).strategy(walk, Target::Always);
    if let Some(tracker) = tracker {
        overlay = overlay.bootstrapper(TrackerBootstrapper::new([address(tracker).into()]));
    }
    let handle = node.load(overlay).unwrap();
    know(&handle, known);
    (node, handle)
}

fn know(handle: &Handle<Plain>, addresses: &[SocketAddr]) {
    let known = |address: &SocketAddr| {
        handle.with(|_, cx| cx.network_mut().discover_address(key(200).mid(), *address, Some(ANY), false)).unwrap();
    };
    addresses.iter().for_each(known);
}

fn numbered(numbers: std::ops::Range<u8>) -> Vec<SocketAddr> {
    numbers.map(address).collect()
}

fn walked_to(node: &Node, second: u64) -> Vec<SocketAddr> {
    sent(node, seconds(second)).into_iter().map(|packet| packet.to).collect()
}

/// Certain to walk, as long as there is somewhere to walk to.
fn straight() -> SteeredWalk {
    SteeredWalk::default().reset_chance(0)
}

#[test]
fn a_silent_tracker_is_asked_again_after_ever_longer_pauses() {
    let (node, _) = walker(SteeredWalk::default(), Some(99), &[]);
    let asked: Vec<u64> = (0..28).filter(|second| !walked_to(&node, *second).is_empty()).collect();
    assert_eq!(asked, [0, 1, 3, 7, 15, 23]);
}

#[test]
fn no_step_sends_more_than_one_message() {
    let (node, handle) = walker(SteeredWalk::default(), Some(99), &numbered(10..90));
    let mut largest = 0;
    for second in 0..200 {
        if second == 20 {
            handle.with(|_, cx| (2..8).for_each(|number| add_peer(cx, number))).unwrap();
        }
        largest = largest.max(walked_to(&node, second).len());
    }
    assert_eq!(largest, 1);
}

#[test]
fn unanswered_walks_fill_the_window_and_are_given_up() {
    let walk = straight().window(2).timeout(Duration::from_secs(4));
    let (node, handle) = walker(walk, None, &numbered(10..13));
    let steps: Vec<usize> = (0..5).map(|second| walked_to(&node, second).len()).collect();
    assert_eq!(steps, [1, 1, 0, 0, 0]);
    assert_eq!(walked_to(&node, 5).len(), 1, "the first one was given up");
    (6..12).for_each(|second| drop(walked_to(&node, second)));
    assert_eq!(handle.with(|_, cx| cx.walkable().len()), Ok(0));
}

#[test]
fn an_answered_walk_leaves_the_window() {
    let (node, handle) = walker(straight().window(1), None, &numbered(10..11));
    assert_eq!(walked_to(&node, 0), [address(10)]);
    assert_eq!(walked_to(&node, 1), []);
    handle.with(|_, cx| add_peer(cx, 10)).unwrap();
    know(&handle, &numbered(11..12));
    assert_eq!(walked_to(&node, 2), [address(11)]);
}

#[test]
fn addresses_of_other_lans_wait_for_better_ones() {
    let far: Vec<SocketAddr> = (1..=20).map(|last| SocketAddr::from(([192, 168, 7, last], 8_090))).collect();
    let good: Vec<SocketAddr> = (1..=4).map(|last| SocketAddr::from(([198, 51, 100, last], 8_090))).collect();
    let (node, handle) = walker(straight().window(1_000), None, &[good.clone(), far].concat());
    // On the Internet, and not alone.
    handle.with(|_, cx| cx.set_wan("203.0.113.1:8090".parse().unwrap())).unwrap();
    handle.with(|_, cx| add_peer(cx, 7)).unwrap();
    let first: BTreeSet<_> = (0..4).flat_map(|second| walked_to(&node, second)).collect();
    assert_eq!(first, good.into_iter().collect());
    let rest: Vec<_> = (4..104).flat_map(|second| walked_to(&node, second)).collect();
    let asked = rest.iter().filter(|to| **to == address(7)).count();
    assert!((80..100).contains(&asked), "{asked} of 100 steps ask the peer instead, where 90 are expected");
}

#[test]
fn peers_are_asked_in_turn() {
    let (node, handle) = walker(straight(), None, &[]);
    handle.with(|_, cx| (2..8).for_each(|number| add_peer(cx, number))).unwrap();
    let rounds: Vec<Vec<_>> = (0..3)
        .map(|round| (round * 6..round * 6 + 6).flat_map(|second| summary(&sent(&node, seconds(second)))).collect())
        .collect();
    assert_eq!(rounds[0].iter().collect::<BTreeSet<_>>().len(), 6, "each once");
    assert!(rounds[0].iter().all(|(_, message)| *message == 246));
    assert_eq!([&rounds[1], &rounds[2]], [&rounds[0]; 2], "and again in the same order");
}

#[test]
fn the_fewer_the_peers_the_more_often_the_tracker_is_asked() {
    let to_tracker = |peers: u8| {
        let (node, handle) = walker(straight(), Some(99), &[]);
        handle.with(|_, cx| (2..2 + peers).for_each(|number| add_peer(cx, number))).unwrap();
        (0..400).flat_map(|second| walked_to(&node, second)).filter(|to| *to == address(99)).count()
    };
    let [one, two, three, many] = [1, 2, 3, 20].map(to_tracker);
    assert!((170..230).contains(&one), "{one} of 400, where one in two is expected");
    assert!((60..100).contains(&two), "{two} of 400, where one in five is expected");
    assert!((25..55).contains(&three), "{three} of 400, where one in ten is expected");
    assert!((8..35).contains(&many), "{many} of 400, where one in twenty is expected");
}

#[test]
fn every_other_walk_goes_to_the_newest_address() {
    let (node, handle) = walker(straight().window(1_000), None, &numbered(10..210));
    let newest = (0..100).filter(|second| {
        let last = handle.with(|_, cx| cx.walkable()).unwrap().pop();
        let to = walked_to(&node, *second);
        // Walked to, it is not given up yet; it is not the newest any more only after that.
        handle.with(|_, cx| to.iter().for_each(|to| cx.network_mut().remove_address(*to))).unwrap();
        to.first() == last.as_ref()
    });
    let newest = newest.count();
    assert!((35..=65).contains(&newest), "{newest} of 100");
}
