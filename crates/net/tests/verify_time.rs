//! The time of checking signatures is shared by what their curves cost; older curves are in this crate's tests because
//! the node's own do without them.
#![cfg(feature = "legacy")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use ipv8_core::{
    Community, Context, Node, NodeConfig, Peer, Routes, Time,
    crypto::{Curve, Job, PrivateKey, Sequential, Verifier},
    wire::{CommunityId, Message, community_id},
};
use rand::{SeedableRng, rngs::StdRng};

#[derive(Message, Clone, Debug)]
#[message(id = 1)]
struct One {
    value: u32,
}

#[derive(Message, Clone, Debug)]
#[message(id = 2)]
struct Two {
    value: u32,
}

struct Both;

impl Community for Both {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a7");

    fn routes(r: &mut Routes<Self>) {
        r.on(|_: &mut Self, _: &mut Context<'_>, _: &Peer, _: One| ());
        r.on(|_: &mut Self, _: &mut Context<'_>, _: &Peer, _: Two| ());
    }
}

/// Takes eleven milliseconds for a batch, by a clock that the test sees.
struct Slow(Arc<AtomicU64>);

impl Verifier for Slow {
    fn verify(&mut self, jobs: &[Job<'_>], verdicts: &mut Vec<bool>) {
        self.0.fetch_add(11_000_000, Ordering::SeqCst);
        Sequential.verify(jobs, verdicts);
    }
}

#[test]
fn signatures_of_older_curves_take_a_greater_share() {
    let clock = Arc::new(AtomicU64::new(0));
    let key = |curve| PrivateKey::generate(curve, &mut StdRng::from_seed([1; 32])).unwrap();
    let mut config = NodeConfig::new(key(Curve::Curve25519), [1; 32]);
    config.verifier = Box::new(Slow(clock.clone()));
    config.clock = Some(Arc::new(move || Time::from_nanos(clock.load(Ordering::SeqCst))));
    let node = Node::new(config);
    let both = node.load(Both).unwrap();
    let pack = |cx: &mut Context<'_>| {
        let one = cx.pack_as(Both::ID, &key(Curve::Curve25519), None, &One { value: 1 }).unwrap();
        let two = cx.pack_as(Both::ID, &key(Curve::VeryLow), None, &Two { value: 2 }).unwrap();
        [one, two]
    };
    let packets = both.with(|_, cx| pack(cx)).unwrap();
    let from = SocketAddr::from(([10, 0, 0, 2], 8090));
    node.handle(Time::ZERO, packets.iter().map(|packet| (from, packet.as_slice())));
    let report = node.report();
    let overlay = report.overlay(Both::ID).unwrap();
    let times = [1, 2].map(|id| overlay.message(id).unwrap().verify_time().as_millis());
    assert_eq!(times, [1, 10]);
    assert_eq!(report.totals.verify_time.as_millis(), 11);
}
