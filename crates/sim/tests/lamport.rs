//! Fifty nodes meet through a tracker, over links that lose packets, and count.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use common::{Lamport, add_tracker, add_walkers, secs};
use ipv8_sim::{Link, Loss, World};

#[test]
fn fifty_nodes_meet_through_a_tracker_in_spite_of_loss() {
    let mut world = World::builder(11).link(Link::default().loss(0.1)).record(20).build();
    add_tracker(&mut world);
    let nodes = add_walkers(&mut world, 50, 20, Lamport::default);
    world.run_for(secs(60));
    let known = world.peers_known(nodes.iter().copied());
    assert!(known.min >= 20 && known.max <= 49, "{known:?}");
    for id in nodes.iter().copied() {
        let lamport = world.find::<Lamport>(id).unwrap();
        let (joined, clock) = lamport.with(|lamport, _| (lamport.joined, lamport.clock)).unwrap();
        assert_eq!(joined, world.node(id).network(|network| network.len()).unwrap(), "{id} was told of all its peers");
        assert!(clock >= 100, "the clock of {id} is at {clock}");
        assert_eq!(world.node(id).stats().dropped_in_all(), 0);
    }
    let metrics = world.metrics();
    let lost = metrics.lost(Loss::Link) * 100 / metrics.sent;
    assert!((8..=12).contains(&lost), "{lost} % of {} were lost", metrics.sent);
}
