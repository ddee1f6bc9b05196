//! Telling peers our communities now and then.

use std::time::Duration;

use ipv8_core::{Context, PeerRecord, Strategy, Time};
use rand::RngExt;

use crate::DiscoveryCommunity;

/// Tells one random peer a second which communities we are in, and asks for its own (the reference's `PeriodicSimilarity`,
/// `protocol.md` section 5).
///
/// The peers are those of all communities that share the network. It works in the [`DiscoveryCommunity`] only, and does
/// nothing in others.
#[derive(Clone, Debug)]
pub struct PeriodicSimilarity {
    interval: Duration,
    last: Option<Time>,
    warned: bool,
}

impl Default for PeriodicSimilarity {
    /// The reference's: one peer a second.
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), last: None, warned: false }
    }
}

impl PeriodicSimilarity {
    /// The shortest time between two peers.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }
}

impl Strategy for PeriodicSimilarity {
    fn name(&self) -> &'static str {
        "PeriodicSimilarity"
    }

    fn rests_until(&self) -> Option<Time> {
        self.last.map(|last| last + self.interval)
    }

    fn step(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        let peers = cx.network().len();
        if peers == 0 || self.last.is_some_and(|last| now < last + self.interval) {
            return;
        }
        self.last = Some(now);
        let chosen = cx.rng().random_range(0..peers);
        let address = cx.network().nth(chosen).and_then(PeerRecord::peer).map(|peer| peer.address());
        let Some(address) = address else { return };
        let asked = cx.with_community(|community: &mut DiscoveryCommunity, cx| community.ask_similarity(cx, address));
        if asked.is_none() && !std::mem::replace(&mut self.warned, true) {
            tracing::warn!(community = cx.name(), "PeriodicSimilarity does nothing here: it is for DiscoveryCommunity");
        }
    }
}
