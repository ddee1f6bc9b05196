//! Caches: stored under a number, taken out once, timed out, or gone with their community.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

use std::{
    future::Future,
    net::SocketAddr,
    pin::pin,
    task::{Context as TaskContext, Poll, Waker},
    time::Duration,
};

use ipv8_core::{
    Cache, CacheError, Cancelled, Community, Context, DropReason, Handle, Node, NodeConfig, Passthrough, Peer, Promise,
    RequestLimits, Routes, Time,
    crypto::{Curve, Mid, PrivateKey},
    promise,
    wire::{CommunityId, Message, community_id},
};
use rand::{SeedableRng, rngs::StdRng};

#[derive(Message, Clone, Debug)]
#[message(id = 2)]
struct Answer {
    identifier: u16,
    value: u32,
}

#[derive(Message, Clone, Debug)]
#[message(id = 4, unsigned)]
struct Shout {
    identifier: u32,
}

/// Waits for an answer.
struct Sum {
    so_far: u32,
    of: Option<Mid>,
    result: Option<Promise<Result<u32, &'static str>>>,
}

impl Cache for Sum {
    type Community = Adder;
    const PREFIX: &'static str = "sum";

    fn timed_out(self, adder: &mut Adder, cx: &mut Context<'_>, number: u64) {
        assert!(!cx.has_cache::<Self>(number));
        adder.events.push(format!("{number} timed out at {}", cx.now().since_origin().as_secs_f64()));
        if let Some(result) = self.result {
            result.keep(Err("no answer"));
        }
        if self.so_far > 0 {
            let left = Self { so_far: self.so_far - 1, of: None, result: None };
            let again = cx.add_cache_at(number, left);
            adder.events.extend(again.err().map(|error| error.to_string()));
        }
    }

    fn accepts(&self, peer: Option<&Peer>) -> bool {
        self.of.is_none() || peer.map(Peer::mid) == self.of
    }
}

/// Waits for a second only.
struct Short(#[allow(dead_code, reason = "what it holds is dropped with it")] Option<Promise<()>>);

impl Cache for Short {
    type Community = Adder;
    const PREFIX: &'static str = "short";

    fn timeout(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn timed_out(self, adder: &mut Adder, _: &mut Context<'_>, _: u64) {
        adder.events.push("short".to_owned());
    }
}

/// Shares a prefix with sums.
struct Difference;

impl Cache for Difference {
    type Community = Adder;
    const PREFIX: &'static str = "sum";
}

#[derive(Default)]
struct Adder {
    events: Vec<String>,
}

impl Community for Adder {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");

    fn routes(r: &mut Routes<Self>) {
        r.retrieve(Self::on_answer).retrieve(Self::on_shout);
    }

    fn stopping(&mut self, cx: &mut Context<'_>) {
        self.events.push(format!("{} at the end", cx.cache_count()));
    }
}

impl Adder {
    fn on_answer(&mut self, cx: &mut Context<'_>, from: &Peer, answer: Answer, sum: Sum) {
        assert!(!cx.has_cache::<Sum>(answer.identifier));
        self.events.push(format!("{} and {} of {}", sum.so_far, answer.value, from.mid()));
        if let Some(result) = sum.result {
            result.keep(Ok(sum.so_far + answer.value));
        }
    }

    fn on_shout(&mut self, _: &mut Context<'_>, _: &SocketAddr, shout: Shout, _: Short) {
        self.events.push(format!("shout {}", shout.identifier));
    }
}

struct Other;

impl Community for Other {
    const ID: CommunityId = community_id!("00112233445566778899aabbccddeeff00112233");

    fn routes(_: &mut Routes<Self>) {}
}

fn key(number: u8) -> PrivateKey {
    PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap()
}

fn sum(so_far: u32) -> Sum {
    Sum { so_far, of: None, result: None }
}

fn node() -> (Node, Handle<Adder>) {
    let limits = RequestLimits { caches: 200, ..RequestLimits::default() };
    let node = Node::new(NodeConfig { requests: limits, ..NodeConfig::new(key(1), [1; 32]) });
    let handle = node.load(Adder::default()).unwrap();
    (node, handle)
}

fn at(seconds: f64) -> Time {
    Time::from_duration(Duration::from_secs_f64(seconds))
}

fn events(handle: &Handle<Adder>) -> Vec<String> {
    handle.with(|adder, _| std::mem::take(&mut adder.events)).unwrap()
}

/// Caches and timers that are left.
fn left(node: &Node) -> [usize; 2] {
    let queues = node.report().queues;
    [queues.caches, queues.timers]
}

/// Hands in an answer of another node.
fn answer(node: &Node, seconds: f64, of: u8, identifier: u16) {
    let other = Node::new(NodeConfig::new(key(of), [of; 32]));
    let handle = other.load(Adder::default()).unwrap();
    let packet = handle.with(|_, cx| cx.pack(Answer { identifier, value: 5 })).unwrap().unwrap();
    node.handle(at(seconds), [(SocketAddr::from(([10, 0, 0, of], 8090)), packet.as_slice())]);
}

fn ignored(node: &Node) -> [u64; 3] {
    [DropReason::Late, DropReason::WrongPeer, DropReason::Unsolicited].map(|reason| node.stats().dropped(reason))
}

fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut TaskContext::from_waker(Waker::noop()))
}

