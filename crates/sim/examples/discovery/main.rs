//! How fast nodes find each other, and what it costs: thousands of nodes from one tracker, with loss and NATs.
//!
//! `cargo run --release -p ipv8-sim --example discovery -- --help`; `docs/discovery.md` has the figures and how they are
//! made. Time runs from each node's own start; bytes are those of the datagrams that it sent, without headers of lower
//! layers. A node that has not come so far when the run ends counts as of the end, and is counted.
#![allow(clippy::print_stdout, reason = "it prints what it measured")]

mod network;
mod report;

use std::{error::Error, time::Duration};

use clap::{Parser, ValueEnum};
use ipv8_core::{
    Community, Context, OverlayConfig, Peer, Routes, Target, Time,
    crypto::{Job, Verifier},
    messages::Introduced,
    wire::{Address, CommunityId, community_id},
};
use ipv8_discovery::{EdgeWalk, RandomWalk, SteeredWalk, Tracker, TrackerBootstrapper, TrackerLimits};
use ipv8_sim::{Latency, Link, NodeId, NodeOptions, World};

use network::{Network, TRACKER};
use report::{Goal, Run};

/// The goals, in peers.
const GOALS: [usize; 2] = [10, 20];

/// How often is looked who reached a goal, to take what it has sent by then.
const LOOK: Duration = Duration::from_millis(100);

/// For how long is counted what nodes spend when all are done.
const STEADY: Duration = Duration::from_secs(60);

/// Measures how nodes find each other.
#[derive(Parser, Clone, Debug)]
struct Options {
    /// How many nodes, the tracker not counted.
    #[arg(long, default_value_t = 2_000)]
    nodes: u32,
    /// By which rules they walk; several for a comparison.
    #[arg(long, value_delimiter = ',', default_value = "random,steered")]
    walk: Vec<Walk>,
    /// How many worlds for each, with the seeds 1, 2 and so on.
    #[arg(long, default_value_t = 5)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// The part of all packets that is lost.
    #[arg(long, default_value_t = 0.1)]
    loss: f64,
    /// The part of all nodes that is behind a NAT: of ten such, five port-restricted, two symmetric, two full cone, one
    /// address-restricted; every fourth of them shares its NAT with the one before it.
    #[arg(long, default_value_t = 0.2)]
    nat: f64,
    /// Seconds within which the nodes start, evenly.
    #[arg(long, default_value_t = 10)]
    start: u32,
    /// Seconds after which a run ends, done or not.
    #[arg(long, default_value_t = 600)]
    limit: u64,
    /// How many peers the tracker keeps (the reference's 100).
    #[arg(long, default_value_t = 100)]
    tracker_peers: usize,
    /// Walks on for good, instead of until 20 peers are known.
    #[arg(long)]
    always: bool,
    /// Prints where the requests went.
    #[arg(long)]
    details: bool,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Walk {
    /// The reference's rules.
    Random,
    /// `SteeredWalk`.
    Steered,
    /// `EdgeWalk`, the reference's other one.
    Edge,
    /// One node by each of the two in turn; the figures are those of the nodes by the reference's rules.
    MixedRandom,
    /// The same; the figures are those of the others.
    MixedSteered,
}

impl Walk {
    fn is_steered(self, number: u32) -> bool {
        match self {
            Self::Random | Self::Edge => false,
            Self::Steered => true,
            Self::MixedRandom | Self::MixedSteered => number % 2 == 1,
        }
    }

    fn is_measured(self, number: u32) -> bool {
        match self {
            Self::Random | Self::Steered | Self::Edge => true,
            Self::MixedRandom => !self.is_steered(number),
            Self::MixedSteered => self.is_steered(number),
        }
    }

    fn add_to(self, number: u32, overlay: OverlayConfig<Plain>, target: Target) -> OverlayConfig<Plain> {
        match self {
            Self::Edge => overlay.strategy(EdgeWalk::default(), target),
            _ if self.is_steered(number) => overlay.strategy(SteeredWalk::default(), target),
            _ => overlay.strategy(RandomWalk::default(), target),
        }
    }
}

/// A community that does nothing but notice when it has how many peers.
#[derive(Default)]
struct Plain {
    started: Time,
    reached: [Option<Time>; GOALS.len()],
    answers: [u64; 3],
}

impl Community for Plain {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");

    fn routes(_: &mut Routes<Self>) {}

    fn started(&mut self, cx: &mut Context<'_>) {
        self.started = cx.now();
    }

    fn peer_added(&mut self, cx: &mut Context<'_>, _: &Peer) {
        let (now, peers) = (cx.now(), cx.peer_count());
        for (reached, goal) in self.reached.iter_mut().zip(GOALS) {
            if peers >= goal && reached.is_none() {
                *reached = Some(now);
            }
        }
    }

