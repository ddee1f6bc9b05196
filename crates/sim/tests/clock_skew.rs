//! Clocks that run fast or slow, and clocks that are set wrong.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::time::Duration;

use common::secs;
use ipv8_core::{
    Community, Context, Handle, Routes,
    wire::{CommunityId, community_id},
};
use ipv8_sim::{NodeId, NodeOptions, World};

/// Counts its seconds.
#[derive(Default)]
struct Ticker {
    ticks: u32,
}

impl Community for Ticker {
    const ID: CommunityId = community_id!("c10c000000000000000000000000000000000001");

    fn routes(r: &mut Routes<Self>) {
        r.every(secs(1), |ticker: &mut Self, _: &mut Context<'_>| ticker.ticks += 1);
    }
}

fn node(world: &mut World, options: NodeOptions) -> (NodeId, Handle<Ticker>) {
    let id = world.add_node(options.setup(|node| drop(node.load(Ticker::default()).unwrap())));
    (id, world.find(id).unwrap())
}

#[test]
fn timers_run_with_the_clock_of_their_node() {
    let mut world = World::new(1);
    let ticks: Vec<_> = [0, 100_000, -100_000, 500_000, 50]
        .map(|ppm| node(&mut world, NodeOptions::default().clock_skew(ppm)).1)
        .to_vec();
    world.run_for(Duration::from_millis(100_050));
    let ticks: Vec<_> = ticks.iter().map(|handle| handle.with(|ticker, _| ticker.ticks).unwrap()).collect();
    assert_eq!(ticks, [100, 110, 90, 150, 100]);
}

#[test]
fn a_handle_used_from_outside_sees_the_time_of_its_node() {
    let mut world = World::new(1);
    let (_, fast) = node(&mut world, NodeOptions::default().clock_skew(250_000));
    world.run_for(secs(80));
    assert_eq!(fast.with(|_, cx| cx.now().since_origin()), Ok(secs(100)));
}

#[test]
fn a_sleep_ends_when_the_clock_of_its_node_says_so() {
    let mut world = World::new(1);
    let (_, slow) = node(&mut world, NodeOptions::default().clock_skew(-500_000));
    let task = {
        let handle = slow.clone();
        async move { handle.sleep(secs(10)).await }
    };
    world.complete(&slow, secs(60), task).unwrap();
    assert_eq!(world.now().since_origin(), secs(20));
}

#[test]
fn a_clock_may_be_set_wrong() {
    let mut world = World::new(1);
    let honest = node(&mut world, NodeOptions::default()).1;
    let ahead = node(&mut world, NodeOptions::default().clock_ahead(secs(3_600))).1;
    let behind = node(&mut world, NodeOptions::default().clock_behind(secs(60))).1;
    world.run_for(secs(5));
    let [honest, ahead, behind] = [honest, ahead, behind].map(|handle| handle.with(|_, cx| cx.unix_time()).unwrap());
    assert_eq!(ahead - honest, secs(3_600));
    assert_eq!(honest - behind, secs(60));
}

#[test]
fn a_crash_does_not_set_the_clock_back() {
    let mut world = World::new(1);
    let (id, _) = node(&mut world, NodeOptions::default().clock_skew(100_000));
    world.run_for(secs(10));
    world.restart(id);
    world.run_for(secs(10));
    let again: Handle<Ticker> = world.find(id).unwrap();
    assert_eq!(again.with(|_, cx| cx.now().since_origin()), Ok(secs(22)));
    assert_eq!(again.with(|ticker, _| ticker.ticks), Ok(11));
}
