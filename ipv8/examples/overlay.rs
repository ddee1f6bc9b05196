//! The overlay of the first tutorial: peers that find each other and keep a Lamport clock.
//!
//! Start a tracker, then two or more of these:
//!
//! ```text
//! cargo run --release --bin ipv8 -- tracker --listen 127.0.0.1:6421
//! cargo run --release --example overlay -- --bootstrap 127.0.0.1:6421
//! ```
#![allow(clippy::print_stdout, reason = "printing is what examples do")]

mod common;

use std::time::Duration;

use clap::Parser;
use common::Common;
use ipv8::{
    Community, CommunityId, Context, Curve, Message, OverlayConfig, Peer, RandomWalk, Routes, Schedule, Target,
    community_id,
};
use serde_json::json;

/// Peers that try to establish an ever-increasing global clock value.
#[derive(Message, Clone, Debug)]
#[message(id = 1)]
struct Clock {
    clock: u32,
}

struct Lamport {
    json: bool,
    clock: u32,
}

impl Community for Lamport {
    const ID: CommunityId = community_id!("9d6a3a6b0d3a4c8f1e51d18c5a5cf3a0c8f6b8f1");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_clock);
        r.schedule(Schedule::every(Duration::from_secs(5)).after(Duration::ZERO).named("start"), Self::start);
    }

    fn peer_added(&mut self, _: &mut Context<'_>, peer: &Peer) {
        common::print_peer(self.json, peer);
    }
}

impl Lamport {
    /// Speaks first until somebody answers.
    fn start(&mut self, cx: &mut Context<'_>) {
        if self.clock == 0 {
            for peer in cx.peers() {
                cx.send(&peer, Clock { clock: self.clock });
            }
        } else {
            cx.cancel_named("start");
        }
    }

    fn on_clock(&mut self, cx: &mut Context<'_>, from: &Peer, message: Clock) {
        self.clock = self.clock.max(message.clock).saturating_add(1);
        if self.json {
            println!("{}", json!({"event": "message", "mid": from.mid().to_string(), "clock": self.clock}));
        } else {
            println!("{} current clock: {}", cx.my_mid(), self.clock);
        }
        // Then synchronise with the sender again.
        cx.send(from, Clock { clock: self.clock });
    }
}

#[derive(Parser)]
#[command(about = "Peers that find each other and keep a Lamport clock")]
struct Flags {
    #[command(flatten)]
    common: Common,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    common::log_to_stderr();
    let Flags { common } = Flags::parse();
    let lamport = OverlayConfig::new(Lamport { json: common.json, clock: 0 })
        .id(common.community.unwrap_or(Lamport::ID))
        .strategy(RandomWalk::default(), Target::Peers(10));
    let service = common.builder(Curve::Medium).overlay(lamport).start().await?;
    common.print_started(&service);
    common.until_stopped().await?;
    service.stop().await;
    Ok(())
}
