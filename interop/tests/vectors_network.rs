//! Snapshots of known peers and beacons have the reference's bytes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod vectors_common;

use std::collections::BTreeSet;

use ipv8_core::{Network, PeerRecord, Time, network::Addresses};
use ipv8_discovery::{BEACON_LEN, beacon, beacon_community};
use vectors_common::{address, assert_listed_as_unmatched, bytes, community_id, key, list, load, text};

#[test]
fn snapshots_are_written_as_by_the_reference() {
    let file = load("network.json");
    let bob = key(&file, "bob");
    let mut checked = 0;
    for entry in list(&file, "snapshots").iter().filter(|entry| entry.get("addresses").is_some()) {
        let mut network = Network::default();
        let mut addresses = Addresses::default();
        for known in list(entry, "addresses") {
            addresses.set(address(known));
        }
        assert!(network.add_verified(&PeerRecord::new(bob.public().clone(), addresses, Time::ZERO)));
        assert_eq!(network.snapshot(), bytes(&entry["hex"]), "{}", text(entry, "name"));
        checked += 1;
    }
    assert_eq!(checked, 3);
}

#[test]
fn snapshots_are_read_as_by_the_reference() {
    let file = load("network.json");
    let (mut checked, mut host_names) = (0, 0);
    for entry in list(&file, "snapshots") {
        let name = text(entry, "name");
        let mut network = Network::default();
        let loaded = network.load_snapshot(&bytes(&entry["hex"]));
        let expected: BTreeSet<_> =
            list(entry, "loaded").iter().filter(|known| known["type"] != "domain").map(address).collect();
        assert_eq!(network.known_addresses().collect::<BTreeSet<_>>(), expected, "{name}");
        assert_eq!(loaded, expected.len(), "{name}");
        if expected.len() < list(entry, "loaded").len() {
            assert_listed_as_unmatched("network.json", name);
            host_names += 1;
        }
        checked += 1;
    }
    assert_eq!((checked, host_names), (8, 1));
}

#[test]
fn beacons_are_those_of_the_reference() {
    let file = load("network.json");
    let mut checked = 0;
    for entry in list(&file, "beacons") {
        let (community, hex) = (community_id(entry), bytes(&entry["hex"]));
        assert_eq!(beacon(community).as_slice(), hex);
        assert_eq!(beacon_community(&hex), Some(community));
        // Nothing else is a beacon: neither a part of one, nor one with something behind it, nor one with a changed byte.
        assert_eq!(beacon_community(&hex[1..]), None);
        assert_eq!(beacon_community(&hex[..BEACON_LEN - 1]), None);
        assert_eq!(beacon_community(&[hex.as_slice(), &[0]].concat()), None);
        for changed in 0..9 {
            let mut other = hex.clone();
            other[changed] ^= 1;
            assert_eq!(beacon_community(&other), None, "byte {changed}");
        }
        checked += 1;
    }
    assert_eq!(checked, 3);
}
