//! What leaves a node at once, and what its strategies cost: `cargo bench -p ipv8-bench --bench tick`.
//!
//! Overlays that each send one packet of 100 bytes in half a second, for ten virtual seconds, once by strategies that the
//! node spreads over the tick, and once by intervals of their own that come due together (as in the reference's loop, whose
//! smoothing comes out as zero). Prints the most packets in any ten milliseconds, and the processor time for each step.
//!
//! | overlays | strategies | intervals |
//! |---|---|---|
//! | 10 | 2 | 10 |
//! | 50 | 2 | 50 |
//! | 200 | 5 | 200 |

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a bench stops when its set-up fails, and prints")]
#![allow(clippy::disallowed_methods, reason = "measures real time")]

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use ipv8_core::{Community, Context, Node, NodeConfig, OverlayConfig, Routes, Schedule, Strategy, Target, Time};
use ipv8_crypto::{Curve, PrivateKey};
use ipv8_wire::CommunityId;
use rand::{SeedableRng, rngs::StdRng};

const TICK: Duration = Duration::from_millis(500);
const SPAN: Duration = Duration::from_secs(10);

struct Plain;

impl Community for Plain {
    const ID: CommunityId = CommunityId([0; 20]);

    fn routes(_: &mut Routes<Self>) {}
}

struct Sends;

impl Strategy for Sends {
    fn name(&self) -> &'static str {
        "Sends"
    }

    fn step(&mut self, cx: &mut Context<'_>) {
        send(cx);
    }
}

fn send(cx: &mut Context<'_>) {
    cx.send_packet(SocketAddr::from(([10, 0, 0, 9], 9)), vec![0; 100]);
}

fn node(overlays: u8, strategies: bool) -> Node {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([1; 32])).expect("a key");
    let node = Node::new(NodeConfig::new(key, [1; 32]));
    for number in 0..overlays {
        let handle = node.load(OverlayConfig::new(Plain).id(CommunityId([number; 20]))).expect("loads");
        let add = |cx: &mut Context<'_>| match strategies {
            true => cx.add_strategy(Sends, Target::Always),
            false => drop(cx.schedule(Schedule::every(TICK), |_: &mut Plain, cx| send(cx))),
        };
        handle.with(|_, cx| add(cx)).expect("is loaded");
    }
    node
}

/// The most packets in any ten milliseconds of a grid, and the time that one packet took.
fn run(node: &Node) -> (usize, Duration) {
    let begin = Instant::now();
    let mut slots: BTreeMap<u64, usize> = BTreeMap::new();
    let end = Time::from_duration(SPAN);
    while let Some(now) = node.next_deadline().filter(|at| *at <= end) {
        node.poll(now);
        while node.poll_transmit().is_some() {
            *slots.entry(now.as_nanos() / 10_000_000).or_default() += 1;
        }
    }
    let packets = u32::try_from(slots.values().sum::<usize>()).expect("some thousands");
    (slots.into_values().max().unwrap_or_default(), begin.elapsed() / packets.max(1))
}

fn main() {
    println!("overlays  strategies: peak  each    intervals: peak  each");
    for overlays in [10, 50, 200] {
        let (spread, step) = run(&node(overlays, true));
        let (at_once, interval) = run(&node(overlays, false));
        println!("{overlays:8}  {spread:16}  {step:6.1?}  {at_once:15}  {interval:6.1?}");
    }
}
