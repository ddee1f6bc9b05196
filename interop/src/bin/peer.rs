//! Our node for live tests: the twin of `interop/peers/overlay.py`, with the same flags and the same events.
//!
//! It is the tutorial's overlay with more to set than the example should have. Tests start it as
//! `env!("CARGO_BIN_EXE_test-peer")`.
#![allow(clippy::print_stdout, reason = "its events are lines on standard output")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use ipv8::core::Hardening;
use ipv8::discovery::{DiscoveryCommunity, PeriodicSimilarity, RandomChurn};
use ipv8::{
    Address, Builder, Community, CommunityId, Context, Curve, Message, Mid, OverlayConfig, Peer, PrivateKey,
    RandomWalk, Routes, Schedule, Target, TrackerBootstrapper, community_id,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

#[derive(Parser)]
#[command(about = "A node with the Lamport clock community, for live tests")]
struct Flags {
    /// Where to listen
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// A second address to listen at, IPv6 beside an IPv4 one
    #[arg(long, value_name = "[IP]:PORT")]
    also_listen: Option<SocketAddr>,
    /// Nodes or trackers to find the first peers through
    #[arg(long, value_name = "IP:PORT", num_args = 1..)]
    bootstrap: Vec<SocketAddr>,
    /// Least seconds between two visits to them
    #[arg(long, value_name = "S", default_value_t = 30.0)]
    bootstrap_timeout: f64,
    /// The community
    #[arg(long, value_name = "HEX40", default_value_t = Lamport::ID)]
    community: CommunityId,
    /// Peers to look for
    #[arg(long, value_name = "N", default_value_t = 10)]
    target: usize,
    /// Wait before each answer
    #[arg(long, value_name = "S", default_value_t = 0.02)]
    pause: f64,
    /// Greet everyone this often until the clock moves
    #[arg(long, value_name = "S", default_value_t = 5.0)]
    greet: f64,
    /// Of the fresh key
    #[arg(long, value_name = "CURVE", default_value = "medium")]
    curve: Curve,
    /// Run the DiscoveryCommunity too, with all its strategies
    #[arg(long)]
    discovery: bool,
    /// Seconds between pings, of silence before one, and of silence before a peer is dropped (by the DiscoveryCommunity)
    #[arg(long, value_name = "S,S,S", value_delimiter = ',', default_value = "10,27.5,57.5")]
    churn: Vec<f64>,
    /// Be in this community too, under a key of its own, without looking for anybody
    #[arg(long, value_name = "HEX40")]
    idle: Option<CommunityId>,
    /// Start from the addresses in this file
    #[arg(long, value_name = "FILE")]
    load_snapshot: Option<PathBuf>,
    /// Write those of all peers to this file in the end
    #[arg(long, value_name = "FILE")]
    save_snapshot: Option<PathBuf>,
    /// Whom to believe: reference, compatible or hardened
    #[arg(long, value_name = "NAME", default_value = "compatible", value_parser = hardening)]
    hardening: Hardening,
    /// End after this long
    #[arg(long, value_name = "S", default_value_t = 120.0)]
    seconds: f64,
}

/// How often what is known of peers is looked at.
const LOOK: Duration = Duration::from_millis(200);

impl Flags {
    /// The node that they describe.
    fn builder(&self) -> anyhow::Result<Builder> {
        let trackers: Vec<Address> = self.bootstrap.iter().map(|address| Address::from(*address)).collect();
        let bootstrapper = TrackerBootstrapper::new(trackers).timeout(seconds(self.bootstrap_timeout)?);
        let lamport = Lamport {
            clock: 0,
            pause: seconds(self.pause)?,
            greet: seconds(self.greet)?,
            snapshot: self.load_snapshot.as_ref().map(std::fs::read).transpose()?.unwrap_or_default(),
            told: BTreeMap::new(),
        };
        let overlay = OverlayConfig::new(lamport)
            .id(self.community)
            .strategy(RandomWalk::default(), Target::Peers(self.target))
            .bootstrapper(bootstrapper.clone());
        let mut builder = ipv8::builder()
            .no_default_bootstrap()
            .fresh_key(self.curve)
            .hardening(self.hardening.clone())
            .overlay(overlay);
        if self.discovery {
            let [ping, inactive, drop] = self.churn.as_slice() else {
                anyhow::bail!("--churn takes three numbers");
            };
            let churn = RandomChurn::default()
                .ping_interval(seconds(*ping)?)
                .inactive_after(seconds(*inactive)?)
                .drop_after(seconds(*drop)?);
            let discovery = OverlayConfig::new(DiscoveryCommunity::default())
                .strategy(RandomWalk::default(), Target::Peers(self.target))
                .strategy(PeriodicSimilarity::default(), Target::Always)
                .strategy(churn, Target::Always)
                .bootstrapper(bootstrapper);
            builder = builder.overlay(discovery);
        }
        if let Some(id) = self.idle {
            let key = PrivateKey::generate(self.curve, &mut fresh_rng()?)?;
            println!("{}", json!({"event": "idle", "mid": key.public().mid().to_string()}));
            builder = builder.overlay(OverlayConfig::new(Idle).id(id).key(key).no_strategies().no_bootstrappers());
        }
        for address in std::iter::once(self.listen).chain(self.also_listen) {
            builder = builder.listen(address);
        }
        Ok(builder)
    }
}

#[allow(clippy::disallowed_methods, reason = "a program that runs on sockets")]
fn fresh_rng() -> anyhow::Result<StdRng> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    Ok(StdRng::from_seed(seed))
}

