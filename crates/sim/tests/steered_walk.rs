//! The steered walk finds peers sooner than the reference's rules and sends less, and harms nobody who walks by those.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::time::Duration;

use common::{add_tracker, ms, secs};
use ipv8_core::{
    Community, OverlayConfig, Routes, Target, Time,
    wire::{CommunityId, community_id},
};
use ipv8_discovery::{RandomWalk, SteeredWalk, TrackerBootstrapper};
use ipv8_sim::{
    Link, NodeOptions, World,
    nat::{Nat, Nats},
};

/// A community that has only introductions.
struct Plain;

impl Community for Plain {
    const ID: CommunityId = community_id!("dd00000000000000000000000000000000000003");

    fn routes(_: &mut Routes<Self>) {}
}

const NODES: u32 = 100;
const PEERS: usize = 10;
const SEEDS: std::ops::RangeInclusive<u64> = 1..=4;

/// Who walks how, by their numbers.
type IsSteered = fn(u32) -> bool;

/// What it took the nodes of one kind: until the middle one, three of four and the last one knew enough peers, and bytes for
/// each by then.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    median: Duration,
    three_of_four: Duration,
    last: Duration,
    bytes: u64,
}

/// 100 nodes from one tracker, one in ten of packets lost, one in five nodes behind a port-restricted NAT; all start within
/// two seconds. The cost of those that `measured` names.
fn walk(seed: u64, is_steered: IsSteered, measured: IsSteered) -> Cost {
    let mut world = World::builder(seed).fabric(Nats::new(Link::default().loss(0.1))).build();
    add_tracker(&mut world);
    let nodes: Vec<_> = (0..NODES)
        .map(|number| {
            let options = NodeOptions::default().start_after(ms(20) * number).setup(move |node| {
                let overlay = OverlayConfig::new(Plain)
                    .bootstrapper(TrackerBootstrapper::new(["10.255.0.1:6421".parse().unwrap()]));
                let target = Target::Peers(PEERS);
                let overlay = if is_steered(number) {
                    overlay.strategy(SteeredWalk::default(), target)
                } else {
                    overlay.strategy(RandomWalk::default(), target)
                };
                node.load(overlay).unwrap();
            });
            if number % 5 == 4 {
                let nat = world.fabric_mut().add(Nat::port_restricted());
                world.add_node_behind(nat, options)
            } else {
                let [high, low] = u16::try_from(number + 1).unwrap().to_be_bytes();
                world.add_node(options.address(([198, 19, high, low], 8090).into()))
            }
        })
        .collect();
    let mut done: Vec<Option<(Duration, u64)>> = vec![None; nodes.len()];
    while done.iter().any(Option::is_none) {
        assert!(world.now() < Time::ZERO + secs(600), "not done after ten minutes");
        world.run_for(ms(100));
        for ((number, id), done) in (0..).zip(&nodes).zip(&mut done) {
            if done.is_none() && world.node(*id).network(|network| network.len()).unwrap() >= PEERS {
                let after = world.now().since_origin() - ms(20) * number;
                *done = Some((after, world.node(*id).stats().sent_bytes));
            }
        }
    }
    let done = (0..NODES).zip(done).filter(|(number, _)| measured(*number)).map(|(_, done)| done.unwrap());
    let (mut times, bytes): (Vec<_>, Vec<_>) = done.unzip();
    times.sort();
    let count = u64::try_from(times.len()).unwrap();
    Cost {
        median: times[times.len() / 2],
        three_of_four: times[times.len() * 3 / 4],
        last: times[times.len() - 1],
        bytes: bytes.iter().sum::<u64>() / count,
    }
}

fn all(_: u32) -> bool {
    true
}

fn nobody(_: u32) -> bool {
    false
}

fn odd(number: u32) -> bool {
    number % 2 == 1
}

fn even(number: u32) -> bool {
    !odd(number)
}

#[test]
fn nodes_find_peers_sooner_and_send_less() {
    for seed in SEEDS {
        let (random, steered) = (walk(seed, nobody, all), walk(seed, all, all));
        assert!(steered.median < random.median * 9 / 10, "seed {seed}: {random:?}, {steered:?}");
        assert!(steered.last < random.last * 3 / 4, "seed {seed}: {random:?}, {steered:?}");
        assert!(steered.bytes < random.bytes * 9 / 10, "seed {seed}: {random:?}, {steered:?}");
    }
}

#[test]
fn nodes_by_the_reference_s_rules_are_no_worse_off_among_others() {
    let sum = |is_steered: IsSteered| {
        SEEDS.map(|seed| walk(seed, is_steered, even)).fold(Cost::default(), |sum, cost| Cost {
            median: sum.median + cost.median,
            three_of_four: sum.three_of_four + cost.three_of_four,
            last: sum.last + cost.last,
            bytes: sum.bytes + cost.bytes,
        })
    };
    let (alone, mixed) = (sum(nobody), sum(odd));
    assert!(mixed.median <= alone.median, "{alone:?}, {mixed:?}");
    // The last of few nodes is a matter of luck: whether the one answer of a tracker in half a minute is lost.
    assert!(mixed.three_of_four <= alone.three_of_four, "{alone:?}, {mixed:?}");
    assert!(mixed.bytes <= alone.bytes * 21 / 20, "{alone:?}, {mixed:?}");
}
