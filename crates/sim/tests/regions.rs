//! Regions: who is where, and how far that is.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::collections::BTreeMap;

use common::{ms, secs, track::Track, track::track};
use ipv8_sim::{
    Latency, Link, NodeOptions, RegionId, Regions, World,
    nat::{Nat, Nats},
};

fn takes(millis: u64) -> Link {
    Link::default().latency(Latency::Constant(ms(millis)))
}

/// Two regions, 10 ms wide and 70 ms apart, or 90 ms on the way back.
fn near_and_far() -> (Regions, [RegionId; 2]) {
    let mut regions = Regions::new(takes(500));
    let ids = [regions.add("near", 1), regions.add("far", 0)];
    ids.iter().for_each(|id| regions.connect(*id, *id, takes(10)));
    regions.connect(ids[0], ids[1], takes(70));
    regions.connect_one_way(ids[1], ids[0], takes(90));
    (regions, ids)
}

#[test]
fn the_link_is_that_of_the_two_regions() {
    let mut track = track(takes(1));
    let (mut regions, [_, far]) = near_and_far();
    regions.assign(track.nodes[2], far);
    track.world.fabric_mut().set_regions(regions);
    for (from, to) in [(0, 1), (1, 2), (2, 0)] {
        track.send(from, to, 0);
    }
    track.world.run_for(secs(1));
    assert_eq!([0, 1, 2].map(|at| track.seen(at)[0].1), [90, 10, 70]);
    // A pair's own link comes first.
    let [a, b] = [track.nodes[0], track.nodes[1]];
    track.world.set_pair(a, b, takes(3));
    track.send(0, 1, 1);
    track.world.run_for(secs(1));
    assert_eq!(track.seen(1)[1], (1, 1_003));
}

#[test]
fn regions_hold_between_nodes_behind_nats() {
    let (mut regions, [_, far]) = near_and_far();
    let mut world = World::builder(1).fabric(Nats::new(takes(1))).build();
    let home = world.fabric_mut().add(Nat::full_cone());
    let address = world.fabric_mut().lease(home);
    let mut track = Track { world, nodes: vec![], ends: vec![] };
    track.join(NodeOptions::default().address(address));
    track.join(NodeOptions::default());
    regions.assign(track.nodes[0], far);
    track.world.fabric_mut().links_mut().set_regions(regions);
    track.send(0, 1, 0);
    track.world.run_for(secs(1));
    assert_eq!(track.seen(1), [(0, 90)]);
}

#[test]
fn nodes_are_drawn_to_regions_by_their_weight_and_stay_there() {
    let mut world = World::new(1);
    let nodes: Vec<_> = (0..4_000).map(|_| world.add_node(NodeOptions::default())).collect();
    let regions = Regions::internet();
    let count = |regions: &Regions| {
        let mut counts = BTreeMap::new();
        for node in &nodes {
            *counts.entry(regions.of(*node).unwrap()).or_insert(0) += 1;
        }
        counts
    };
    let counts = count(&regions);
    let share = |name: &str| f64::from(counts[&regions.find(name).unwrap()]) / 4_000.0;
    assert!((0.31..0.36).contains(&share("North America")), "{counts:?}");
    assert!((0.47..0.53).contains(&share("Europe")), "{counts:?}");
    assert!((0.10..0.14).contains(&share("Asia and Pacific")), "{counts:?}");
    assert_eq!(count(&regions), counts);
    assert_ne!(count(&Regions::internet().seed(1)), counts);
    assert_eq!(Regions::default().of(nodes[0]), None);
}

#[test]
fn the_internet_is_as_wide_as_it_was_measured() {
    let mut track = track(takes(1));
    let mut regions = Regions::internet();
    let [america, europe] = ["North America", "Europe"].map(|name| regions.find(name).unwrap());
    regions.assign(track.nodes[0], america);
    regions.assign(track.nodes[1], europe);
    track.world.fabric_mut().set_regions(regions);
    for number in 0..500 {
        track.send(0, 1, number);
        track.world.run_for(ms(1_000));
    }
    let took: Vec<_> = track.seen(1).iter().map(|(number, at)| at - u128::from(*number) * 1_000).collect();
    let mean = took.iter().sum::<u128>() / 500;
    assert!((61..=63).contains(&mean), "{mean}");
    assert!(took.iter().all(|millis| (40..=84).contains(millis)), "{took:?}");
}
