//! Walking at random through the network.

use std::{net::SocketAddr, time::Duration};

use ipv8_core::{Context, Strategy, Time};
use rand::{RngExt, seq::IndexedRandom};

/// The most steps that may be unanswered at once, whatever the window: what is remembered of them is bounded by it.
const LARGEST_WINDOW: usize = 1_000;

/// Walks to random addresses that peers introduced, and asks random peers for more (the reference's `RandomWalk`,
/// `protocol.md` section 5).
///
/// A step first forgets what did not answer in time, addresses included. If fewer steps than the window are unanswered, it
/// then walks to a random known address; or, one time in five and if there is none, it asks a peer for an introduction, or
/// the bootstrappers if there is no peer.
#[derive(Clone, Debug)]
pub struct RandomWalk {
    timeout: Duration,
    window: usize,
    reset_chance: u8,
    pause: Duration,
    asked: Vec<(SocketAddr, Time)>,
    last_step: Option<Time>,
}

impl Default for RandomWalk {
    /// The reference's defaults: 3 seconds, 5 unanswered steps, 50 in 256.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(3),
            window: 5,
            reset_chance: 50,
            pause: Duration::ZERO,
            asked: Vec::new(),
            last_step: None,
        }
    }
}

impl RandomWalk {
    /// After how long an address that does not answer is given up.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many steps may be unanswered at once, at most 1,000.
    #[must_use]
    pub fn window(mut self, window: usize) -> Self {
        self.window = window.clamp(1, LARGEST_WINDOW);
        self
    }

    /// How often, in 256 steps, an introduction is asked for although there are addresses to walk to; so that a walk
    /// among addresses that are all dead ends.
    #[must_use]
    pub fn reset_chance(mut self, chance: u8) -> Self {
        self.reset_chance = chance;
        self
    }

    /// The shortest time between steps, where the node's tick is too fast (the reference's `target_interval`).
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Gives up what did not answer in time.
    fn forget_unanswered(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        let timeout = self.timeout;
        self.asked.retain(|(address, at)| {
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
        let now = cx.now();
        if !self.pause.is_zero() && self.last_step.is_some_and(|last| last + self.pause >= now) {
            return;
        }
        if self.asked.len() >= self.window {
            return;
        }
        let mut available = cx.walkable();
        available.retain(|address| self.asked.iter().all(|(asked, _)| asked != address));
        let walk = !available.is_empty() && cx.rng().random::<u8>() >= self.reset_chance;
        match available.choose(cx.rng()).filter(|_| walk) {
            Some(address) => {
                cx.walk_to(*address);
                self.asked.push((*address, now));
            }
            None => cx.new_introduction(),
        }
        self.last_step = Some(now);
    }
}
