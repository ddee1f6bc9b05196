//! The Lamport community as a user writes it, and worlds full of it.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::time::Duration;

use ipv8_core::{
    Community, Context, MaxPeers, OverlayConfig, Peer, Routes, Target,
    wire::{CommunityId, Message, community_id},
};
use ipv8_sim::{
    NodeId, NodeOptions, World,
    testing::walk::{Meet, Walk},
};

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

/// Adds nodes that walk until they know `target` peers; all meet at the first one, and start within a second.
pub(crate) fn add_walkers<C: Community>(
    world: &mut World,
    count: u64,
    target: usize,
    make: impl Fn() -> C + Clone + Send + 'static,
) -> Vec<NodeId> {
    let mut meeting_place = None;
    (0..count)
        .map(|number| {
            let make = make.clone();
            let meet = meeting_place;
            let id = world.add_node(NodeOptions::default().start_after(ms(number * 1000 / count)).setup(move |node| {
                let mut overlay = OverlayConfig::new(make()).max_peers(MaxPeers::Unlimited);
                overlay = overlay.strategy(Walk::default(), Target::Peers(target));
                if let Some(address) = meet {
                    overlay = overlay.bootstrapper(Meet::at(address));
                }
                node.load(overlay).unwrap();
            }));
            meeting_place.get_or_insert_with(|| world.address(id));
            id
        })
        .collect()
}
