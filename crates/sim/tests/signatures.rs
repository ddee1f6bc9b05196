//! How signatures are made and checked changes the time that a run takes, and nothing that happens in it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use common::{Clock, Lamport, add_tracker, add_walkers, secs};
use ipv8_core::{
    Community, Context, DropReason, Hardening, OverlayConfig, Peer, Routes, Stats,
    crypto::{Curve, Job, PrivateKey, Sequential, Verifier},
    wire::CommunityId,
};
use ipv8_sim::{Link, Metrics, NodeId, NodeOptions, World, WorldBuilder};
use rand::{RngExt, SeedableRng, rngs::StdRng};

const NODES: u8 = 16;

/// Sends everybody the same packets again and again: good ones, damaged ones, and such in the name of others.
struct Mallory {
    others: Vec<PrivateKey>,
    kept: Vec<Vec<u8>>,
}

impl Community for Mallory {
    const ID: CommunityId = Lamport::ID;

    fn routes(r: &mut Routes<Self>) {
        r.on(|_: &mut Self, _: &mut Context<'_>, _: &Peer, _: Clock| {});
        r.every(Duration::from_millis(500), Self::bother);
    }
}

impl Mallory {
    fn bother(&mut self, cx: &mut Context<'_>) {
        let clock = cx.rng().random_range(0..50);
        let own = cx.pack(Clock { clock }).unwrap();
        let community = cx.community_id();
        // As a program beside the node signs, which knows nothing of what the world does with signatures.
        let other = &self.others[cx.rng().random_range(0..self.others.len())];
        let mut apart = cx.pack_as(community, other, Some(7), &Clock { clock: 8 }).unwrap();
        let unsigned = apart.len() - other.public().signature_len();
        apart.truncate(unsigned);
        let signature = other.sign(&apart).unwrap();
        apart.extend_from_slice(&signature);
        // Another one's key over a signature of our own, and a signature of another message.
        let mut forged = own.clone();
        let key = other.public().as_bytes();
        if key.len() == cx.private_key().public().as_bytes().len() {
            forged[25..25 + key.len()].copy_from_slice(key);
        }
        let mut moved = own.clone();
        let end = moved.len() - 64;
        moved[end..].copy_from_slice(&signature.as_bytes().repeat(2)[..64]);
        self.kept.extend([own, apart, forged, moved]);
        if self.kept.len() > 40 {
            self.kept.drain(..4);
        }
        let packets = self.kept.len();
        for number in 0..NODES {
            let to = SocketAddr::from(([10, 0, 0, 2 + number], 8_090));
            let packet = self.kept[cx.rng().random_range(0..packets)].clone();
            let mut damaged = packet.clone();
            let byte = cx.rng().random_range(0..damaged.len());
            damaged[byte] ^= 1 << cx.rng().random_range(0..8);
            for packet in [packet.clone(), damaged.clone(), packet, damaged] {
                cx.send_packet(to, packet);
            }
        }
    }
}

type Seen = (u64, Metrics, BTreeMap<NodeId, Stats>);

/// A network that Mallory bothers, over links that repeat what they carry; some of its nodes are hardened.
fn run(change: impl Fn(WorldBuilder) -> WorldBuilder) -> Seen {
    let link = Link::default().duplication(0.3).loss(0.05);
    let mut world = change(World::builder(1).link(link)).build();
    add_tracker(&mut world);
    add_walkers(&mut world, u64::from(NODES), 8, Lamport::default);
    for _ in 0..4 {
        world.add_node(NodeOptions::default().hardening(Hardening::hardened()).setup(|node| {
            node.load(OverlayConfig::new(Lamport::default())).unwrap();
        }));
    }
    let mut rng = StdRng::seed_from_u64(1);
    let others: Vec<_> = (0..3).map(|_| PrivateKey::generate(Curve::Curve25519, &mut rng).unwrap()).collect();
    world.add_node(NodeOptions::default().setup(move |node| {
        let mallory = Mallory { others: others.clone(), kept: Vec::new() };
        node.load(OverlayConfig::new(mallory)).unwrap();
    }));
    world.run_for(secs(20));
    let stats = world.nodes().map(|id| (id, world.node(id).stats())).collect();
    (world.trace_hash(), world.metrics().clone(), stats)
}

/// Checks one signature after the other, and counts.
struct Counting(Arc<AtomicUsize>);

impl Verifier for Counting {
    fn verify(&mut self, jobs: &[Job<'_>], verdicts: &mut Vec<bool>) {
        self.0.fetch_add(jobs.len(), Ordering::Relaxed);
        Sequential.verify(jobs, verdicts);
    }
}

#[test]
fn verdicts_that_are_remembered_are_those_that_are_computed() {
    let real = run(WorldBuilder::real_signatures);
    let dropped: u64 = real.2.values().map(|stats| stats.dropped(DropReason::Signature)).sum();
    let verified: u64 = real.2.values().map(|stats| stats.verified).sum();
    assert!(dropped > 500 && verified > 4 * dropped / 3, "{dropped} of {verified}: both verdicts are needed");
    assert!(run(|builder| builder) == real, "the run with remembered verdicts is another one");
    assert!(run(|builder| builder.threads(3)) == real, "the run in three threads is another one");
    let counted = Arc::new(AtomicUsize::new(0));
    let count = counted.clone();
    assert!(
        run(move |builder| {
            let count = count.clone();
            builder.verifier(move || Box::new(Counting(count.clone())))
        }) == real
    );
    assert_eq!(u64::try_from(counted.load(Ordering::Relaxed)).unwrap(), verified);
}

#[test]
fn stamps_change_the_bytes_of_signatures_and_nothing_else() {
    let (hash, metrics, stats) = run(WorldBuilder::real_signatures);
    let (other_hash, other_metrics, other_stats) = run(WorldBuilder::stamps);
    assert_ne!(hash, other_hash);
    assert_eq!(metrics, other_metrics);
    assert!(stats == other_stats, "the nodes counted something else");
}
