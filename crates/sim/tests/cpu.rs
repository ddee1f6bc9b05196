//! Nodes whose work takes time: answers come later, what waits is bounded, and nothing changes for those without a model.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{net::SocketAddr, time::Duration};

use common::{ms, secs};
use ipv8_core::{
    Community, Context, Handle, Routes,
    wire::{CommunityId, Message, community_id},
};
use ipv8_crypto::{Curve, PrivateKey};
use ipv8_sim::{CpuModel, Latency, Link, Loss, NodeId, NodeOptions, World};
use rand::{SeedableRng, rngs::StdRng};

#[derive(Message, Clone, Debug)]
#[message(id = 1)]
struct Question {
    number: u32,
}

#[derive(Message, Clone, Debug)]
#[message(id = 2, unsigned)]
struct Answer {
    number: u32,
}

/// Answers each question, and notes when its own were answered.
#[derive(Default)]
struct Asker {
    answered: Vec<(u32, Duration)>,
    ticks: Vec<Duration>,
}

impl Community for Asker {
    const ID: CommunityId = community_id!("c900000000000000000000000000000000000001");

    fn routes(r: &mut Routes<Self>) {
        r.on(|_: &mut Self, cx: &mut Context<'_>, from: &ipv8_core::Peer, question: Question| {
            cx.send_to(from.address(), Answer { number: question.number });
        });
        r.on(|asker: &mut Self, cx: &mut Context<'_>, _: &SocketAddr, answer: Answer| {
            asker.answered.push((answer.number, cx.now().since_origin()));
        });
        r.every(secs(1), |asker: &mut Self, cx: &mut Context<'_>| asker.ticks.push(cx.now().since_origin()));
    }
}

struct Scene {
    world: World,
    ids: [NodeId; 2],
    ends: [Handle<Asker>; 2],
}

/// Two nodes 10 ms apart, of which the first asks and the second has a processor.
fn scene(curve: Curve, model: Option<CpuModel>) -> Scene {
    let mut world = World::builder(1).link(Link::default().latency(Latency::Constant(ms(10)))).build();
    let key = PrivateKey::generate(curve, &mut StdRng::from_seed([3; 32])).unwrap();
    let load = |options: NodeOptions| options.setup(|node| drop(node.load(Asker::default()).unwrap()));
    let asker = world.add_node(load(NodeOptions::default().key(key)));
    let mut options = NodeOptions::default();
    if let Some(model) = model {
        options = options.cpu(model);
    }
    let ids = [asker, world.add_node(load(options))];
    let ends = ids.map(|id| world.find(id).unwrap());
    Scene { world, ids, ends }
}

impl Scene {
    fn ask(&self, numbers: std::ops::Range<u32>) {
        let to = self.world.address(self.ids[1]);
        let ask = |cx: &mut Context<'_>| numbers.clone().for_each(|number| cx.send_to(to, Question { number }));
        self.ends[0].with(|_, cx| ask(cx)).unwrap();
    }

    /// When which answers came.
    fn answers(&self) -> Vec<(u32, Duration)> {
        self.ends[0].with(|asker, _| asker.answered.clone()).unwrap()
    }
}

const fn us(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

#[test]
fn an_answer_comes_when_its_work_is_done() {
    for (curve, check) in [(Curve::Curve25519, 29), (Curve::Medium, 1_510), (Curve::High, 3_900)] {
        let mut scene = scene(curve, Some(CpuModel::default()));
        scene.world.run_for(ms(100));
        scene.ask(0..1);
        scene.world.run_for(ms(100));
        // A turn, two datagrams, and the check.
        assert_eq!(scene.answers(), [(0, ms(120) + us(1 + 2 * 2 + check))], "{curve}");
    }
}

#[test]
fn a_slower_processor_takes_so_many_times_as_long() {
    let model = CpuModel::default().slower(10).datagram(us(3));
    let mut scene = scene(Curve::Curve25519, Some(model));
    scene.world.run_for(ms(100));
    scene.ask(0..1);
    scene.world.run_for(ms(100));
    assert_eq!(scene.answers(), [(0, ms(120) + 10 * us(1 + 2 * 3 + 29))]);
}

#[test]
fn what_comes_meanwhile_waits_and_is_taken_in_batches_of_32() {
    let mut scene = scene(Curve::High, Some(CpuModel::default()));
    scene.world.run_for(ms(100));
    scene.ask(0..100);
    scene.world.run_for(secs(2));
    let answers = scene.answers();
    let batch = |number: u32| us(1) + (2 * us(2) + us(3_900)) * number;
    let mut expected = vec![];
    let mut at = ms(120);
    // The first one comes alone.
    for (from, count) in [(0, 1), (1, 32), (33, 32), (65, 32), (97, 3)] {
        at += batch(count);
        expected.extend((from..from + count).map(|number| (number, at)));
    }
    assert_eq!(answers, expected);
}

#[test]
fn what_finds_the_buffer_full_is_lost_and_counted() {
    // A question has 22 + 1 + 2 + 74 + 4 + 64 bytes, and takes 576 more.
    let model = CpuModel::default().slower(1_000).buffer(10 * (167 + 576));
    let mut scene = scene(Curve::Curve25519, Some(model));
    scene.world.run_for(ms(100));
    scene.ask(0..50);
    scene.world.run_for(secs(5));
    assert_eq!(scene.answers().len(), 1 + 10);
    assert_eq!(scene.world.metrics().lost(Loss::Socket), 50 - 11);
    assert_eq!(scene.world.metrics().delivered, 11 * 2);
}

#[test]
fn timers_of_a_busy_node_are_late_and_none_is_lost() {
    let mut scene = scene(Curve::High, Some(CpuModel::default().slower(10)));
    scene.world.run_for(ms(980));
    scene.ask(0..2);
    scene.world.run_for(ms(5_020));
    let ticks = scene.ends[1].with(|asker, _| asker.ticks.clone()).unwrap();
    assert_eq!(ticks.len(), 6, "{ticks:?}");
    // Busy from 990 ms on with two questions, of 39 ms each.
    assert!((ms(1_028)..ms(1_032)).contains(&ticks[0]), "{ticks:?}");
    assert_eq!(ticks[1], secs(2));
}

#[test]
fn a_crash_ends_the_work_and_what_waits_is_lost() {
    let mut scene = scene(Curve::High, Some(CpuModel::default()));
    scene.world.run_for(ms(100));
    scene.ask(0..10);
    scene.world.run_for(ms(11));
    let second = scene.ids[1];
    scene.world.restart(second);
    scene.world.run_for(secs(1));
    assert_eq!(scene.answers(), []);
    assert_eq!(scene.world.metrics().lost(Loss::Down), 9);
    scene.ask(10..11);
    scene.world.run_for(secs(1));
    assert_eq!(scene.answers().len(), 1);
}

#[test]
fn a_world_whose_nodes_are_quick_enough_is_the_same_but_for_the_time() {
    let numbers = |model| {
        let mut scene = scene(Curve::Curve25519, model);
        scene.world.run_for(ms(100));
        scene.ask(0..500);
        scene.world.run_for(secs(5));
        let metrics = scene.world.metrics().clone();
        let numbers: Vec<_> = scene.answers().into_iter().map(|(number, _)| number).collect();
        (numbers, metrics.sent, metrics.delivered, metrics.lost_in_all())
    };
    assert_eq!(numbers(None), numbers(Some(CpuModel::default())));
}
