//! A partition parts the nodes, and its end brings them together again.

mod common;

use common::{Lamport, add_tracker, add_walkers, secs};
use ipv8_core::Community;
use ipv8_sim::{Loss, NodeId, World};

/// How many peers of the other half the nodes of the second half know.
fn across(world: &World, nodes: &[NodeId]) -> usize {
    let (first, second) = nodes.split_at(nodes.len() / 2);
    let mids: Vec<_> = first.iter().map(|id| world.node(*id).key().mid()).collect();
    let known = |id: &NodeId| {
        world
            .node(*id)
            .network(|network| network.serving(Lamport::ID).filter(|record| mids.contains(&record.mid())).count())
    };
    second.iter().filter_map(known).sum()
}

#[test]
fn nodes_meet_across_a_partition_only_when_it_is_healed() {
    let mut world = World::builder(4).record(20).build();
    let tracker = add_tracker(&mut world);
    let nodes = add_walkers(&mut world, 20, 15, Lamport::default);
    let half = nodes[10];
    world.partition(move |from, to| from == tracker || to == tracker || (from < half) == (to < half));
    world.run_for(secs(30));
    assert_eq!(across(&world, &nodes), 0);
    assert!(world.metrics().lost(Loss::Partition) > 0);
    world.heal();
    let parted = world.metrics().lost(Loss::Partition);
    world.run_for(secs(60));
    assert_eq!(world.metrics().lost(Loss::Partition), parted);
    assert!(across(&world, &nodes) >= 50, "{}", across(&world, &nodes));
    assert!(world.peers_known(nodes.iter().copied()).min >= 15, "{:?}", world.peers_known(nodes.iter().copied()));
}

#[test]
fn packets_under_way_arrive_when_a_partition_begins() {
    let mut world = World::new(1);
    add_tracker(&mut world);
    let nodes = add_walkers(&mut world, 2, 1, Lamport::default);
    world.run_while(|world| world.metrics().sent == 0, secs(5));
    world.partition(|_, _| false);
    let before = world.metrics().delivered;
    world.run_for(secs(1));
    assert_eq!((before, world.metrics().delivered), (0, 1));
    assert!(nodes.iter().all(|id| world.is_up(*id)));
}
