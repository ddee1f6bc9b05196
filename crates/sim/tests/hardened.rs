//! Honest nodes that believe little meet as those that trust do: through the same NATs, and about as fast.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{net::SocketAddr, time::Duration};

use common::{add_tracker, are_connected, secs, walker};
use ipv8_core::{Community, DropReason, Hardening};
use ipv8_sim::{
    Link, NodeId, World,
    nat::{Nat, Nats},
};

/// Whether two nodes meet within a minute, each behind a NAT of its own, if it is behind one.
fn meet(hardening: &Hardening, places: [Option<Nat>; 2]) -> bool {
    let mut world = World::builder(1).fabric(Nats::default()).build();
    add_tracker(&mut world);
    let [a, b] = places.map(|place| {
        let options = walker(20).hardening(hardening.clone());
        match place {
            None => world.add_node(options),
            Some(nat) => {
                let nat = world.fabric_mut().add(nat);
                world.add_node_behind(nat, options)
            }
        }
    });
    world.run_for(secs(60));
    are_connected(&world, a, b)
}

#[test]
fn hardened_nodes_meet_through_the_same_nats() {
    let kinds = [
        None,
        Some(Nat::full_cone()),
        Some(Nat::address_restricted()),
        Some(Nat::port_restricted()),
        Some(Nat::symmetric()),
    ];
    for a in kinds {
        for b in kinds {
            let trusting = meet(&Hardening::reference(), [a, b]);
            for name in ["compatible", "hardened"] {
                let hardening = Hardening::named(name).unwrap();
                assert_eq!(meet(&hardening, [a, b]), trusting, "{name}: {a:?} and {b:?}");
            }
        }
    }
}

#[test]
fn hardened_nodes_behind_one_nat_meet_in_their_lan() {
    let mut world = World::builder(1).fabric(Nats::new(Link::default().loss(0.1))).build();
    add_tracker(&mut world);
    let home = world.fabric_mut().add(Nat::port_restricted());
    let [a, b] = [(); 2].map(|()| world.add_node_behind(home, walker(20).hardening(Hardening::hardened())));
    world.run_for(secs(60));
    assert!(are_connected(&world, a, b));
}

/// How long it takes until each of sixty nodes on the Internet, which loses one packet in ten, knows ten peers; and a hash
/// over all that arrived until then.
fn until_ten(hardening: &Hardening, seed: u64) -> (Duration, u64) {
    let mut world = World::builder(seed).link(Link::default().loss(0.1)).build();
    add_tracker(&mut world);
    let nodes: Vec<NodeId> = (0..60_u8)
        .map(|number| {
            let address = SocketAddr::from(([98, number, 1, 1], 8_090));
            world.add_node(walker(20).address(address).hardening(hardening.clone()))
        })
        .collect();
    let peers = |world: &World, node: &NodeId| {
        world.node(*node).network(|network| network.count_serving(common::Lamport::ID)).unwrap()
    };
    let all = world.run_while(|world| nodes.iter().any(|node| peers(world, node) < 10), secs(300));
    assert!(all, "not within 300 seconds");
    for node in &nodes {
        let stats = world.node(*node).stats();
        for reason in [DropReason::RateLimited, DropReason::Admission] {
            assert_eq!(stats.dropped(reason), 0, "{reason:?}");
        }
    }
    (world.now().since_origin(), world.trace_hash())
}

#[test]
fn no_honest_node_can_tell_a_compatible_one_from_the_reference() {
    for seed in [1, 2] {
        let trusting = until_ten(&Hardening::reference(), seed);
        // But for identifiers, which mean nothing to those who send them back.
        let counting = Hardening { random_identifiers: false, ..Hardening::default() };
        assert_eq!(until_ten(&counting, seed), trusting, "the same packets at the same times");
        for hardening in [Hardening::default(), Hardening::hardened()] {
            let (took, _) = until_ten(&hardening, seed);
            assert!(took < trusting.0.mul_f64(1.5), "{took:?} where it is {:?} for the reference", trusting.0);
        }
    }
}
