//! The launchers of a program work in a simulated node as they do in one on sockets.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

use std::time::Duration;

use ipv8::{
    Launchers, Node, OverlayConfig,
    discovery::{DiscoveryCommunity, Tracker},
};
use ipv8_sim::{NodeOptions, World};

#[test]
fn standard_launchers_find_peers_through_a_tracker_under_virtual_time() {
    let mut world = World::new(1);
    let tracker = world.add_node(NodeOptions::default());
    world.node(tracker).load(OverlayConfig::new(Tracker::default()).any_prefix()).unwrap();
    let trackers = [world.address(tracker).into()];
    let nodes: Vec<_> = (0..5).map(|_| world.add_node(NodeOptions::default())).collect();
    for node in &nodes {
        Launchers::standard().load(world.node(*node), &trackers).unwrap();
    }
    let names = world
        .find::<DiscoveryCommunity>(nodes[0])
        .unwrap()
        .with(|_, cx| cx.strategies().iter().map(|strategy| strategy.name.to_owned()).collect::<Vec<_>>());
    assert_eq!(names.unwrap(), ["RandomWalk", "RandomChurn", "PeriodicSimilarity"]);
    let knows_all = |node: &Node| node.network(|network| network.len()).unwrap() == 4;
    let met = world.run_while(|world| !nodes.iter().all(|id| knows_all(world.node(*id))), Duration::from_secs(300));
    assert!(met);
}
