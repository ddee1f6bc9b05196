//! A handler that panics drops its message; the node and its other handlers go on.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

use ipv8_core::{
    Community, Context, Peer, Routes,
    wire::{CommunityId, Message, community_id},
};
use ipv8_test::Net;

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
    let mut net = Net::builder().allow_panics().of(2, |_| Divider::default());
    let to = net.peer(1);
    for by in [5, 0, 20] {
        net.at(0, |_: &mut Divider, cx| cx.send(&to, Divide { by }));
    }
    net.deliver();
    assert_eq!(net.at(1, |divider: &mut Divider, _| divider.results.clone()), [20, 5]);
    assert_eq!(net.report(1).totals.panics, 1);
}
