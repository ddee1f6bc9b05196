//! Two nodes, joined by hand, keep a Lamport clock: the whole node without a driver.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

use std::{net::SocketAddr, time::Duration};

use ipv8_core::{
    Community, Context, Handle, Interfaces, Node, NodeConfig, Peer, Routes, Time,
    crypto::{Curve, PrivateKey},
    wire::{CommunityId, Message, community_id},
};
use rand::{SeedableRng, rngs::StdRng};

#[derive(Message, Clone, Debug)]
#[message(id = 1)]
struct Clock {
    clock: u32,
}

#[derive(Default)]
struct Lamport {
    clock: u32,
    joined: usize,
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

fn node(number: u8) -> (Node, Handle<Lamport>, SocketAddr) {
    let mut rng = StdRng::from_seed([number; 32]);
    let key = PrivateKey::generate(Curve::Curve25519, &mut rng).unwrap();
    let node = Node::new(NodeConfig::new(key, [number; 32]));
    let address: SocketAddr = format!("10.0.0.{number}:8090").parse().unwrap();
    let SocketAddr::V4(v4) = address else { panic!("made as IPv4") };
    node.set_interfaces(Interfaces { lan: Some(address), v4: Some(v4), v6: None, machine: vec![address.ip()] });
    let handle = node.load(Lamport::default()).unwrap();
    (node, handle, address)
}

#[test]
fn two_nodes_meet_and_count() {
    let (a, a_lamport, a_address) = node(1);
    let (b, b_lamport, b_address) = node(2);
    a_lamport.with(|_, cx| cx.walk_to(b_address)).unwrap();
    let mut now = Time::ZERO;
    for _ in 0..2_000 {
        a.poll(now);
        b.poll(now);
        let mut moved = false;
        while let Some(packet) = a.poll_transmit() {
            b.handle(now, [(a_address, packet.bytes.as_slice())]);
            moved = true;
        }
        while let Some(packet) = b.poll_transmit() {
            a.handle(now, [(b_address, packet.bytes.as_slice())]);
            moved = true;
        }
        if !moved {
            now = a.next_deadline().unwrap().min(b.next_deadline().unwrap());
            if now > Time::from_duration(Duration::from_secs(30)) {
                break;
            }
        }
    }
    assert_eq!(a_lamport.with(|lamport, _| (lamport.joined, lamport.clock)).unwrap().0, 1);
    assert!(b_lamport.with(|lamport, _| lamport.clock).unwrap() >= 100);
    assert_eq!(a.stats().dropped_in_all() + b.stats().dropped_in_all(), 0);
}
