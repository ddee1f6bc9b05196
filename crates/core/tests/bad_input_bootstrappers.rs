//! A bootstrapper that panics is counted and kept; its community starts, and the others are asked all the same later.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "what fails here fails the test")]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use ipv8_core::{
    Bootstrapper, Community, Context, Node, NodeConfig, OverlayConfig, Routes,
    crypto::{Curve, PrivateKey},
    wire::{CommunityId, community_id},
};
use rand::{SeedableRng, rngs::StdRng};

#[derive(Default)]
struct Quiet {
    started: bool,
}

impl Community for Quiet {
    const ID: CommunityId = community_id!("bad0000000000000000000000000000000000003");

    fn routes(_: &mut Routes<Self>) {}

    fn started(&mut self, _: &mut Context<'_>) {
        self.started = true;
    }
}

/// Panics the first time it is started or asked.
struct Fails {
    asked: Arc<AtomicUsize>,
    at_start: bool,
}

impl Bootstrapper for Fails {
    fn name(&self) -> &'static str {
        "Fails"
    }

    fn started(&mut self, _: &mut Context<'_>) {
        assert!(!self.at_start, "at the start");
    }

    fn bootstrap(&mut self, _: &mut Context<'_>) {
        let before = self.asked.fetch_add(1, Ordering::Relaxed);
        assert!(before != 0, "when it is asked first");
    }

    fn is_initialized(&self) -> bool {
        true
    }

    fn keep_alive(&mut self, _: &mut Context<'_>) {}
}

fn node() -> Node {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([1; 32])).unwrap();
    Node::new(NodeConfig::new(key, [1; 32]))
}

#[test]
fn a_bootstrapper_that_panics_is_asked_again() {
    let node = node();
    let asked = Arc::new(AtomicUsize::new(0));
    let config = OverlayConfig::new(Quiet::default()).bootstrapper(Fails { asked: asked.clone(), at_start: false });
    let quiet = node.load(config).unwrap();
    for _ in 0..3 {
        let _ = quiet.with(|_, cx| cx.bootstrap());
    }
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    assert_eq!(node.stats().panics, 1);
}

#[test]
fn a_community_starts_although_its_bootstrapper_panics() {
    let node = node();
    let asked = Arc::new(AtomicUsize::new(1));
    let config = OverlayConfig::new(Quiet::default()).bootstrapper(Fails { asked: asked.clone(), at_start: true });
    let quiet = node.load(config).unwrap();
    assert_eq!(quiet.with(|quiet, cx| (quiet.started, cx.bootstrap())).map(|(started, ())| started), Ok(true));
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert_eq!(node.stats().panics, 1);
}
