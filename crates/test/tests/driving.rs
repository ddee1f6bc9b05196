//! Time passes as the test says: never more, and never without end.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::time::Duration;

use common::{Answer, Doubler, Question, Shout, failure};
use ipv8_core::{
    Community, Context, RequestError, Routes, Schedule, Time,
    wire::{CommunityId, community_id},
};
use ipv8_test::{Captured, Latency, Link, Net, assert_received, assert_sent};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const QUESTION: Question = Question { identifier: 0, value: 21 };

#[test]
fn a_request_runs_to_its_end_without_time_passing() {
    let mut net = Net::of(2, |_| Doubler::default());
    let (asker, other) = (net.handle::<Doubler>(0), net.peer(1));
    let answer = net.run(async { asker.request(&other, QUESTION).await }).unwrap();
    assert_eq!(answer.value, 42);
    assert!(net.now().since_origin() < Duration::from_millis(1), "{:?}", net.now());
    assert_received!(net, 1, [from 0 => Question { value: 21, .. }]);
    assert_received!(net, 0, [from 1 => Answer { value: 42, identifier } if *identifier == answer.identifier]);
}

#[test]
fn a_request_ends_when_it_is_told_to() {
    let mut net = Net::of(2, |_| Doubler::default());
    net.drop_next(Captured::is::<Answer>);
    let (asker, other) = (net.handle::<Doubler>(0), net.peer(1));
    let task = asker.clone();
    net.at(0, |_: &mut Doubler, cx| {
        cx.spawn(async move {
            assert_eq!(task.request(&other, QUESTION).await, Err(RequestError::TimedOut(secs(10))));
        });
    });
    net.deliver();
    assert_eq!(net.pending(0), (1, 1));
    assert_eq!(net.expire_requests(), 1);
    assert_eq!(net.pending(0), (0, 0));
    assert!(net.now().since_origin() < Duration::from_millis(1), "{:?}", net.now());
    assert_eq!(net.report(0).totals.timeouts, 1);
    // With time it ends by itself.
    net.drop_next(Captured::is::<Answer>);
    let other = net.peer(1);
    let result = net.run(async { asker.request(&other, QUESTION).await });
    assert_eq!(result, Err(RequestError::TimedOut(secs(10))));
    assert_eq!(net.now().since_origin().as_secs(), 10);
}

#[test]
fn a_future_that_does_not_end_says_so() {
    let mut net = Net::of(2, |_| Doubler::default());
    let text = failure(|| net.run(std::future::pending::<()>()));
    assert!(text.starts_with("the future did not end within 60s of virtual time; seed 1\n0 packets are on"), "{text}");
    assert_eq!(net.now(), Time::from_duration(secs(60)));
}

/// Two nodes that shout at each other forever.
fn endless() -> Net {
    let net = Net::of(2, |_| Doubler { echoes: true, ..Doubler::default() });
    let to = net.address(1);
    net.at(0, |_: &mut Doubler, cx| cx.send_to(to, Shout { number: 1 }));
    net
}

#[test]
fn nodes_that_never_fall_silent_are_told_of() {
    let text = failure(|| {
        endless().deliver();
    });
    assert_eq!(
        text,
        "\
the net did not fall silent in one deliver(): more than 10000 packets or 200000 turns; seed 1
1 packets are on their way; of the last 1000 there were
     500 Shout  node 0 -> node 1
     500 Shout  node 1 -> node 0
Use deliver_packets(n) or a link with latency and advance() for nodes that never fall silent, or \
NetBuilder::packet_limit for those that say so much."
    );
    let text = failure(|| endless().advance(secs(1)));
    assert!(text.starts_with("too much happens within one virtual second: more than 10000 packets"), "{text}");
}

/// Shouts at everybody, every ten milliseconds.
struct Nagger;

impl Community for Nagger {
    const ID: CommunityId = Doubler::ID;

    fn routes(r: &mut Routes<Self>) {
        r.schedule(Schedule::every(Duration::from_millis(10)).named("nag"), |_: &mut Self, cx: &mut Context<'_>| {
            for peer in cx.peers() {
                cx.send(&peer, Shout { number: 1 });
            }
        });
    }
}

