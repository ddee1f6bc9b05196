//! Nodes that remember a peer are found again when they go, when others come that are closer, and not all at once.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{collections::BTreeSet, time::Duration};

use common::{closest, dht, grown, mid, run, secs, world};
use ipv8_core::{Time, crypto::Mid};
use ipv8_dht::DhtConfig;
use ipv8_sim::{Link, NodeId, World};

fn keepers(world: &World, node: NodeId) -> Vec<Mid> {
    dht(world, node).handle().with(|dht, _| dht.keepers().iter().map(|peer| peer.mid()).collect()).unwrap()
}

fn stores(world: &World, node: NodeId, peer: Mid) -> bool {
    dht(world, node).handle().with(|dht, _| dht.stored_peers().any(|stored| stored.mid() == peer)).unwrap()
}

#[test]
fn everybody_is_remembered_by_the_closest_and_stays_so() {
    let mut world = world(61, Link::default().loss(0.05));
    let nodes = grown(&mut world, 40, &DhtConfig::default());
    for _ in 0..3 {
        world.run_for(secs(100));
        for node in &nodes {
            let (own, keepers) = (mid(&world, *node), keepers(&world, *node));
            assert!((4..=8).contains(&keepers.len()), "{keepers:?}");
            let by: Vec<Mid> =
                nodes.iter().filter(|other| stores(&world, **other, own)).map(|other| mid(&world, *other)).collect();
            let real = keepers.iter().filter(|keeper| by.contains(keeper)).count();
            assert!(real + 1 >= keepers.len(), "{real} of {keepers:?}");
        }
    }
}

#[test]
fn nodes_that_start_together_do_not_ask_together() {
    let mut world = world(62, Link::default());
    let nodes: Vec<_> = (0..30).map(|_| world.add_node(common::options(&DhtConfig::default()))).collect();
    let mut first: Vec<Option<Time>> = vec![None; nodes.len()];
    for _ in 0..300 {
        world.run_for(Duration::from_millis(100));
        for (node, first) in nodes.iter().zip(&mut first) {
            if first.is_none() && !keepers(&world, *node).is_empty() {
                *first = Some(world.now());
            }
        }
    }
    let moments: BTreeSet<Time> = first.iter().map(|first| first.unwrap()).collect();
    let (first, last) = (moments.first().unwrap(), moments.last().unwrap());
    assert!(moments.len() > 15 && last.since(*first) > secs(4), "{moments:?}");
}

#[test]
fn nodes_that_remembered_us_and_went_are_replaced() {
    let mut world = world(63, Link::default());
    let nodes = grown(&mut world, 40, &DhtConfig::default());
    world.run_for(secs(30));
    let peer = nodes[5];
    let gone = keepers(&world, peer);
    assert!(gone.len() >= 4);
    for node in &nodes {
        if gone.contains(&mid(&world, *node)) {
            world.crash(*node);
        }
    }
    // Two pings that are not answered, of 5 seconds each, and half a minute until more are asked.
    world.run_for(secs(100));
    let now = keepers(&world, peer);
    assert!(now.len() >= 4 && now.iter().all(|keeper| !gone.contains(keeper)), "{now:?}, {gone:?}");
    let wanted = mid(&world, peer);
    let asker = *nodes.iter().rev().find(|node| !gone.contains(&mid(&world, **node))).unwrap();
    run(&mut world, asker, move |dht| async move { dht.connect_peer(wanted).await.unwrap() });
}

#[test]
fn closer_nodes_that_come_later_remember_us_too() {
    let mut world = world(64, Link::default());
    let mut nodes = grown(&mut world, 10, &DhtConfig::default());
    world.run_for(secs(30));
    nodes.extend((0..40).map(|_| world.add_node(common::options(&DhtConfig::default()))));
    world.run_for(secs(260));
    for peer in &nodes[..10] {
        let own = mid(&world, *peer);
        let near: Vec<Mid> = closest(&world, &nodes, &own.0).into_iter().filter(|mid| *mid != own).take(8).collect();
        let keepers = keepers(&world, *peer);
        let right = keepers.iter().filter(|keeper| near.contains(keeper)).count();
        assert!(right >= 6, "{right} of the 8 closest: {keepers:?}, {near:?}");
    }
}
