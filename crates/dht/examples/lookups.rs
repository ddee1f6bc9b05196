//! How many nodes a search asks, and how long it takes, as the network grows: simulated, with 50 ms between any two nodes.
//!
//! `cargo run --release -p ipv8-dht --example lookups -- NODES`
#![allow(clippy::print_stdout, reason = "it tells what it measured")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here ends the program")]

use std::{net::SocketAddr, time::Duration};

use ipv8_core::{MaxPeers, OverlayConfig, Target};
use ipv8_dht::{Dht, DhtCommunity, PingChurn, Sign, TraceEvent};
use ipv8_discovery::{RandomWalk, Tracker, TrackerBootstrapper};
use ipv8_sim::{Latency, Link, NodeOptions, World};

const OPERATIONS: usize = 100;

fn main() {
    let count: u64 = std::env::args().nth(1).map_or(100, |text| text.parse().unwrap());
    let link = Link::default().latency(Latency::Constant(Duration::from_millis(50)));
    let mut world = World::builder(1).link(link).build();
    let tracker: SocketAddr = "10.255.0.1:6421".parse().unwrap();
    world.add_node(NodeOptions::default().address(tracker).setup(|node| {
        node.load(OverlayConfig::new(Tracker::default()).any_prefix()).unwrap();
    }));
    world.host("tracker.test", tracker);
    let add = |number: u64| {
        let started = Duration::from_millis(number * 10_000 / count);
        world.add_node(NodeOptions::default().start_after(started).setup(|node| {
            let overlay = DhtCommunity::default()
                .overlay()
                .max_peers(MaxPeers::Unlimited)
                .strategy(RandomWalk::default(), Target::Peers(20))
                .strategy(PingChurn::default(), Target::Always)
                .bootstrapper(
                    TrackerBootstrapper::new(["tracker.test:6421".parse().unwrap()]).timeout(Duration::from_secs(5)),
                );
            node.load(overlay).unwrap();
        }))
    };
    let nodes: Vec<_> = (0..count).map(add).collect();
    world.run_for(Duration::from_secs(150));

    let (mut asked, mut silent, mut stored_on, mut found) = (Vec::new(), 0, 0, 0);
    let (mut storing, mut finding) = (Vec::new(), Vec::new());
    for number in 0..OPERATIONS {
        let mut key = [u8::try_from(number * 2 % 256).unwrap(); 20];
        key[1] = u8::try_from(number).unwrap();
        let (from, to) = (nodes[number * 7 % nodes.len()], nodes[(number * 13 + 5) % nodes.len()]);
        let dht = Dht::new(world.find::<DhtCommunity>(from).unwrap());
        let begun = world.now();
        let store = {
            let dht = dht.clone();
            async move { dht.store(key, b"value", Sign::Yes).await }
        };
        let stored = world.complete(dht.handle(), Duration::from_secs(60), store).unwrap();
        storing.push(world.now().since(begun));
        stored_on += stored.map_or(0, |stored| stored.nodes.len());

        let dht = Dht::new(world.find::<DhtCommunity>(to).unwrap());
        let begun = world.now();
        let find = {
            let dht = dht.clone();
            async move {
                let mut values = dht.values(key)?;
                while values.next().await?.is_some() {}
                values.finish()
            }
        };
        let (values, trace) = world.complete(dht.handle(), Duration::from_secs(60), find).unwrap().unwrap();
        finding.push(world.now().since(begun));
        found += usize::from(values.len() == 1);
        asked.push(trace.iter().filter(|step| step.event == TraceEvent::Asked).count());
        silent += trace.iter().filter(|step| step.event == TraceEvent::Silent).count();
    }
    storing.sort();
    finding.sort();
    asked.sort_unstable();
    let (half, most) = (OPERATIONS / 2, OPERATIONS * 95 / 100);
    println!(
        "{count} nodes, {OPERATIONS} values: {found} found, each stored on {:.1} nodes",
        stored_on as f64 / OPERATIONS as f64
    );
    println!("store: median {:?}, p95 {:?}", storing[half], storing[most]);
    println!(
        "find: median {:?}, p95 {:?}; nodes asked: median {}, p95 {}; {silent} silent",
        finding[half], finding[most], asked[half], asked[most]
    );
}
