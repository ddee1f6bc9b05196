//! A puncture tells nothing but where its sender is: its signature is checked only if that would be news of a peer.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

use std::net::SocketAddr;

use ipv8_core::{
    Community, Handle, Node, NodeConfig, PeerRecord, Routes, Time,
    crypto::{Curve, PrivateKey},
    network::Addresses,
    wire::{CommunityId, community_id},
};
use rand::{SeedableRng, rngs::StdRng};

struct Empty;

impl Community for Empty {
    const ID: CommunityId = community_id!("bad0000000000000000000000000000000000003");

    fn routes(_: &mut Routes<Self>) {}
}

fn node(number: u8) -> (Node, Handle<Empty>) {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap();
    let node = Node::new(NodeConfig::new(key, [number; 32]));
    let handle = node.load(Empty).unwrap();
    (node, handle)
}

fn address(host: u8) -> SocketAddr {
    ([10, 0, 0, host], 8090).into()
}

/// Hands a puncture of the second node to the first one, which may know it at 10.0.0.2. Says where it is known afterwards,
/// and how many signatures were checked.
fn punctured(known: bool, from: SocketAddr, is_damaged: bool) -> (Option<SocketAddr>, u64) {
    let ((ours, handle), (theirs, sender)) = (node(1), node(2));
    if known {
        handle
            .with(|_, cx| {
                let SocketAddr::V4(v4) = address(2) else { panic!("an IPv4 address") };
                let there = Addresses { v4: Some(v4), ..Addresses::default() };
                let record = PeerRecord::new(theirs.key().clone(), there, Time::ZERO);
                cx.network_mut().add_verified(&record)
            })
            .unwrap();
    }
    let mut puncture = sender.with(|_, cx| cx.puncture(address(1), 7, false)).unwrap().unwrap();
    if is_damaged {
        *puncture.last_mut().unwrap() ^= 1;
    }
    ours.handle(Time::ZERO, [(from, &puncture[..])]);
    let there = ours.network(|network| network.get(&theirs.key().mid())?.peer().map(|peer| peer.address())).unwrap();
    (there, ours.stats().verified)
}

#[test]
fn those_of_strangers_cost_no_check_and_change_nothing() {
    assert_eq!(punctured(false, address(3), false), (None, 0));
    assert_eq!(punctured(false, address(3), true), (None, 0));
}

#[test]
fn those_of_a_peer_from_where_it_is_cost_no_check() {
    assert_eq!(punctured(true, address(2), false), (Some(address(2)), 0));
}

#[test]
fn a_peer_moves_only_by_its_own_signature() {
    assert_eq!(punctured(true, address(3), false), (Some(address(3)), 1));
    assert_eq!(punctured(true, address(3), true), (Some(address(2)), 1));
}
