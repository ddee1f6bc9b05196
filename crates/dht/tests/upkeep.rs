//! What nodes do unasked: they drop the dead, keep in step with the peers, look for neighbours, store their values again.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::collections::BTreeSet;

use common::{dht, grown, known, mid, run, secs, world};
use ipv8_core::Time;
use ipv8_dht::{DhtConfig, Family, Sign};
use ipv8_sim::{Link, NodeId, World};

fn mids_known(world: &World, node: NodeId) -> BTreeSet<ipv8_core::crypto::Mid> {
    let of = |dht: &mut ipv8_dht::DhtCommunity, _: &mut ipv8_core::Context<'_>| {
        dht.table(Family::V4).unwrap().nodes().map(|node| node.peer().mid()).collect()
    };
    dht(world, node).handle().with(of).unwrap()
}

#[test]
fn dead_nodes_are_dropped_and_nodes_are_peers() {
    let mut world = world(11, Link::default());
    let nodes = grown(&mut world, 30, &DhtConfig::default());
    let dead: BTreeSet<_> = nodes[20..].iter().map(|node| mid(&world, *node)).collect();
    assert!(mids_known(&world, nodes[0]).intersection(&dead).count() > 3);
    for node in &nodes[20..] {
        world.crash(*node);
    }
    // Two pings, of which the second is due after some 25 seconds, and five seconds for each; then those that got their places
    // by mistake, as peers that were met when they lived.
    world.run_for(secs(100));
    for node in &nodes[..20] {
        let known = mids_known(&world, *node);
        assert_eq!(known.intersection(&dead).count(), 0, "{node:?}");
        let peers: BTreeSet<_> =
            dht(&world, *node).handle().with(|_, cx| cx.peers().iter().map(|peer| peer.mid()).collect()).unwrap();
        // Walking finds peers again that there is no room for in the table.
        assert!(known.is_subset(&peers) && peers.is_disjoint(&dead), "{node:?}");
    }
}

#[test]
fn nodes_that_came_together_are_not_pinged_together() {
    let mut world = world(12, Link::default());
    let nodes = grown(&mut world, 30, &DhtConfig::default());
    world.run_for(secs(120));
    let pinged: Vec<Time> = dht(&world, nodes[0])
        .handle()
        .with(|dht, _| dht.table(Family::V4).unwrap().nodes().filter_map(|node| node.last_ping).collect())
        .unwrap();
    assert!(pinged.len() > 10);
    let moments: BTreeSet<Time> = pinged.iter().copied().collect();
    assert!(moments.len() > 5, "{} pings at {} moments", pinged.len(), moments.len());
    let (first, last) = (moments.first().unwrap(), moments.last().unwrap());
    assert!(last.since(*first) > secs(3));
}

#[test]
fn nodes_look_for_their_neighbours() {
    let grow = |maintenance| {
        let mut world = world(13, Link::default());
        // Whoever wants to be found looks for its neighbours too.
        let config = DhtConfig { maintenance, peers: false, ..DhtConfig::default() };
        let nodes: Vec<_> = (0..40).map(|_| world.add_node(common::walking(&config, 3))).collect();
        world.run_for(secs(100));
        nodes.iter().map(|node| known(&world, *node)).sum::<usize>()
    };
    let (without, with) = (grow(None), grow(Some(secs(10))));
    assert!(with > without * 5 / 4, "{with} nodes known with maintenance, {without} without");
}

/// Whether a value is still found after hours in which every node that was there has been replaced, one by one.
fn survives(republish: Option<std::time::Duration>) -> bool {
    let mut world = world(14, Link::default());
    let config = DhtConfig { republish, ..DhtConfig::default() };
    let mut nodes = grown(&mut world, 16, &config);
    let key = [0xc3; 20];
    run(&mut world, nodes[0], |dht| async move { dht.store(key, b"again", Sign::Yes).await.unwrap() });
    for round in 0..15 {
        world.crash(nodes[1 + round]);
        nodes.push(world.add_node(common::options(&config)));
        world.run_for(secs(100));
    }
    let last = *nodes.last().unwrap();
    let found = run(&mut world, last, |dht| async move { dht.find_values(key).await.unwrap() });
    found.first().is_some_and(|value| value.data == b"again")
}

#[test]
fn values_outlive_the_nodes_that_kept_them_if_they_are_republished() {
    assert!(survives(Some(secs(150))));
    // The reference's rules: nobody is left who has it.
    assert!(!survives(None));
}

#[test]
fn what_is_forgotten_is_not_stored_again() {
    let mut world = world(15, Link::default());
    let config = DhtConfig { republish: Some(secs(600)), expiry: secs(100), ..DhtConfig::default() };
    let nodes = grown(&mut world, 9, &config);
    let key = [0x11; 20];
    run(&mut world, nodes[0], |dht| async move { dht.store(key, b"once", Sign::No).await.unwrap() });
    let own = dht(&world, nodes[0]);
    assert_eq!(own.publications().unwrap().len(), 1);
    let forgotten = run(&mut world, nodes[0], |dht| async move { dht.forget(&key).await.unwrap() });
    assert_eq!(forgotten, 1);
    world.run_for(secs(3_800));
    let found = run(&mut world, nodes[5], |dht| async move { dht.find_values(key).await.unwrap() });
    assert_eq!(found, []);
}

#[test]
fn buckets_in_which_nothing_changed_are_searched() {
    let mut world = world(16, Link::default());
    let nodes = grown(&mut world, 16, &DhtConfig { maintenance: Some(secs(30)), ..DhtConfig::default() });
    world.run_for(secs(1_200));
    let (oldest, now) = dht(&world, nodes[3])
        .handle()
        .with(|dht, cx| {
            let buckets = dht.table(Family::V4).unwrap().buckets();
            let filled = buckets.filter(|bucket| !bucket.nodes().is_empty());
            (filled.map(|bucket| bucket.changed().unwrap()).min().unwrap(), cx.now())
        })
        .unwrap();
    // A quarter of an hour, and a few rounds of maintenance until it is the turn of each.
    assert!(now.since(oldest) < secs(15 * 60 + 120), "{:?}", now.since(oldest));
}
