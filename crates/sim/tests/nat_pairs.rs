//! Which kinds of NATs two nodes meet through that both walk: they open their own NATs by their requests, or have them
//! opened by punctures, whichever comes first. `nat_punctures` has those that meet through punctures only.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use common::{add_tracker, are_connected, secs, walker};
use ipv8_sim::{
    Link, NodeId, World,
    nat::{Nat, Nats},
};

/// Where a node stands.
#[derive(Clone, Copy, Debug)]
enum Place {
    Internet,
    Behind(Nat),
}

const INTERNET: Place = Place::Internet;
const FULL_CONE: Place = Place::Behind(Nat::full_cone());
const ADDRESS: Place = Place::Behind(Nat::address_restricted());
const PORT: Place = Place::Behind(Nat::port_restricted());
const SYMMETRIC: Place = Place::Behind(Nat::symmetric());
const ALL: [Place; 5] = [INTERNET, FULL_CONE, ADDRESS, PORT, SYMMETRIC];

fn add(world: &mut World<Nats>, place: Place) -> NodeId {
    match place {
        Place::Internet => world.add_node(walker(20)),
        Place::Behind(nat) => {
            let nat = world.fabric_mut().add(nat);
            world.add_node_behind(nat, walker(20))
        }
    }
}

fn meet(seed: u64, a: Place, b: Place) -> bool {
    let mut world = World::builder(seed).fabric(Nats::default()).build();
    add_tracker(&mut world);
    let [a, b] = [a, b].map(|place| add(&mut world, place));
    world.run_for(secs(60));
    are_connected(&world, a, b)
}

/// A mapping of a symmetric NAT is for one remote endpoint, so the address that the tracker sees of its node is good for
/// the tracker alone: nobody can walk there. Such a node can only walk itself, from an outside port that nobody knows
/// before. What lets it in is a place that is open to all, or open to all ports of an address by a puncture: any but a
/// port-restricted or another symmetric NAT, whose puncture opens a port that the walk does not come from.
#[test]
fn all_pairs_meet_save_symmetric_ones_with_symmetric_or_port_restricted_ones() {
    let table = ALL.map(|a| ALL.map(|b| meet(1, a, b)));
    let (yes, no) = (true, false);
    assert_eq!(
        table,
        [
            // Internet, full cone, address-restricted, port-restricted, symmetric
            [yes, yes, yes, yes, yes],
            [yes, yes, yes, yes, yes],
            [yes, yes, yes, yes, yes],
            [yes, yes, yes, yes, no],
            [yes, yes, yes, no, no],
        ]
    );
}

#[test]
fn what_meets_does_not_depend_on_the_seed() {
    for seed in 2..12 {
        assert!(meet(seed, PORT, PORT) && meet(seed, SYMMETRIC, ADDRESS) && meet(seed, ADDRESS, SYMMETRIC));
        assert!(!meet(seed, SYMMETRIC, SYMMETRIC) && !meet(seed, SYMMETRIC, PORT));
    }
}

/// They meet by their LAN addresses: the WAN address that the tracker introduces is their own one.
#[test]
fn nodes_behind_one_nat_meet_in_their_lan() {
    for nat in [Nat::full_cone(), Nat::address_restricted(), Nat::port_restricted(), Nat::symmetric()] {
        let mut world = World::builder(1).fabric(Nats::new(Link::default().loss(0.1))).build();
        add_tracker(&mut world);
        let home = world.fabric_mut().add(nat);
        let [a, b] = [(); 2].map(|()| world.add_node_behind(home, walker(20)));
        world.run_for(secs(60));
        assert!(are_connected(&world, a, b), "{nat:?}");
        let at = world.node(a).network(|network| network.peers().next().unwrap().addresses().preferred()).unwrap();
        assert_eq!(at, Some(world.address(b)));
    }
}

/// Behind a carrier's NAT, the worse of both kinds decides. Two customers of one carrier have the same WAN address, which
/// the protocol takes for that of one LAN: they never try the way that hairpinning would open.
#[test]
fn a_nat_behind_a_nat_is_as_good_as_the_worse_of_the_two() {
    let behind = |home: Nat, carrier: Nat, other: Place| {
        let mut world = World::builder(1).fabric(Nats::default()).build();
        add_tracker(&mut world);
        let carrier = world.fabric_mut().add(carrier);
        let home = world.fabric_mut().add_behind(home, carrier);
        let (a, b) = (world.add_node_behind(home, walker(20)), add(&mut world, other));
        world.run_for(secs(60));
        are_connected(&world, a, b)
    };
    assert!(behind(Nat::full_cone(), Nat::port_restricted(), PORT));
    assert!(behind(Nat::port_restricted(), Nat::full_cone(), PORT));
    assert!(!behind(Nat::full_cone(), Nat::symmetric(), PORT));
    assert!(!behind(Nat::symmetric(), Nat::full_cone(), SYMMETRIC));

    let mut world = World::builder(1).fabric(Nats::default()).build();
    add_tracker(&mut world);
    let carrier = world.fabric_mut().add(Nat::full_cone().hairpinning(true));
    let [a, b] = [(); 2].map(|()| {
        let home = world.fabric_mut().add_behind(Nat::full_cone(), carrier);
        world.add_node_behind(home, walker(20))
    });
    world.run_for(secs(60));
    assert!(!are_connected(&world, a, b));
}
