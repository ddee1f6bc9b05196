//! Requests of handlers, which cannot await: a function is told how each ended, once.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use common::{ms, secs};
use ipv8_core::{
    Community, Context, Handle, Node, Peer, RequestError, RequestId, Routes, SendError,
    wire::{CommunityId, Message, community_id},
};
use ipv8_sim::{Latency, Link, NodeId, NodeOptions, World};

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

/// Has others count for it.
#[derive(Default)]
struct Counter {
    outcomes: Vec<Result<u32, RequestError>>,
    /// Asks once more when a request ends, whatever the end.
    stubborn: Option<Peer>,
    /// Ends with a panic when it is told of an end.
    panics: bool,
}

impl Community for Counter {
    const ID: CommunityId = community_id!("5f1e8d8a6c2f9b3d7e40a1c8b95d6e2f7a3c4b50");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_question).reply::<Answer>();
    }
}

impl Counter {
    fn on_question(&mut self, cx: &mut Context<'_>, from: &Peer, question: Question) {
        cx.send(from, Answer { identifier: question.identifier, value: question.value + 1 });
    }

    fn ask(&mut self, cx: &mut Context<'_>, peer: &Peer, value: u32) -> Result<RequestId, RequestError> {
        cx.request(peer, Question { identifier: 0, value }, Self::on_end)
    }

    fn on_end(&mut self, cx: &mut Context<'_>, result: Result<Answer, RequestError>) {
        assert!(!self.panics, "as a handler with a mistake would");
        self.outcomes.push(result.map(|answer| answer.value));
        if let Some(peer) = self.stubborn.take()
            && let Err(error) = self.ask(cx, &peer, 10)
        {
            self.outcomes.push(Err(error));
        }
    }
}

/// Two nodes that know each other.
struct Scene {
    world: World,
    nodes: [NodeId; 2],
    asker: Handle<Counter>,
    peer: Peer,
}

fn scene(link: Link) -> Scene {
    let mut world = World::builder(7).link(link).build();
    let nodes = [0, 1].map(|_| world.add_node(NodeOptions::default()));
    let asker = world.node(nodes[0]).load(Counter::default()).unwrap();
    world.node(nodes[1]).load(Counter::default()).unwrap();
    let peer = Peer::new(world.node(nodes[1]).key().clone(), world.address(nodes[1]));
    Scene { world, nodes, asker, peer }
}

impl Scene {
    fn ask(&self, value: u32) -> Result<RequestId, RequestError> {
        self.asker.with(|counter, cx| counter.ask(cx, &self.peer, value)).unwrap()
    }

    fn node(&self) -> &Node {
        self.world.node(self.nodes[0])
    }

    fn outcomes(&self) -> Vec<Result<u32, RequestError>> {
        self.asker.with(|counter, _| counter.outcomes.clone()).unwrap()
    }

    /// Requests, caches and timers that are left.
    fn left(&self) -> [usize; 3] {
        let queues = self.node().report().queues;
        [queues.requests, queues.caches, queues.timers]
    }
}

#[test]
fn an_answer_comes_to_the_function_of_its_question() {
    let mut scene = scene(Link::default().latency(Latency::Constant(ms(40))));
    scene.ask(1).unwrap();
    scene.ask(5).unwrap();
    assert_eq!((scene.outcomes(), scene.left()), (vec![], [2, 0, 2]));
    scene.world.run_for(secs(1));
    assert_eq!((scene.outcomes(), scene.left()), (vec![Ok(2), Ok(6)], [0, 0, 0]));
}

#[test]
fn without_an_answer_the_function_is_told_so_and_may_ask_again() {
    let mut scene = scene(Link::default().loss(1.0));
    scene.asker.with(|counter, _| counter.stubborn = Some(scene.peer.clone())).unwrap();
    scene.ask(1).unwrap();
    scene.world.run_for(secs(60));
    let timed_out = Err(RequestError::TimedOut(secs(10)));
    assert_eq!((scene.outcomes(), scene.left()), (vec![timed_out.clone(), timed_out], [0, 0, 0]));
}

