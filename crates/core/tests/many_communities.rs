//! Several communities in one node, with keys of their own: they share it, and come and go without each other.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "what fails here fails the test")]

use std::{
    future::Future,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context as TaskContext, Poll, Waker},
    time::Duration,
};

use ipv8_core::{
    Community, Context, DropReason, Handle, HandleError, LoadError, Node, NodeConfig, OverlayConfig, Peer,
    RequestError, RouteError, Routes, Strategy, Target, Time,
    crypto::{Curve, PrivateKey},
    wire::{CommunityId, Message, Prefix, community_id, read_auth},
};
use rand::{SeedableRng, rngs::StdRng};

#[derive(Message, Clone, Debug)]
#[message(id = 1, reply = Answer)]
struct Question {
    identifier: u32,
}

#[derive(Message, Clone, Debug)]
#[message(id = 2)]
struct Answer {
    identifier: u32,
}

#[derive(Message, Clone, Debug)]
#[message(id = 3, unsigned)]
struct Shout {
    number: u32,
}

#[derive(Default)]
struct Left {
    heard: Vec<u32>,
    ticks: usize,
}

#[derive(Default)]
struct Right {
    heard: Vec<u32>,
}

impl Community for Left {
    const ID: CommunityId = community_id!("aaaa000000000000000000000000000000000001");

    fn routes(r: &mut Routes<Self>) {
        r.on(|left: &mut Self, _: &mut Context<'_>, _: &SocketAddr, m: Shout| left.heard.push(m.number));
        r.reply::<Answer>();
        r.every(Duration::from_secs(1), |left: &mut Self, _: &mut Context<'_>| left.ticks += 1);
    }
}

impl Community for Right {
    const ID: CommunityId = community_id!("bbbb000000000000000000000000000000000001");

    fn routes(r: &mut Routes<Self>) {
        r.on(|right: &mut Self, _: &mut Context<'_>, _: &SocketAddr, m: Shout| right.heard.push(m.number));
    }
}

fn key(number: u8) -> PrivateKey {
    PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap()
}

fn node() -> Node {
    Node::new(NodeConfig::new(key(1), [1; 32]))
}

fn address() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 2], 8090))
}

fn shout(id: CommunityId, number: u32) -> Vec<u8> {
    [Prefix::new(id).as_bytes().as_slice(), &[3], &number.to_be_bytes()].concat()
}

fn hand_in(node: &Node, datagram: &[u8]) {
    node.handle(Time::ZERO, [(address(), datagram)]);
}

fn seconds(number: u64) -> Time {
    Time::from_duration(Duration::from_secs(number))
}

fn left_heard(left: &Handle<Left>) -> Vec<u32> {
    left.with(|left, _| left.heard.clone()).unwrap()
}

fn right_heard(right: &Handle<Right>) -> Vec<u32> {
    right.with(|right, _| right.heard.clone()).unwrap()
}

#[test]
fn each_community_gets_its_own_messages() {
    let node = node();
    let (left, right) = (node.load(Left::default()).unwrap(), node.load(Right::default()).unwrap());
    for number in 0..4 {
        hand_in(&node, &shout(if number % 2 == 0 { Left::ID } else { Right::ID }, number));
    }
    assert_eq!((left_heard(&left), right_heard(&right)), (vec![0, 2], vec![1, 3]));
}

#[test]
fn each_community_signs_with_its_own_key() {
    let node = node();
    let left = node.load(Left::default()).unwrap();
    let right = node.load(OverlayConfig::new(Right::default()).key(key(2))).unwrap();
    left.with(|_, cx| cx.walk_to(address())).unwrap();
    right.with(|_, cx| cx.walk_to(address())).unwrap();
    node.poll(Time::ZERO);
    let signers: Vec<_> = std::iter::from_fn(|| node.poll_transmit())
        .map(|sent| read_auth(&sent.bytes).unwrap().key().to_vec())
        .collect();
    assert_eq!(signers, [key(1), key(2)].map(|key| key.public().as_bytes().to_vec()));
}

#[test]
fn each_key_keeps_a_lamport_clock_of_its_own() {
    let node = node();
    let left = node.load(Left::default()).unwrap();
    let same_key = node.load(Right::default()).unwrap();
    let other_key = node.load(OverlayConfig::new(Right::default()).id(CommunityId([5; 20])).key(key(2))).unwrap();
    left.with(|_, cx| cx.claim_global_time()).unwrap();
    assert_eq!(same_key.with(|_, cx| cx.global_time()), Ok(1));
    assert_eq!(other_key.with(|_, cx| cx.global_time()), Ok(0));
}

