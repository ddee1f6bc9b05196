//! What an event of the simulator costs: `cargo bench -p ipv8-bench --bench sim`.
//!
//! 500 nodes of the default discovery overlay (walk to 20 peers, churn, similarity), in one thread, with a tracker for every 50,
//! half a virtual minute after their start. One run is one event: a packet arrives, or a node's time has come. Each sample is
//! the mean of 200 events in a row, since they differ.
//!
//! | bench | signatures |
//! |---|---|
//! | `event_stamps` | stamps in their place, which cost nearly nothing |
//! | `event_memoised` | each is made, and known to hold from then on: the default of a world |

#![allow(clippy::expect_used, reason = "a bench stops when its set-up fails")]

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use divan::Bencher;
use ipv8_core::{Community, OverlayConfig, Target};
use ipv8_discovery::{DiscoveryCommunity, RandomWalk, Tracker, TrackerBootstrapper};
use ipv8_sim::{NodeOptions, World};
use ipv8_wire::Address;

const NODES: u32 = 500;
const NODES_PER_TRACKER: u32 = 50;
const PEERS: usize = 20;

fn main() {
    divan::main();
}

fn event(bencher: Bencher<'_, '_>, mut world: World) {
    let tracker = |number: u32| SocketAddr::from((Ipv4Addr::from_bits(0x0aff_0001 + number), 6_421));
    let trackers: Vec<SocketAddr> = (0..NODES / NODES_PER_TRACKER).map(tracker).collect();
    for address in &trackers {
        let id = world.add_node(NodeOptions::default().address(*address));
        world.node(id).load(OverlayConfig::new(Tracker::default()).any_prefix()).expect("loads once");
    }
    let mut first = trackers.iter().cycle();
    for number in 0..NODES {
        // Two trackers for each, so that no part of the network is alone.
        let second = trackers.iter().cycle().nth(usize::try_from(number / 7 + 1).expect("a few"));
        let own: Vec<Address> = first.next().into_iter().chain(second).copied().map(Address::from).collect();
        let start = Duration::from_secs(1) * number / NODES;
        world.add_node(NodeOptions::default().start_after(start).setup(move |node| {
            let mut overlay =
                OverlayConfig::new(DiscoveryCommunity::default()).strategy(RandomWalk::default(), Target::Peers(PEERS));
            for (strategy, target) in DiscoveryCommunity::default_strategies() {
                overlay = overlay.boxed_strategy(strategy, target);
            }
            node.load(overlay.bootstrapper(TrackerBootstrapper::new(own.clone()))).expect("loads once");
        }));
    }
    world.run_for(Duration::from_secs(30));
    let before = world.metrics().events;
    let mut steps = 0;
    bencher.bench_local(|| {
        steps += 1;
        world.step()
    });
    assert_eq!(world.metrics().events - before, steps, "one step is one event");
}

#[divan::bench(sample_size = 200)]
fn event_stamps(bencher: Bencher<'_, '_>) {
    event(bencher, World::builder(1).stamps().build());
}

#[divan::bench(sample_size = 200)]
fn event_memoised(bencher: Bencher<'_, '_>) {
    event(bencher, World::builder(1).build());
}
