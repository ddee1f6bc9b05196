//! Nodes that are stepped by hand.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]
#![allow(dead_code, reason = "each test uses a part")]

use std::{net::SocketAddr, time::Duration};

use ipv8_core::{
    Community, Context, Hardening, Interfaces, Node, NodeConfig, PeerRecord, Routes, Time, Transmit, network::Addresses,
};
use ipv8_crypto::{Curve, PrivateKey};
use ipv8_wire::{CommunityId, Packet};
use rand::{SeedableRng, rngs::StdRng};

pub(crate) const ANY: CommunityId = CommunityId([9; 20]);

/// A community that has only introductions.
pub(crate) struct Plain;

impl Community for Plain {
    const ID: CommunityId = ANY;

    fn routes(_: &mut Routes<Self>) {}
}

pub(crate) fn key(number: u8) -> PrivateKey {
    PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap()
}

/// Where the node of this number is.
pub(crate) fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number], 8_090))
}

pub(crate) fn node(number: u8) -> Node {
    node_with(number, key(number))
}

/// A node that trusts as this preset says.
pub(crate) fn node_like(number: u8, preset: &str) -> Node {
    let mut config = NodeConfig::new(key(number), [number; 32]);
    config.hardening = Hardening::named(preset).unwrap();
    node_of(number, config)
}

pub(crate) fn node_with(number: u8, key: PrivateKey) -> Node {
    node_of(number, NodeConfig::new(key, [number; 32]))
}

fn node_of(number: u8, mut config: NodeConfig) -> Node {
    // One step of the only strategy each second.
    config.tick = Duration::from_secs(1);
    let node = Node::new(config);
    let address = address(number);
    let SocketAddr::V4(v4) = address else { panic!("made as IPv4") };
    node.set_interfaces(Interfaces { lan: Some(address), v4: Some(v4), v6: None, machine: vec![address.ip()] });
    node
}

pub(crate) fn seconds(seconds: u64) -> Time {
    Time::from_duration(Duration::from_secs(seconds))
}

/// Lets the node have its turn and takes what it sends.
pub(crate) fn sent(node: &Node, now: Time) -> Vec<Transmit> {
    node.poll(now);
    let mut sent = Vec::new();
    node.drain_transmits(&mut sent);
    sent
}

/// The message id of a packet.
pub(crate) fn message_id(packet: &Transmit) -> u8 {
    Packet::parse(&packet.bytes).unwrap().message_id()
}

/// To whom and what: what most tests look at.
pub(crate) fn summary(packets: &[Transmit]) -> Vec<(SocketAddr, u8)> {
    packets.iter().map(|packet| (packet.to, message_id(packet))).collect()
}

/// Makes the node of a number a verified peer of the community.
pub(crate) fn add_peer(cx: &mut Context<'_>, number: u8) {
    let mut addresses = Addresses::default();
    addresses.set(address(number));
    let service = cx.community_id();
    let record = PeerRecord::new(key(number).public().clone(), addresses, cx.now());
    assert!(cx.network_mut().add_verified(&record));
    cx.network_mut().discover_services(&record.mid(), &[service]);
}
