//! A run is the same with any number of threads.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{
    collections::BTreeMap,
    io::Write,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{Lamport, add_tracker, add_walkers, ms, secs, walker};
use ipv8_core::{Community, OverlayConfig, Stats, Target, crypto::Mid};
use ipv8_discovery::{DiscoveryCommunity, RandomWalk, TrackerBootstrapper};
use ipv8_sim::{
    AttackerOptions, Fabric, Latency, Link, Links, Metrics, NodeId, NodeOptions, World, WorldBuilder,
    attack::Garbage,
    capture::{Origin, PcapNg},
    nat::{Nat, Nats},
};

const MANY: [usize; 3] = [2, 3, 8];

/// Everything about a world that can be seen from outside.
#[derive(Debug, PartialEq)]
struct Seen {
    trace: u64,
    metrics: Metrics,
    waiting: usize,
    recent: Vec<String>,
    nodes: BTreeMap<NodeId, (Stats, Vec<Mid>)>,
}

fn look<F: Fabric>(world: &World<F>) -> Seen {
    let node = |id| {
        let node = world.node(id);
        (id, (node.stats(), node.network(|network| network.peers().map(|peer| peer.mid()).collect()).unwrap()))
    };
    Seen {
        trace: world.trace_hash(),
        metrics: world.metrics().clone(),
        waiting: world.waiting(),
        recent: world.recent().map(ToString::to_string).collect(),
        nodes: world.nodes().map(node).collect(),
    }
}

fn same_for_any_number<T: PartialEq + std::fmt::Debug>(run: impl Fn(usize) -> T) -> T {
    let one = run(1);
    for threads in MANY {
        assert!(run(threads) == one, "with {threads} threads it is another run than with one");
    }
    one
}

#[test]
fn over_links_that_lose_and_repeat_with_crashes_and_partitions() {
    let seen = same_for_any_number(|threads| {
        let link = Link::default().jitter(ms(30)).loss(0.1).duplication(0.1).bursts(secs(5), ms(500), 0.8);
        let mut world = World::builder(3).link(link).record(50).threads(threads).build();
        add_tracker(&mut world);
        let nodes = add_walkers(&mut world, 40, 10, Lamport::default);
        world.run_for(ms(3_333));
        world.crash(nodes[3]);
        world.crash(nodes[17]);
        world.set_pair(nodes[1], nodes[2], Link::default().latency(Latency::Constant(ms(5))).bandwidth(2_000, 4_000));
        world.run_for(secs(4));
        world.restart(nodes[3]);
        world.partition(|from, to| from.index() % 2 == to.index() % 2);
        world.run_for(secs(4));
        world.heal();
        world.restart(nodes[17]);
        // Event by event, and then in windows again.
        let all = |world: &World| nodes.iter().all(|node| world.peers_known([*node]).min >= 10);
        let limit = world.now() + secs(2);
        world.run_while(|world| world.metrics().sent % 100 != 0 && !all(world), secs(2));
        world.run_until(limit);
        world.run_while_every(ms(250), |world| !all(world), secs(10));
        look(&world)
    });
    assert!(seen.metrics.delivered > 3_000 && seen.metrics.duplicated > 100, "{:?}", seen.metrics);
    assert!(seen.metrics.lost(ipv8_sim::Loss::Partition) > 0 && seen.metrics.lost(ipv8_sim::Loss::Down) > 0);
}

#[test]
fn behind_nats_of_all_kinds() {
    let seen = same_for_any_number(|threads| {
        let nats = Nats::new(Link::default().loss(0.05).duplication(0.02));
        let mut world = World::builder(5).fabric(nats).record(50).threads(threads).build();
        add_tracker(&mut world);
        let kinds = [Nat::full_cone(), Nat::address_restricted(), Nat::port_restricted(), Nat::symmetric()];
        let carrier = world.fabric_mut().add(Nat::port_restricted().hairpinning(true));
        for number in 0..24 {
            let kind = kinds[number % 4].timeout(secs(5));
            let nat = match number % 3 {
                0 => world.fabric_mut().add_behind(kind, carrier),
                _ => world.fabric_mut().add(kind),
            };
            for _ in 0..1 + number % 2 {
                world.add_node_behind(nat, walker(20));
            }
            world.add_node(walker(20));
        }
        world.run_for(secs(20));
        look(&world)
    });
    assert!(seen.metrics.lost(ipv8_sim::Loss::Nat) > 10, "{:?}", seen.metrics);
}

