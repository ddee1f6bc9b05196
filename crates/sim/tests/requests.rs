//! Requests of a task: answered once, by the peer that was asked, or ended by their time limit.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::net::SocketAddr;

use common::{ms, secs};
use ipv8_core::{
    Community, Context, DropReason, Handle, HandleError, Peer, RequestError, Routes,
    wire::{CommunityId, Message, community_id},
};
use ipv8_sim::{CompleteError, Latency, Link, NodeId, NodeOptions, World};

#[derive(Message, Clone, Debug)]
#[message(id = 1, reply = Answer)]
struct Question {
    identifier: u32,
    value: u32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[message(id = 2)]
struct Answer {
    identifier: u32,
    value: u32,
}

/// Doubles numbers, and remembers the last question.
#[derive(Default)]
struct Doubler {
    asked: Option<Question>,
}

impl Community for Doubler {
    const ID: CommunityId = community_id!("0f5e1d8a6c2f9b3d7e40a1c8b95d6e2f7a3c4b5d");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_question).reply::<Answer>();
    }
}

impl Doubler {
    fn on_question(&mut self, cx: &mut Context<'_>, from: &Peer, question: Question) {
        cx.send(from, Answer { identifier: question.identifier, value: question.value * 2 });
        self.asked = Some(question);
    }
}

/// What a task gets that asks a peer to double 21.
async fn ask(handle: Handle<Doubler>, peer: Peer) -> Result<u32, RequestError> {
    handle.request(&peer, Question { identifier: 0, value: 21 }).await.map(|answer| answer.value)
}

struct Scene {
    world: World,
    nodes: Vec<NodeId>,
    asker: Handle<Doubler>,
}

fn scene(nodes: u32, link: Link) -> Scene {
    let mut world = World::builder(3).link(link).record(20).build();
    let nodes: Vec<_> = (0..nodes).map(|_| world.add_node(NodeOptions::default())).collect();
    for id in &nodes {
        world.node(*id).load(Doubler::default()).unwrap();
    }
    let asker = world.find(nodes[0]).unwrap();
    Scene { world, nodes, asker }
}

impl Scene {
    fn peer(&self, index: usize) -> Peer {
        let id = self.nodes[index];
        Peer::new(self.world.node(id).key().clone(), self.world.address(id))
    }

    fn ask(&mut self, index: usize) -> Result<u32, RequestError> {
        let task = ask(self.asker.clone(), self.peer(index));
        self.world.complete(&self.asker, secs(60), task).unwrap()
    }

    /// Answers that the asker ignored: late, of the wrong peer, and to nothing.
    fn ignored(&self) -> [u64; 3] {
        let stats = self.world.node(self.nodes[0]).stats();
        [DropReason::Late, DropReason::WrongPeer, DropReason::Unsolicited].map(|reason| stats.dropped(reason))
    }

    /// Sends the first node an answer to the question that the second one got last, or one with another identifier, from the
    /// node of this index.
    fn answer_from(&self, index: usize, value: u32, guess: u32) {
        let asked = self.world.find::<Doubler>(self.nodes[1]).unwrap();
        let identifier = guess ^ asked.with(|doubler, _| doubler.asked.clone().unwrap().identifier).unwrap();
        let to: SocketAddr = self.world.address(self.nodes[0]);
        let sender = self.world.find::<Doubler>(self.nodes[index]).unwrap();
        sender.with(|_, cx| cx.send_to(to, Answer { identifier, value })).unwrap();
    }
}

#[test]
fn a_request_is_answered_after_one_round_trip() {
    let mut scene = scene(2, Link::default().latency(Latency::Constant(ms(40))));
    assert_eq!(scene.ask(1), Ok(42));
    assert_eq!(scene.world.now().since_origin(), ms(80));
    assert_eq!(scene.ignored(), [0, 0, 0]);
}

#[test]
fn a_request_times_out_when_everything_is_lost() {
    let mut scene = scene(2, Link::default().loss(1.0));
    assert_eq!(scene.ask(1), Err(RequestError::TimedOut(secs(10))));
    assert_eq!(scene.world.now().since_origin(), secs(10));
    assert_eq!(scene.world.node(scene.nodes[0]).stats().timeouts, 1);
    assert_eq!(scene.world.node(scene.nodes[0]).pending(), (0, 0));
}

#[test]
fn a_late_answer_is_ignored_and_counted() {
    let mut scene = scene(2, Link::default().latency(Latency::Constant(secs(6))));
    assert_eq!(scene.ask(1), Err(RequestError::TimedOut(secs(10))));
    assert_eq!(scene.ignored(), [0, 0, 0]);
    scene.world.run_for(secs(3));
    assert_eq!(scene.ignored(), [1, 0, 0]);
}

#[test]
fn the_second_copy_of_an_answer_is_ignored_and_counted() {
    let mut scene = scene(2, Link::default());
    let (asker, asked) = (scene.nodes[0], scene.nodes[1]);
    scene.world.fabric_mut().set_one_way(asked, asker, Link::default().duplication(1.0));
    assert_eq!(scene.ask(1), Ok(42));
    scene.world.run_for(secs(1));
    assert_eq!(scene.ignored(), [1, 0, 0]);
}

