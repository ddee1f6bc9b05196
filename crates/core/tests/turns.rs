//! What one turn does, and what it leaves for the next.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "what fails here fails the test")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Poll, Wake, Waker},
};

use ipv8_core::{
    Community, Node, NodeConfig, Routes, Time,
    crypto::{Curve, PrivateKey},
    wire::{CommunityId, community_id},
};
use rand::{SeedableRng, rngs::StdRng};

struct Empty;

impl Community for Empty {
    const ID: CommunityId = community_id!("bad0000000000000000000000000000000000002");

    fn routes(_: &mut Routes<Self>) {}
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_task_that_needs_many_polls_comes_to_its_end_over_several_turns() {
    const POLLS: usize = 1_000_000;
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([1; 32])).unwrap();
    let node = Node::new(NodeConfig::new(key, [1; 32]));
    let handle = node.load(Empty).unwrap();
    let wakes = Arc::new(Wakes::default());
    node.set_waker(&Waker::from(wakes.clone()));
    let mut polls = 0;
    let task = std::future::poll_fn(move |cx| {
        polls += 1;
        if polls == POLLS {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    });
    handle.with(|_, cx| cx.spawn(task)).unwrap();
    let mut turns = 0;
    while node.needs_turn() {
        let woken = wakes.0.load(Ordering::Relaxed);
        node.poll(Time::ZERO);
        turns += 1;
        // A driver is told of the turn that is due.
        assert_eq!(wakes.0.load(Ordering::Relaxed) > woken, node.needs_turn());
        assert!(turns <= POLLS);
    }
    assert_eq!(node.pending().0, 0, "stopped after {turns} turns");
    assert!(turns > 1);
}
