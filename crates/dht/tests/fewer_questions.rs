//! As few nodes are asked as will do: the eight closest for values, and for storing not those whose tokens are known.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use ipv8_core::wire::Message;
use ipv8_dht::{
    Dht, DhtConfig, Family, Sign, TraceEvent, TraceStep, Value,
    messages::FindRequest,
    store::{Entry, Source},
    token::TokenSecrets,
    value::encode_unsigned,
};
use ipv8_sim::{Link, NodeId, World};

const KEY: [u8; 20] = [0x42; 20];

/// Thirty nodes that know each other.
fn thirty(seed: u64) -> (World, Vec<NodeId>) {
    let mut world = common::world(seed, Link::default());
    let nodes = common::grown(&mut world, 30, &DhtConfig { maintenance: None, peers: false, ..DhtConfig::default() });
    world.run_for(common::secs(30));
    (world, nodes)
}

async fn search(dht: Dht) -> (Vec<Value>, Vec<TraceStep>) {
    let mut values = dht.values(KEY).unwrap();
    while values.next().await.unwrap().is_some() {}
    values.finish().unwrap()
}

fn answered_with_values(trace: &[TraceStep]) -> usize {
    trace.iter().filter(|step| matches!(step.event, TraceEvent::Values(_))).count()
}

/// One of the nodes, to which the key is far.
fn far(world: &World, nodes: &[NodeId]) -> NodeId {
    let last = *common::closest(world, nodes, &KEY).last().unwrap();
    *nodes.iter().find(|node| common::mid(world, **node) == last).unwrap()
}

/// The closest one, which has its neighbours in its table.
fn near(world: &World, nodes: &[NodeId]) -> NodeId {
    let first = common::closest(world, nodes, &KEY)[0];
    *nodes.iter().find(|node| common::mid(world, **node) == first).unwrap()
}

/// Questions for nodes that a node has sent.
fn questions(world: &World, node: NodeId) -> u64 {
    let report = world.node(node).report();
    report.overlays.iter().filter_map(|overlay| overlay.message(FindRequest::ID)).map(|stats| stats.sent.packets).sum()
}

#[test]
fn the_eight_closest_are_asked_and_no_others_that_have_it() {
    let (mut world, nodes) = thirty(1);
    common::run(&mut world, nodes[3], |dht| async move { dht.store(KEY, b"one", Sign::Yes).await.unwrap() });
    let searcher = far(&world, &nodes);
    let (found, trace) = common::run(&mut world, searcher, search);
    assert_eq!(found.len(), 1);
    assert!((7..=8).contains(&answered_with_values(&trace)), "{trace:?}");
    assert!(trace.iter().filter(|step| step.event == TraceEvent::Asked).count() <= 14, "{trace:?}");
}

#[test]
fn the_others_are_asked_if_one_tells_otherwise() {
    let (mut world, nodes) = thirty(2);
    common::run(&mut world, nodes[3], |dht| async move { dht.store(KEY, b"one", Sign::Yes).await.unwrap() });
    // The closest node has one more, as if it were the last that heard of it, or a liar.
    let closest = near(&world, &nodes);
    let value = encode_unsigned(b"two");
    let source = Source::of(world.address(closest).ip());
    let entry = Entry { key: KEY, id: [1; 20], value, version: 0, max_age: common::secs(3_600), source };
    let put =
        common::dht(&world, closest).handle().with(move |dht, cx| dht.store_mut(Family::V4).put(entry, cx.unix_time()));
    put.unwrap();
    let searcher = far(&world, &nodes);
    let (found, trace) = common::run(&mut world, searcher, search);
    assert_eq!(found.len(), 2);
    assert!(answered_with_values(&trace) >= 7, "{trace:?}");
}

#[test]
fn nodes_whose_tokens_are_known_are_stored_on_without_a_question() {
    let (mut world, nodes) = thirty(3);
    let node = near(&world, &nodes);
    let store = |dht: Dht| async move { dht.store(KEY, b"one", Sign::Yes).await.unwrap() };
    let before = questions(&world, node);
    let first = common::run(&mut world, node, store);
    let between = questions(&world, node);
    world.run_for(common::secs(6));
    let begun = questions(&world, node);
    let second = common::run(&mut world, node, store);
    let (first_asked, second_asked) = (between - before, questions(&world, node) - begun);
    assert_eq!((first.nodes.len(), second.nodes.len()), (8, 8));
    assert!(first_asked >= 8 && second_asked == 4, "{first_asked}, then {second_asked}");
}

#[test]
fn tokens_that_are_good_no_more_are_asked_for_again() {
    let (mut world, nodes) = thirty(4);
    let node = near(&world, &nodes);
    let store = |dht: Dht| async move { dht.store(KEY, b"one", Sign::Yes).await.unwrap() };
    common::run(&mut world, node, store);
    // As if they had all started anew.
    for (number, other) in (0_u8..).zip(nodes.iter().filter(|other| **other != node)) {
        let secrets = TokenSecrets::known(None, [number; 16]);
        common::dht(&world, *other).handle().with(move |dht, _| dht.set_token_secrets(secrets)).unwrap();
    }
    world.run_for(common::secs(6));
    let stored = common::run(&mut world, node, store);
    assert_eq!(stored.nodes.len(), 4);
    world.run_for(common::secs(6));
    let stored = common::run(&mut world, node, store);
    assert_eq!(stored.nodes.len(), 8);
}
