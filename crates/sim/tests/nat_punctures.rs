//! A NAT is opened by its own node, which was asked to, for one whom it would not have walked to.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use common::{add_tracker, are_connected, secs, walker};
use ipv8_core::Hardening;
use ipv8_sim::{
    World,
    nat::{Nat, Nats},
};

/// Whether a newcomer meets a node behind a NAT that knows as many peers as it looks for, and so walks no more: where the
/// NAT lets in nobody to whom nothing was sent, only a puncture can open it.
fn meet(seed: u64, hardening: &Hardening, settled: Nat, newcomer: Option<Nat>) -> bool {
    let mut world = World::builder(seed).fabric(Nats::default()).build();
    add_tracker(&mut world);
    let one = world.add_node(walker(20));
    let home = world.fabric_mut().add(settled);
    let settled = world.add_node_behind(home, walker(1).hardening(hardening.clone()));
    world.run_for(secs(30));
    assert!(are_connected(&world, settled, one), "it knows one, and looks for no more");
    let options = walker(20).hardening(hardening.clone());
    let newcomer = match newcomer {
        None => world.add_node(options),
        Some(nat) => {
            let home = world.fabric_mut().add(nat);
            world.add_node_behind(home, options)
        }
    };
    world.run_for(secs(60));
    are_connected(&world, settled, newcomer)
}

#[test]
fn a_node_that_does_not_walk_is_met_through_its_punctures() {
    for name in Hardening::NAMES {
        let hardening = Hardening::named(name).unwrap();
        for settled in [Nat::address_restricted(), Nat::port_restricted()] {
            for newcomer in [None, Some(Nat::address_restricted()), Some(Nat::port_restricted())] {
                for seed in 0..5 {
                    assert!(
                        meet(seed, &hardening, settled, newcomer),
                        "{name}, {settled:?}, {newcomer:?}, seed {seed}"
                    );
                }
            }
        }
    }
}

/// A puncture opens an address-restricted NAT for all ports of a symmetric one, and a port-restricted one for a port that
/// the walk does not come from.
#[test]
fn a_symmetric_newcomer_gets_in_where_ports_do_not_matter() {
    let hardening = Hardening::default();
    for seed in 0..5 {
        assert!(meet(seed, &hardening, Nat::address_restricted(), Some(Nat::symmetric())), "seed {seed}");
        assert!(!meet(seed, &hardening, Nat::port_restricted(), Some(Nat::symmetric())), "seed {seed}");
    }
}
