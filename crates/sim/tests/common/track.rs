//! Nodes that note which of numbered datagrams arrived when.
#![allow(dead_code, reason = "every test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

use ipv8_core::{
    Community, Context, Handle, Routes,
    wire::{CommunityId, Message, community_id},
};
use ipv8_sim::{Fabric, Link, NodeId, NodeOptions, World, link::Links};

#[derive(Message, Clone, Debug)]
#[message(id = 1, unsigned)]
pub(crate) struct Mark {
    pub(crate) number: u32,
}

/// Notes what arrives when, in milliseconds.
#[derive(Default)]
pub(crate) struct Finish {
    pub(crate) seen: Vec<(u32, u128)>,
}

impl Community for Finish {
    const ID: CommunityId = community_id!("dd00000000000000000000000000000000000001");

    fn routes(r: &mut Routes<Self>) {
        r.on(|finish: &mut Self, cx: &mut Context<'_>, _: &std::net::SocketAddr, mark: Mark| {
            finish.seen.push((mark.number, cx.now().since_origin().as_millis()));
        });
    }
}

pub(crate) struct Track<F: Fabric = Links> {
    pub(crate) world: World<F>,
    pub(crate) nodes: Vec<NodeId>,
    pub(crate) ends: Vec<Handle<Finish>>,
}

/// Three nodes, joined by this link.
pub(crate) fn track(link: Link) -> Track {
    let mut track = Track { world: World::builder(9).link(link).record(20).build(), nodes: vec![], ends: vec![] };
    (0..3).for_each(|_| track.join(NodeOptions::default()));
    track
}

impl<F: Fabric> Track<F> {
    pub(crate) fn join(&mut self, options: NodeOptions) {
        let id = self.world.add_node(options);
        self.ends.push(self.world.node(id).load(Finish::default()).unwrap());
        self.nodes.push(id);
    }

    pub(crate) fn send(&self, from: usize, to: usize, number: u32) {
        let to = self.world.address(self.nodes[to]);
        self.ends[from].with(|_, cx| cx.send_to(to, Mark { number })).unwrap();
    }

    /// What arrived: number and millisecond.
    pub(crate) fn seen(&self, at: usize) -> Vec<(u32, u128)> {
        self.ends[at].with(|finish, _| finish.seen.clone()).unwrap()
    }

    pub(crate) fn numbers(&self, at: usize) -> Vec<u32> {
        self.seen(at).into_iter().map(|(number, _)| number).collect()
    }
}