#[test]
fn a_cache_is_there_until_it_is_popped() {
    let (node, handle) = node();
    handle
        .with(|_, cx| {
            cx.add_cache_at(7_u32, sum(42)).unwrap();
            assert_eq!(cx.cache::<Sum>(7_u32).map(|sum| sum.so_far), Some(42));
            cx.cache_mut::<Sum>(7_u32).unwrap().so_far += 1;
            assert!(cx.has_cache::<Sum>(7_u32) && !cx.has_cache::<Sum>(8_u32) && !cx.has_cache::<Short>(7_u32));
            assert_eq!(cx.pop_cache::<Sum>(7_u32).map(|sum| sum.so_far), Some(43));
            assert!(cx.pop_cache::<Sum>(7_u32).is_none() && !cx.has_cache::<Sum>(7_u32));
        })
        .unwrap();
    assert_eq!(left(&node), [0, 0]);
    node.poll(at(60.0));
    assert_eq!(events(&handle), Vec::<String>::new());
}

#[test]
fn a_cache_times_out_once_and_may_be_added_again_then() {
    let (node, handle) = node();
    handle.with(|_, cx| cx.add_cache_at(7_u32, sum(2))).unwrap().unwrap();
    handle.with(|_, cx| cx.add_cache_at(7_u32, Short(None))).unwrap().unwrap();
    for seconds in [0.999, 1.0, 9.999, 10.0, 20.0, 30.0, 40.0] {
        node.poll(at(seconds));
    }
    let sums = ["7 timed out at 10", "7 timed out at 20", "7 timed out at 30"];
    assert_eq!(
        (events(&handle)[..].to_vec(), left(&node)),
        ([&["short"], &sums[..]].concat().iter().map(ToString::to_string).collect(), [0, 0])
    );
    assert_eq!(node.stats().timeouts, 4);
}

#[test]
fn a_number_is_taken_for_all_caches_with_the_prefix() {
    let (_node, handle) = node();
    handle
        .with(|_, cx| {
            cx.add_cache_at(7_u32, sum(1)).unwrap();
            let taken = Err(CacheError::Taken { prefix: "sum", number: 7 });
            assert_eq!(cx.add_cache_at(7_u32, sum(2)), taken);
            assert_eq!(cx.add_cache_at(7_u32, Difference), taken);
            assert!(cx.pop_cache::<Difference>(7_u32).is_none(), "it is of another type");
            assert_eq!(cx.cache::<Sum>(7_u32).unwrap().so_far, 1);
            cx.add_cache_at(7_u32, Short(None)).unwrap();
        })
        .unwrap();
}

#[test]
fn drawn_numbers_are_unique_and_of_the_whole_range() {
    let (_node, handle) = node();
    handle
        .with(|_, cx| {
            let small: Vec<u16> = (0..100).map(|_| cx.add_cache(sum(1)).unwrap()).collect();
            let large: Vec<u64> = (0..100).map(|_| cx.add_cache(sum(1)).unwrap()).collect();
            let mut all: Vec<u64> = small.iter().copied().map(u64::from).chain(large.iter().copied()).collect();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), 200);
            let upper_half = small.iter().filter(|number| **number > u16::MAX / 2).count();
            assert!((30..=70).contains(&upper_half), "{upper_half} of 100");
            let upper_half = large.iter().filter(|number| **number > u64::MAX / 2).count();
            assert!((30..=70).contains(&upper_half), "{upper_half} of 100");
            assert_eq!(cx.add_cache::<_, u32>(sum(1)), Err(CacheError::TooMany(200)), "the limit of this node");
            assert_eq!(cx.add_cache_at(1_u32, Short(None)), Err(CacheError::TooMany(200)));
        })
        .unwrap();
}

#[test]
fn a_handler_gets_the_cache_of_its_message_once() {
    let (node, handle) = node();
    handle.with(|_, cx| cx.add_cache_at(7_u16, sum(37))).unwrap().unwrap();
    answer(&node, 1.0, 2, 7);
    answer(&node, 1.0, 2, 7);
    answer(&node, 1.0, 2, 8);
    assert_eq!(events(&handle), [format!("37 and 5 of {}", key(2).public().mid())]);
    assert_eq!((ignored(&node), left(&node)), ([1, 0, 1], [0, 0]));
    answer(&node, 62.0, 2, 7);
    assert_eq!(ignored(&node), [1, 0, 2], "what ended is remembered for a minute");
}

