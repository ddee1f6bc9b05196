//! Many nodes of one overlay in one process, on sockets of their own on loopback: seconds, processor time, memory and
//! bytes until all know each other well enough, and what they cost from there on.
//!
//! `interop/peers/many.py` is the same with py-ipv8, flag for flag and line for line; `cargo xtask bench nodes` runs both.
#![allow(clippy::print_stdout, reason = "a program")]
#![allow(clippy::disallowed_methods, reason = "it measures real time")]

use std::{
    error::Error,
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use clap::Parser;
use ipv8_core::{
    Community, Handle, MaxPeers, OverlayConfig, Routes, Target,
    crypto::{Curve, PrivateKey},
    wire::{Address, CommunityId, community_id},
};
use ipv8_discovery::{RandomWalk, TrackerBootstrapper};
use ipv8_net::{Endpoint, Listen, Running};
use rand::{SeedableRng, rngs::StdRng};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

/// How often it is looked whether all know enough peers.
const LOOK: Duration = Duration::from_millis(100);

/// Many nodes of one overlay in one process: prints a line of JSON when all know enough peers, and one for each pause
/// after that.
#[derive(Parser)]
struct Arguments {
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 200)]
    nodes: usize,
    /// `walk`: everyone walks to the first node once. `bootstrap`: the first node is everyone's tracker.
    #[arg(long, value_name = "walk|bootstrap", default_value = "walk", value_parser = ["walk", "bootstrap"])]
    mode: String,
    /// Peers that all are to know.
    #[arg(long, value_name = "N", default_value_t = 10)]
    goal: usize,
    /// Peers at which a node stops to walk.
    #[arg(long, value_name = "N", default_value_t = 20)]
    target: usize,
    /// Seconds that are measured after the goal, one or more times.
    #[arg(long, value_name = "S", default_values_t = [8, 8], value_delimiter = ',')]
    steady: Vec<u64>,
    /// Seconds after which it is given up.
    #[arg(long, value_name = "S", default_value_t = 60)]
    within: u64,
}

struct Plain;

impl Community for Plain {
    const ID: CommunityId = community_id!("6d616e792d6e6f6465732d62656e63686d61726b");

    fn routes(_: &mut Routes<Self>) {}
}

/// What the process has used so far.
struct Used {
    at: Instant,
    cpu: Duration,
    sent: u64,
}

impl Used {
    fn now(nodes: &[Running]) -> Self {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let seconds = Duration::from_secs(u64::try_from(cpu.tv_sec).unwrap_or_default());
        Self {
            at: Instant::now(),
            cpu: seconds + Duration::from_nanos(u64::try_from(cpu.tv_nsec).unwrap_or_default()),
            sent: nodes.iter().map(|node| node.node().stats().sent_bytes).sum(),
        }
    }

    fn print(&self, event: &str, nodes: &[Running], base: u64) -> Result<Self, Box<dyn Error>> {
        let now = Self::now(nodes);
        let line = json!({
            "event": event,
            "seconds": (now.at - self.at).as_secs_f64(),
            "cpu": (now.cpu - self.cpu).as_secs_f64(),
            "bytes": now.sent - self.sent,
            "resident": resident()? - base,
            "peers": nodes.iter().map(peers).sum::<usize>() as f64 / nodes.len() as f64,
        });
        println!("{line}");
        Ok(now)
    }
}

/// Bytes of memory that the process holds.
fn resident() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS in /proc/self/status")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1_024)
}

/// Looked up without waking the node.
fn peers(node: &Running) -> usize {
    node.node().network(|network| network.count_serving(Plain::ID)).unwrap_or_default()
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(&arguments))
}

async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    // The same at every run; nobody trusts them.
    let mut rng = StdRng::seed_from_u64(1);
    let keys: Vec<PrivateKey> =
        (0..arguments.nodes).map(|_| PrivateKey::generate(Curve::Curve25519, &mut rng)).collect::<Result<_, _>>()?;
    let base = resident()?;
    let (mut nodes, mut handles): (Vec<Running>, Vec<Handle<Plain>>) = (Vec::new(), Vec::new());
    let mut first: Option<SocketAddr> = None;
    for key in keys {
        let endpoint = Endpoint::bind(&[Listen::exactly(SocketAddr::from(([127, 0, 0, 1], 0)))], key)?;
        let mut config = OverlayConfig::new(Plain).strategy(RandomWalk::default(), Target::Peers(arguments.target));
        match first {
            None => config = config.max_peers(MaxPeers::Unlimited),
            Some(SocketAddr::V4(tracker)) if arguments.mode == "bootstrap" => {
                config = config.bootstrapper(TrackerBootstrapper::new([Address::V4(tracker)]));
            }
            Some(_) => {}
        }
        handles.push(endpoint.node().load(config)?);
        first = first.or(endpoint.local_addresses().first().copied());
        nodes.push(endpoint.run());
    }
    let first = first.ok_or("there is no node: --nodes 1 at least")?;
    let mut used = Used::now(&nodes);
    let begin = used.at;
    if arguments.mode == "walk" {
        for handle in handles.iter().skip(1) {
            handle.with(|_, cx| cx.walk_to(first))?;
        }
    }
    let goal = arguments.goal.min(arguments.nodes - 1);
    while nodes.iter().any(|node| peers(node) < goal) {
        if begin.elapsed() > Duration::from_secs(arguments.within) {
            return Err(format!("not all know {goal} peers within {} s", arguments.within).into());
        }
        tokio::time::sleep(LOOK).await;
    }
    used = used.print("goal", &nodes, base)?;
    for seconds in &arguments.steady {
        tokio::time::sleep(Duration::from_secs(*seconds)).await;
        used = used.print("steady", &nodes, base)?;
    }
    Ok(())
}
