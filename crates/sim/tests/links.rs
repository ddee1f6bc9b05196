//! Links: latency, loss and copies, for all pairs and for one; what is lost is counted by its reason.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use common::{
    ms, secs,
    track::{Mark, track},
};
use ipv8_sim::{Latency, Link, Loss};

#[test]
fn a_constant_latency_keeps_the_order() {
    let mut track = track(Link::default().latency(Latency::Constant(ms(40))));
    (0..100).for_each(|number| track.send(0, 1, number));
    track.world.run_for(secs(1));
    assert_eq!(track.seen(1), (0..100).map(|number| (number, 40)).collect::<Vec<_>>());
}

#[test]
fn packets_overtake_each_other_and_stay_within_the_latency() {
    let mut track = track(Link::default().jitter(ms(20)));
    (0..1_000).for_each(|number| track.send(0, 1, number));
    track.world.run_for(secs(1));
    let seen = track.seen(1);
    assert_eq!(seen.len(), 1_000);
    assert!(!seen.is_sorted_by_key(|(number, _)| *number));
    let latencies: Vec<_> = seen.iter().map(|(_, at)| *at).collect();
    assert!(latencies.iter().all(|at| (20..=100).contains(at)));
    assert!(*latencies.iter().min().unwrap() < 25 && *latencies.iter().max().unwrap() > 90);
}

#[test]
fn a_pair_has_a_link_of_its_own() {
    let mut track = track(Link::default().latency(Latency::Constant(ms(40))));
    let (a, b) = (track.nodes[0], track.nodes[1]);
    track.world.set_pair(a, b, Link::default().latency(Latency::Constant(ms(5))));
    track.world.fabric_mut().set_one_way(b, a, Link::default().loss(1.0));
    for (from, to) in [(0, 1), (1, 0), (0, 2)] {
        track.send(from, to, 7);
    }
    track.world.run_for(secs(1));
    assert_eq!([0, 1, 2].map(|at| track.seen(at)), [vec![], vec![(7, 5)], vec![(7, 40)]]);
    assert_eq!(track.world.metrics().lost(Loss::Link), 1);
}

#[test]
fn loss_and_copies_come_as_often_as_they_should() {
    let mut track = track(Link::default().loss(0.25).duplication(0.1));
    (0..4_000).for_each(|number| track.send(0, 1, number));
    track.world.run_for(secs(1));
    let metrics = track.world.metrics().clone();
    assert_eq!(metrics.sent, 4_000);
    assert_eq!(metrics.delivered, metrics.sent - metrics.lost(Loss::Link) + metrics.duplicated);
    assert!((900..1_100).contains(&metrics.lost(Loss::Link)), "{metrics:?}");
    assert!((240..360).contains(&metrics.duplicated), "{metrics:?}");
    assert_eq!(u64::try_from(track.seen(1).len()).unwrap(), metrics.delivered);
}

#[test]
fn nobody_is_at_an_address_without_a_node() {
    let mut track = track(Link::default());
    track.ends[0].with(|_, cx| cx.send_to("192.0.2.1:8090".parse().unwrap(), Mark { number: 1 })).unwrap();
    track.world.run_for(secs(1));
    let metrics = track.world.metrics();
    assert_eq!((metrics.sent, metrics.lost(Loss::NoHost), metrics.delivered), (1, 1, 0));
}
