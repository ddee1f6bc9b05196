//! Asking again: the same packet, one answer, and a time limit for all tries together.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::time::Duration;

use common::{ms, secs};
use ipv8_core::{
    Community, Context, DropReason, Handle, Passthrough, Peer, RequestError, RequestOptions, Retry, Routes,
    wire::{CommunityId, Message, community_id},
};
use ipv8_sim::{Latency, Link, NodeId, NodeOptions, World};

#[derive(Message, Clone, Debug)]
#[message(id = 1, reply = Answer)]
struct Question {
    identifier: u32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[message(id = 2)]
struct Answer {
    identifier: u32,
}

/// Answers unless it is told not to, and keeps all packets.
#[derive(Default)]
struct Answerer {
    packets: Vec<(Duration, Vec<u8>)>,
    ignores: usize,
}

impl Community for Answerer {
    const ID: CommunityId = community_id!("7f1e8d8a6c2f9b3d7e40a1c8b95d6e2f7a3c4b51");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_question).reply::<Answer>();
    }
}

impl Answerer {
    fn on_question(&mut self, cx: &mut Context<'_>, from: &Peer, question: Question) {
        let packet = cx.received().unwrap().datagram().to_vec();
        self.packets.push((cx.now().since_origin(), packet));
        if self.packets.len() > self.ignores {
            cx.send(from, Answer { identifier: question.identifier });
        }
    }
}

struct Scene {
    world: World,
    nodes: [NodeId; 2],
    asker: Handle<Answerer>,
    asked: Handle<Answerer>,
    peer: Peer,
}

fn scene(ignores: usize, latency: Duration) -> Scene {
    let mut world = World::builder(7).link(Link::default().latency(Latency::Constant(latency))).build();
    let nodes = [0, 1].map(|_| world.add_node(NodeOptions::default()));
    let asker = world.node(nodes[0]).load(Answerer::default()).unwrap();
    let asked = world.node(nodes[1]).load(Answerer { ignores, ..Answerer::default() }).unwrap();
    let peer = Peer::new(world.node(nodes[1]).key().clone(), world.address(nodes[1]));
    Scene { world, nodes, asker, asked, peer }
}

impl Scene {
    fn ask(&mut self, options: RequestOptions) -> Result<Answer, RequestError> {
        let (asker, peer) = (self.asker.clone(), self.peer.clone());
        let task = async move { asker.request_within(options, &peer, Question { identifier: 0 }).await };
        let asker = self.asker.clone();
        self.world.complete(&asker, secs(60), task).unwrap()
    }

    /// When questions came, in milliseconds, and whether all of them were the same packet.
    fn questions(&self) -> (Vec<u128>, bool) {
        let packets = self.asked.with(|answerer, _| answerer.packets.clone()).unwrap();
        let same = packets.iter().all(|(_, packet)| *packet == packets[0].1);
        (packets.iter().map(|(at, _)| at.as_millis()).collect(), same)
    }
}

fn stubborn() -> RequestOptions {
    RequestOptions::within(secs(1)).retry(Retry::times(3).backoff(2))
}

#[test]
fn a_question_is_asked_once_by_default() {
    let mut scene = scene(usize::MAX, ms(10));
    assert_eq!(scene.ask(RequestOptions::within(secs(1))), Err(RequestError::TimedOut(secs(1))));
    assert_eq!(scene.questions().0, [10]);
}

#[test]
fn a_question_is_asked_again_until_it_is_answered() {
    let mut scene = scene(2, ms(10));
    assert!(scene.ask(stubborn()).is_ok());
    assert_eq!(scene.questions(), (vec![10, 1_010, 3_010], true));
    assert_eq!(scene.world.now().since_origin(), ms(3_020));
    let node = scene.world.node(scene.nodes[0]);
    assert_eq!((node.stats().retries, node.stats().timeouts), (2, 0));
    assert_eq!((node.pending(), node.report().queues.timers), ((0, 0), 0));
}

#[test]
fn when_all_tries_are_over_the_error_tells_how_long_was_waited() {
    let mut scene = scene(usize::MAX, ms(10));
    let error = scene.ask(stubborn()).unwrap_err();
    assert_eq!(error, RequestError::TimedOut(secs(1 + 2 + 4 + 8)));
    assert_eq!(error, RequestError::TimedOut(stubborn().patience()));
    assert_eq!(scene.world.now().since_origin(), secs(15));
    assert_eq!(scene.world.node(scene.nodes[0]).stats().timeouts, 1);
}

#[test]
fn a_late_answer_to_the_first_try_counts_and_those_to_the_others_do_not() {
    // A round trip of 2.4 seconds: the second question is under way when the first answer comes.
    let mut scene = scene(0, ms(1_200));
    assert!(scene.ask(stubborn()).is_ok());
    assert_eq!(scene.world.now().since_origin(), ms(2_400));
    scene.world.run_for(secs(10));
    assert_eq!(scene.questions(), (vec![1_200, 2_200], true));
    let stats = scene.world.node(scene.nodes[0]).stats();
    assert_eq!((stats.dropped(DropReason::Late), stats.retries), (1, 1));
}

#[test]
fn a_retry_goes_to_where_the_peer_is_by_then() {
    let mut scene = scene(usize::MAX, ms(10));
    scene.asker.with(|_, cx| cx.walk_to(scene.peer.address())).unwrap();
    scene.world.run_for(ms(100));
    let (asker, peer) = (scene.asker.clone(), scene.peer.clone());
    let task = async move { asker.request_within(stubborn(), &peer, Question { identifier: 0 }).await };
    scene.asker.with(|_, cx| cx.spawn(async { drop(task.await) })).unwrap();
    scene.world.run_for(ms(100));
    assert_eq!(scene.questions().0.len(), 1);
    // It moves, and says something from there.
    let (old, new) = (scene.peer.address(), "10.9.9.9:1234".parse().unwrap());
    let mut packet = Vec::new();
    scene.asked.with(|_, cx| packet = cx.pack(Question { identifier: 5 }).unwrap()).unwrap();
    let now = scene.world.now();
    scene.world.node(scene.nodes[0]).handle(now, [(new, packet.as_slice())]);
    let to = scene.asker.with(|_, cx| cx.peer(&scene.peer.mid()).unwrap().address()).unwrap();
    assert_eq!((to, old == new), (new, false));
    scene.world.run_for(secs(3));
    assert_eq!(scene.questions().0.len(), 1, "nothing is sent to the old address");
    assert_eq!(scene.world.node(scene.nodes[0]).stats().retries, 2);
}

#[test]
fn a_passthrough_has_all_tries_time_out_at_once() {
    let mut scene = scene(usize::MAX, ms(10));
    let guard = scene.asker.passthrough(Passthrough::at_once().only::<Answer>()).unwrap();
    assert_eq!(scene.ask(stubborn()), Err(RequestError::TimedOut(Duration::ZERO)));
    assert_eq!(scene.world.now().since_origin(), Duration::ZERO);
    drop(guard);
    assert_eq!(scene.ask(stubborn()), Err(RequestError::TimedOut(secs(15))));
}
