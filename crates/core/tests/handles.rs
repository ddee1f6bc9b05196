//! Handles from outside: a request never touches another one, and nobody waits for a node that is gone.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

use std::{
    future::Future,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context as TaskContext, Poll, Wake, Waker},
    time::Duration,
};

use ipv8_core::{
    Community, Handle, HandleError, Node, NodeConfig, Peer, RequestError, Routes, Time,
    crypto::{Curve, PrivateKey},
    wire::{CommunityId, Identified, Message, Request, community_id},
};
use rand::{SeedableRng, rngs::StdRng};

/// A question of which only one can be under way: its identifiers are 0.
#[derive(Message, Clone, Debug)]
#[message(id = 1)]
struct Question {
    number: u16,
}

#[derive(Message, Clone, Debug)]
#[message(id = 2)]
struct Answer {
    number: u16,
}

macro_rules! always_zero {
    ($message:ty) => {
        impl Identified for $message {
            const IDENTIFIER_MAX: u64 = 0;

            fn identifier(&self) -> u64 {
                self.number.into()
            }

            fn set_identifier(&mut self, _: u64) {
                self.number = 0;
            }
        }
    };
}

always_zero!(Question);
always_zero!(Answer);

impl Request for Question {
    type Reply = Answer;
}

struct Quiz;

impl Community for Quiz {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");

    fn routes(r: &mut Routes<Self>) {
        r.reply::<Answer>();
    }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn key(number: u8) -> PrivateKey {
    PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap()
}

fn node() -> (Node, Handle<Quiz>) {
    let node = Node::new(NodeConfig::new(key(1), [1; 32]));
    let handle = node.load(Quiz).unwrap();
    (node, handle)
}

fn other() -> (Peer, SocketAddr) {
    let address = SocketAddr::from(([10, 0, 0, 2], 8090));
    (Peer::new(key(2).public().clone(), address), address)
}

/// The answer of the other peer.
fn answer() -> Vec<u8> {
    let node = Node::new(NodeConfig::new(key(2), [2; 32]));
    let handle = node.load(Quiz).unwrap();
    handle.with(|_, cx| cx.pack(Answer { number: 0 })).unwrap().unwrap()
}

#[test]
fn a_finished_request_does_not_end_a_later_one_with_its_identifier() {
    let (node, handle) = node();
    let (peer, address) = other();
    let mut cx = TaskContext::from_waker(Waker::noop());
    let mut first = Box::pin(handle.request(&peer, Question { number: 9 }));
    assert!(first.as_mut().poll(&mut cx).is_pending());
    node.handle(Time::ZERO, [(address, answer().as_slice())]);
    // Answered, but its caller has not looked yet when the identifier is given out again.
    let mut second = pin!(handle.request(&peer, Question { number: 9 }));
    assert!(second.as_mut().poll(&mut cx).is_pending());
    assert!(matches!(first.as_mut().poll(&mut cx), Poll::Ready(Ok(_))));
    drop(first);
    assert_eq!(node.pending(), (0, 1), "the second one still waits");
    node.poll(Time::from_duration(Duration::from_secs(11)));
    let timed_out = RequestError::TimedOut(Duration::from_secs(10));
    assert!(matches!(second.as_mut().poll(&mut cx), Poll::Ready(Err(error)) if error == timed_out));
    assert_eq!(node.pending(), (0, 0));
}

#[test]
fn a_request_that_is_dropped_inside_a_handler_is_given_up_when_the_handler_is_done() {
    let (node, handle) = node();
    let (peer, _) = other();
    let mut request = Box::pin(handle.request(&peer, Question { number: 9 }));
    assert!(request.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())).is_pending());
    assert_eq!(node.pending(), (0, 1));
    handle.with(|_, _| drop(request)).unwrap();
    node.poll(Time::ZERO);
    assert_eq!((node.pending(), node.report().queues.timers), ((0, 0), 0));
}

#[test]
fn a_request_inside_a_handler_is_refused() {
    let (_node, handle) = node();
    let (peer, _) = other();
    let mut request = pin!(handle.request(&peer, Question { number: 9 }));
    let mut cx = TaskContext::from_waker(Waker::noop());
    let polled = handle.with(|_, _| request.as_mut().poll(&mut cx)).unwrap();
    assert!(matches!(polled, Poll::Ready(Err(RequestError::Reentrant))));
}

#[test]
fn a_request_whose_answer_is_not_registered_is_refused() {
    /// Takes the answers itself, so that no request would ever get one.
    struct Deaf;

    impl Community for Deaf {
        const ID: CommunityId = community_id!("00112233445566778899aabbccddeeff00112233");

        fn routes(r: &mut Routes<Self>) {
            r.on(|_: &mut Self, _: &mut ipv8_core::Context<'_>, _: &Peer, _: Answer| {});
        }
    }

    let (node, _) = node();
    let deaf = node.load(Deaf).unwrap();
    let (peer, _) = other();
    let mut request = pin!(deaf.request(&peer, Question { number: 9 }));
    let polled = request.as_mut().poll(&mut TaskContext::from_waker(Waker::noop()));
    let Poll::Ready(Err(error)) = polled else { panic!("refused at once") };
    assert_eq!(error, RequestError::NotRegistered(2, "Answer"));
    assert!(error.to_string().contains("r.reply::<Answer>()"), "{error}");
    assert_eq!(node.pending(), (0, 0));
}

#[test]
fn whoever_waits_learns_that_the_node_is_gone() {
    let (node, handle) = node();
    let (peer, _) = other();
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    let mut cx = TaskContext::from_waker(&waker);
    let mut sleep = pin!(handle.sleep(Duration::from_secs(3600)));
    let mut request = pin!(handle.request(&peer, Question { number: 0 }));
    assert!(sleep.as_mut().poll(&mut cx).is_pending());
    assert!(request.as_mut().poll(&mut cx).is_pending());
    drop(node);
    assert_eq!(wakes.0.load(Ordering::Relaxed), 2);
    assert!(sleep.as_mut().poll(&mut cx).is_ready());
    assert!(matches!(request.as_mut().poll(&mut cx), Poll::Ready(Err(RequestError::Unloaded))));
    assert_eq!(handle.with(|_, _| ()), Err(HandleError::Unloaded));
}

#[test]
fn a_handle_inside_a_handler_is_refused_and_the_rest_goes_on() {
    let (_node, handle) = node();
    let inner = handle.clone();
    let outcome = handle.with(move |_, _| inner.with(|_, _| ())).unwrap();
    assert_eq!(outcome, Err(HandleError::Reentrant));
    assert_eq!(handle.with(|_, _| 7), Ok(7));
}

#[test]
fn a_panic_in_a_closure_is_its_callers_own() {
    let (node, handle) = node();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        handle.with(|_, _| panic!("as a failed assertion would"))
    }));
    assert!(caught.is_err());
    assert_eq!(handle.with(|_, _| 7), Ok(7));
    assert_eq!(node.stats().panics, 0);
}
