//! The Lamport community as a user writes it, and worlds full of it.
#![allow(dead_code, reason = "every test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

pub(crate) mod track;

use std::{net::SocketAddr, time::Duration};

use ipv8_core::{
    Community, Context, MaxPeers, OverlayConfig, Peer, Routes, Target,
    wire::{CommunityId, Message, community_id},
};
use ipv8_discovery::{RandomWalk, Tracker, TrackerBootstrapper};
use ipv8_sim::{Fabric, NodeId, NodeOptions, World};

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[derive(Message, Clone, Debug)]
#[message(id = 1)]
pub(crate) struct Clock {
    pub(crate) clock: u32,
}

#[derive(Default)]
pub(crate) struct Lamport {
    pub(crate) clock: u32,
    pub(crate) joined: usize,
}

impl Community for Lamport {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_clock);
        r.every(Duration::from_secs(5), Self::greet);
    }

    fn peer_added(&mut self, _: &mut Context<'_>, _: &Peer) {
        self.joined += 1;
    }
}

impl Lamport {
    fn greet(&mut self, cx: &mut Context<'_>) {
        for peer in cx.peers() {
            cx.send(&peer, Clock { clock: self.clock });
        }
    }

    fn on_clock(&mut self, cx: &mut Context<'_>, from: &Peer, message: Clock) {
        self.clock = self.clock.max(message.clock) + 1;
        if self.clock < 100 {
            cx.send(from, Clock { clock: self.clock });
        }
    }
}

/// Adds a tracker, whose name is `tracker.test`.
pub(crate) fn add_tracker<F: Fabric>(world: &mut World<F>) -> NodeId {
    let address: SocketAddr = "10.255.0.1:6421".parse().unwrap();
    let tracker = world.add_node(NodeOptions::default().address(address).setup(|node| {
        node.load(OverlayConfig::new(Tracker::default()).any_prefix()).unwrap();
    }));
    world.host("tracker.test", address);
    tracker
}

/// A node that walks until it knows `target` peers, and meets the others through the tracker.
pub(crate) fn walker(target: usize) -> NodeOptions {
    NodeOptions::default().setup(move |node| {
        let overlay = OverlayConfig::new(Lamport::default())
            .strategy(RandomWalk::default(), Target::Peers(target))
            .bootstrapper(TrackerBootstrapper::new(["tracker.test:6421".parse().unwrap()]).timeout(secs(5)));
        node.load(overlay).unwrap();
    })
}

/// Whether each of two nodes has the other one as a peer.
pub(crate) fn are_connected<F: Fabric>(world: &World<F>, a: NodeId, b: NodeId) -> bool {
    let knows = |one: NodeId, other: NodeId| {
        let mid = world.node(other).key().mid();
        world.node(one).network(|network| network.get(&mid).is_some()).unwrap()
    };
    knows(a, b) && knows(b, a)
}

/// Adds nodes that walk until they know `target` peers; all meet through the tracker, and start within a second.
pub(crate) fn add_walkers<C: Community>(
    world: &mut World,
    count: u64,
    target: usize,
    make: impl Fn() -> C + Clone + Send + 'static,
) -> Vec<NodeId> {
    let add = |number: u64| {
        let make = make.clone();
        world.add_node(NodeOptions::default().start_after(ms(number * 1000 / count)).setup(move |node| {
            let overlay = OverlayConfig::new(make())
                .max_peers(MaxPeers::Unlimited)
                .strategy(RandomWalk::default(), Target::Peers(target))
                .bootstrapper(TrackerBootstrapper::new(["tracker.test:6421".parse().unwrap()]).timeout(secs(5)));
            node.load(overlay).unwrap();
        }))
    };
    (0..count).map(add).collect()
}
