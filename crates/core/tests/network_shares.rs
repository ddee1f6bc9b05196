//! Nobody fills the graph alone: addresses are shared among those who introduce them, and peers among hosts.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use ipv8_core::{
    Hardening, Limits, Network, PeerRecord, Time,
    crypto::{Curve, Mid, PrivateKey},
    network::Addresses,
    wire::CommunityId,
};
use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};

const OURS: CommunityId = CommunityId([1; 20]);

fn mid(number: u8) -> Mid {
    Mid([number; 20])
}

/// An address in a /24 of its own.
fn address(number: u32) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::from_bits(0x6000_0000 + (number << 8))), 8_090)
}

fn network(addresses: usize, hardening: &Hardening) -> Network {
    Network::hardened(Limits { addresses, ..Limits::default() }, hardening)
}

/// Has somebody introduce addresses, one after the other.
fn introduce(network: &mut Network, by: u8, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        network.discover_address(mid(by), address(number), Some(OURS), false);
    }
}

fn known(network: &Network) -> Vec<SocketAddr> {
    network.known_addresses().collect()
}

fn peer(number: u8, at: SocketAddr) -> PeerRecord {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap();
    let mut addresses = Addresses::default();
    addresses.set(at);
    PeerRecord::new(key.public().clone(), addresses, Time::ZERO)
}

#[test]
fn an_introducer_fills_an_eighth_and_then_makes_room_itself() {
    let mut network = network(400, &Hardening::default());
    introduce(&mut network, 1, 0..3);
    introduce(&mut network, 66, 1_000..2_000);
    let expected: Vec<_> = (0..3).chain(1_950..2_000).map(address).collect();
    assert_eq!(known(&network), expected);
}

#[test]
fn a_share_is_never_smaller_than_thirty_two() {
    let mut network = network(100, &Hardening::default());
    introduce(&mut network, 66, 0..90);
    assert_eq!(known(&network), (58..90).map(address).collect::<Vec<_>>());
}

#[test]
fn where_the_table_is_full_who_introduced_the_most_makes_room() {
    let mut network = network(400, &Hardening::default());
    introduce(&mut network, 1, 0..10);
    for liar in 0..20 {
        introduce(&mut network, 100 + liar, (0..60).map(|number| 1_000 + 100 * u32::from(liar) + number));
    }
    let known = known(&network);
    assert_eq!(known.len(), 400);
    assert_eq!(known[..10], (0..10).map(address).collect::<Vec<_>>(), "those of the honest one stay");
}

#[test]
fn by_the_reference_s_rules_the_oldest_of_all_makes_room() {
    let mut network = network(400, &Hardening::reference());
    introduce(&mut network, 1, 0..10);
    introduce(&mut network, 66, 1_000..1_400);
    assert_eq!(known(&network), (1_000..1_400).map(address).collect::<Vec<_>>());
}

#[test]
fn an_address_that_is_forgotten_frees_its_share() {
    let mut network = network(400, &Hardening::default());
    introduce(&mut network, 66, 0..50);
    for number in 0..25 {
        network.remove_address(address(number));
    }
    introduce(&mut network, 66, 100..125);
    assert_eq!(known(&network), (25..50).chain(100..125).map(address).collect::<Vec<_>>());
}

#[test]
fn one_network_has_sixteen_addresses_when_hardened_but_a_lan_any_number() {
    for (first, most) in [(0x6000_0000, 16), (0xC0A8_0100, 32), (0x7F00_0000, 32)] {
        let mut network = network(100, &Hardening::hardened());
        for number in 0..100 {
            let ip = IpAddr::V4(Ipv4Addr::from_bits(first + number));
            network.discover_address(mid(1), SocketAddr::new(ip, 8_090), Some(OURS), false);
        }
        assert_eq!(known(&network).len(), most);
    }
}

#[test]
fn one_host_has_eight_peers_when_hardened_but_a_lan_any_number() {
    let ports = |host: [u8; 4], network: &mut Network| {
        (0..20)
            .filter(|number| network.add_verified(&peer(*number, SocketAddr::from((host, 1_000 + u16::from(*number))))))
            .count()
    };
    assert_eq!(ports([98, 1, 1, 1], &mut Network::hardened(Limits::default(), &Hardening::hardened())), 8);
    assert_eq!(ports([127, 0, 0, 1], &mut Network::hardened(Limits::default(), &Hardening::hardened())), 20);
    assert_eq!(ports([192, 168, 0, 2], &mut Network::hardened(Limits::default(), &Hardening::hardened())), 20);
    assert_eq!(ports([98, 1, 1, 1], &mut Network::default()), 20);
}

#[test]
fn a_peer_that_goes_makes_room_at_its_host() {
    let mut network = Network::hardened(Limits::default(), &Hardening::hardened());
    let at = |number: u8| SocketAddr::from(([98, 1, 1, 1], 1_000 + u16::from(number)));
    for number in 0..8 {
        assert!(network.add_verified(&peer(number, at(number))));
    }
    assert!(network.is_crowded(at(99)) && !network.add_verified(&peer(9, at(9))));
    assert!(network.remove(&peer(3, at(3)).mid()));
    assert!(!network.is_crowded(at(99)) && network.add_verified(&peer(9, at(9))));
}

proptest! {
    #[test]
    fn whatever_is_introduced_and_forgotten_no_share_and_no_table_is_exceeded(
        steps in proptest::collection::vec((0_u8..6, 0_u32..300, 0_u8..5), 0..600)
    ) {
        let mut network = network(100, &Hardening::default());
        let mut by: BTreeMap<SocketAddr, u8> = BTreeMap::new();
        for (introducer, number, what) in steps {
            if what == 0 {
                network.remove_address(address(number));
            } else {
                network.discover_address(mid(introducer), address(number), Some(OURS), false);
                // Nobody is verified, so that the last introducer has an address.
                by.insert(address(number), introducer);
            }
            let known = known(&network);
            prop_assert!(known.len() <= 100);
            for introducer in 0..6 {
                prop_assert!(known.iter().filter(|address| by[address] == introducer).count() <= 32);
            }
        }
    }
}
