//! The graph of peers and addresses: what becomes walkable, what is refused, what is forgotten, and that it is bounded.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

use std::net::SocketAddr;

use ipv8_core::{
    Community, Context, Limits, Network, Node, NodeConfig, Peer, PeerRecord, Routes, Time,
    crypto::{Curve, Mid, PrivateKey, PublicKey},
    network::Addresses,
    wire::CommunityId,
};
use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};

const OURS: CommunityId = CommunityId([1; 20]);
const OTHER: CommunityId = CommunityId([2; 20]);

fn key(number: u8) -> PublicKey {
    PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap().public().clone()
}

fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number], 8090))
}

fn record(number: u8) -> PeerRecord {
    let mut addresses = Addresses::default();
    addresses.set(address(number));
    PeerRecord::new(key(number), addresses, Time::ZERO)
}

/// Adds peer `number` as one of our community.
fn add(network: &mut Network, number: u8) -> Mid {
    let record = record(number);
    assert!(network.add_verified(&record));
    network.discover_services(&record.mid(), &[OURS]);
    record.mid()
}

#[test]
fn an_introduced_address_is_walkable_until_a_peer_is_found_there() {
    let mut network = Network::default();
    let introducer = add(&mut network, 1);
    network.discover_address(introducer, address(2), Some(OURS), true);
    assert_eq!(network.walkable(OURS).collect::<Vec<_>>(), [address(2)]);
    assert!(network.is_new_style(address(2)));
    add(&mut network, 2);
    assert_eq!(network.walkable(OURS).count(), 0);
}

#[test]
fn an_address_is_walkable_for_every_community_that_its_introducer_serves() {
    let mut network = Network::default();
    let introducer = add(&mut network, 1);
    network.discover_address(introducer, address(2), None, false);
    assert_eq!(network.walkable(OURS).count(), 1);
    assert_eq!(network.walkable(OTHER).count(), 0);
    network.discover_services(&introducer, &[OTHER]);
    assert_eq!(network.walkable(OTHER).count(), 1);
}

#[test]
fn a_peer_of_another_community_may_still_be_walked_to() {
    let mut network = Network::default();
    let introducer = add(&mut network, 1);
    network.discover_address(introducer, address(2), Some(OTHER), false);
    add(&mut network, 2);
    assert_eq!(network.walkable(OTHER).collect::<Vec<_>>(), [address(2)]);
}

#[test]
fn the_first_introducer_keeps_an_address_while_it_is_known() {
    let mut network = Network::default();
    let first = add(&mut network, 1);
    let second = add(&mut network, 2);
    network.discover_address(first, address(3), Some(OURS), false);
    network.discover_address(second, address(3), Some(OURS), true);
    assert!(!network.is_new_style(address(3)));
    network.remove(&first);
    network.discover_address(second, address(3), Some(OURS), true);
    assert!(network.is_new_style(address(3)));
}

#[test]
fn blacklisted_addresses_and_keys_never_become_peers() {
    let mut network = Network::default();
    let introducer = add(&mut network, 1);
    network.blacklist(address(2));
    network.blacklist_mid(key(3).mid());
    network.discover_address(introducer, address(2), Some(OURS), false);
    assert_eq!(network.walkable(OURS).count(), 0);
    assert!(!network.add_verified(&record(2)));
    assert!(!network.add_verified(&record(3)));
    assert_eq!(network.len(), 1);
}

#[test]
fn no_address_at_all_is_never_walkable() {
    let mut network = Network::default();
    let introducer = add(&mut network, 1);
    for nowhere in ["0.0.0.0:0", "0.0.0.0:80", "1.2.3.4:0", "[::]:80"] {
        network.discover_address(introducer, nowhere.parse().unwrap(), Some(OURS), false);
    }
    assert_eq!(network.known_addresses().count(), 0);
}

#[test]
fn a_peer_that_goes_takes_its_addresses_along() {
    let mut network = Network::default();
    let mid = add(&mut network, 1);
    assert!(network.by_address(address(1)).is_some());
    assert!(network.remove(&mid));
    assert!(!network.remove(&mid));
    assert!(network.by_address(address(1)).is_none());
    assert_eq!(network.count_serving(OURS), 0);
    assert!(network.services_of(&mid).is_empty());
}

#[test]
fn an_address_that_goes_takes_every_peer_there_along() {
    let mut network = Network::default();
    add(&mut network, 1);
    let mut same_place = PeerRecord::new(key(2), record(1).addresses(), Time::ZERO);
    same_place.set_new_style(true);
    assert!(network.add_verified(&same_place));
    network.remove_address(address(1));
    assert!(network.is_empty());
}

#[test]
fn services_of_strangers_count_once_they_are_verified() {
    let mut network = Network::default();
    network.discover_services(&key(1).mid(), &[OTHER]);
    assert_eq!(network.count_serving(OTHER), 0);
    assert_eq!(network.services_of(&key(1).mid()), [OTHER]);
    add(&mut network, 1);
    assert_eq!(network.count_serving(OTHER), 1);
}

