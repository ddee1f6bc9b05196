//! A third of a large network leaves at once: the rest forgets them within the churn's times, and goes on.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::collections::BTreeSet;

use common::{add_tracker, ms, secs};
use ipv8_core::{OverlayConfig, Target, crypto::Mid};
use ipv8_discovery::{DiscoveryCommunity, RandomChurn, SteeredWalk, TrackerBootstrapper};
use ipv8_sim::{Link, NodeId, NodeOptions, World};

const NODES: u64 = 500;

/// Pairs of a living node and a dead one that it knows, and the fewest living peers that a living node knows.
fn known(world: &World, alive: &[NodeId], dead: &BTreeSet<Mid>) -> (usize, usize) {
    let of = |id: &NodeId| {
        let count = |network: &ipv8_core::Network| {
            let dead = network.peers().filter(|record| dead.contains(&record.mid())).count();
            (dead, network.len() - dead)
        };
        world.node(*id).network(count).unwrap()
    };
    alive.iter().map(of).fold((0, usize::MAX), |(dead, least), (d, l)| (dead + d, least.min(l)))
}

/// A peer is pinged from 27.5 seconds of silence on, then every ten seconds, and dropped after 57.5. A step looks at eight of
/// some 25 peers, so each is looked at every one or two seconds, and hardly one is overlooked for fifteen.
///
/// One packet in ten is lost, so that three pings in a row remain unanswered by 0.7 in 100 of the living, at most every half
/// minute; those are found again.
#[test]
fn who_leaves_is_forgotten_and_who_stays_is_kept() {
    let mut world = World::builder(3).link(Link::default().loss(0.1)).build();
    add_tracker(&mut world);
    let add = |number: u64| {
        world.add_node(NodeOptions::default().start_after(ms(10 * number)).setup(|node| {
            let overlay = OverlayConfig::new(DiscoveryCommunity::default())
                .strategy(SteeredWalk::default(), Target::Peers(20))
                .strategy(RandomChurn::default(), Target::Always)
                .bootstrapper(TrackerBootstrapper::new(["10.255.0.1:6421".parse().unwrap()]));
            node.load(overlay).unwrap();
        }))
    };
    let nodes: Vec<NodeId> = (0..NODES).map(add).collect();
    world.run_for(secs(60));
    let gone = |id: &NodeId| id.index() % 10 < 3;
    let (dead, alive): (Vec<NodeId>, Vec<NodeId>) = nodes.iter().partition(|id| gone(id));
    assert_eq!(dead.len() * 10, nodes.len() * 3);
    let mids: BTreeSet<Mid> = dead.iter().map(|id| world.node(*id).key().mid()).collect();
    let (before, _) = known(&world, &alive, &mids);
    assert!(before > 1_500, "{before} pairs of one that stays and one that leaves");
    dead.iter().for_each(|id| world.crash(*id));

    // Those that were silent already are the first to be dropped: they may have been so for 57.5 seconds, were it not for the
    // pings, which most of them answered.
    world.run_for(secs(20));
    let (soon, _) = known(&world, &alive, &mids);
    assert!(soon * 10 > before * 9, "{soon} of {before}: hardly anybody may be given up yet");
    world.run_for(ms(57_500) + secs(15) - secs(20));
    assert_eq!(known(&world, &alive, &mids).0, 0, "72.5 seconds after they left");

    world.run_for(secs(20));
    let (dead, least) = known(&world, &alive, &mids);
    assert_eq!(dead, 0, "they stay forgotten, although others introduced them");
    assert!(least >= 15, "the living are kept, and new ones found: {least}");
}
