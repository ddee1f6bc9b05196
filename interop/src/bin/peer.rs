//! Our node for live tests: the twin of `interop/peers/overlay.py`, with the same flags and the same events.
//!
//! It is the tutorial's overlay with more to set than the example should have. Tests start it as
//! `env!("CARGO_BIN_EXE_test-peer")`.
#![allow(clippy::print_stdout, reason = "its events are lines on standard output")]

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use ipv8::{
    Address, Community, CommunityId, Context, Curve, Message, OverlayConfig, Peer, RandomWalk, Routes, Schedule,
    Target, TrackerBootstrapper, community_id,
};
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
    /// End after this long
    #[arg(long, value_name = "S", default_value_t = 120.0)]
    seconds: f64,
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
}

impl Community for Lamport {
    const ID: CommunityId = community_id!("6c616d706f72742d636c6f636b2d746573742d23");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_clock);
    }

    fn started(&mut self, cx: &mut Context<'_>) {
        let greet = Schedule::every(self.greet).after(Duration::ZERO).named("greet");
        if let Err(error) = cx.schedule(greet, Self::greet) {
            complain(&error);
        }
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
    let trackers: Vec<Address> = flags.bootstrap.iter().map(|address| Address::from(*address)).collect();
    let bootstrapper =
        TrackerBootstrapper::new(trackers).timeout(Duration::try_from_secs_f64(flags.bootstrap_timeout)?);
    let lamport = Lamport {
        clock: 0,
        pause: Duration::try_from_secs_f64(flags.pause)?,
        greet: Duration::try_from_secs_f64(flags.greet)?,
    };
    let overlay = OverlayConfig::new(lamport)
        .id(flags.community)
        .strategy(RandomWalk::default(), Target::Peers(flags.target))
        .bootstrapper(bootstrapper);
    let mut builder = ipv8::builder().no_default_bootstrap().fresh_key(flags.curve).overlay(overlay);
    for address in std::iter::once(flags.listen).chain(flags.also_listen) {
        builder = builder.listen(address);
    }
    let service = builder.start().await?;
    let listen: Vec<String> = service.local_addresses().iter().map(ToString::to_string).collect();
    println!("{}", json!({"event": "started", "listen": listen, "mid": service.mid().to_string()}));
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        () = tokio::time::sleep(Duration::try_from_secs_f64(flags.seconds)?) => {}
        result = tokio::signal::ctrl_c() => result?,
        _ = terminated.recv() => {}
    }
    service.stop().await;
    Ok(())
}
