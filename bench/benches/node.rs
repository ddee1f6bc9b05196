//! What a node costs, without sockets: `cargo bench -p ipv8-bench --bench node`.
//!
//! | bench | one run is |
//! |---|---|
//! | `turn_signed_echo` | one turn with one signed question of 171 bytes from a known sender: verified, answered, the answer signed and taken out |
//! | `turn_unsigned_echo` | the same without signatures, 31 bytes |
//! | `turn_dispatch_only` | one turn with one signed message whose verdict is remembered (`Memoised`, one SHA-256), and a handler that sends nothing: headers, routing, decoding, call |
//! | `turn_unsigned_dispatch_only` | the same for an unsigned message: no key, no verdict |
//! | `turn_of_64_unsigned` | one turn with 64 unsigned messages and no answers; divide by 64 for the cost of one in a batch |
//! | `turn_empty` | one turn in which nothing happens: the floor of all others |
//! | `turn_unknown_prefix` | one turn that drops a packet of a community that is not loaded |
//! | `turn_forged` | one turn that drops a packet whose signature does not hold: what a flood of them costs |
//! | `turn_introduction` | one turn that answers an introduction request: one verification, one signature, and a puncture request to the peer that is introduced |
//! | `encode_clock`, `decode_clock` | fields of a message with one `u32` to bytes, and back |
//! | `sign`, `verify` | the signature of a packet of 107 bytes, alone |
//! | `sha256_of_1_kib` | nothing of ours: tells how fast the machine is at the moment |
//!
//! Subtract `sign` and `verify` from a turn to see what the node adds to them: less than a microsecond. Medians of one
//! run, in microseconds:
//!
//! | | |
//! |---|---|
//! | `turn_signed_echo` | 46.2 |
//! | `turn_unsigned_echo` | 0.224 |
//! | `turn_dispatch_only` | 0.513 |
//! | `turn_unsigned_dispatch_only` | 0.196 |
//! | `turn_of_64_unsigned` | 7.57, 0.118 for each message |
//! | `turn_empty` | 0.060 |
//! | `turn_unknown_prefix` | 0.126 |
//! | `turn_forged` | 29.7 |
//! | `turn_introduction` | 47.0 |
//! | `encode_clock`, `decode_clock` | 0.011, 0.003 |
//! | `sign`, `verify` | 16.5, 28.8 |

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a bench stops when its set-up fails")]

use std::net::SocketAddr;

use divan::{Bencher, black_box};
use ipv8_core::{
    Community, Context, Handle, Interfaces, MaxPeers, Node, NodeConfig, OverlayConfig, Peer, Routes, Time, Transmit,
};
use ipv8_crypto::{Curve, Memoised, PrivateKey};
use ipv8_wire::{CommunityId, Message, Payload, Prefix, community_id};
use rand::{SeedableRng as _, rngs::StdRng};
use sha2::{Digest as _, Sha256};

#[derive(Message, Clone)]
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

#[derive(Message, Clone)]
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

#[derive(Message, Clone)]
#[message(id = 5)]
struct Clock {
    clock: u32,
}

#[derive(Message, Clone)]
#[message(id = 6, unsigned)]
struct OpenClock {
    clock: u32,
}

#[derive(Default)]
struct Echo {
    clock: u32,
}

impl Community for Echo {
    const ID: CommunityId = community_id!("ec40ec40ec40ec40ec40ec40ec40ec40ec40ec40");

    fn routes(r: &mut Routes<Self>) {
        r.on(|_: &mut Self, cx: &mut Context<'_>, from: &Peer, m: Question| {
            cx.send(from, Answer { value: m.value.wrapping_add(1), identifier: m.identifier });
        });
        r.on(|_: &mut Self, cx: &mut Context<'_>, from: &SocketAddr, m: OpenQuestion| {
            cx.send_to(*from, OpenAnswer { value: m.value.wrapping_add(1), identifier: m.identifier });
        });
        r.on(|echo: &mut Self, _: &mut Context<'_>, _: &Peer, m: Clock| echo.clock = echo.clock.max(m.clock));
        r.on(|echo: &mut Self, _: &mut Context<'_>, _: &SocketAddr, m: OpenClock| echo.clock = echo.clock.max(m.clock));
    }
}

fn main() {
    divan::main();
}

fn key(number: u8) -> PrivateKey {
    PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).expect("curve25519 is always there")
}

fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number], 8090))
}

/// A node at `address(number)`, with verdicts remembered if asked.
fn node(number: u8, memoised: bool) -> (Node, Handle<Echo>) {
    let mut config = NodeConfig::new(key(number), [number; 32]);
    if memoised {
        config.verifier = Box::new(Memoised::default());
    }
    let node = Node::new(config);
    let SocketAddr::V4(v4) = address(number) else { unreachable!("made as IPv4") };
    node.set_interfaces(Interfaces { lan: Some(v4.into()), v4: Some(v4), v6: None, machine: vec![(*v4.ip()).into()] });
    let echo = node.load(OverlayConfig::new(Echo::default()).max_peers(MaxPeers::Unlimited)).expect("loads once");
    (node, echo)
}

