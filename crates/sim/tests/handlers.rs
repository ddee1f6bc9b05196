//! A handler that panics drops its message; the node and its other handlers go on.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use common::secs;
use ipv8_core::{
    Community, Context, Peer, Routes,
    wire::{CommunityId, Message, community_id},
};
use ipv8_sim::{NodeOptions, World};

#[derive(Message, Clone, Debug)]
#[message(id = 1)]
struct Divide {
    by: u32,
}

#[derive(Default)]
struct Divider {
    results: Vec<u32>,
}

impl Community for Divider {
    const ID: CommunityId = community_id!("bb00000000000000000000000000000000000001");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_divide);
    }
}

impl Divider {
    fn on_divide(&mut self, _: &mut Context<'_>, _: &Peer, message: Divide) {
        self.results.push(100 / message.by);
    }
}

#[test]
fn a_panicking_handler_does_not_kill_the_node() {
    let mut world = World::new(1);
    let [a, b] = [(); 2].map(|()| world.add_node(NodeOptions::default()));
    let sender = world.node(a).load(Divider::default()).unwrap();
    let receiver = world.node(b).load(Divider::default()).unwrap();
    let to = world.address(b);
    for by in [5, 0, 20] {
        sender.with(|_, cx| cx.send_to(to, Divide { by })).unwrap();
        world.run_for(secs(1));
    }
    assert_eq!(receiver.with(|divider, _| divider.results.clone()).unwrap(), [20, 5]);
    assert_eq!(world.node(b).stats().panics, 1);
}
