//! Strategies share the tick: they never send all at once, each takes its turn, and one that panics goes on.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use ipv8_core::{
    Community, Context, Handle, HandleError, Node, NodeConfig, OverlayConfig, Routes, Schedule, Strategy, StrategyInfo,
    Target, Time,
    crypto::{Curve, PrivateKey},
    wire::CommunityId,
};
use rand::{SeedableRng, rngs::StdRng};

const OVERLAYS: u8 = 50;
const TICK: Duration = Duration::from_millis(500);

struct Plain;

impl Community for Plain {
    const ID: CommunityId = CommunityId([0; 20]);

    fn routes(_: &mut Routes<Self>) {}
}

fn send(cx: &mut Context<'_>) {
    cx.send_packet(SocketAddr::from(([10, 0, 0, 9], 9)), vec![0; 100]);
}

/// Sends one packet a step.
struct Sends;

impl Strategy for Sends {
    fn name(&self) -> &'static str {
        "Sends"
    }

    fn step(&mut self, cx: &mut Context<'_>) {
        send(cx);
    }
}

fn node(seed: u8) -> Node {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([seed; 32])).unwrap();
    Node::new(NodeConfig::new(key, [seed; 32]))
}

fn overlay(number: u8) -> OverlayConfig<Plain> {
    OverlayConfig::new(Plain).id(CommunityId([number; 20]))
}

/// When packets leave these nodes, if each turn is taken when it is due.
fn departures(nodes: &[Node], until: Time) -> Vec<Time> {
    let mut times = Vec::new();
    for node in nodes {
        while let Some(now) = node.next_deadline().filter(|at| *at <= until) {
            node.poll(now);
            while node.poll_transmit().is_some() {
                times.push(now);
            }
        }
    }
    times
}

fn seconds(seconds: f64) -> Time {
    Time::from_duration(Duration::from_secs_f64(seconds))
}

/// The most packets in any ten milliseconds of a grid.
fn peak(times: impl IntoIterator<Item = Time>) -> usize {
    let mut slots: BTreeMap<u64, usize> = BTreeMap::new();
    for time in times {
        *slots.entry(time.as_nanos() / 10_000_000).or_default() += 1;
    }
    slots.into_values().max().unwrap_or_default()
}

#[test]
fn fifty_overlays_send_at_most_two_packets_in_ten_milliseconds() {
    let node = node(1);
    let handles: Vec<Handle<Plain>> =
        (0..OVERLAYS).map(|number| node.load(overlay(number).strategy(Sends, Target::Always)).unwrap()).collect();
    let times = departures(std::slice::from_ref(&node), seconds(10.0));
    assert!((1_000..=1_001).contains(&times.len()), "{} steps in 20 ticks of 50", times.len());
    assert!(peak(times.iter().copied()) <= 2, "{}", peak(times));
    assert_eq!(handles.len(), 50);
}

#[test]
fn fifty_overlays_with_intervals_of_their_own_send_all_at_once() {
    // What the seeds warn of, and what the reference's loop does, whose smoothing comes out as zero.
    let node = node(1);
    for number in 0..OVERLAYS {
        let handle = node.load(overlay(number)).unwrap();
        handle.with(|_, cx| cx.schedule(Schedule::every(TICK), |_: &mut Plain, cx| send(cx)).unwrap()).unwrap();
    }
    let times = departures(std::slice::from_ref(&node), seconds(10.0));
    assert_eq!(times.len(), 1_000);
    assert_eq!(peak(times), 50);
}

#[test]
fn nodes_that_start_together_do_not_keep_in_step() {
    let nodes: Vec<Node> = (0..50).map(node).collect();
    for node in &nodes {
        node.load(overlay(1).strategy(Sends, Target::Always)).unwrap();
    }
    let times = departures(&nodes, seconds(10.0));
    let (first, later): (Vec<Time>, Vec<Time>) = times.into_iter().partition(|time| *time == Time::ZERO);
    assert_eq!(first.len(), 50, "the first step comes at once");
    assert!(peak(later.iter().copied()) <= 8, "{}", peak(later));
}

/// Notes that its turn came.
struct Notes(&'static str, Arc<Mutex<Vec<&'static str>>>);

impl Strategy for Notes {
    fn name(&self) -> &'static str {
        self.0
    }

    fn step(&mut self, cx: &mut Context<'_>) {
        self.1.lock().unwrap().push(self.0);
        match self.0 {
            "panics" => panic!("on purpose"),
            "leaves" => assert_eq!(cx.remove_strategy("leaves"), 1),
            _ => {}
        }
    }
}

#[test]
fn one_that_panics_or_leaves_does_not_disturb_the_others() {
    let node = node(1);
    let log: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    let add = |config: OverlayConfig<Plain>, name| config.strategy(Notes(name, log.clone()), Target::Always);
    let config = ["a", "leaves", "panics", "b"].into_iter().fold(overlay(1), add);
    let handle = node.load(config).unwrap();
    departures(std::slice::from_ref(&node), seconds(0.0));
    let round = |from: f64| {
        log.lock().unwrap().clear();
        departures(std::slice::from_ref(&node), seconds(from));
        log.lock().unwrap().clone()
    };
    assert_eq!(round(0.5)[..3], ["leaves", "panics", "b"]);
    let later = round(5.0);
    let of = |name| later.iter().filter(|other| **other == name).count();
    assert!((8..=10).contains(&of("a")) && of("a").abs_diff(of("b")) <= 1 && of("a").abs_diff(of("panics")) <= 1);
    assert_eq!(of("leaves"), 0);
    assert_eq!(node.stats().panics, u64::try_from(of("panics")).unwrap() + 1);
    let names = handle.with(|_, cx| cx.strategies().iter().map(|info| info.name).collect::<Vec<_>>()).unwrap();
    assert_eq!(names, ["a", "panics", "b"]);
}

#[test]
fn strategies_come_and_go_while_the_node_runs() {
    let node = node(1);
    let handle = node.load(overlay(1)).unwrap();
    assert_eq!(departures(std::slice::from_ref(&node), seconds(1.0)), []);
    node.poll(seconds(1.0));
    handle.with(|_, cx| cx.add_strategy_boxed(Box::new(Sends), Target::Always)).unwrap();
    assert_eq!(departures(std::slice::from_ref(&node), seconds(1.0)), [seconds(1.0)], "its first step comes at once");
    assert!(departures(std::slice::from_ref(&node), seconds(3.0)).len() >= 4);
    // The same without knowing the type.
    assert_eq!(node.overlays(), [handle.overlay_id()]);
    let listed = node.in_overlay(handle.overlay_id(), |cx| cx.strategies()).unwrap();
    assert_eq!(listed, [StrategyInfo { name: "Sends", target: Target::Always }]);
    let nested = handle.with(|_, _| node.in_overlay(handle.overlay_id(), |_| ())).unwrap();
    assert_eq!(nested, Err(HandleError::Reentrant));
    assert_eq!(handle.with(|_, cx| (cx.remove_strategy("sends"), cx.remove_strategy("Sends"))).unwrap(), (0, 1));
    assert_eq!(departures(std::slice::from_ref(&node), seconds(10.0)), []);
}
