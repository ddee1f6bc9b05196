//! The tutorial on storing states: two peers have each other count to ten.
//!
//! A peer that gets a request answers with its value and one more; whoever asked goes on from there. Each request is sent
//! twice, as somebody would who records packets and sends them again. The second answer finds no cache, and is ignored.
//!
//! Start a tracker, then two of these:
//!
//! ```text
//! cargo run --release --bin ipv8 -- tracker --listen 127.0.0.1:6421
//! cargo run --release --example request_cache -- --bootstrap 127.0.0.1:6421
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what examples do")]

mod common;

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use common::{Common, Stopped};
use ipv8::{
    Cache, Community, CommunityId, Context, Curve, Message, OverlayConfig, Peer, Promise, RandomWalk, Routes, Schedule,
    Target, community_id, promise,
};
use serde_json::json;

/// What is counted to.
const GOAL: u32 = 10;

/// How long we stay for a peer that has not come as far as we have.
const LINGER: Duration = Duration::from_secs(5);

/// Asks for the number after `value`.
#[derive(Message, Clone, Debug)]
#[message(id = 1)]
struct MyRequest {
    value: u32,
    identifier: u32,
}

/// Answers with the number after the request's.
#[derive(Message, Clone, Debug)]
#[message(id = 2)]
struct MyResponse {
    value: u32,
    identifier: u32,
}

/// What we remember while we wait for an answer: how far we have come.
struct MyCache {
    value: u32,
}

impl Cache for MyCache {
    type Community = MyCommunity;
    const PREFIX: &'static str = "my-cache";

    /// Ten seconds if we did not say so.
    fn timeout(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// Nobody answered: packets get lost, and peers go. We ask again, or somebody else.
    fn timed_out(self, community: &mut MyCommunity, cx: &mut Context<'_>, _: u64) {
        community.partner = cx.random_peer().or(community.partner.take());
        community.ask(cx, self.value);
    }
}

/// Counts, and helps others to count.
struct MyCommunity {
    json: bool,
    /// Whom we ask.
    partner: Option<Peer>,
    /// We have come to ten.
    reached: bool,
    /// Somebody else has, with our help.
    helped: bool,
    /// Kept when both are true.
    done: Option<Promise<()>>,
}

impl Community for MyCommunity {
    const ID: CommunityId = community_id!("2c1a7c5d9e0b4f63a8d1f0e4b7c35926d8ea41f7");

    fn routes(r: &mut Routes<Self>) {
        // An answer reaches its method together with the cache whose number it carries, and only then.
        r.on(Self::on_request).retrieve(Self::on_response);
    }

    fn peer_added(&mut self, cx: &mut Context<'_>, peer: &Peer) {
        common::print_peer(self.json, peer);
        self.begin_with(cx, peer);
    }
}

impl MyCommunity {
    /// Begins to count with the first peer that we meet.
    fn begin_with(&mut self, cx: &mut Context<'_>, peer: &Peer) {
        if self.partner.is_none() {
            self.partner = Some(peer.clone());
            self.ask(cx, 0);
        }
    }

    /// Asks for the number after `value`.
    fn ask(&mut self, cx: &mut Context<'_>, value: u32) {
        let Some(partner) = &self.partner else { return };
        // Stores the cache under a random number that nobody can guess.
        match cx.add_cache(MyCache { value }) {
            Ok(identifier) => {
                cx.send(partner, MyRequest { value, identifier });
                // To spice things up, a replay attack. Remove the cache, and see what happens.
                cx.send(partner, MyRequest { value, identifier });
            }
            Err(error) => tracing::warn!(%error, "counting ends here"),
        }
    }

    /// Our service: we add one.
    fn on_request(&mut self, cx: &mut Context<'_>, from: &Peer, request: MyRequest) {
        let value = request.value.saturating_add(1);
        cx.send(from, MyResponse { value, identifier: request.identifier });
        self.begin_with(cx, from);
        self.helped |= value == GOAL;
        self.leave_if_done();
    }

    fn on_response(&mut self, cx: &mut Context<'_>, from: &Peer, response: MyResponse, cache: MyCache) {
        if self.json {
            println!("{}", json!({"event": "message", "mid": from.mid().to_string(), "value": response.value}));
        } else {
            println!("{from} responded to {} with {}", cache.value, response.value);
        }
        if response.value < GOAL {
            self.ask(cx, response.value);
            return;
        }
        self.reached = true;
        self.leave_if_done();
        // The other one may be gone, or need no help. A name that is taken is no matter: we stay no longer than this.
        let _ = cx.schedule(Schedule::once().after(LINGER).named("leave"), |community: &mut Self, _| {
            community.helped = true;
            community.leave_if_done();
        });
    }

    fn leave_if_done(&mut self) {
        if self.reached && self.helped {
            self.done.take().into_iter().for_each(|done| done.keep(()));
        }
    }
}

#[derive(Parser)]
#[command(about = "Two peers that have each other count to ten")]
struct Flags {
    #[command(flatten)]
    common: Common,
}

/// Runs until we have counted, or were stopped.
async fn run(common: &Common) -> anyhow::Result<Option<Stopped>> {
    let (done, is_done) = promise();
    let community = MyCommunity { json: common.json, partner: None, reached: false, helped: false, done: Some(done) };
    let overlay = OverlayConfig::new(community)
        .id(common.community.unwrap_or(MyCommunity::ID))
        .strategy(RandomWalk::default(), Target::Peers(10));
    let service = common.builder(Curve::Medium).overlay(overlay).start().await?;
    common.print_started(&service);
    let stopped = tokio::select! {
        _ = is_done => None,
        stopped = common.until_stopped() => Some(stopped?),
    };
    service.stop().await;
    Ok(stopped)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    common::log_to_stderr();
    let Flags { common } = Flags::parse();
    match run(&common).await {
        Ok(None) if common.json => println!("{}", json!({"event": "done", "value": GOAL})),
        Ok(None) => println!("counted to {GOAL}"),
        Ok(Some(Stopped::Asked)) => {}
        Ok(Some(Stopped::TimeIsUp)) => {
            eprintln!(
                "error: the time was up before {GOAL}: start another peer, and a tracker or its address for both"
            );
            return ExitCode::FAILURE;
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
