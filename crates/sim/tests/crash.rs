//! A crash takes everything of a node with it; a restart begins anew at the same address.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::sync::Arc;

use common::{Lamport, add_tracker, add_walkers, ms, secs};
use ipv8_core::{
    Community, Context, HandleError, Routes,
    wire::{CommunityId, community_id},
};
use ipv8_sim::{Loss, NodeOptions, World};

/// Holds something in its state, in its tasks and in its scheduled functions.
struct Holder(Arc<()>);

impl Community for Holder {
    const ID: CommunityId = community_id!("cc00000000000000000000000000000000000001");

    fn routes(_: &mut Routes<Self>) {}

    fn started(&mut self, cx: &mut Context<'_>) {
        let (held, handle) = (self.0.clone(), cx.handle::<Self>());
        cx.spawn(async move {
            let Some(handle) = handle else { return };
            while handle.timeout(secs(1), handle.sleep(secs(2))).await.is_err() {
                assert!(Arc::strong_count(&held) > 1);
            }
        });
        let held = self.0.clone();
        let beat = move |_: &mut Self, _: &mut Context<'_>| assert!(Arc::strong_count(&held) > 1);
        assert!(cx.schedule(ipv8_core::Schedule::every(secs(1)), beat).is_ok());
    }
}

#[test]
fn a_crash_frees_everything_that_the_node_held() {
    let mut world = World::new(1);
    let canary = Arc::new(());
    let id = world.add_node(NodeOptions::default());
    let handle = world.node(id).load(Holder(canary.clone())).unwrap();
    world.run_for(ms(4_500));
    assert_eq!(Arc::strong_count(&canary), 4);
    world.crash(id);
    assert_eq!(Arc::strong_count(&canary), 1);
    assert_eq!(handle.with(|_, _| ()), Err(HandleError::Unloaded));
    assert!(!world.is_up(id));
    let turns = world.metrics().turns;
    world.run_for(secs(10));
    assert_eq!(world.metrics().turns, turns, "a node that is down takes no turns");
}

#[test]
fn a_node_that_crashed_is_not_reached_until_it_starts_again() {
    let mut world = World::builder(2).record(20).build();
    add_tracker(&mut world);
    let nodes = add_walkers(&mut world, 10, 9, Lamport::default);
    world.run_for(secs(30));
    let (key, address) = (world.node(nodes[4]).key().clone(), world.address(nodes[4]));
    assert_eq!(world.peers_known(nodes.iter().copied()).min, 9);

    world.crash(nodes[4]);
    assert!(world.find::<Lamport>(nodes[4]).is_none());
    world.run_for(secs(30));
    assert!(world.metrics().lost(Loss::Down) > 0);

    world.restart(nodes[4]);
    let down = world.metrics().lost(Loss::Down);
    assert_eq!(world.node(nodes[4]).network(|network| network.len()), Some(0));
    world.run_for(secs(30));
    assert_eq!(world.metrics().lost(Loss::Down), down);
    assert_eq!((world.node(nodes[4]).key(), world.address(nodes[4])), (&key, address));
    assert_eq!(world.peers_known(nodes.iter().copied()).min, 9);
}

#[test]
fn a_node_starts_when_it_is_told_to() {
    let mut world = World::new(1);
    let late = NodeOptions::default().start_after(secs(5)).setup(|node| {
        node.load(Lamport::default()).unwrap();
    });
    let id = world.add_node(late);
    world.run_for(ms(4_999));
    assert!(!world.is_up(id) && world.find::<Lamport>(id).is_none());
    world.run_for(ms(2));
    assert!(world.is_up(id) && world.find::<Lamport>(id).is_some());
}
