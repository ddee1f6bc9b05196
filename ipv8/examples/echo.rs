//! Answers every question: a signed one with a signed answer, an unsigned one with an unsigned answer. For load tests.
//!
//! ```text
//! cargo run --release --example echo -- --listen 127.0.0.1:21001
//! ```

mod common;

use std::net::SocketAddr;

use clap::Parser;
use common::Common;
use ipv8::{Community, CommunityId, Context, Cryptography, Curve, Message, OverlayConfig, Peer, Routes, community_id};

#[derive(Message)]
#[message(id = 1)]
struct Question {
    value: u32,
    identifier: u32,
}

#[derive(Message)]
#[message(id = 2)]
struct Answer {
    value: u32,
    identifier: u32,
}

#[derive(Message)]
#[message(id = 3, unsigned)]
struct OpenQuestion {
    value: u32,
    identifier: u32,
}

#[derive(Message)]
#[message(id = 4, unsigned)]
struct OpenAnswer {
    value: u32,
    identifier: u32,
}

struct Echo;

impl Community for Echo {
    const ID: CommunityId = community_id!("ec40ec40ec40ec40ec40ec40ec40ec40ec40ec40");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_question);
        r.on(Self::on_open_question);
    }
}

impl Echo {
    fn on_question(&mut self, cx: &mut Context<'_>, from: &Peer, asked: Question) {
        cx.send(from, Answer { value: asked.value.wrapping_add(1), identifier: asked.identifier });
    }

    fn on_open_question(&mut self, cx: &mut Context<'_>, from: &SocketAddr, asked: OpenQuestion) {
        cx.send_to(*from, OpenAnswer { value: asked.value.wrapping_add(1), identifier: asked.identifier });
    }
}

#[derive(Parser)]
#[command(about = "Answers every question; for load tests")]
struct Flags {
    #[command(flatten)]
    common: Common,
    /// Threads that verify and sign, the node's own included
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// Verify signatures one by one instead of those of known peers together
    #[arg(long)]
    one_by_one: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    common::log_to_stderr();
    let Flags { common, threads, one_by_one } = Flags::parse();
    let echo = OverlayConfig::new(Echo).id(common.community.unwrap_or(Echo::ID));
    let service = common
        .builder(Curve::Curve25519)
        .cryptography(Cryptography { batched: !one_by_one, threads })
        .overlay(echo)
        .start()
        .await?;
    common.print_started(&service);
    common.until_stopped().await?;
    service.stop().await;
    Ok(())
}
