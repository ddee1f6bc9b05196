//! One node in a process of its own that knows 20 peers and has nothing to do: the processor time that it takes, with all
//! threads of its process. The peers are nodes of the same kind in one other process, on loopback.
//!
//! `cargo run --release -p ipv8-bench --example idle`; `--overlay discovery` for one that has a little to do.
#![allow(clippy::print_stdout, reason = "a program")]
#![allow(clippy::disallowed_methods, reason = "it measures real time")]

use std::{
    error::Error,
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use clap::Parser;
use ipv8_core::{
    Community, MaxPeers, OverlayConfig, Routes, Target,
    crypto::{Curve, PrivateKey},
    wire::{CommunityId, community_id},
};
use ipv8_discovery::{DISCOVERY_COMMUNITY, DiscoveryCommunity, PeriodicSimilarity, RandomChurn, RandomWalk};
use ipv8_net::{Endpoint, Listen, Running};
use rand::{SeedableRng, rngs::StdRng};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

/// The others run no longer than this, whatever becomes of who started them.
const LONGEST: Duration = Duration::from_secs(600);

/// A node that knows its peers and has nothing to do: prints a line of JSON with what that costs.
#[derive(Parser)]
struct Arguments {
    /// Peers that it knows.
    #[arg(long, value_name = "N", default_value_t = 20)]
    peers: usize,
    /// `plain`: an overlay that walks until it knows so many peers. `discovery`: the DiscoveryCommunity, which goes on to
    /// ping its peers and to tell one of them each second, in a signed message, what it serves.
    #[arg(long, value_name = "plain|discovery", default_value = "plain", value_parser = ["plain", "discovery"])]
    overlay: String,
    /// Seconds that are measured.
    #[arg(long, value_name = "S", default_value_t = 20)]
    seconds: u64,
    /// Seconds between the moment when it knows all peers and the measurement.
    #[arg(long, value_name = "S", default_value_t = 10)]
    settle: u64,
    /// Run the others; for the program itself.
    #[arg(long, hide = true)]
    others: bool,
}

struct Plain;

impl Community for Plain {
    const ID: CommunityId = community_id!("69646c652d6e6f64652d62656e63686d61726b21");

    fn routes(_: &mut Routes<Self>) {}
}

/// A node that listens, with one overlay that walks.
fn start(arguments: &Arguments, number: u64) -> Result<Running, Box<dyn Error>> {
    // Nobody trusts it.
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::seed_from_u64(number))?;
    let endpoint = Endpoint::bind(&[Listen::exactly(SocketAddr::from(([127, 0, 0, 1], 0)))], key)?;
    let target = Target::Peers(arguments.peers);
    if arguments.overlay == "plain" {
        let plain = OverlayConfig::new(Plain).strategy(RandomWalk::default(), target);
        endpoint.node().load(plain.max_peers(MaxPeers::Unlimited))?;
    } else {
        let discovery = OverlayConfig::new(DiscoveryCommunity::default()).strategy(RandomWalk::default(), target);
        let discovery = discovery.strategy(RandomChurn::default(), Target::Always);
        let discovery = discovery.strategy(PeriodicSimilarity::default(), Target::Always);
        endpoint.node().load(discovery.max_peers(MaxPeers::Unlimited))?;
    }
    Ok(endpoint.run())
}

/// Walks to an address.
fn walk(node: &Running, to: SocketAddr) -> Result<(), Box<dyn Error>> {
    let overlay = node.node().overlays().into_iter().next().ok_or("there is no overlay")?;
    node.node().in_overlay(overlay, |cx| cx.walk_to(to))?;
    Ok(())
}

/// Looked up without waking the node.
fn peers(node: &Running, arguments: &Arguments) -> usize {
    let overlay = if arguments.overlay == "plain" { Plain::ID } else { DISCOVERY_COMMUNITY };
    node.node().network(|network| network.count_serving(overlay)).unwrap_or_default()
}

fn cpu() -> Duration {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(used.tv_sec), u64::try_from(used.tv_nsec));
    Duration::from_secs(seconds.unwrap_or_default()) + Duration::from_nanos(nanos.unwrap_or_default())
}

/// How often a thread of the process waited for something and went on.
fn wakes() -> Result<u64, Box<dyn Error>> {
    let mut wakes = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        let status = fs::read_to_string(thread?.path().join("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        wakes += line.ok_or("no voluntary_ctxt_switches")?.trim().parse::<u64>()?;
    }
    Ok(wakes)
}

/// The others, in a process that ends with this one.
struct Others(Child);

impl Drop for Others {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if arguments.others { runtime.block_on(run_others(&arguments)) } else { runtime.block_on(run(&arguments)) }
}

async fn run_others(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let nodes: Vec<Running> =
        (1..).take(arguments.peers).map(|number| start(arguments, number)).collect::<Result<_, _>>()?;
    let addresses: Vec<SocketAddr> = nodes.iter().filter_map(|node| node.local_addresses().first()).copied().collect();
    for node in &nodes {
        for address in addresses.iter().filter(|address| !node.local_addresses().contains(address)) {
            walk(node, *address)?;
        }
    }
    println!("{}", json!({"event": "others", "listen": addresses}));
    tokio::time::sleep(LONGEST).await;
    Ok(())
}

async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--others", "--overlay", &arguments.overlay, "--peers", &arguments.peers.to_string()]);
    let mut others = Others(command.stdout(Stdio::piped()).spawn()?);
    let mut line = String::new();
    BufReader::new(others.0.stdout.take().ok_or("no output of the others")?).read_line(&mut line)?;
    let told: serde_json::Value = serde_json::from_str(&line)?;
    let addresses = told.get("listen").and_then(serde_json::Value::as_array).ok_or("the others told no addresses")?;
    let node = start(arguments, 0)?;
    for address in addresses.iter().filter_map(serde_json::Value::as_str) {
        walk(&node, address.parse()?)?;
    }
    let begin = Instant::now();
    while peers(&node, arguments) < arguments.peers {
        if begin.elapsed() > Duration::from_secs(60) {
            return Err("it does not know all peers within 60 s".into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(arguments.settle)).await;
    let (used, woke, stats, begin) = (cpu(), wakes()?, node.node().stats(), Instant::now());
    tokio::time::sleep(Duration::from_secs(arguments.seconds)).await;
    let (seconds, now) = (begin.elapsed().as_secs_f64(), node.node().stats());
    let line = json!({
        "event": "idle",
        "cpu_ms": (cpu() - used).as_secs_f64() * 1e3 / seconds,
        "wakes": (wakes()? - woke) as f64 / seconds,
        "turns": (now.turns - stats.turns) as f64 / seconds,
        "received": (now.received - stats.received) as f64 / seconds,
        "sent": (now.sent - stats.sent) as f64 / seconds,
        "verified": (now.verified - stats.verified) as f64 / seconds,
        "peers": peers(&node, arguments),
    });
    println!("{line}");
    Ok(())
}
