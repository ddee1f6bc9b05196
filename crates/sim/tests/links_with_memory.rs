//! Links on which the fate of a packet depends on those before it: uplinks with queues, and losses in bursts; and packets
//! that are held up.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use common::{
    ms, secs,
    track::{Track, track},
};
use ipv8_sim::{
    Latency, Link, Loss, NodeOptions, World,
    nat::{Nat, Nats},
};

fn quick() -> Link {
    Link::default().latency(Latency::Constant(ms(10)))
}

/// 23 bytes of header and 4 of payload, with 28 of IP and UDP.
const MARK: u64 = 55;

#[test]
fn packets_leave_one_after_the_other() {
    let mut track = track(quick().bandwidth(MARK * 100, MARK * 1_000));
    (0..50).for_each(|number| track.send(0, 1 + number as usize % 2, number));
    track.world.run_for(secs(1));
    for at in [1, 2] {
        let seen = track.seen(at);
        assert_eq!(seen.len(), 25);
        for (number, millis) in seen {
            assert_eq!(millis, 10 + 10 * u128::from(number + 1), "one line for all that a node sends");
        }
    }
}

#[test]
fn what_finds_the_queue_full_is_dropped_and_counted() {
    let mut track = track(quick().bandwidth(MARK * 100, MARK * 10));
    (0..30).for_each(|number| track.send(0, 1, number));
    track.world.run_for(ms(50));
    (30..60).for_each(|number| track.send(0, 1, number));
    track.send(2, 1, 60);
    track.world.run_for(secs(1));
    assert_eq!(track.numbers(1), (0..6).chain([60]).chain(6..10).chain(30..35).collect::<Vec<_>>());
    assert_eq!(track.world.metrics().lost(Loss::Queue), 20 + 25);
}

#[test]
fn a_bandwidth_holds_behind_a_nat_and_not_within_its_lan() {
    let world = World::builder(1).fabric(Nats::new(quick().bandwidth(MARK * 100, MARK * 10))).build();
    let mut track = Track { world, nodes: vec![], ends: vec![] };
    let home = track.world.fabric_mut().add(Nat::port_restricted());
    for _ in 0..2 {
        let address = track.world.fabric_mut().lease(home);
        track.join(NodeOptions::default().address(address));
    }
    track.join(NodeOptions::default());
    for number in 0..30 {
        track.send(0, 1, number);
        track.send(0, 2, number);
    }
    track.world.run_for(secs(1));
    assert_eq!(track.seen(1), (0..30).map(|number| (number, 1)).collect::<Vec<_>>());
    assert_eq!(track.numbers(2), (0..10).collect::<Vec<_>>());
}

#[test]
fn bursts_lose_packets_together_and_as_many_as_they_should() {
    // One part in five of the time, two seconds long on average.
    let mut track = track(quick().bursts(secs(8), secs(2), 1.0));
    let count = 40_000;
    for number in 0..count {
        track.send(0, 1, number);
        track.world.run_for(ms(100));
    }
    let arrived = track.numbers(1);
    let lost = f64::from(count - u32::try_from(arrived.len()).unwrap()) / f64::from(count);
    assert!((0.17..0.23).contains(&lost), "{lost}");
    let gaps: Vec<_> = arrived.windows(2).map(|pair| pair[1] - pair[0] - 1).filter(|gap| *gap > 0).collect();
    let mean = f64::from(gaps.iter().sum::<u32>()) / gaps.len() as f64;
    assert!((17.0..23.0).contains(&mean), "{mean} packets lost in a row");
    assert_eq!(track.world.metrics().lost(Loss::Link), u64::from(count) - arrived.len() as u64);
}

#[test]
fn a_burst_is_of_the_sender_and_loses_the_part_it_says() {
    let mut track = track(quick().bursts(ms(1), secs(100_000), 0.5));
    for number in 0..2_000 {
        track.send(0, 1, number);
        track.send(0, 2, number);
    }
    track.world.run_for(secs(1));
    for at in [1, 2] {
        assert!((900..1_100).contains(&track.seen(at).len()), "{}", track.seen(at).len());
    }
}

#[test]
fn the_weather_after_a_long_silence_is_as_likely_as_ever() {
    let mut track = track(quick().bursts(ms(3), ms(1), 1.0));
    for number in 0..2_000 {
        track.send(0, 1, number);
        track.world.run_for(secs(3_600));
    }
    let arrived = track.seen(1).len();
    assert!((1_420..1_580).contains(&arrived), "{arrived}");
}

#[test]
fn a_part_of_the_packets_is_held_up_and_overtaken() {
    let mut track = track(quick().reordering(0.1, ms(25)));
    for number in 0..2_000 {
        track.send(0, 1, number);
        track.world.run_for(ms(1));
    }
    track.world.run_for(secs(1));
    let seen = track.seen(1);
    assert_eq!(seen.len(), 2_000);
    let late = seen.iter().filter(|(number, at)| *at == u128::from(*number) + 35).count();
    let prompt = seen.iter().filter(|(number, at)| *at == u128::from(*number) + 10).count();
    assert_eq!(late + prompt, 2_000);
    assert!((150..250).contains(&late), "{late}");
    assert!(!seen.is_sorted());
}
