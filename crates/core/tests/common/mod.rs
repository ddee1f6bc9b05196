//! What tests of tasks share: a node under a clock that the test sets.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ipv8_core::{
    Community, Context, Handle, Node, NodeConfig, Routes, Time,
    crypto::{Curve, PrivateKey},
    wire::{CommunityId, community_id},
};
use rand::{SeedableRng, rngs::StdRng};

/// Notes what its tasks say, with the time in milliseconds.
#[derive(Default)]
pub(crate) struct Diary {
    pub(crate) notes: Vec<(u64, &'static str)>,
    /// What it registers when it is told to stop.
    pub(crate) last_words: Option<fn(&mut Diary, &mut Context<'_>)>,
}

impl Community for Diary {
    const ID: CommunityId = community_id!("aa00000000000000000000000000000000000001");

    fn routes(_: &mut Routes<Self>) {}

    fn stopping(&mut self, cx: &mut Context<'_>) {
        self.note(cx, "stopping");
        if let Some(last_words) = self.last_words {
            last_words(self, cx);
        }
    }
}

impl Diary {
    pub(crate) fn note(&mut self, cx: &mut Context<'_>, what: &'static str) {
        let millis = u64::try_from(cx.now().since_origin().as_millis()).unwrap();
        self.notes.push((millis, what));
    }
}

pub(crate) fn note(diary: &Handle<Diary>, what: &'static str) {
    diary.with(|diary, cx| diary.note(cx, what)).unwrap();
}

pub(crate) fn notes(diary: &Handle<Diary>) -> Vec<(u64, &'static str)> {
    diary.with(|diary, _| diary.notes.clone()).unwrap()
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A node with a diary, and the time that both know.
pub(crate) struct Scene {
    pub(crate) node: Node,
    pub(crate) diary: Handle<Diary>,
    clock: Arc<AtomicU64>,
}

pub(crate) fn config() -> NodeConfig {
    NodeConfig::new(PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([1; 32])).unwrap(), [1; 32])
}

pub(crate) fn scene() -> Scene {
    scene_of(config(), Diary::default())
}

pub(crate) fn scene_of(mut config: NodeConfig, diary: Diary) -> Scene {
    let clock = Arc::new(AtomicU64::new(0));
    let shared = clock.clone();
    config.clock = Some(Arc::new(move || Time::from_nanos(shared.load(Ordering::SeqCst))));
    let node = Node::new(config);
    let diary = node.load(diary).unwrap();
    Scene { node, diary, clock }
}

impl Scene {
    pub(crate) fn now(&self) -> Time {
        Time::from_nanos(self.clock.load(Ordering::SeqCst))
    }

    /// The clock, for what is to take time.
    pub(crate) fn clock(&self) -> Arc<AtomicU64> {
        self.clock.clone()
    }

    fn set(&self, now: Time) {
        self.clock.fetch_max(now.as_nanos(), Ordering::SeqCst);
    }

    /// Jumps to a time and takes the turns that are due then, as a driver does after the machine slept.
    pub(crate) fn jump(&self, to: Duration) {
        self.set(Time::from_duration(to));
        for _ in 0..1_000 {
            self.node.poll(self.now());
            if !self.node.needs_turn() && self.node.next_deadline().is_none_or(|at| at > self.now()) {
                return;
            }
        }
        panic!("the node wants turns without end");
    }

    /// Goes on from deadline to deadline up to a time, that time included.
    pub(crate) fn run_to(&self, to: Duration) {
        self.jump(self.now().since_origin());
        while let Some(at) = self.node.next_deadline().filter(|at| at.since_origin() <= to) {
            self.jump(at.since_origin());
        }
        self.jump(to);
    }
}
