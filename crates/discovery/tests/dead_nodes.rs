//! In a network of nodes with the default strategies, those that die are forgotten within the churn's times.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use ipv8_core::{Community, Node, OverlayConfig, Routes, Target};
use ipv8_crypto::Mid;
use ipv8_discovery::{DiscoveryCommunity, RandomWalk, Tracker, TrackerBootstrapper};
use ipv8_sim::{NodeId, NodeOptions, World};
use ipv8_wire::{CommunityId, community_id};

const NODES: u64 = 40;

/// Which nodes die.
const DEAD: std::ops::Range<usize> = 10..20;

/// A second community, which has no churn of its own.
struct Chat;

impl Community for Chat {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");

    fn routes(_: &mut Routes<Self>) {}
}

/// As the reference's default configuration has it, with a second community.
fn load(node: &Node) {
    let tracker = || TrackerBootstrapper::new(["10.255.0.1:6421".parse().unwrap()]);
    let mut discovery = OverlayConfig::new(DiscoveryCommunity::default())
        .strategy(RandomWalk::default(), Target::Peers(20))
        .bootstrapper(tracker());
    for (strategy, target) in DiscoveryCommunity::default_strategies() {
        discovery = discovery.boxed_strategy(strategy, target);
    }
    node.load(discovery).unwrap();
    let chat = OverlayConfig::new(Chat).strategy(RandomWalk::default(), Target::Peers(20));
    node.load(chat.bootstrapper(tracker())).unwrap();
}

/// How many of the dead the living know, in all, and how many of the living each knows at least.
fn known(world: &World, alive: &[NodeId], dead: &BTreeSet<Mid>) -> (usize, usize) {
    let of = |id: NodeId| {
        world
            .node(id)
            .network(|network| {
                let dead = network.peers().filter(|record| dead.contains(&record.mid())).count();
                (dead, network.len() - dead)
            })
            .unwrap()
    };
    let counts: Vec<(usize, usize)> = alive.iter().map(|id| of(*id)).collect();
    (counts.iter().map(|count| count.0).sum(), counts.iter().map(|count| count.1).min().unwrap())
}

#[test]
fn dead_nodes_are_forgotten_within_seventy_seconds_and_the_living_are_kept() {
    let mut world = World::new(7);
    let tracker: SocketAddr = "10.255.0.1:6421".parse().unwrap();
    world.add_node(NodeOptions::default().address(tracker).setup(|node| {
        node.load(OverlayConfig::new(Tracker::default()).any_prefix()).unwrap();
    }));
    let nodes: Vec<NodeId> = (0..NODES)
        .map(|number| {
            world.add_node(NodeOptions::default().start_after(Duration::from_millis(50 * number)).setup(load))
        })
        .collect();
    world.run_for(Duration::from_secs(120));
    let dead: BTreeSet<Mid> = DEAD.map(|index| world.node(nodes[index]).key().mid()).collect();
    DEAD.for_each(|index| world.crash(nodes[index]));
    let alive: Vec<NodeId> = nodes.iter().copied().filter(|id| world.is_up(*id)).collect();

    let (dead_known, alive_known) = known(&world, &alive, &dead);
    assert!(dead_known > 150, "{dead_known} pairs of a living and a dead node");
    assert!(alive_known >= 12, "{alive_known}");

    // Some were silent for a while before they died, never for longer than it takes to be pinged and to answer.
    world.run_for(Duration::from_millis(57_500 - 38_000));
    assert_eq!(known(&world, &alive, &dead).0, dead_known, "nobody may be given up yet");
    world.run_for(Duration::from_secs(38 + 12));
    let (dead_known, alive_known) = known(&world, &alive, &dead);
    assert_eq!(dead_known, 0, "70 seconds after their death");
    assert!(alive_known >= 12, "the living are kept: {alive_known}");

    // And they stay forgotten, although others may still introduce them.
    world.run_for(Duration::from_secs(120));
    assert_eq!(known(&world, &alive, &dead).0, 0);
    let panics: u64 = alive.iter().map(|id| world.node(*id).stats().panics).sum();
    assert_eq!(panics, 0);
}