#[test]
fn the_messages_of_an_unloaded_community_are_dropped_and_those_of_others_are_not() {
    let node = node();
    let (left, right) = (node.load(Left::default()).unwrap(), node.load(Right::default()).unwrap());
    node.unload(&left).unwrap();
    hand_in(&node, &shout(Left::ID, 1));
    hand_in(&node, &shout(Right::ID, 2));
    assert_eq!(node.stats().dropped(DropReason::Prefix), 1);
    assert_eq!(right_heard(&right), [2]);
    assert_eq!(left.with(|_, _| ()), Err(HandleError::Unloaded));
    assert_eq!(node.unload(&left), Err(HandleError::Unloaded));
}

#[test]
fn the_tasks_of_an_unloaded_community_end_and_those_of_others_go_on() {
    let node = node();
    let (left, right) = (node.load(Left::default()).unwrap(), node.load(Right::default()).unwrap());
    let alive = Arc::new(());
    for (count, sleep) in [(2, left.sleep(Duration::from_secs(9))), (1, right.sleep(Duration::from_secs(9)))] {
        let held = vec![alive.clone(); count];
        let task = async move {
            sleep.await;
            drop(held);
        };
        if count == 2 { left.with(|_, cx| cx.spawn(task)) } else { right.with(|_, cx| cx.spawn(task)) }.unwrap();
    }
    node.poll(Time::ZERO);
    assert_eq!(node.pending().0, 2);
    node.unload(&left).unwrap();
    assert_eq!(node.pending().0, 1);
    assert_eq!(Arc::strong_count(&alive), 2);
    // Neither its interval nor its sleep is waited for.
    assert_eq!(node.next_deadline(), Some(seconds(9)));
    node.poll(seconds(9));
    assert_eq!((node.pending().0, Arc::strong_count(&alive)), (0, 1));
}

#[test]
fn the_requests_of_an_unloaded_community_fail_at_once() {
    let node = node();
    let left = node.load(Left::default()).unwrap();
    let peer = Peer::new(key(3).public().clone(), address());
    let mut request = pin!(left.request(&peer, Question { identifier: 0 }));
    let mut cx = TaskContext::from_waker(Waker::noop());
    assert!(request.as_mut().poll(&mut cx).is_pending());
    assert_eq!(node.pending().1, 1);
    node.unload(&left).unwrap();
    match request.as_mut().poll(&mut cx) {
        Poll::Ready(Err(error)) => assert_eq!(error, RequestError::Unloaded),
        other => panic!("not {other:?}"),
    }
    assert_eq!(node.pending().1, 0);
}

struct Steps(Arc<AtomicUsize>);

