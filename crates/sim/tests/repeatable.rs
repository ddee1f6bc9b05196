//! A run depends on its seed alone.
#![allow(clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use common::{Lamport, add_tracker, add_walkers, secs};
use ipv8_sim::{Latency, Link, Metrics, World};

fn run(seed: u64) -> (u64, Metrics) {
    let link = Link::default().jitter(common::ms(30)).loss(0.05).duplication(0.05);
    let mut world = World::builder(seed).link(link).build();
    add_tracker(&mut world);
    let nodes = add_walkers(&mut world, 20, 10, Lamport::default);
    world.run_for(secs(10));
    world.crash(nodes[3]);
    world.set_pair(nodes[1], nodes[2], Link::default().latency(Latency::Constant(common::ms(5))));
    world.run_for(secs(10));
    world.restart(nodes[3]);
    world.run_for(secs(10));
    (world.trace_hash(), world.metrics().clone())
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another_one() {
    let (first, counted) = run(1);
    assert!(counted.delivered > 1_000, "{counted:?}");
    assert!(counted.lost_in_all() > 0 && counted.duplicated > 0, "{counted:?}");
    assert_eq!(run(1), (first, counted));
    assert_ne!(run(2).0, first);
}

#[test]
fn how_a_run_is_cut_into_pieces_makes_no_difference() {
    let pieces = |lengths: &[u64]| {
        let mut world = World::new(1);
        add_tracker(&mut world);
        add_walkers(&mut world, 10, 5, Lamport::default);
        for length in lengths {
            world.run_for(secs(*length));
        }
        (world.trace_hash(), world.metrics().clone())
    };
    assert_eq!(pieces(&[20]), pieces(&[1, 3, 0, 7, 9]));
}
