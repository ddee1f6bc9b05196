//! The hash and the last packets of a run.

mod common;

use common::{Lamport, add_tracker, add_walkers, secs};
use ipv8_sim::{NodeId, World, WorldBuilder};

fn run(builder: WorldBuilder) -> (World, Vec<NodeId>) {
    let mut world = builder.build();
    add_tracker(&mut world);
    let nodes = add_walkers(&mut world, 5, 4, Lamport::default);
    world.run_for(secs(10));
    (world, nodes)
}

#[test]
fn looking_does_not_change_a_run() {
    let (plain, _) = run(World::builder(1));
    let (recorded, _) = run(World::builder(1).record(10));
    assert_eq!(plain.trace_hash(), recorded.trace_hash());
    assert_eq!((plain.recent().count(), recorded.recent().count()), (0, 10));
    let times: Vec<_> = recorded.recent().map(|record| record.at).collect();
    assert!(times.is_sorted() && times.last().is_some_and(|at| *at <= recorded.now()), "{times:?}");
}

#[test]
fn verdicts_that_are_remembered_are_those_that_are_made() {
    let (remembered, _) = run(World::builder(1));
    let (made, _) = run(World::builder(1).real_signatures());
    assert_eq!(remembered.trace_hash(), made.trace_hash());
}

#[test]
fn a_node_has_the_key_of_its_number_whoever_else_there_is() {
    let (small, nodes) = run(World::builder(1));
    let mut large = World::new(1);
    add_tracker(&mut large);
    add_walkers(&mut large, 50, 4, Lamport::default);
    let keys = |world: &World| nodes.iter().map(|id| world.node(*id).key().clone()).collect::<Vec<_>>();
    assert_eq!(keys(&small), keys(&large));
    assert_ne!(keys(&small), keys(&run(World::builder(2)).0));
}
