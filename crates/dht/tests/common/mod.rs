//! Simulated networks of nodes of the DHT.
#![allow(dead_code, reason = "every test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

pub(crate) mod lone;

use std::{net::SocketAddr, time::Duration};

use ipv8_core::{MaxPeers, OverlayConfig, Target, crypto::Mid};
use ipv8_dht::{Dht, DhtCommunity, DhtConfig, Family, PingChurn};
use ipv8_discovery::{RandomWalk, Tracker, TrackerBootstrapper};
use ipv8_sim::{Fabric, Link, NodeId, NodeOptions, World};

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A world with a tracker, `tracker.test`.
pub(crate) fn world(seed: u64, link: Link) -> World {
    let mut world = World::builder(seed).link(link).build();
    add_tracker(&mut world);
    world
}

pub(crate) fn add_tracker<F: Fabric>(world: &mut World<F>) {
    let address: SocketAddr = "10.255.0.1:6421".parse().unwrap();
    world.add_node(NodeOptions::default().address(address).setup(|node| {
        node.load(OverlayConfig::new(Tracker::default()).any_prefix()).unwrap();
    }));
    world.host("tracker.test", address);
}

/// A node as the reference's configuration makes it: walks until it knows 20 peers, and pings.
pub(crate) fn options(config: &DhtConfig) -> NodeOptions {
    walking(config, 20)
}

/// The same with another number of peers to look for.
pub(crate) fn walking(config: &DhtConfig, target: usize) -> NodeOptions {
    let config = config.clone();
    NodeOptions::default().setup(move |node| {
        let overlay = DhtCommunity::new(config.clone())
            .overlay()
            .max_peers(MaxPeers::Unlimited)
            .strategy(RandomWalk::default(), Target::Peers(target))
            .strategy(PingChurn::default(), Target::Always)
            .bootstrapper(TrackerBootstrapper::new(["tracker.test:6421".parse().unwrap()]).timeout(secs(5)));
        node.load(overlay).unwrap();
    })
}

/// Nodes that start within a second, and had time to meet.
pub(crate) fn grown(world: &mut World, count: u64, config: &DhtConfig) -> Vec<NodeId> {
    let add = |number: u64| {
        let delay = Duration::from_millis(number * 1_000 / count);
        world.add_node(options(config).start_after(delay))
    };
    let nodes = (0..count).map(add).collect();
    world.run_for(secs(40));
    nodes
}

pub(crate) fn dht<F: Fabric>(world: &World<F>, node: NodeId) -> Dht {
    Dht::new(world.find::<DhtCommunity>(node).unwrap())
}

pub(crate) fn mid<F: Fabric>(world: &World<F>, node: NodeId) -> Mid {
    world.node(node).key().mid()
}

/// Runs an operation of one node to its end.
pub(crate) fn run<F, T, Fut>(world: &mut World<F>, node: NodeId, operation: impl FnOnce(Dht) -> Fut) -> T
where
    F: Fabric,
    T: Send + 'static,
    Fut: Future<Output = T> + Send + 'static,
{
    let dht = dht(world, node);
    world.complete(dht.handle(), secs(120), operation(dht.clone())).unwrap()
}

/// The ids of all nodes, closest to a key first.
pub(crate) fn closest(world: &World, nodes: &[NodeId], key: &[u8; 20]) -> Vec<Mid> {
    let mut all: Vec<_> = nodes
        .iter()
        .map(|node| (ipv8_dht::NodeId::new(world.address(*node).ip(), &mid(world, *node)), mid(world, *node)))
        .collect();
    all.sort_by_key(|(id, _)| id.distance(key));
    all.into_iter().map(|(_, mid)| mid).collect()
}

/// How many nodes another one knows.
pub(crate) fn known(world: &World, node: NodeId) -> usize {
    dht(world, node)
        .handle()
        .with(|dht, _| dht.table(Family::V4).map_or(0, ipv8_dht::routing::RoutingTable::len))
        .unwrap()
}