#[test]
fn an_answer_of_another_peer_than_the_one_asked_is_ignored_and_counted() {
    let mut scene = scene(3, Link::default().latency(Latency::Constant(ms(50))));
    // The second node gets the question, but its own answer is long under way.
    let (asker, asked) = (scene.nodes[0], scene.nodes[1]);
    scene.world.fabric_mut().set_one_way(asked, asker, Link::default().latency(Latency::Constant(secs(5))));
    let task = ask(scene.asker.clone(), scene.peer(1));
    let result = std::sync::Arc::new(std::sync::Mutex::new(None));
    let slot = result.clone();
    scene.asker.with(|_, cx| cx.spawn(async move { *slot.lock().unwrap() = Some(task.await) })).unwrap();
    scene.world.run_for(ms(100));
    scene.answer_from(2, 13, 0);
    scene.world.run_for(ms(100));
    assert_eq!(scene.ignored(), [0, 1, 0]);
    assert_eq!(*result.lock().unwrap(), None, "the request still waits");
    scene.world.run_for(secs(6));
    assert_eq!(*result.lock().unwrap(), Some(Ok(42)));
}

#[test]
fn an_answer_that_nobody_asked_for_is_ignored_and_counted() {
    let mut scene = scene(2, Link::default());
    assert_eq!(scene.ask(1), Ok(42));
    scene.answer_from(1, 13, 1);
    scene.world.run_for(secs(1));
    assert_eq!(scene.ignored(), [0, 0, 1]);
}

#[test]
fn dropping_a_request_gives_its_identifier_free() {
    let mut scene = scene(2, Link::default().loss(1.0));
    let (handle, peer) = (scene.asker.clone(), scene.peer(1));
    let task = async move { handle.timeout(secs(1), ask(handle.clone(), peer)).await.is_err() };
    assert_eq!(scene.world.complete(&scene.asker, secs(60), task), Ok(true));
    assert_eq!(scene.world.now().since_origin(), secs(1));
    let node = scene.world.node(scene.nodes[0]);
    assert_eq!((node.pending(), node.stats().timeouts), ((0, 0), 0));
}

#[test]
fn unloading_fails_requests_at_once() {
    let mut scene = scene(2, Link::default().loss(1.0));
    let task = ask(scene.asker.clone(), scene.peer(1));
    let result = std::sync::Arc::new(std::sync::Mutex::new(None));
    let slot = result.clone();
    // Polled by nobody of this community: a future that lives elsewhere hears of it too.
    struct Other;
    impl Community for Other {
        const ID: CommunityId = community_id!("00112233445566778899aabbccddeeff00112233");
        fn routes(_: &mut Routes<Self>) {}
    }
    let node = scene.world.node(scene.nodes[0]).clone();
    let other = node.load(Other).unwrap();
    other.with(|_, cx| cx.spawn(async move { *slot.lock().unwrap() = Some(task.await) })).unwrap();
    scene.world.run_for(secs(1));
    assert_eq!(node.pending(), (1, 1));
    node.unload(&scene.asker).unwrap();
    scene.world.run_for(ms(1));
    assert_eq!(*result.lock().unwrap(), Some(Err(RequestError::Unloaded)));
    assert_eq!(node.pending(), (0, 0));
    assert_eq!(
        scene.world.complete(&scene.asker, secs(1), async {}),
        Err(CompleteError::Handle(HandleError::Unloaded))
    );
}

#[test]
fn a_peer_that_never_answers_leaves_nothing_behind() {
    const REQUESTS: usize = 100;
    let mut scene = scene(3, Link::default());
    let (asker, silent) = (scene.nodes[0], scene.nodes[1]);
    let (to_silent, to_other) = (scene.peer(1), scene.peer(2));
    scene.world.crash(silent);
    let outcomes = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    scene
        .asker
        .with(|_, cx| {
            for number in 0..REQUESTS {
                let task = ask(scene.asker.clone(), to_silent.clone());
                let outcomes = outcomes.clone();
                cx.spawn(async move {
                    let outcome = task.await;
                    outcomes.lock().unwrap().push((number, outcome));
                });
            }
        })
        .unwrap();
    scene.world.run_for(secs(5));
    let queues = scene.world.node(asker).report().queues;
    assert_eq!([queues.requests, queues.timers, queues.tasks], [REQUESTS; 3]);
    // Others are answered meanwhile.
    let asked = ask(scene.asker.clone(), to_other);
    assert_eq!(scene.world.complete(&scene.asker, secs(1), asked).unwrap(), Ok(42));
    scene.world.run_for(secs(10));
    let expected: Vec<_> = (0..REQUESTS).map(|number| (number, Err(RequestError::TimedOut(secs(10))))).collect();
    assert_eq!(*outcomes.lock().unwrap(), expected);
    let queues = scene.world.node(asker).report().queues;
    assert_eq!([queues.requests, queues.caches, queues.timers, queues.tasks], [0; 4]);
}

#[test]
fn a_request_ends_at_once_when_its_peer_is_removed() {
    let mut scene = scene(2, Link::default().latency(Latency::Constant(ms(40))));
    let peer = scene.peer(1);
    scene.asker.with(|_, cx| cx.walk_to(peer.address())).unwrap();
    scene.world.run_for(secs(1));
    let (result, mid) = (std::sync::Arc::new(std::sync::Mutex::new(None)), peer.mid());
    let (task, slot) = (ask(scene.asker.clone(), peer), result.clone());
    scene.asker.with(|_, cx| cx.spawn(async move { *slot.lock().unwrap() = Some(task.await) })).unwrap();
    scene.world.run_for(ms(10));
    scene.asker.with(|_, cx| assert!(cx.network_mut().remove(&mid))).unwrap();
    scene.world.run_for(ms(1));
    assert_eq!(*result.lock().unwrap(), Some(Err(RequestError::PeerGone(mid))));
    scene.world.run_for(secs(1));
    assert_eq!(scene.ignored(), [1, 0, 0], "the answer comes late");
}
