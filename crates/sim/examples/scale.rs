//! What a node costs: many nodes of one overlay, under virtual time.
//!
//! `cargo run --release -p ipv8-sim --example scale -- --help`. By default 10,000 nodes of the `DiscoveryCommunity` with the
//! strategies of a default configuration run for 30 virtual seconds in one thread, and every signature is made and checked.
//! One tracker for every 50 nodes; nodes start within the first second and walk until they know 20 peers, and take 30.
#![allow(clippy::disallowed_methods, reason = "it measures real time")]
#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::{error::Error, net::SocketAddr, time::Duration, time::Instant};

use clap::{Parser, ValueEnum};
use ipv8_core::{
    Community, Context, Node, OverlayConfig, Peer, Routes, Target,
    crypto::{Job, Verifier},
    wire::{Address, CommunityId, Message, community_id},
};
use ipv8_discovery::{DiscoveryCommunity, RandomWalk, Tracker, TrackerBootstrapper};
use ipv8_sim::{Metrics, NodeId, NodeOptions, World};

const PEERS: usize = 20;
const NODES_PER_TRACKER: u32 = 50;

/// How signatures are made and checked.
#[derive(Clone, Copy, ValueEnum)]
enum Signatures {
    /// Each is made, and each is checked.
    Real,
    /// Each is made, and known to hold from then on: the same packets, the same verdicts.
    Memoised,
    /// Stamps take their place, which cost nearly nothing.
    Stamps,
    /// Each is made, and taken for good.
    Trust,
}

/// What the nodes run.
#[derive(Clone, Copy, ValueEnum)]
enum Overlay {
    /// The DiscoveryCommunity, as in a default configuration: it walks, pings, and asks for communities.
    Discovery,
    /// A community that walks and greets a peer every five seconds.
    Plain,
}

/// Measures what many simulated nodes cost.
#[derive(Parser)]
struct Arguments {
    /// How many nodes.
    #[arg(default_value_t = 10_000)]
    nodes: u32,
    /// For how many virtual seconds, after the first one.
    #[arg(default_value_t = 30)]
    seconds: u32,
    /// How signatures are made and checked.
    #[arg(long, value_enum, default_value_t = Signatures::Real)]
    signatures: Signatures,
    /// In how many threads.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// What the nodes run.
    #[arg(long, value_enum, default_value_t = Overlay::Discovery)]
    overlay: Overlay,
    /// From which seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Message, Clone, Debug)]
#[message(id = 1)]
struct Clock {
    clock: u32,
}

#[derive(Default)]
struct Lamport {
    clock: u32,
}

impl Community for Lamport {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_clock);
        r.every(Duration::from_secs(5), Self::greet);
    }
}

impl Lamport {
    /// One peer, not all: the walk is what is measured.
    fn greet(&mut self, cx: &mut Context<'_>) {
        if let Some(peer) = cx.random_peer() {
            cx.send(&peer, Clock { clock: self.clock });
        }
    }

    fn on_clock(&mut self, _: &mut Context<'_>, _: &Peer, message: Clock) {
        self.clock = self.clock.max(message.clock) + 1;
    }
}

/// Takes every signature for good.
struct Trust;