/// A community that counts whom it was told of.
#[derive(Default)]
struct Counting {
    peers: Vec<Mid>,
}

impl Community for Counting {
    const ID: CommunityId = OURS;

    fn routes(_: &mut Routes<Self>) {}

    fn peer_added(&mut self, _: &mut Context<'_>, peer: &Peer) {
        self.peers.push(peer.mid());
    }
}

/// Something else that shares the node's peers.
struct Quiet;

impl Community for Quiet {
    const ID: CommunityId = OTHER;

    fn routes(_: &mut Routes<Self>) {}
}

fn node() -> Node {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([99; 32])).unwrap();
    Node::new(NodeConfig::new(key, [99; 32]))
}

#[test]
fn a_community_that_is_served_finds_room_among_those_of_a_peer() {
    let node = node();
    let counting = node.load(Counting::default()).unwrap();
    let flood: Vec<_> = (100..200).map(|n| CommunityId([n; 20])).collect();
    counting
        .with(|_, cx| {
            let network = cx.network_mut();
            network.add_verified(&record(1));
            network.discover_services(&key(1).mid(), &flood);
            assert_eq!(network.services_of(&key(1).mid()).len(), Limits::default().services_per_peer);
            network.discover_services(&key(1).mid(), &[OURS]);
            assert_eq!(network.services_of(&key(1).mid()).len(), Limits::default().services_per_peer);
        })
        .unwrap();
    assert_eq!(counting.with(|counting, cx| (counting.peers.len(), cx.peer_count())), Ok((1, 1)));
}

#[test]
fn a_community_is_told_once_of_peers_that_were_known_before_it() {
    let node = node();
    let quiet = node.load(Quiet).unwrap();
    quiet.with(|_, cx| add(cx.network_mut(), 1)).unwrap();
    for _ in 0..2 {
        let counting = node.load(Counting::default()).unwrap();
        assert_eq!(counting.with(|counting, _| counting.peers.clone()), Ok(vec![key(1).mid()]));
        node.unload(&counting).unwrap();
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add(u8),
    Remove(u8),
    RemoveAddress(u8),
    Serves(u8, u8),
    Introduce(u8, u8),
    Move(u8, u8),
    Blacklist(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = 0u8..24;
    prop::collection::vec(
        prop_oneof![
            number.clone().prop_map(Step::Add),
            number.clone().prop_map(Step::Remove),
            number.clone().prop_map(Step::RemoveAddress),
            (number.clone(), 0u8..8).prop_map(|(peer, service)| Step::Serves(peer, service)),
            (number.clone(), 0u8..64).prop_map(|(peer, address)| Step::Introduce(peer, address)),
            (number.clone(), 0u8..64).prop_map(|(peer, address)| Step::Move(peer, address)),
            (0u8..4).prop_map(Step::Blacklist),
        ],
        0..200,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens, the indexes agree with the peers, and no table is larger than its limit.
    #[test]
    fn indexes_agree_and_tables_are_bounded(steps in steps()) {
        let limits = Limits { peers: 12, addresses: 20, strangers: 6, services_per_peer: 4, blacklist: 2 };
        let mut network = Network::new(limits);
        for step in steps {
            match step {
                Step::Add(n) => { network.add_verified(&record(n)); }
                Step::Remove(n) => { network.remove(&key(n).mid()); }
                Step::RemoveAddress(n) => network.remove_address(address(n)),
                Step::Serves(n, service) => network.discover_services(&key(n).mid(), &[CommunityId([service; 20])]),
                Step::Introduce(n, at) => {
                    network.discover_address(key(n).mid(), address(at), Some(CommunityId([0; 20])), false);
                }
                Step::Move(n, to) => {
                    let mut addresses = Addresses::default();
                    addresses.set(address(to));
                    network.add_verified(&PeerRecord::new(key(n), addresses, Time::ZERO));
                }
                Step::Blacklist(n) => network.blacklist(address(n)),
            }
            prop_assert!(network.len() <= limits.peers);
            prop_assert!(network.known_addresses().count() <= limits.addresses);
            prop_assert!(network.nth(network.len()).is_none());
            for (place, record) in network.peers().enumerate() {
                prop_assert_eq!(network.nth(place).map(PeerRecord::mid), Some(record.mid()));
                prop_assert!(record.services().len() <= limits.services_per_peer);
                for at in record.addresses().iter() {
                    prop_assert!(network.by_address(at).is_some_and(|there| there.addresses().contains(at)));
                }
            }
            for service in 0..8 {
                let service = CommunityId([service; 20]);
                let serving = network.peers().filter(|record| record.services().contains(&service)).count();
                prop_assert_eq!(network.count_serving(service), serving);
                prop_assert_eq!(network.serving(service).count(), serving);
            }
        }
    }
}