    fn introduced(&mut self, cx: &mut Context<'_>, _: &Peer, response: &Introduced) {
        let kind = match response.wan_introduction {
            None => 0,
            Some(address) if cx.network().by_address(address).is_some() => 1,
            Some(_) => 2,
        };
        if let Some(count) = self.answers.get_mut(kind) {
            *count += 1;
        }
    }
}

/// Takes every signature for good: that costs half of the time, and is not what is measured.
struct Trust;

impl Verifier for Trust {
    fn verify(&mut self, jobs: &[Job<'_>], verdicts: &mut Vec<bool>) {
        verdicts.clear();
        verdicts.resize(jobs.len(), true);
    }
}

fn make(options: &Options, walk: Walk, seed: u64) -> (World<Network>, Vec<NodeId>) {
    let link = Link::default()
        .latency(Latency::Uniform(Duration::from_millis(10), Duration::from_millis(150)))
        .loss(options.loss);
    let mut world = World::builder(seed).verifier(|| Box::new(Trust)).fabric(Network::new(link)).build();
    let tracker = world.add_node(NodeOptions::default().address(TRACKER));
    let limits = TrackerLimits { peers: options.tracker_peers, ..TrackerLimits::default() };
    // A tracker's one overlay has no other one that it could contradict.
    let _ = world.node(tracker).load(OverlayConfig::new(Tracker::new(limits)).any_prefix());
    let target = if options.always { Target::Always } else { Target::Peers(20) };
    let nodes = (0..options.nodes).map(|number| {
        let start = Duration::from_secs(1) * options.start * number / options.nodes;
        let setup = move |node: &ipv8_core::Node| {
            let overlay =
                OverlayConfig::new(Plain::default()).bootstrapper(TrackerBootstrapper::new([Address::from(TRACKER)]));
            let overlay = walk.add_to(number, overlay, target);
            if let Err(error) = node.load(overlay) {
                println!("a community was not loaded: {error}");
            }
        };
        let node = NodeOptions::default().start_after(start).setup(setup);
        let address = world.fabric_mut().place(number, options.nat);
        world.add_node(node.address(address))
    });
    let nodes = nodes.collect();
    (world, nodes)
}

/// One world from its beginning until all are done.
fn run(options: &Options, walk: Walk, seed: u64) -> Run {
    let (mut world, nodes) = make(options, walk, seed);
    let measured: Vec<_> =
        (0..).zip(&nodes).filter(|(number, _)| walk.is_measured(*number)).map(|(_, id)| *id).collect();
    let mut goals = GOALS.map(|peers| Goal::new(peers, measured.len()));
    let end = Time::ZERO + Duration::from_secs(options.limit);
    while world.now() < end && goals.iter().any(|goal| !goal.is_done()) {
        world.run_for(LOOK);
        for (place, id) in measured.iter().enumerate() {
            look(&world, place, *id, &mut goals, false);
        }
    }
    let last = world.now();
    for (place, id) in measured.iter().enumerate() {
        look(&world, place, *id, &mut goals, true);
    }
    let spent = |world: &World<Network>| -> u64 { measured.iter().map(|id| world.node(*id).stats().sent_bytes).sum() };
    let before = spent(&world);
    let requests = world.fabric().requests.clone();
    let mut answers = [0; 3];
    let mut refused = 0;
    for id in &nodes {
        let own =
            world.find::<Plain>(*id).and_then(|plain| plain.with(|plain, _| plain.answers).ok()).unwrap_or_default();
        answers.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
        refused += world.node(*id).stats().dropped(ipv8_core::DropReason::PeerLimit);
    }
    world.run_for(STEADY);
    let steady = (spent(&world) - before) / STEADY.as_secs() / u64::try_from(measured.len().max(1)).unwrap_or(1);
    let peers = world.peers_known(measured.iter().copied());
    Run { goals, last, steady, peers, requests, answers, refused }
}

/// Takes down whether a node has reached its goals since the last look; at the end, those that have not.
fn look(world: &World<Network>, place: usize, id: NodeId, goals: &mut [Goal; GOALS.len()], end: bool) {
    if goals.iter().all(|goal| goal.has(place)) {
        return;
    }
    let Some(plain) = world.find::<Plain>(id) else { return };
    let Ok((started, reached)) = plain.with(|plain, _| (plain.started, plain.reached)) else { return };
    for (goal, reached) in goals.iter_mut().zip(reached) {
        if (reached.is_some() || end) && !goal.has(place) {
            let stats = world.node(id).stats();
            goal.take(place, started, reached, world.now(), stats.sent, stats.sent_bytes);
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    println!(
        "{} nodes, one tracker of {} peers, {} of packets lost, {} of nodes behind NATs, all started within {} s",
        options.nodes, options.tracker_peers, options.loss, options.nat, options.start
    );
    for walk in &options.walk {
        let runs: Vec<_> = (options.first_seed..options.first_seed + options.seeds)
            .map(|seed| {
                let run = run(&options, *walk, seed);
                if options.details {
                    println!("{walk:?}, seed {seed}:\n{}", run.details());
                }
                run
            })
            .collect();
        println!("{}", report::table(&format!("{walk:?}"), &runs));
    }
    Ok(())
}