#[test]
fn a_request_that_is_cancelled_is_never_heard_of_again() {
    let mut scene = scene(Link::default().latency(Latency::Constant(ms(40))));
    let id = scene.ask(1).unwrap();
    let cancel = || scene.asker.with(|_, cx| (cx.is_waiting(id), cx.cancel_request(id))).unwrap();
    assert_eq!([cancel(), cancel()], [(true, true), (false, false)]);
    scene.world.run_for(secs(60));
    assert_eq!((scene.outcomes(), scene.left()), (vec![], [0, 0, 0]));
}

#[test]
fn the_function_is_told_when_the_peer_is_removed() {
    let mut scene = scene(Link::default().latency(Latency::Constant(ms(40))));
    scene.asker.with(|_, cx| cx.walk_to(scene.peer.address())).unwrap();
    scene.world.run_for(secs(1));
    scene.ask(1).unwrap();
    let mid = scene.peer.mid();
    scene.asker.with(|_, cx| assert!(cx.network_mut().remove(&mid))).unwrap();
    assert_eq!((scene.outcomes(), scene.left()), (vec![Err(RequestError::PeerGone(mid))], [0, 0, 0]));
}

#[test]
fn the_function_is_told_when_the_community_goes_and_can_ask_no_more() {
    let mut scene = scene(Link::default().loss(1.0));
    let (outcomes, peer) = (std::sync::Arc::new(std::sync::Mutex::new(Vec::new())), scene.peer.clone());
    let told = outcomes.clone();
    scene
        .asker
        .with(|_, cx| {
            cx.request(&peer.clone(), Question { identifier: 0, value: 1 }, move |counter: &mut Counter, cx, end| {
                let again = counter.ask(cx, &peer, 2).unwrap_err();
                told.lock().unwrap().push((end.unwrap_err(), again));
            })
        })
        .unwrap()
        .unwrap();
    scene.node().unload(&scene.asker).unwrap();
    assert_eq!(*outcomes.lock().unwrap(), [(RequestError::Unloaded, RequestError::Unloaded)]);
    assert_eq!(scene.left(), [0, 0, 0]);
    scene.world.run_for(secs(60));
    assert_eq!(outcomes.lock().unwrap().len(), 1);
}

#[test]
fn a_function_that_panics_ends_its_request_and_nothing_else() {
    let mut scene = scene(Link::default());
    scene.ask(1).unwrap();
    scene.asker.with(|counter, _| counter.panics = true).unwrap();
    scene.world.run_for(secs(1));
    assert_eq!((scene.node().stats().panics, scene.left()), (1, [0, 0, 0]));
    scene.asker.with(|counter, _| counter.panics = false).unwrap();
    scene.ask(2).unwrap();
    scene.world.run_for(secs(1));
    assert_eq!(scene.outcomes(), [Ok(3)]);
}

#[test]
fn what_cannot_be_sent_is_refused_at_once_and_leaves_nothing() {
    let scene = scene(Link::default());
    let nowhere = "0.0.0.0:0".parse().unwrap();
    let peer = Peer::new(scene.peer.key().clone(), nowhere);
    let refused = scene.asker.with(|counter, cx| counter.ask(cx, &peer, 1)).unwrap();
    assert_eq!(refused, Err(RequestError::Send(SendError::NoAddress(nowhere))));
    assert_eq!((scene.outcomes(), scene.left()), (vec![], [0, 0, 0]));
}

#[test]
fn a_function_of_another_community_is_refused() {
    struct Other;
    impl Community for Other {
        const ID: CommunityId = community_id!("00112233445566778899aabbccddeeff00112233");
        fn routes(_: &mut Routes<Self>) {}
    }
    let scene = scene(Link::default());
    let question = Question { identifier: 0, value: 1 };
    let refused =
        scene.asker.with(|_, cx| cx.request(&scene.peer, question.clone(), |_: &mut Other, _, _| {})).unwrap();
    assert_eq!(refused, Err(RequestError::OtherCommunity("Counter")));
    let other = scene.node().load(Other).unwrap();
    let refused = other.with(|_, cx| cx.request(&scene.peer, question, |_: &mut Other, _, _| {})).unwrap();
    assert_eq!(refused, Err(RequestError::NotRegistered(2, "Answer")));
    assert_eq!(scene.left(), [0, 0, 0]);
}
