//! A strategy of one's own: it greets one random peer a step, and is known by its name.
//!
//! Start a tracker, then two or more of these:
//!
//! ```text
//! cargo run --release --bin ipv8 -- tracker --listen 127.0.0.1:6421
//! cargo run --release --example discovery_strategy -- --bootstrap 127.0.0.1:6421
//! ```
#![allow(clippy::print_stdout, reason = "printing is what examples do")]

mod common;

use clap::Parser;
use common::Common;
use ipv8::{
    Community, CommunityId, Context, Curve, Launcher, Message, Peer, Routes, Strategy, StrategyCatalog, Target,
    community_id, core::catalog::Key,
};
use serde_json::json;

/// How often the sender has greeted so far.
#[derive(Message, Clone, Debug)]
#[message(id = 1)]
struct Greeting {
    number: u32,
}

struct Greeters {
    json: bool,
}

impl Community for Greeters {
    const ID: CommunityId = community_id!("5d1f0c6a7be94e02a7a4b6f8c5d32e9b10f7a463");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_greeting);
    }

    /// What makes the name known: to launchers, to configurations and to everybody who asks for it.
    fn available_strategies() -> StrategyCatalog {
        const KEYS: &[Key] = &[Key::new("peers_per_step", "1", "How many peers are greeted in a step, 1 to 16.")];
        StrategyCatalog::new().with("Greet", "Greets random peers.", KEYS, |settings| {
            let per_step = settings.take_usize_within("peers_per_step", 1..=16).unwrap_or(1);
            Ok(Box::new(Greet { per_step, sent: 0 }))
        })
    }

    fn peer_added(&mut self, _: &mut Context<'_>, peer: &Peer) {
        common::print_peer(self.json, peer);
    }
}

impl Greeters {
    fn on_greeting(&mut self, cx: &mut Context<'_>, from: &Peer, message: Greeting) {
        if self.json {
            println!("{}", json!({"event": "message", "mid": from.mid().to_string(), "number": message.number}));
        } else {
            println!("{} was greeted by {from} for the {}. time", cx.my_mid(), message.number);
        }
    }
}

/// Greets random peers, one a step unless it is told otherwise.
struct Greet {
    per_step: usize,
    sent: u32,
}

impl Strategy for Greet {
    fn name(&self) -> &'static str {
        "Greet"
    }

    fn step(&mut self, cx: &mut Context<'_>) {
        for _ in 0..self.per_step {
            let Some(peer) = cx.random_peer() else { return };
            self.sent = self.sent.saturating_add(1);
            cx.send(&peer, Greeting { number: self.sent });
        }
    }
}

#[derive(Parser)]
#[command(about = "Peers that greet each other, by a strategy of their own")]
struct Flags {
    #[command(flatten)]
    common: Common,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    common::log_to_stderr();
    let Flags { common } = Flags::parse();
    let json = common.json;
    let greeters = Launcher::of(move || Greeters { json })
        .id(common.community.unwrap_or(Greeters::ID))
        .named_strategy("RandomWalk", Target::Peers(20), [("timeout", 3.0.into())])
        // It goes on however many peers there are.
        .named_strategy("Greet", Target::Always, [("peers_per_step", 1.into())]);
    let service = common.builder(Curve::Curve25519).launch(&greeters).start().await?;
    common.print_started(&service);
    common.until_stopped().await?;
    service.stop().await;
    Ok(())
}