#[test]
fn a_message_after_the_timeout_is_late() {
    let (node, handle) = node();
    handle.with(|_, cx| cx.add_cache_at(7_u16, sum(0))).unwrap().unwrap();
    node.poll(at(10.0));
    answer(&node, 11.0, 2, 7);
    assert_eq!((ignored(&node), events(&handle)), ([1, 0, 0], vec!["7 timed out at 10".to_owned()]));
}

#[test]
fn a_cache_may_be_for_one_peer_only() {
    let (node, handle) = node();
    let cache = Sum { of: Some(key(2).public().mid()), ..sum(0) };
    handle.with(|_, cx| cx.add_cache_at(7_u16, cache)).unwrap().unwrap();
    answer(&node, 1.0, 3, 7);
    assert_eq!((ignored(&node), events(&handle)), ([0, 1, 0], vec![]));
    answer(&node, 1.0, 2, 7);
    assert_eq!((ignored(&node), events(&handle).len()), ([0, 1, 0], 1));
}

#[test]
fn an_unsigned_message_may_have_a_cache() {
    let (node, handle) = node();
    handle.with(|_, cx| cx.add_cache_at(7_u16, Short(None))).unwrap().unwrap();
    let packet = handle.with(|_, cx| cx.pack(Shout { identifier: 7 })).unwrap().unwrap();
    node.handle(at(0.5), [(SocketAddr::from(([10, 0, 0, 2], 8090)), packet.as_slice())]);
    assert_eq!((events(&handle), left(&node)), (vec!["shout 7".to_owned()], [0, 0]));
}

#[test]
fn a_future_of_a_cache_gets_the_answer_or_what_is_chosen_at_the_timeout() {
    let (node, handle) = node();
    let add = |number: u16| {
        let (result, future) = promise();
        handle.with(|_, cx| cx.add_cache_at(number, Sum { result: Some(result), ..sum(0) })).unwrap().unwrap();
        future
    };
    let (answered, silent) = (add(7), add(8));
    answer(&node, 1.0, 2, 7);
    node.poll(at(10.0));
    assert_eq!((poll(answered), poll(silent)), (Poll::Ready(Ok(Ok(5))), Poll::Ready(Ok(Err("no answer")))));
}

#[test]
fn unloading_cancels_futures_without_calling_timeouts() {
    let (node, handle) = node();
    let (result, future) = promise();
    handle.with(|_, cx| cx.add_cache_at(7_u16, Sum { result: Some(result), ..sum(3) })).unwrap().unwrap();
    let (kept, short) = promise();
    handle.with(|_, cx| cx.add_cache_at(7_u16, Short(Some(kept)))).unwrap().unwrap();
    assert_eq!(left(&node), [2, 2]);
    node.unload(&handle).unwrap();
    assert_eq!((poll(future), poll(short)), (Poll::Ready(Err(Cancelled)), Poll::Ready(Err(Cancelled))));
    node.poll(at(60.0));
    assert_eq!((left(&node), node.stats().timeouts), ([0, 0], 0));
    assert!(handle.with(|_, cx| cx.add_cache_at(7_u16, sum(0))).is_err(), "there is nothing to add it to");
}

#[test]
fn a_cache_of_another_community_is_refused() {
    let (node, _) = node();
    let other = node.load(Other).unwrap();
    let refused = other.with(|_, cx| cx.add_cache::<_, u32>(sum(0))).unwrap();
    assert_eq!(refused, Err(CacheError::OtherCommunity { prefix: "sum", community: "Other" }));
}

#[test]
fn a_passthrough_overrides_timeouts_while_it_lives_for_the_types_that_it_names() {
    let (node, handle) = node();
    let guard = handle.passthrough(Passthrough::at_once().only::<Sum>()).unwrap();
    handle.with(|_, cx| cx.add_cache_at(1_u16, sum(0))).unwrap().unwrap();
    handle.with(|_, cx| cx.add_cache_at(1_u16, Short(None))).unwrap().unwrap();
    node.poll(at(0.0));
    assert_eq!(events(&handle), ["1 timed out at 0"]);
    let all = handle.passthrough(Passthrough::after(Duration::from_millis(500))).unwrap();
    handle.with(|_, cx| cx.add_cache_at(2_u16, Short(None))).unwrap().unwrap();
    node.poll(at(0.5));
    assert_eq!(events(&handle), ["short"]);
    drop((all, guard));
    handle.with(|_, cx| cx.add_cache_at(3_u16, sum(0))).unwrap().unwrap();
    node.poll(at(10.4));
    assert_eq!(events(&handle), ["short"], "the first one, after its own second");
    node.poll(at(10.5));
    assert_eq!(events(&handle), ["3 timed out at 10.5"]);
}
