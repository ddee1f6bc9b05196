//! The edge walk grows edges from its roots, by the reference's rules.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use common::{ANY, Plain, add_peer, address, key, node, seconds, sent, summary};
use ipv8_core::{Bootstrapper, Context, Handle, Node, OverlayConfig, Strategy, Target};
use ipv8_crypto::Mid;
use ipv8_discovery::EdgeWalk;

/// Lets a test look at the walk.
#[derive(Clone)]
struct Watched(Arc<Mutex<EdgeWalk>>);

impl Strategy for Watched {
    fn name(&self) -> &'static str {
        "Watched"
    }

    fn step(&mut self, cx: &mut Context<'_>) {
        self.0.lock().unwrap().step(cx);
    }
}

/// A node that takes a step a second and has these peers.
fn walker(walk: EdgeWalk, peers: std::ops::Range<u8>) -> (Node, Handle<Plain>, Watched) {
    let (node, watched) = (node(1), Watched(Arc::new(Mutex::new(walk))));
    let handle = node.load(OverlayConfig::new(Plain).strategy(watched.clone(), Target::Always)).unwrap();
    handle.with(|_, cx| peers.for_each(|number| add_peer(cx, number))).unwrap();
    (node, handle, watched)
}

fn introduce(handle: &Handle<Plain>, by: u8, number: u8) {
    let walked = |cx: &mut Context<'_>| {
        cx.network_mut().discover_address(key(by).mid(), address(number), Some(ANY), false);
    };
    handle.with(|_, cx| walked(cx)).unwrap();
}

fn complete(watched: &Watched) -> Vec<Vec<Mid>> {
    watched.0.lock().unwrap().complete().map(<[Mid]>::to_vec).collect()
}

fn mids(numbers: &[u8]) -> Vec<Mid> {
    numbers.iter().map(|number| key(*number).mid()).collect()
}

#[test]
fn without_a_neighbourhood_it_bootstraps_and_walks_to_as_many_addresses_as_it_has_roots() {
    struct Counts(Arc<Mutex<usize>>);
    impl Bootstrapper for Counts {
        fn name(&self) -> &'static str {
            "Counts"
        }
        fn bootstrap(&mut self, _: &mut Context<'_>) {
            *self.0.lock().unwrap() += 1;
        }
        fn is_initialized(&self) -> bool {
            true
        }
        fn keep_alive(&mut self, _: &mut Context<'_>) {}
    }
    let (node, handle, _) = walker(EdgeWalk::default(), 10..12);
    let asked = Arc::new(Mutex::new(0));
    handle.with(|_, cx| cx.add_bootstrapper(Counts(asked.clone()))).unwrap();
    (100..110).for_each(|number| introduce(&handle, 10, number));
    let mut walked = BTreeSet::new();
    for second in 0..20 {
        let packets = summary(&sent(&node, seconds(second)));
        assert_eq!(packets.len(), 6);
        walked.extend(packets.into_iter().map(|(to, _)| to));
    }
    assert_eq!(*asked.lock().unwrap(), 20);
    assert_eq!(walked, (100..110).map(address).collect(), "not always the same ones");
}

#[test]
fn an_edge_grows_by_introductions_until_it_is_four_deep() {
    let (node, handle, watched) = walker(EdgeWalk::default().roots(1), 10..14);
    // The first step finds the neighbourhood, the second asks the root.
    assert_eq!(sent(&node, seconds(0)).len(), 0);
    let asked: Vec<SocketAddr> = sent(&node, seconds(1)).into_iter().map(|packet| packet.to).collect();
    assert_eq!(asked, [address(10)]);
    for (by, number) in [(10, 11), (11, 12), (12, 13)] {
        introduce(&handle, by, number);
    }
    assert_eq!(summary(&sent(&node, seconds(2))), [(address(11), 246)]);
    assert_eq!(summary(&sent(&node, seconds(3))), [(address(12), 246)]);
    assert_eq!(summary(&sent(&node, seconds(4))), [], "the last one is not walked to");
    assert_eq!(complete(&watched), [mids(&[10, 11, 12, 13])]);
    // Back home.
    assert_eq!(summary(&sent(&node, seconds(5))), [(address(10), 246)]);
}

#[test]
fn an_edge_that_does_not_grow_for_three_seconds_ends() {
    let (node, handle, watched) = walker(EdgeWalk::default().roots(1), 10..12);
    introduce(&handle, 10, 11);
    // Neighbourhood at 0; root asked at 1; grown at 2; then silence.
    let asked = |second| sent(&node, seconds(second)).len();
    assert_eq!((0..=6).map(asked).collect::<Vec<_>>(), [0, 1, 1, 0, 0, 0, 0]);
    assert_eq!(complete(&watched), [mids(&[10, 11])]);
    assert_eq!(asked(7), 1);
}

#[test]
fn introduced_addresses_without_a_peer_are_walked_to() {
    let (node, handle, _) = walker(EdgeWalk::default().roots(1), 10..11);
    introduce(&handle, 10, 50);
    sent(&node, seconds(0));
    sent(&node, seconds(1));
    assert_eq!(summary(&sent(&node, seconds(2))), [(address(50), 246)]);
    handle.with(|_, cx| add_peer(cx, 50)).unwrap();
    assert_eq!(summary(&sent(&node, seconds(3))), [(address(50), 246)], "it answered, and the edge goes on from it");
}

#[test]
fn a_root_that_is_gone_is_replaced() {
    let (node, handle, _) = walker(EdgeWalk::default().roots(2), 10..13);
    sent(&node, seconds(0));
    handle.with(|_, cx| cx.network_mut().remove(&key(10).mid())).unwrap();
    sent(&node, seconds(1));
    let mut asked: Vec<SocketAddr> = (2..4).flat_map(|second| sent(&node, seconds(second))).map(|p| p.to).collect();
    asked.sort();
    assert_eq!(asked, [address(11), address(12)]);
}

#[test]
fn a_peer_that_introduces_without_end_is_not_followed_without_end() {
    let (node, handle, watched) = walker(EdgeWalk::default().roots(1), 10..11);
    (20..=250).for_each(|number| introduce(&handle, 10, number));
    for second in 0..400 {
        assert!(sent(&node, seconds(second)).len() <= 8);
    }
    assert_eq!(complete(&watched).len(), 0);
}