/// What node `number` sends to node 1.
fn sent_by(number: u8, send: impl FnOnce(&mut Context<'_>, SocketAddr)) -> Vec<u8> {
    let (sender, echo) = node(number, false);
    echo.with(|_, cx| send(cx, address(1))).expect("it is loaded");
    sender.poll(Time::ZERO);
    sender.poll_transmit().expect("it was sent").bytes
}

/// A node that met its sender: node 2 introduced itself.
fn acquainted(memoised: bool) -> Node {
    let (node, _) = node(1, memoised);
    turn(&node, &[&sent_by(2, |cx, to| cx.walk_to(to))], &mut Vec::new());
    node
}

fn turn(node: &Node, datagrams: &[&[u8]], sent: &mut Vec<Transmit>) {
    sent.clear();
    node.handle(Time::ZERO, datagrams.iter().map(|datagram| (address(2), *datagram)));
    node.drain_transmits(sent);
}

/// Measures turns that take in these datagrams and send as many as said.
fn bench(bencher: Bencher<'_, '_>, node: &Node, datagrams: &[&[u8]], answers: usize) {
    let mut sent = Vec::new();
    turn(node, datagrams, &mut sent);
    assert_eq!(sent.len(), answers);
    bencher.bench_local(|| turn(node, black_box(datagrams), &mut sent));
    assert_eq!((sent.len(), node.stats().panics), (answers, 0));
}

#[divan::bench]
fn turn_signed_echo(bencher: Bencher<'_, '_>) {
    let question = sent_by(2, |cx, to| cx.send_to(to, Question { value: 7, identifier: 7 }));
    bench(bencher, &acquainted(false), &[&question], 1);
}

#[divan::bench]
fn turn_unsigned_echo(bencher: Bencher<'_, '_>) {
    let question = sent_by(2, |cx, to| cx.send_to(to, OpenQuestion { value: 7, identifier: 7 }));
    bench(bencher, &acquainted(false), &[&question], 1);
}

#[divan::bench]
fn turn_dispatch_only(bencher: Bencher<'_, '_>) {
    let clock = sent_by(2, |cx, to| cx.send_to(to, Clock { clock: 7 }));
    bench(bencher, &acquainted(true), &[&clock], 0);
}

#[divan::bench]
fn turn_unsigned_dispatch_only(bencher: Bencher<'_, '_>) {
    let clock = sent_by(2, |cx, to| cx.send_to(to, OpenClock { clock: 7 }));
    bench(bencher, &acquainted(false), &[&clock], 0);
}

#[divan::bench]
fn turn_of_64_unsigned(bencher: Bencher<'_, '_>) {
    let clock = sent_by(2, |cx, to| cx.send_to(to, OpenClock { clock: 7 }));
    bench(bencher, &acquainted(false), &[clock.as_slice(); 64], 0);
}

#[divan::bench]
fn turn_empty(bencher: Bencher<'_, '_>) {
    bench(bencher, &acquainted(false), &[], 0);
}

#[divan::bench]
fn turn_unknown_prefix(bencher: Bencher<'_, '_>) {
    let mut packet = sent_by(2, |cx, to| cx.send_to(to, Clock { clock: 7 }));
    packet[21] ^= 1;
    bench(bencher, &acquainted(false), &[&packet], 0);
}

#[divan::bench]
fn turn_forged(bencher: Bencher<'_, '_>) {
    let mut packet = sent_by(2, |cx, to| cx.send_to(to, Clock { clock: 7 }));
    let changed = packet.len() - 65;
    packet[changed] ^= 1;
    bench(bencher, &acquainted(false), &[&packet], 0);
}

#[divan::bench]
fn turn_introduction(bencher: Bencher<'_, '_>) {
    let node = acquainted(false);
    // The peer that is introduced.
    let other = sent_by(3, |cx, to| cx.walk_to(to));
    node.handle(Time::ZERO, [(address(3), other.as_slice())]);
    turn(&node, &[], &mut Vec::new());
    bench(bencher, &node, &[&sent_by(2, |cx, to| cx.walk_to(to))], 2);
}

#[divan::bench]
fn encode_clock(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| black_box(Clock { clock: 7 }).encode());
}

#[divan::bench]
fn decode_clock(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| Clock::decode(black_box(&[0, 0, 0, 7])).map(|clock| clock.clock));
}

/// What other figures are put beside when two machines are compared.
#[divan::bench]
fn sha256_of_1_kib(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| Sha256::digest(black_box([7; 1_024])));
}

/// A question up to its signature.
fn question() -> Vec<u8> {
    let mut packet = Prefix::new(Echo::ID).as_bytes().to_vec();
    packet.resize(107, 1);
    packet
}

#[divan::bench]
fn sign(bencher: Bencher<'_, '_>) {
    let (key, packet) = (key(2), question());
    bencher.bench_local(|| key.sign(black_box(&packet)));
}

#[divan::bench]
fn verify(bencher: Bencher<'_, '_>) {
    let (key, packet) = (key(2), question());
    let signature = key.sign(&packet).expect("curve25519 always signs");
    let public = key.public();
    assert!(public.verify(&packet, &signature));
    bencher.bench_local(|| public.verify(black_box(&packet), &signature));
}