#[test]
fn intervals_that_never_stop_are_named() {
    let link = Link::default().latency(Latency::Constant(Duration::from_millis(50)));
    let mut net = Net::builder().link(link).packet_limit(500).of(2, |_| Nagger);
    assert_eq!(net.tasks(1).iter().map(|task| &*task.name).collect::<Vec<_>>(), ["nag"]);
    assert_eq!(net.deliver(), 0, "nothing is sent at once");
    net.advance(Duration::from_millis(10));
    let text = failure(|| {
        net.deliver();
    });
    let said = "
  node 0: the task `nag` runs every 10ms
  node 1: the task `nag` runs every 10ms
Use deliver_packets(n)";
    assert!(text.contains(said), "{text}");
}

#[test]
fn some_packets_can_be_delivered() {
    let mut net = endless();
    assert_eq!(net.deliver_packets(3), 3);
    assert_received!(net, 1, [Shout { number: 1 }, Shout { number: 3 }]);
    assert_received!(net, 0, [Shout { number: 2 }]);
    assert_eq!(net.under_way(), 1);
    net.forget();
    assert_eq!(net.deliver_packets(1), 1);
    assert_sent!(net, 0, [Shout { number: 5 }]);
}

#[test]
fn latency_takes_time_and_deliver_waits_for_it() {
    let link = Link::default().latency(Latency::Constant(Duration::from_millis(50)));
    let mut net = Net::builder().link(link).of(2, |_| Doubler::default());
    let to = net.address(1);
    net.at(0, |_: &mut Doubler, cx| cx.send_to(to, Shout { number: 1 }));
    net.advance(Duration::from_millis(49));
    assert_received!(net, 1, []);
    assert_eq!(net.deliver(), 1);
    assert_received!(net, 1, [Shout { .. }]);
    assert_eq!(net.now().since_origin(), Duration::from_millis(50));
}

/// Works by the clock.
struct Worker {
    beats: u32,
}

impl Community for Worker {
    const ID: CommunityId = community_id!("0f5e1d8a6c2f9b3d7e40a1c8b95d6e2f7a3c4b5e");

    fn routes(r: &mut Routes<Self>) {
        r.every(secs(5), |worker: &mut Self, _: &mut Context<'_>| worker.beats += 1);
        r.schedule(Schedule::once(), |worker: &mut Self, _: &mut Context<'_>| worker.beats += 100);
    }
}

#[test]
fn intervals_run_in_virtual_time_only() {
    let mut net = Net::of(1, |_| Worker { beats: 0 });
    let beats = |net: &Net| net.at(0, |worker: &mut Worker, _| worker.beats);
    assert_eq!(net.deliver(), 0);
    assert_eq!(beats(&net), 100, "what is due at once runs, what is due later does not");
    net.advance(secs(3_600));
    assert_eq!(beats(&net), 100 + 720);
    assert!(net.advance_until(secs(60), |net| beats(net) == 822));
    assert_eq!(net.now().since_origin(), secs(3_610));
    assert!(!net.advance_until(secs(4), |net| beats(net) == 823));
}

#[test]
fn a_panic_in_a_handler_fails_the_test() {
    let mut net = Net::of(2, |_| Doubler::default());
    let to = net.peer(1);
    net.at(0, |_: &mut Doubler, cx| cx.send(&to, Question { identifier: 1, value: 1_000 }));
    let text = failure(|| {
        net.deliver();
    });
    assert_eq!(
        text,
        "Doubler panicked, handling message 1: 1000 is too much\n\
         (outside of tests the node would go on; NetBuilder::allow_panics lets it); seed 1"
    );
    net.deliver();
    assert_eq!(net.report(1).totals.panics, 1, "it is told of once");
}

#[test]
fn a_panic_in_a_task_fails_the_test() {
    let mut net = Net::of(1, |_| Doubler::default());
    net.at(0, |_: &mut Doubler, cx| {
        let _ = cx.spawn_named("worker", false, async { panic!("no work today") });
    });
    let text = failure(|| {
        net.deliver();
    });
    assert!(text.starts_with("a task of node 0 panicked: what it said was printed when it did\n"), "{text}");
    net.deliver();
}

#[test]
fn panics_can_be_allowed() {
    let mut net = Net::builder().allow_panics().of(2, |_| Doubler::default());
    let to = net.peer(1);
    for value in [1_000, 1] {
        net.at(0, |_: &mut Doubler, cx| cx.send(&to, Question { identifier: 1, value }));
    }
    net.deliver();
    assert_received!(net, 1, [Question { value: 1_000, .. }, Question { value: 1, .. }]);
    assert_sent!(net, 1, [Answer { value: 2, .. }]);
}