impl Verifier for Trust {
    fn verify(&mut self, jobs: &[Job<'_>], verdicts: &mut Vec<bool>) {
        verdicts.clear();
        verdicts.resize(jobs.len(), true);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let Arguments { nodes, seconds, signatures, threads, overlay, seed } = arguments;
    let empty = resident();
    let started = Instant::now();
    let builder = World::builder(seed).threads(threads);
    let mut world = match signatures {
        Signatures::Real => builder.real_signatures(),
        Signatures::Memoised => builder,
        Signatures::Stamps => builder.stamps(),
        Signatures::Trust => builder.verifier(|| Box::new(Trust)),
    }
    .build();
    let walkers = populate(&mut world, nodes, overlay)?;
    world.run_for(Duration::from_secs(1));
    println!("{nodes} nodes in {threads} threads, made and started in {:.1?}", started.elapsed());
    println!("  resident: {} bytes a node at one second", resident().saturating_sub(empty) / u64::from(nodes.max(1)));

    let before = world.metrics().clone();
    let (started, busy) = (Instant::now(), processor_time());
    world.run_for(Duration::from_secs(u64::from(seconds)));
    let (wall, busy) = (started.elapsed(), processor_time() - busy);
    report(&before, world.metrics(), Duration::from_secs(u64::from(seconds)), wall, busy);
    let (verified, signed) = walkers.iter().fold((0, 0), |(verified, signed), id| {
        let stats = world.node(*id).stats();
        (verified + stats.verified, signed + stats.signed)
    });
    println!("  walkers since the beginning: {verified} signatures checked, {signed} made at the ends of turns");
    println!("  packets lost: {}; peers known: {:?}", world.metrics().lost_in_all(), world.peers_known(walkers));
    println!(
        "  resident (VmRSS, less that before the world was made): {} bytes a node",
        resident().saturating_sub(empty) / u64::from(nodes.max(1))
    );
    println!("  trace {:016x}", world.trace_hash());
    Ok(())
}

fn populate(world: &mut World, nodes: u32, overlay: Overlay) -> Result<Vec<NodeId>, Box<dyn Error>> {
    let mut trackers = Vec::new();
    for number in 0..nodes.div_ceil(NODES_PER_TRACKER) {
        let [_, _, high, low] = number.to_be_bytes();
        let address = SocketAddr::from(([10, 255, high, low], 6421));
        let id = world.add_node(NodeOptions::default().address(address));
        world.node(id).load(OverlayConfig::new(Tracker::default()).any_prefix())?;
        trackers.push(Address::from(address));
    }
    let add = |number: u32| {
        // Two trackers for each, so that no part of the network is alone.
        let count = u32::try_from(trackers.len()).unwrap_or(1);
        let own = [number % count, (number / 7 + 1) % count];
        let own: Vec<_> = own.iter().filter_map(|index| trackers.get(usize::try_from(*index).ok()?).cloned()).collect();
        let start = Duration::from_secs(1) * number / nodes;
        world.add_node(NodeOptions::default().start_after(start).setup(move |node| {
            let loaded = match overlay {
                Overlay::Discovery => load(node, DiscoveryCommunity::default(), &own),
                Overlay::Plain => load(node, Lamport::default(), &own),
            };
            if let Err(error) = loaded {
                println!("a community was not loaded: {error}");
            }
        }))
    };
    Ok((0..nodes).map(add).collect())
}

/// As the builder of the crate `ipv8` does by default: a random walk beside the strategies of the community.
fn load<C: Community>(node: &Node, community: C, trackers: &[Address]) -> Result<(), ipv8_core::LoadError> {
    let mut overlay = OverlayConfig::new(community).strategy(RandomWalk::default(), Target::Peers(PEERS));
    for (strategy, target) in C::default_strategies() {
        overlay = overlay.boxed_strategy(strategy, target);
    }
    node.load(overlay.bootstrapper(TrackerBootstrapper::new(trackers.to_vec()))).map(drop)
}

fn report(before: &Metrics, after: &Metrics, virtual_time: Duration, wall: Duration, busy: Duration) {
    #[allow(clippy::cast_precision_loss, reason = "for people to read")]
    let rate = |count: u64| (count as f64 / wall.as_secs_f64(), count as f64 / busy.as_secs_f64());
    let (turns, events) = (after.turns - before.turns, after.events - before.events);
    let ratio = |time: Duration| virtual_time.as_secs_f64() / time.as_secs_f64();
    println!(
        "{virtual_time:?} in {wall:.2?} ({busy:.2?} of processor time): {:.2} times real time ({:.2} by processor time)",
        ratio(wall),
        ratio(busy)
    );
    println!("  {turns} turns, {} ns of processor time each", busy.as_nanos() / u128::from(turns.max(1)));
    for (what, count) in [("events", events), ("packets", after.delivered - before.delivered)] {
        let (by_wall, by_busy) = rate(count);
        println!("  {count} {what}, {by_wall:.0} a second, {by_busy:.0} a second of processor time");
    }
}

/// What this process took of the processor, in hundredths of a second; zero where the system does not tell.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is a name in brackets, which may hold spaces. Fields 14 and 15 are the times.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// VmRSS of this process in bytes; 0 where the system does not tell.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}
