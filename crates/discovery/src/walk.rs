//! Walking at random through the network.

use std::time::Duration;

use ipv8_core::{Context, Strategy};
use rand::{RngExt, seq::IndexedRandom};

use crate::pace::Pace;

/// Walks to random addresses that peers introduced, and asks random peers for more (the reference's `RandomWalk`,
/// `protocol.md` section 5).
///
/// A step first forgets what did not answer in time, addresses included. If fewer steps than the window are unanswered, it
/// then walks to a random known address; or, one time in five and if there is none, it asks a peer for an introduction, or
/// the bootstrappers if there is no peer.
#[derive(Clone, Debug)]
pub struct RandomWalk {
    pub(crate) pace: Pace,
}

impl Default for RandomWalk {
    /// The reference's defaults: 3 seconds, 5 unanswered steps, 50 in 256.
    fn default() -> Self {
        Self { pace: Pace::new(50) }
    }
}

impl RandomWalk {
    /// After how long an address that does not answer is given up.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.pace.timeout = timeout;
        self
    }

    /// How many steps may be unanswered at once, at most 1,000.
    #[must_use]
    pub fn window(mut self, window: usize) -> Self {
        self.pace.set_window(window);
        self
    }

    /// How often, in 256 steps, an introduction is asked for although there are addresses to walk to; so that a walk
    /// among addresses that are all dead ends.
    #[must_use]
    pub fn reset_chance(mut self, chance: u8) -> Self {
        self.pace.reset_chance = chance;
        self
    }

    /// The shortest time between steps, where the node's tick is too fast (the reference's `target_interval`).
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pace.pause = pause;
        self
    }

    /// Gives up what did not answer in time.
    fn forget_unanswered(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        let timeout = self.pace.timeout;
        self.pace.walks.retain(|(address, at)| {
            let waiting = *at + timeout >= now;
            if !waiting && cx.network().by_address(*address).is_none() {
                cx.network_mut().remove_address(*address);
            }
            waiting
        });
    }
}

impl Strategy for RandomWalk {
    fn name(&self) -> &'static str {
        "RandomWalk"
    }

    fn step(&mut self, cx: &mut Context<'_>) {
        self.forget_unanswered(cx);
        if !self.pace.begin_step(cx.now()) {
            return;
        }
        let available = self.pace.available(cx);
        let walk = !available.is_empty() && cx.rng().random::<u8>() >= self.pace.reset_chance;
        match available.choose(cx.rng()).filter(|_| walk) {
            Some(address) => self.pace.walk_to(cx, *address),
            None => cx.new_introduction(),
        }
    }
}