/// Names that have to be resolved, and the default overlay with its pings.
#[test]
fn of_the_default_overlay_with_trackers_that_have_names() {
    let seen = same_for_any_number(|threads| {
        let mut world = World::builder(9).threads(threads).build();
        add_tracker(&mut world);
        for number in 0..30 {
            world.add_node(NodeOptions::default().start_after(ms(37 * number)).setup(|node| {
                let overlay = OverlayConfig::new(DiscoveryCommunity::default())
                    .strategy(RandomWalk::default(), Target::Peers(20))
                    .bootstrapper(TrackerBootstrapper::new(["tracker.test:6421".parse().unwrap()]));
                node.load(overlay).unwrap();
            }));
        }
        world.run_for(secs(30));
        look(&world)
    });
    assert!(seen.nodes.values().all(|(stats, peers)| stats.received > 0 || peers.is_empty()));
    assert!(seen.metrics.delivered > 2_000, "{:?}", seen.metrics);
}

/// They have one thread, and so has whatever happens to them.
#[test]
fn under_attack() {
    let seen = same_for_any_number(|threads| {
        let mut world = World::builder(4).threads(threads).build();
        add_tracker(&mut world);
        let nodes = add_walkers(&mut world, 10, 5, Lamport::default);
        let options = AttackerOptions::new(50).target(world.address(nodes[2])).target(world.address(nodes[5]));
        world.add_attacker(Garbage::new(Lamport::ID), options);
        world.run_for(secs(10));
        look(&world)
    });
    assert!(seen.metrics.hostile.delivered > 300, "{:?}", seen.metrics);
}

/// Packets that take no time leave no window to run nodes apart in.
#[test]
fn where_packets_take_no_time() {
    let seen = same_for_any_number(|threads| {
        let link = Link::default().latency(Latency::Uniform(Duration::ZERO, ms(10)));
        let mut world = World::builder(1).link(link).threads(threads).build();
        add_tracker(&mut world);
        add_walkers(&mut world, 10, 5, Lamport::default);
        world.run_for(secs(10));
        look(&world)
    });
    assert!(seen.metrics.delivered > 200);
}

#[derive(Clone, Default)]
struct File(Arc<Mutex<Vec<u8>>>);

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn and_its_capture_has_the_same_bytes() {
    same_for_any_number(|threads| {
        let file = File::default();
        let sink = PcapNg::new(file.clone(), &Origin::new("threads", 1)).unwrap();
        let mut world = World::builder(1).link(Link::default().loss(0.2)).threads(threads).capture(sink).build();
        add_tracker(&mut world);
        add_walkers(&mut world, 20, 10, Lamport::default);
        world.run_for(secs(10));
        world.finish_capture().unwrap();
        let bytes = file.0.lock().unwrap().clone();
        assert!(bytes.len() > 100_000);
        bytes
    });
}

/// A hundred nodes of which one cannot be started.
fn with_a_culprit(threads: usize) {
    let mut world = World::builder(1).threads(threads).build();
    add_tracker(&mut world);
    add_walkers(&mut world, 20, 10, Lamport::default);
    world.add_node(NodeOptions::default().start_after(secs(2)).setup(|_| panic!("node 21 has no bed")));
    world.run_for(secs(5));
}

#[test]
#[should_panic(expected = "node 21 has no bed")]
fn a_panic_comes_out_of_one_thread() {
    with_a_culprit(1);
}

#[test]
#[should_panic(expected = "node 21 has no bed")]
fn a_panic_comes_out_of_many_threads() {
    with_a_culprit(3);
}

/// Links that promise more than they keep.
struct Boasting(Links);

impl Fabric for Boasting {
    fn route(
        &mut self,
        packet: &ipv8_sim::Packet<'_>,
        hosts: &ipv8_sim::Hosts,
        rng: &mut rand::rngs::Xoshiro256PlusPlus,
    ) -> Result<smallvec::SmallVec<[ipv8_sim::Delivery; 1]>, ipv8_sim::Loss> {
        self.0.route(packet, hosts, rng)
    }

    fn lookahead(&self) -> Duration {
        ms(500)
    }
}

#[test]
#[should_panic(expected = "Fabric::lookahead says that packets take 500ms at least")]
fn a_network_that_promises_too_much_is_found_out() {
    let builder: WorldBuilder<Boasting> = World::builder(1).fabric(Boasting(Links::default()));
    let mut world = builder.threads(2).build();
    add_tracker(&mut world);
    for _ in 0..20 {
        world.add_node(walker(10));
    }
    world.run_for(secs(5));
}

/// Nodes are spread, and all of them take part.
#[test]
fn nodes_with_addresses_of_their_own_are_found_in_every_thread() {
    same_for_any_number(|threads| {
        let mut world = World::builder(1).threads(threads).build();
        add_tracker(&mut world);
        let nodes: Vec<_> = (1..=9)
            .map(|last: u8| {
                let address = SocketAddr::from((IpAddr::from([98, 0, 0, last]), 1));
                world.add_node(walker(9).address(address))
            })
            .collect();
        world.run_for(secs(20));
        assert!(world.peers_known(nodes.iter().copied()).min >= 7, "{:?}", world.peers_known(nodes));
        look(&world)
    });
}
