//! Strategies that have nothing to do do not wake their node, and step as if it had woken for them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use ipv8_core::{
    Community, Context, Handle, Node, NodeConfig, OverlayConfig, PeerRecord, Routes, Strategy, Target, Time,
    crypto::{Curve, Mid, PrivateKey},
    network::Addresses,
    wire::CommunityId,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

const TICK: Duration = Duration::from_millis(500);
const ID: CommunityId = CommunityId([7; 20]);

type Log = Arc<Mutex<Vec<(&'static str, Time)>>>;

struct Plain;

impl Community for Plain {
    const ID: CommunityId = ID;

    fn routes(_: &mut Routes<Self>) {}
}

/// Notes its steps, and rests after each.
struct Notes {
    name: &'static str,
    log: Log,
    rest: Option<Duration>,
    last: Option<Time>,
}

impl Notes {
    fn new(name: &'static str, log: &Log, rest: Option<Duration>) -> Self {
        Self { name, log: log.clone(), rest, last: None }
    }
}

impl Strategy for Notes {
    fn name(&self) -> &'static str {
        self.name
    }

    fn step(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        if self.rests_until().is_none_or(|until| until <= now) {
            self.last = Some(now);
            self.log.lock().unwrap().push((self.name, now));
        }
    }

    fn rests_until(&self) -> Option<Time> {
        Some(self.last? + self.rest?)
    }
}

fn node() -> Node {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([1; 32])).unwrap();
    Node::new(NodeConfig::new(key, [1; 32]))
}

fn meet(handle: &Handle<Plain>, number: u8) -> Mid {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap();
    let mut addresses = Addresses::default();
    addresses.set(SocketAddr::from(([10, 0, 0, number], 8090)));
    handle
        .with(|_, cx| {
            let now = cx.now();
            assert!(cx.network_mut().add_verified(&PeerRecord::new(key.public().clone(), addresses, now)));
            cx.network_mut().discover_services(&key.mid(), &[ID]);
        })
        .unwrap();
    key.mid()
}

fn lose(handle: &Handle<Plain>, mid: &Mid) {
    assert!(handle.with(|_, cx| cx.network_mut().remove(mid)).unwrap());
}

/// Takes all turns that are due up to a time, and one at that time; says how many.
fn run(node: &Node, until: Time) -> usize {
    let mut turns = 1;
    while let Some(at) = node.next_deadline().filter(|at| *at <= until) {
        node.poll(at);
        turns += 1;
    }
    node.poll(until);
    turns
}

fn seconds(seconds: f64) -> Time {
    Time::from_duration(Duration::from_secs_f64(seconds))
}

#[test]
fn a_node_that_has_peers_enough_sleeps_until_it_loses_one() {
    let (node, log) = (node(), Log::default());
    let walk = Notes::new("walk", &log, None);
    let handle = node.load(OverlayConfig::new(Plain).strategy(walk, Target::Peers(2))).unwrap();
    run(&node, seconds(10.0));
    assert_eq!(log.lock().unwrap().len(), 21, "with nobody it steps in each tick");
    let second = log.lock().unwrap()[1].1;
    let (mid, _) = (meet(&handle, 2), meet(&handle, 3));
    assert_eq!(run(&node, seconds(1_000.0)), 2, "the next step finds peers enough");
    assert_eq!((node.next_deadline(), log.lock().unwrap().len()), (None, 21));
    lose(&handle, &mid);
    node.poll(seconds(1_000.0));
    let next = node.next_deadline().unwrap();
    assert!(next >= seconds(1_000.0) && next < seconds(1_000.5));
    assert_eq!(next.since(second).as_nanos() % TICK.as_nanos(), 0, "on the beat that it always had");
    assert_eq!(run(&node, next), 2);
    assert_eq!(log.lock().unwrap().last(), Some(&("walk", next)));
}

