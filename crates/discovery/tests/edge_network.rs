//! Nodes that walk along edges, and do nothing else, form one network through a tracker.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::{net::SocketAddr, time::Duration};

use ipv8_core::{Community, OverlayConfig, Routes, Target};
use ipv8_discovery::{EdgeWalk, Tracker, TrackerBootstrapper};
use ipv8_sim::{NodeId, NodeOptions, World};
use ipv8_wire::{CommunityId, community_id};

const NODES: u64 = 30;
const TRACKER: &str = "10.255.0.1:6421";

struct Plain;

impl Community for Plain {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");

    fn routes(_: &mut Routes<Self>) {}
}

#[test]
fn thirty_nodes_know_ten_others_each_after_three_minutes() {
    let mut world = World::new(3);
    let tracker: SocketAddr = TRACKER.parse().unwrap();
    world.add_node(NodeOptions::default().address(tracker).setup(|node| {
        node.load(OverlayConfig::new(Tracker::default()).any_prefix()).unwrap();
    }));
    let add = |number: u64| {
        let options = NodeOptions::default().start_after(Duration::from_millis(100 * number));
        world.add_node(options.setup(|node| {
            let overlay = OverlayConfig::new(Plain)
                .strategy(EdgeWalk::default(), Target::Peers(20))
                .bootstrapper(TrackerBootstrapper::new([TRACKER.parse().unwrap()]));
            node.load(overlay).unwrap();
        }))
    };
    let nodes: Vec<NodeId> = (0..NODES).map(add).collect();
    world.run_for(Duration::from_secs(180));
    let known = world.peers_known(nodes.iter().copied());
    assert!(known.min >= 10, "{known:?}");
    assert_eq!(nodes.iter().map(|id| world.node(*id).stats().panics).sum::<u64>(), 0);
}
