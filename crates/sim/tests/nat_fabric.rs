//! How packets fare at NATs: hairpinning, timeouts, what is lost and why.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::net::SocketAddr;

use common::{ms, secs};
use ipv8_core::{
    Community, Context, Handle, Routes,
    wire::{CommunityId, Message, community_id},
};
use ipv8_sim::{
    Loss, NodeId, NodeOptions, World,
    nat::{Nat, Nats},
};

#[derive(Message, Clone, Debug)]
#[message(id = 1, unsigned)]
struct Mark {
    number: u32,
}

/// Notes what arrives from where.
#[derive(Default)]
struct Ears {
    heard: Vec<(u32, SocketAddr)>,
}

impl Community for Ears {
    const ID: CommunityId = community_id!("dd00000000000000000000000000000000000002");

    fn routes(r: &mut Routes<Self>) {
        r.on(|ears: &mut Self, _: &mut Context<'_>, from: &SocketAddr, mark: Mark| {
            ears.heard.push((mark.number, *from));
        });
    }
}

fn ears(world: &World<Nats>, id: NodeId) -> Handle<Ears> {
    world.node(id).load(Ears::default()).unwrap()
}

fn send(handle: &Handle<Ears>, to: SocketAddr, number: u32) {
    handle.with(|_, cx| cx.send_to(to, Mark { number })).unwrap();
}

fn heard(handle: &Handle<Ears>) -> Vec<(u32, SocketAddr)> {
    handle.with(|ears, _| std::mem::take(&mut ears.heard)).unwrap()
}

fn world() -> World<Nats> {
    World::builder(1).fabric(Nats::default()).build()
}

#[test]
fn an_answer_comes_in_until_the_mapping_ends() {
    let mut world = world();
    let nat = world.fabric_mut().add(Nat::port_restricted().timeout(secs(30)));
    let (inside, outside) =
        (world.add_node_behind(nat, NodeOptions::default()), world.add_node(NodeOptions::default()));
    let [at_home, away] = [inside, outside].map(|id| ears(&world, id));
    send(&at_home, world.address(outside), 1);
    world.run_for(secs(1));
    let seen = SocketAddr::new(world.fabric().outside(nat).unwrap(), 8_090);
    assert_eq!(heard(&away), [(1, seen)]);
    send(&away, seen, 2);
    world.run_for(secs(25));
    assert_eq!(heard(&at_home), [(2, world.address(outside))]);
    // Sent in time, but there too late.
    world.run_for(ms(3_990));
    send(&away, seen, 3);
    world.run_for(secs(1));
    assert_eq!(heard(&at_home), []);
    assert_eq!(world.metrics().lost(Loss::Nat), 1);
}

#[test]
fn a_nat_decides_when_a_packet_arrives() {
    let mut world = world();
    let nat = world.fabric_mut().add(Nat::port_restricted());
    let inside = world.add_node_behind(nat, NodeOptions::default());
    let [first, second] = [(); 2].map(|()| world.add_node(NodeOptions::default()));
    let [at_home, stranger] = [inside, second].map(|id| ears(&world, id));
    send(&at_home, world.address(first), 1);
    world.run_for(ms(10));
    // On its way when the way is opened.
    let seen = SocketAddr::new(world.fabric().outside(nat).unwrap(), 8_090);
    send(&stranger, seen, 2);
    world.run_for(ms(10));
    send(&at_home, world.address(second), 3);
    world.run_for(secs(1));
    assert_eq!(heard(&at_home), [(2, world.address(second))]);
}

#[test]
fn outside_addresses_lead_back_in_with_hairpinning_only() {
    for (hairpinning, arrived) in [(false, 0), (true, 1)] {
        let mut world = world();
        let nat = world.fabric_mut().add(Nat::full_cone().hairpinning(hairpinning));
        let [a, b] = [(); 2].map(|()| world.add_node_behind(nat, NodeOptions::default()));
        let [first, second] = [a, b].map(|id| ears(&world, id));
        let outside = world.fabric().outside(nat).unwrap();
        // Somebody outside makes them known, at two ports.
        let away = world.add_node(NodeOptions::default());
        send(&first, world.address(away), 1);
        world.run_for(secs(1));
        send(&second, world.address(away), 1);
        world.run_for(secs(1));
        send(&first, SocketAddr::new(outside, 8_091), 2);
        world.run_for(secs(1));
        let heard = heard(&second);
        assert_eq!(heard, vec![(2, SocketAddr::new(outside, 8_090)); arrived]);
        assert_eq!(world.metrics().lost(Loss::Nat), if hairpinning { 0 } else { 1 });
    }
}

#[test]
fn lan_addresses_lead_nowhere_from_outside() {
    let mut world = world();
    let [home, other] = [(); 2].map(|()| world.fabric_mut().add(Nat::full_cone()));
    let inside = world.add_node_behind(home, NodeOptions::default());
    let neighbour = world.add_node_behind(other, NodeOptions::default());
    let away = world.add_node(NodeOptions::default());
    for from in [neighbour, away] {
        let from = ears(&world, from);
        send(&from, world.address(inside), 1);
    }
    world.run_for(secs(1));
    assert_eq!((world.metrics().lost(Loss::NoHost), world.metrics().delivered), (2, 0));
}

#[test]
fn the_ways_out_of_a_large_lan_are_bounded() {
    let mut world = world();
    let nat = world.fabric_mut().add(Nat::symmetric().limit(8));
    let inside = world.add_node_behind(nat, NodeOptions::default());
    let inside = ears(&world, inside);
    for host in 1..=100 {
        send(&inside, SocketAddr::from(([10, 0, 1, host], 1)), 1);
    }
    world.run_for(secs(1));
    assert_eq!(world.fabric().mappings(nat), 8);
}
