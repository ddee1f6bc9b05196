//! The world resolves the names that it was told, and no others.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use common::{Lamport, add_tracker, secs};
use ipv8_core::{OverlayConfig, Target};
use ipv8_discovery::{RandomWalk, TrackerBootstrapper};
use ipv8_sim::{NodeId, NodeOptions, World};

fn add_node_that_asks(world: &mut World, tracker: &str) -> NodeId {
    let id = world.add_node(NodeOptions::default());
    let overlay = OverlayConfig::new(Lamport::default())
        .strategy(RandomWalk::default(), Target::Always)
        .bootstrapper(TrackerBootstrapper::new([tracker.parse().unwrap()]));
    world.node(id).load(overlay).unwrap();
    id
}

#[test]
fn a_tracker_is_found_by_its_name() {
    let mut world = World::new(1);
    add_tracker(&mut world);
    let found = ["tracker.test:6421"; 2].map(|name| add_node_that_asks(&mut world, name));
    let lost = ["nowhere.test:6421", "tracker.test:1"].map(|name| add_node_that_asks(&mut world, name));
    world.run_for(secs(10));
    assert_eq!(world.peers_known(found).min, 1);
    assert_eq!(world.peers_known(lost).max, 0);
}
