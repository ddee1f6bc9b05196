//! The random walk takes its steps by the reference's rules.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::{net::SocketAddr, time::Duration};

use common::{ANY, Plain, add_peer, address, key, node, seconds, sent, summary};
use ipv8_core::{Handle, Node, OverlayConfig, Target};
use ipv8_discovery::RandomWalk;

/// A node that knows these addresses and walks one step a second.
fn walker(walk: RandomWalk, known: impl Iterator<Item = u8>) -> (Node, Handle<Plain>) {
    let node = node(1);
    let handle = node.load(OverlayConfig::new(Plain).strategy(walk, Target::Always)).unwrap();
    handle
        .with(|_, cx| {
            for number in known {
                cx.network_mut().discover_address(key(200).mid(), address(number), Some(ANY), false);
            }
        })
        .unwrap();
    (node, handle)
}

fn walked_to(node: &Node, second: u64) -> Vec<SocketAddr> {
    sent(node, seconds(second)).into_iter().map(|packet| packet.to).collect()
}

#[test]
fn no_more_steps_than_the_window_are_unanswered() {
    let walk = RandomWalk::default().reset_chance(0).window(2).timeout(Duration::from_secs(100));
    let (node, _) = walker(walk, 10..20);
    let steps: Vec<usize> = (0..5).map(|second| walked_to(&node, second).len()).collect();
    assert_eq!(steps, [1, 1, 0, 0, 0]);
}

#[test]
fn an_address_is_asked_once_and_forgotten_when_it_stays_silent() {
    let (node, handle) = walker(RandomWalk::default().reset_chance(0), 10..12);
    let mut all: Vec<SocketAddr> = (0..2).flat_map(|second| walked_to(&node, second)).collect();
    all.sort();
    assert_eq!(all, [address(10), address(11)], "each once");
    assert_eq!(walked_to(&node, 2), [], "nobody is left to walk to");
    let walkable = |node: &Node, second| {
        walked_to(node, second);
        handle.with(|_, cx| cx.walkable().len()).unwrap()
    };
    // Three seconds must have passed, not just come.
    assert_eq!([walkable(&node, 3), walkable(&node, 4), walkable(&node, 5)], [2, 1, 0]);
}

#[test]
fn an_address_that_became_a_peer_is_kept() {
    let (node, handle) = walker(RandomWalk::default().reset_chance(0), 10..11);
    assert_eq!(walked_to(&node, 0), [address(10)]);
    handle.with(|_, cx| add_peer(cx, 10)).unwrap();
    for second in 1..10 {
        walked_to(&node, second);
    }
    assert_eq!(handle.with(|_, cx| cx.peer_count()).unwrap(), 1);
}

#[test]
fn with_nothing_to_walk_to_a_peer_is_asked() {
    let (node, handle) = walker(RandomWalk::default(), 0..0);
    handle.with(|_, cx| add_peer(cx, 7)).unwrap();
    assert_eq!(summary(&sent(&node, seconds(0))), [(address(7), 246)]);
}

#[test]
fn the_reset_chance_is_that_of_256() {
    // Peers enough to see who is asked: one peer, and more addresses than steps.
    let walk = RandomWalk::default().reset_chance(64).window(1_000).timeout(Duration::from_secs(10_000));
    let (node, handle) = walker(walk, 8..200);
    handle.with(|_, cx| add_peer(cx, 7)).unwrap();
    let steps: Vec<SocketAddr> = (0..160).flat_map(|second| walked_to(&node, second)).collect();
    assert_eq!(steps.len(), 160);
    let asked = steps.iter().filter(|to| **to == address(7)).count();
    assert!((25..=55).contains(&asked), "{asked} of 160 where 40 are expected");
}

#[test]
fn a_pause_slows_the_walk() {
    let walk = RandomWalk::default().reset_chance(0).window(100).pause(Duration::from_secs(2));
    let (node, _) = walker(walk, 10..30);
    let steps: Vec<usize> = (0..7).map(|second| walked_to(&node, second).len()).collect();
    assert_eq!(steps, [1, 0, 0, 1, 0, 0, 1], "more than two seconds apart");
}
