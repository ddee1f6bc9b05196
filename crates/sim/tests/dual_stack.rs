//! Nodes with IPv4, with IPv6 and with both: those with both join the others to one overlay.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{collections::BTreeSet, net::SocketAddr};

use common::{Lamport, add_tracker, ms, secs, walker};
use ipv8_core::{Community, Handle};
use ipv8_sim::{Loss, NodeId, NodeOptions, World};

const FIRST: &str = "[2001:db8::1]:8090";

fn v6(number: u16) -> SocketAddr {
    SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, number], 8090))
}

fn mid(world: &World, id: NodeId) -> ipv8_core::crypto::Mid {
    world.node(id).key().mid()
}

/// All nodes that one reaches through those that know each other.
fn reached(world: &World, from: NodeId) -> BTreeSet<NodeId> {
    let mut found = BTreeSet::from([from]);
    let mut left = vec![from];
    while let Some(id) = left.pop() {
        for other in world.nodes() {
            let knows = world.node(id).network(|network| network.get(&mid(world, other)).is_some()).unwrap();
            if knows && found.insert(other) {
                left.push(other);
            }
        }
    }
    found
}

#[test]
fn nodes_of_either_family_become_one_overlay_through_those_with_both() {
    let mut world = World::new(1);
    let tracker = add_tracker(&mut world);
    let both: Vec<_> = (1..=4).map(|number| world.add_node(walker(20).second_address(v6(number)))).collect();
    let v4: Vec<_> = (0..4).map(|_| world.add_node(walker(20))).collect();
    // The tracker has IPv4 only: nodes without it start from one that has both.
    let v6: Vec<_> = (11..=14).map(|number| world.add_node(walker(20).address(v6(number)))).collect();
    for id in &v6 {
        let lamport = world.find::<Lamport>(*id).unwrap();
        lamport.with(|_, cx| cx.walk_to(FIRST.parse().unwrap())).unwrap();
    }
    world.run_for(secs(120));

    let everybody: BTreeSet<_> = world.nodes().filter(|id| *id != tracker).collect();
    assert_eq!(reached(&world, v4[0]), everybody);
    assert_eq!(reached(&world, v6[0]), everybody);
    let knows = |a: NodeId, b: NodeId| world.node(a).network(|n| n.get(&mid(&world, b)).cloned()).unwrap();
    for a in &v4 {
        assert!(
            v6.iter().all(|b| knows(*a, *b).is_none() && knows(*b, *a).is_none()),
            "they have no way to each other"
        );
    }
    // Those with both came to know each other under both addresses, by new-style introductions that name IPv6.
    let twice = |a: NodeId, b: NodeId| {
        knows(a, b).is_some_and(|record| record.new_style() && record.addresses().seen().count() == 2)
    };
    let pairs = both.iter().flat_map(|a| both.iter().map(move |b| (*a, *b))).filter(|(a, b)| a != b);
    assert!(pairs.clone().filter(|(a, b)| twice(*a, *b)).count() >= pairs.count() / 2);
    // Introductions to addresses of the family that one lacks cost a packet each and do no harm.
    assert!(world.metrics().lost(Loss::NoRoute) > 0);
}

fn walk<C: Community>(handle: &Handle<C>, to: SocketAddr) {
    handle.with(|_, cx| cx.walk_to(to)).unwrap();
}

#[test]
fn a_new_style_answer_over_ipv4_names_ipv6_and_the_talk_goes_on_there() {
    let mut world = World::builder(1).record(100).build();
    let [a, b] = [1, 2].map(|number| world.add_node(NodeOptions::default().second_address(v6(number))));
    let [lamport, _] = [a, b].map(|id| world.node(id).load(Lamport::default()).unwrap());
    let (v4, introducer) = (world.address(b), mid(&world, b));
    // As an introduction does that says that the introduced one is of the new style.
    let service = Some(Lamport::ID);
    lamport.with(|_, cx| cx.network_mut().discover_address(introducer, v4, service, true)).unwrap();
    walk(&lamport, v4);
    world.run_for(ms(300));
    let seen: Vec<_> = world.recent().map(|record| (record.message.unwrap(), record.to)).collect();
    let first = SocketAddr::from(([10, 0, 0, 1], 8090));
    assert_eq!(
        seen,
        [(234, v4), (233, first), (232, v4), (231, v6(1))],
        "request, answer, and a puncture that is asked for over IPv4 and comes over IPv6"
    );
    // The puncture is signed by a peer that we know: it is there from now on too, and IPv6 is preferred.
    let peer = lamport.with(|_, cx| cx.peers()[0].clone()).unwrap();
    assert_eq!(peer.address(), v6(2));
    lamport.with(|_, cx| cx.request_introduction(&peer)).unwrap();
    world.run_for(secs(1));
    assert_eq!(world.recent().last().map(|record| (record.message, record.to)), Some((Some(233), v6(1))));
}

#[test]
#[should_panic(expected = "has to be of the other one")]
fn a_second_address_is_of_the_other_family() {
    let options = NodeOptions::default().second_address("10.9.9.9:1".parse().unwrap());
    World::new(1).add_node(options);
}