fn hardening(name: &str) -> Result<Hardening, String> {
    Hardening::named(name).ok_or_else(|| format!("use one of {}", Hardening::NAMES.join(", ")))
}

fn seconds(number: f64) -> anyhow::Result<Duration> {
    Ok(Duration::try_from_secs_f64(number)?)
}

/// The only message: the sender's clock.
#[derive(Message, Clone, Debug)]
#[message(id = 1)]
struct Clock {
    clock: u32,
}

/// Counts with everyone.
struct Lamport {
    clock: u32,
    pause: Duration,
    greet: Duration,
    snapshot: Vec<u8>,
    told: BTreeMap<Mid, Known>,
}

/// What is known of a peer beyond its address: the communities that it is in, and whether it ever answered a ping.
#[derive(PartialEq)]
struct Known {
    communities: Vec<String>,
    pinged: bool,
}

/// A community that only is there.
struct Idle;

impl Community for Idle {
    const ID: CommunityId = community_id!("6c616d706f72742d636c6f636b2d746573742d24");

    fn routes(_: &mut Routes<Self>) {}
}

impl Community for Lamport {
    const ID: CommunityId = community_id!("6c616d706f72742d636c6f636b2d746573742d23");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_clock);
        r.schedule(Schedule::every(LOOK).named("look"), Self::look);
    }

    fn started(&mut self, cx: &mut Context<'_>) {
        let greet = Schedule::every(self.greet).after(Duration::ZERO).named("greet");
        if let Err(error) = cx.schedule(greet, Self::greet) {
            complain(&error);
        }
        cx.network_mut().load_snapshot(&self.snapshot);
    }

    fn peer_added(&mut self, _: &mut Context<'_>, peer: &Peer) {
        println!("{}", json!({"event": "peer", "mid": peer.mid().to_string(), "address": peer.address().to_string()}));
    }

    fn peer_removed(&mut self, _: &mut Context<'_>, peer: &Peer) {
        println!("{}", json!({"event": "removed", "mid": peer.mid().to_string()}));
    }
}

impl Lamport {
    /// Speaks first until somebody answers.
    fn greet(&mut self, cx: &mut Context<'_>) {
        if self.clock > 0 {
            cx.cancel_named("greet");
            return;
        }
        for peer in cx.peers() {
            cx.send(&peer, Clock { clock: self.clock });
        }
    }

    /// Tells what is new about peers.
    fn look(&mut self, cx: &mut Context<'_>) {
        for record in cx.network().peers() {
            let mut communities: Vec<String> = record.services().iter().map(ToString::to_string).collect();
            communities.sort();
            let mid = record.mid();
            let known = Known { communities, pinged: record.pings().len() > 0 };
            if self.told.get(&mid) != Some(&known) {
                println!(
                    "{}",
                    json!({
                        "event": "known", "mid": mid.to_string(),
                        "communities": known.communities, "pinged": known.pinged,
                    })
                );
                self.told.insert(mid, known);
            }
        }
    }

    fn on_clock(&mut self, cx: &mut Context<'_>, from: &Peer, message: Clock) {
        self.clock = self.clock.max(message.clock).saturating_add(1);
        println!("{}", json!({"event": "message", "mid": from.mid().to_string(), "clock": self.clock}));
        let to = from.clone();
        let answer = Schedule::once().after(self.pause);
        let answered = cx.schedule(answer, move |community: &mut Self, cx: &mut Context<'_>| {
            cx.send(&to, Clock { clock: community.clock });
        });
        if let Err(error) = answered {
            complain(&error);
        }
    }
}

#[allow(clippy::print_stderr, reason = "shown by the test that fails of it")]
fn complain(error: &dyn std::error::Error) {
    eprintln!("{error}");
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let level = std::env::var("IPV8_LOG").ok().and_then(|level| level.parse().ok());
    tracing_subscriber::fmt()
        .with_max_level(level.unwrap_or(tracing_subscriber::filter::LevelFilter::WARN))
        .with_writer(std::io::stderr)
        .init();
    let flags = Flags::parse();
    let service = flags.builder()?.start().await?;
    let listen: Vec<String> = service.local_addresses().iter().map(ToString::to_string).collect();
    println!("{}", json!({"event": "started", "listen": listen, "mid": service.mid().to_string()}));
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        () = tokio::time::sleep(seconds(flags.seconds)?) => {}
        result = tokio::signal::ctrl_c() => result?,
        _ = terminated.recv() => {}
    }
    if let (Some(path), Some(handle)) = (&flags.save_snapshot, service.handle::<Lamport>()) {
        std::fs::write(path, handle.with(|_, cx| cx.network().snapshot())?)?;
    }
    service.stop().await;
    Ok(())
}