impl Strategy for Steps {
    fn name(&self) -> &'static str {
        "Steps"
    }

    fn step(&mut self, _: &mut Context<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn the_walkers_of_an_unloaded_community_stop_and_those_of_others_go_on() {
    let node = node();
    let (stopped, going) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let left = OverlayConfig::new(Left::default()).strategy(Steps(stopped.clone()), Target::Always);
    let left = node.load(left).unwrap();
    node.load(OverlayConfig::new(Right::default()).strategy(Steps(going.clone()), Target::Always)).unwrap();
    let run_until = |end: Time| {
        while let Some(at) = node.next_deadline().filter(|at| *at <= end) {
            node.poll(at);
        }
    };
    let steps = || (stopped.load(Ordering::Relaxed), going.load(Ordering::Relaxed));
    run_until(seconds(5));
    let (before, others) = steps();
    // Each one in half a second, beginning at once.
    assert!((10..=11).contains(&before) && (10..=11).contains(&others), "{before} {others}");
    node.unload(&left).unwrap();
    run_until(seconds(10));
    assert_eq!(steps().0, before);
    assert!((20..=22).contains(&steps().1), "{:?}", steps());
}

#[test]
fn an_id_can_be_loaded_once_and_again_after_it_was_unloaded() {
    let node = node();
    let left = node.load(Left::default()).unwrap();
    let again = node.load(Left::default()).unwrap_err();
    assert_eq!(again, LoadError::Loaded { id: Left::ID, name: "Left", loaded: "Left" });
    node.unload(&left).unwrap();
    let second = node.load(Left::default()).unwrap();
    hand_in(&node, &shout(Left::ID, 1));
    assert_eq!(left_heard(&second), [1]);
    // A handle to the first one is not one to the second.
    assert!(!left.is_loaded() && left.with(|_, _| ()).is_err());
}

#[test]
fn the_error_of_an_id_that_is_taken_names_who_took_it() {
    let node = node();
    node.load(Left::default()).unwrap();
    let error = node.load(OverlayConfig::new(Right::default()).id(Left::ID)).unwrap_err();
    assert_eq!(error, LoadError::Loaded { id: Left::ID, name: "Right", loaded: "Left" });
}

#[test]
fn nothing_is_loaded_or_unloaded_inside_a_handler() {
    let node = node();
    let left = node.load(Left::default()).unwrap();
    let (inner, handle) = (node.clone(), left.clone());
    let outcome = left.with(move |_, _| (inner.load(Right::default()).err(), inner.unload(&handle)));
    assert_eq!(outcome, Ok((Some(LoadError::Reentrant { name: "Right" }), Err(HandleError::Reentrant))));
    assert!(node.find::<Right>().is_none());
}

#[derive(Message)]
#[message(id = 3)]
struct Whisper {
    number: u32,
}

struct Twice;

impl Community for Twice {
    const ID: CommunityId = CommunityId([7; 20]);

    fn routes(r: &mut Routes<Self>) {
        r.on(|_: &mut Self, _: &mut Context<'_>, _: &SocketAddr, m: Shout| _ = m.number);
        r.on(|_: &mut Self, _: &mut Context<'_>, _: &Peer, m: Whisper| _ = m.number);
    }
}

#[test]
fn two_handlers_of_one_id_are_refused_with_both_names() {
    let error = node().load(Twice).unwrap_err();
    let wanted = RouteError::Duplicate { community: "Twice", id: 3, first: "Shout", second: "Whisper" };
    assert_eq!(error, LoadError::Routes(wanted));
    assert!(error.to_string().contains("`Shout`") && error.to_string().contains("`Whisper`"));
}

struct Old;

impl Community for Old {
    const ID: CommunityId = CommunityId([8; 20]);

    fn routes(r: &mut Routes<Self>) {
        r.on_raw(255, |_: &mut Self, _: &mut Context<'_>, _: &SocketAddr, _: &[u8]| ());
    }
}

#[test]
fn a_handler_of_a_deprecated_id_is_refused() {
    let error = node().load(Old).unwrap_err();
    assert_eq!(error, LoadError::Routes(RouteError::Deprecated { community: "Old", id: 255, name: "raw" }));
}

#[test]
fn the_id_of_a_master_peer_is_its_member_id() {
    let node = node();
    let right = node.load(OverlayConfig::new(Right::default()).master_peer(key(9).public())).unwrap();
    let id = CommunityId(key(9).mid().0);
    assert_eq!(right.with(|_, cx| cx.community_id()), Ok(id));
    hand_in(&node, &shout(id, 1));
    hand_in(&node, &shout(Right::ID, 2));
    assert_eq!(right_heard(&right), [1]);
    assert_eq!(node.stats().dropped(DropReason::Prefix), 1);
}

#[test]
fn any_prefix_takes_what_no_other_community_takes() {
    let node = node();
    let left = node.load(Left::default()).unwrap();
    let right = node.load(OverlayConfig::new(Right::default()).any_prefix()).unwrap();
    hand_in(&node, &shout(Left::ID, 1));
    hand_in(&node, &shout(CommunityId([6; 20]), 2));
    hand_in(&node, &shout(Right::ID, 3));
    let mut other_version = shout(CommunityId([6; 20]), 4);
    other_version[1] = 1;
    hand_in(&node, &other_version);
    assert_eq!((left_heard(&left), right_heard(&right)), (vec![1], vec![2, 3]));
    assert_eq!(node.stats().dropped(DropReason::Prefix), 1);
}

#[test]
fn any_prefix_falls_back_to_the_one_before_when_the_last_is_unloaded() {
    let node = node();
    let first = node.load(OverlayConfig::new(Left::default()).any_prefix()).unwrap();
    let last = node.load(OverlayConfig::new(Right::default()).any_prefix()).unwrap();
    hand_in(&node, &shout(CommunityId([6; 20]), 1));
    assert_eq!(right_heard(&last), [1]);
    node.unload(&last).unwrap();
    hand_in(&node, &shout(CommunityId([6; 20]), 2));
    assert_eq!(left_heard(&first), [2]);
    node.unload(&first).unwrap();
    hand_in(&node, &shout(CommunityId([6; 20]), 3));
    assert_eq!(node.stats().dropped(DropReason::Prefix), 1);
}

/// Tries to hide its first handler behind a second one.
struct Hidden;

impl Community for Hidden {
    const ID: CommunityId = community_id!("aaaa000000000000000000000000000000000009");

    fn routes(r: &mut Routes<Self>) {
        r.on(|_: &mut Self, _: &mut Context<'_>, _: &SocketAddr, _: Shout| ());
        r.replace(|_: &mut Self, _: &mut Context<'_>, _: &SocketAddr, _: Shout| ());
    }
}

#[test]
fn replacing_takes_the_place_of_the_nodes_own_handlers_only() {
    let error = node().load(Hidden).unwrap_err();
    assert!(matches!(error, LoadError::Routes(RouteError::Duplicate { id: 3, .. })), "{error}");
}
