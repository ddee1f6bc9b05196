//! What keeps a node busy is told from outside, without waiting for the node.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use common::{Diary, Scene, config, ms, scene};
use ipv8_core::{
    Busy, Community, Context, Node, Routes, Schedule, Strategy, Target, Time,
    wire::{CommunityId, Message, community_id},
};

/// Looks from another thread, 7 milliseconds after what runs began.
struct Watcher {
    node: Node,
    clock: Arc<AtomicU64>,
    seen: Arc<Mutex<Vec<Busy>>>,
}

impl Watcher {
    fn of(scene: &Scene) -> Arc<Self> {
        Arc::new(Self { node: scene.node.clone(), clock: scene.clock(), seen: Arc::default() })
    }

    fn look(self: &Arc<Self>) {
        self.clock.fetch_add(7_000_000, Ordering::SeqCst);
        let watcher = self.clone();
        let look = move || watcher.seen.lock().unwrap().extend(watcher.node.busy());
        std::thread::Builder::new().spawn(look).unwrap().join().unwrap();
    }

    fn seen(&self) -> Vec<(Option<&'static str>, String)> {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        assert!(seen.iter().all(|busy| busy.lasting == ms(7)), "{seen:?}");
        seen.into_iter().map(|busy| (busy.community, busy.what)).collect()
    }
}

#[derive(Message, Clone, Debug)]
#[message(id = 9, unsigned)]
struct Shout {
    value: u32,
}

struct Hall(Arc<Watcher>);

impl Community for Hall {
    const ID: CommunityId = community_id!("aa00000000000000000000000000000000000004");

    fn routes(r: &mut Routes<Self>) {
        r.on(|hall: &mut Self, _: &mut Context<'_>, _: &SocketAddr, _: Shout| hall.0.look());
    }

    fn stopping(&mut self, _: &mut Context<'_>) {
        self.0.look();
    }
}

struct Looks(Arc<Watcher>);

impl Strategy for Looks {
    fn name(&self) -> &'static str {
        "Looks"
    }

    fn step(&mut self, _: &mut Context<'_>) {
        self.0.look();
    }
}

#[test]
fn tasks_functions_and_strategies_are_named() {
    let scene = scene();
    let watcher = Watcher::of(&scene);
    assert_eq!(scene.node.busy(), None, "between turns");
    let (task, function) = (watcher.clone(), watcher.clone());
    scene.diary.with(|_, cx| cx.spawn_named("walk", false, async move { task.look() })).unwrap().unwrap();
    scene.jump(ms(0));
    assert_eq!(watcher.seen(), [(Some("Diary"), "the task `walk`".to_owned())]);
    let schedule = Schedule::once().named("beat");
    scene.diary.with(|_, cx| cx.schedule(schedule, move |_: &mut Diary, _| function.look())).unwrap().unwrap();
    scene.jump(ms(7));
    assert_eq!(watcher.seen(), [(Some("Diary"), "the scheduled function `beat`".to_owned())]);
    let looks = Looks(watcher.clone());
    scene.diary.with(|_, cx| cx.add_strategy(looks, Target::Always)).unwrap();
    scene.node.poll(scene.now());
    assert_eq!(watcher.seen(), [(Some("Diary"), "the strategy Looks".to_owned())]);
    assert_eq!(scene.node.busy(), None);
}

#[test]
fn handlers_are_named_by_their_message() {
    let scene = scene();
    let watcher = Watcher::of(&scene);
    let hall = scene.node.load(Hall(watcher.clone())).unwrap();
    let shout = hall.with(|_, cx| cx.pack_as(Hall::ID, cx.private_key(), None, &Shout { value: 1 })).unwrap().unwrap();
    let from = SocketAddr::from(([10, 0, 0, 2], 8090));
    scene.node.handle(scene.now(), [(from, shout.as_slice())]);
    assert_eq!(watcher.seen(), [(Some("Hall"), "the handler of message 9".to_owned())]);
}

#[test]
fn what_runs_inside_a_task_is_told_while_it_runs_and_then_the_task_again() {
    let scene = scene();
    let watcher = Watcher::of(&scene);
    let hall = scene.node.load(Hall(watcher.clone())).unwrap();
    let (node, inside) = (scene.node.clone(), watcher.clone());
    let task = async move {
        node.unload(&hall).unwrap();
        inside.clock.fetch_sub(7_000_000, Ordering::SeqCst);
        inside.look();
    };
    scene.diary.with(|_, cx| cx.spawn_named("unloads", false, task)).unwrap().unwrap();
    scene.jump(ms(0));
    let stopping = (Some("Hall"), "`Community::stopping`".to_owned());
    assert_eq!(watcher.seen(), [stopping, (Some("Diary"), "the task `unloads`".to_owned())]);
}

#[test]
fn a_node_without_a_clock_tells_what_but_not_for_how_long() {
    let node = Node::new(config());
    let diary = node.load(Diary::default()).unwrap();
    let (seen, looked) = (Arc::new(Mutex::new(None)), node.clone());
    let slot = seen.clone();
    diary.spawn(async move { *slot.lock().unwrap() = looked.busy() }).unwrap();
    node.poll(Time::ZERO);
    let busy = seen.lock().unwrap().take().unwrap();
    assert_eq!((busy.community, busy.lasting), (Some("Diary"), ms(0)));
    assert!(busy.to_string().contains(" of Diary, for "), "{busy}");
}