#[test]
fn one_that_is_added_while_all_rest_steps_in_the_next_tick() {
    let (node, log) = (node(), Log::default());
    let handle =
        node.load(OverlayConfig::new(Plain).strategy(Notes::new("walk", &log, None), Target::Peers(1))).unwrap();
    meet(&handle, 2);
    run(&node, seconds(100.0));
    assert_eq!(node.next_deadline(), None);
    handle.with(|_, cx| cx.add_strategy(Notes::new("new", &log, None), Target::Always)).unwrap();
    run(&node, seconds(101.0));
    let new = log.lock().unwrap().iter().filter(|(name, _)| *name == "new").count();
    assert!((1..=3).contains(&new), "{new}");
    handle.with(|_, cx| assert_eq!(cx.remove_strategy("new"), 1)).unwrap();
    run(&node, seconds(102.0));
    assert_eq!(node.next_deadline(), None, "all rest again");
}

/// Panics when it is asked how long it rests.
struct Careless(Log);

impl Strategy for Careless {
    fn name(&self) -> &'static str {
        "careless"
    }

    fn step(&mut self, cx: &mut Context<'_>) {
        self.0.lock().unwrap().push(("careless", cx.now()));
    }

    fn rests_until(&self) -> Option<Time> {
        panic!("on purpose")
    }
}

#[test]
fn one_that_cannot_say_how_long_it_rests_disturbs_nobody() {
    let (node, log) = (node(), Log::default());
    let config = OverlayConfig::new(Plain).strategy(Careless(log.clone()), Target::Always);
    node.load(config.strategy(Notes::new("walk", &log, None), Target::Always)).unwrap();
    run(&node, seconds(5.0));
    let of = |name| log.lock().unwrap().iter().filter(|(other, _)| *other == name).count();
    assert_eq!((of("careless"), of("walk")), (11, 10));
    assert_eq!(node.stats().panics, 11);
}

/// What strategies are to do, if each beat is looked at: three of them, of which the second always steps.
fn expected(second: Time, until: Time, rest: Duration, peers: impl Fn(Time) -> usize) -> Vec<(&'static str, Time)> {
    let mut log = vec![("walk", Time::ZERO)];
    let mut rested = Time::ZERO;
    for beat in 1_u32.. {
        let at = second + TICK / 3 * (beat - 1);
        if at > until {
            break;
        }
        match beat % 3 {
            0 if peers(at) < 2 => log.push(("walk", at)),
            1 => log.push(("always", at)),
            2 if at >= rested => {
                log.push(("rests", at));
                rested = at + rest;
            }
            _ => {}
        }
    }
    log
}

#[test]
fn strategies_step_as_if_every_beat_was_looked_at() {
    for seed in 0..200 {
        let mut rng = StdRng::seed_from_u64(seed);
        let rest = Duration::from_millis(rng.random_range(0..3_000));
        let (node, log) = (node(), Log::default());
        let config = OverlayConfig::new(Plain)
            .strategy(Notes::new("walk", &log, None), Target::Peers(2))
            .strategy(Notes::new("always", &log, None), Target::Always)
            .strategy(Notes::new("rests", &log, Some(rest)), Target::Always);
        let handle = node.load(config).unwrap();
        node.poll(Time::ZERO);
        let second = node.next_deadline().unwrap();
        let (mut here, mut history, mut now) = (Vec::new(), vec![(Time::ZERO, 0)], Time::ZERO);
        for number in 0..40 {
            now = now + Duration::from_nanos(rng.random_range(1..900_000_000));
            run(&node, now);
            if here.is_empty() || (here.len() < 4 && rng.random()) {
                here.push(meet(&handle, 10 + number));
            } else {
                lose(&handle, &here.swap_remove(0));
            }
            node.poll(now);
            history.push((now, here.len()));
        }
        let peers = |at: Time| history.iter().rev().find(|(since, _)| *since < at).map_or(0, |(_, count)| *count);
        assert_eq!(*log.lock().unwrap(), expected(second, now, rest, peers), "seed {seed}");
    }
}
