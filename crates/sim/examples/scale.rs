//! What a node costs: many nodes of a plain community that walks, under virtual time.
//!
//! `cargo run --release -p ipv8-sim --example scale -- [NODES] [SECONDS] [real|memoised|trust]`: by default 10,000 nodes
//! for 30 virtual seconds, with signatures really checked. With `trust` they are made but not checked, which shows what
//! the rest costs. One tracker for every 50 nodes; nodes start within the first second and walk until they know 20 peers,
//! at most 30.
#![allow(clippy::disallowed_methods, reason = "it measures real time")]
#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::{error::Error, net::SocketAddr, time::Duration, time::Instant};

use ipv8_core::{
    Community, Context, OverlayConfig, Peer, Routes, Target,
    crypto::{Job, Verifier},
    wire::{Address, CommunityId, Message, community_id},
};
use ipv8_discovery::{DiscoveryCommunity, RandomWalk, Tracker, TrackerBootstrapper};
use ipv8_sim::{NodeOptions, World};

const PEERS: usize = 20;
const NODES_PER_TRACKER: u32 = 50;

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
    let mut arguments = std::env::args().skip(1);
    let nodes: u32 = arguments.next().map_or(Ok(10_000), |text| text.parse())?;
    let seconds: u32 = arguments.next().map_or(Ok(30), |text| text.parse())?;
    let verifier = arguments.next().unwrap_or_else(|| "real".into());
    let discovery = arguments.next().is_some_and(|overlay| overlay == "discovery");

    let empty = resident();
    let started = Instant::now();
    let builder = World::builder(1);
    let mut world = match verifier.as_str() {
        "real" => builder.real_signatures().build(),
        "memoised" => builder.build(),
        "stamps" => builder.stamps().build(),
        "trust" => builder.verifier(|| Box::new(Trust)).build(),
        other => return Err(format!("{other} is no verifier: say real, memoised or trust").into()),
    };
    let mut trackers = Vec::new();
    for number in 0..nodes.div_ceil(NODES_PER_TRACKER) {
        let [_, _, high, low] = number.to_be_bytes();
        let address = SocketAddr::from(([10, 255, high, low], 6421));
        let id = world.add_node(NodeOptions::default().address(address));
        world.node(id).load(OverlayConfig::new(Tracker::default()).any_prefix())?;
        trackers.push(Address::from(address));
    }
    let walkers: Vec<_> = (0..nodes)
        .map(|number| {
            // Two trackers for each, so that no part of the network is alone.
            let count = u32::try_from(trackers.len()).unwrap_or(1);
            let own = [number % count, (number / 7 + 1) % count];
            let own: Vec<_> =
                own.iter().filter_map(|index| trackers.get(usize::try_from(*index).ok()?).cloned()).collect();
            let start = Duration::from_secs(1) * number / nodes;
            world.add_node(NodeOptions::default().start_after(start).setup(move |node| {
                let trackers = TrackerBootstrapper::new(own.clone());
                let loaded = if discovery {
                    let mut overlay = OverlayConfig::new(DiscoveryCommunity::default());
                    overlay = overlay.strategy(RandomWalk::default(), Target::Peers(PEERS)).bootstrapper(trackers);
                    for (strategy, target) in DiscoveryCommunity::default_strategies() {
                        overlay = overlay.boxed_strategy(strategy, target);
                    }
                    node.load(overlay).map(drop)
                } else {
                    let overlay = OverlayConfig::new(Lamport::default());
                    let overlay = overlay.strategy(RandomWalk::default(), Target::Peers(PEERS)).bootstrapper(trackers);
                    node.load(overlay).map(drop)
                };
                if let Err(error) = loaded {
                    println!("a community was not loaded: {error}");
                }
            }))
        })
        .collect();
    world.run_for(Duration::from_secs(1));
    let ready = resident();
    println!("{nodes} nodes and {} trackers, made and started in {:.1?}", trackers.len(), started.elapsed());
    println!("  resident: {} bytes a node at one second", (ready - empty) / u64::from(nodes));

    let before = world.metrics().clone();
    let (started, busy) = (Instant::now(), processor_time());
    world.run_for(Duration::from_secs(u64::from(seconds)));
    let (wall, busy) = (started.elapsed(), processor_time() - busy);
    let after = world.metrics().clone();
    let full = resident();

    let turns = after.turns - before.turns;
    let (verified, signed) = walkers.iter().fold((0, 0), |(verified, signed), id| {
        let stats = world.node(*id).stats();
        (verified + stats.verified, signed + stats.signed)
    });
    #[allow(clippy::cast_precision_loss, reason = "for people to read")]
    let per_second = |count: u64| count as f64 / wall.as_secs_f64();
    let (ratio, of_busy) = (f64::from(seconds) / wall.as_secs_f64(), busy.as_nanos() / u128::from(turns.max(1)));
    println!("{seconds} virtual seconds in {wall:.2?} ({busy:.2?} of processor time): {ratio:.2} times real time");
    println!("  {} turns, {:.0}/s; {of_busy} ns of processor time each", turns, per_second(turns));
    println!("  {} events, {:.0}/s", after.events - before.events, per_second(after.events - before.events));
    println!(
        "  {} packets, {:.0}/s",
        after.delivered - before.delivered,
        per_second(after.delivered - before.delivered)
    );
    println!("  walkers since the beginning: {verified} signatures checked, {signed} made; packets lost: {}", {
        after.lost_in_all()
    });
    println!("  peers known: {:?}", world.peers_known(walkers.iter().copied()));
    println!(
        "  resident (VmRSS, less that before the world was made): {} bytes a node",
        (full - empty) / u64::from(nodes)
    );
    println!("  trace {:016x}", world.trace_hash());
    Ok(())
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
