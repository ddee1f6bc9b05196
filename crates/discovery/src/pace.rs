//! What the walks have in common: how fast they go, and the walks that are not answered yet.

use std::{net::SocketAddr, ops::RangeInclusive, time::Duration};

use ipv8_core::{Context, Settings, Time};

/// The most steps that may be unanswered at once, whatever the window: what is remembered of them is bounded by it.
const LARGEST_WINDOW: usize = 1_000;

/// How long an answer may be waited for: below a tenth of a second, none comes in time from far away.
pub(crate) const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3_600);

/// How fast a walk goes, and where it walked to.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    /// After how long an address that does not answer is given up.
    pub(crate) timeout: Duration,
    window: usize,
    /// How often, in 256 steps, somebody is asked although there are addresses to walk to.
    pub(crate) reset_chance: u8,
    /// The shortest time between steps.
    pub(crate) pause: Duration,
    /// Walks that wait for their answer; each strategy settles its own way.
    pub(crate) walks: Vec<(SocketAddr, Time)>,
    last_step: Option<Time>,
}

impl Pace {
    /// The reference's 3 seconds and 5 unanswered steps.
    pub(crate) const fn new(reset_chance: u8) -> Self {
        let (timeout, pause) = (Duration::from_secs(3), Duration::ZERO);
        Self { timeout, window: 5, reset_chance, pause, walks: Vec::new(), last_step: None }
    }

    pub(crate) fn set_window(&mut self, window: usize) {
        self.window = window.clamp(1, LARGEST_WINDOW);
    }

    /// Takes over what a configuration says, by the reference's names.
    pub(crate) fn configure(&mut self, settings: &mut Settings) {
        if let Some(timeout) = settings.take_duration_within("timeout", TIMEOUTS) {
            self.timeout = timeout;
        }
        if let Some(window) = settings.take_usize("window_size") {
            // The reference's 0 is no window at all.
            self.set_window(if window == 0 { usize::MAX } else { window });
        }
        if let Some(chance) = settings.take_integer_within("reset_chance", 0..=255) {
            self.reset_chance = u8::try_from(chance).unwrap_or(u8::MAX);
        }
        if let Some(pause) = settings.take_duration("target_interval") {
            self.pause = pause;
        }
    }

    /// Begins a step, unless it comes too soon or too much is unanswered.
    pub(crate) fn begin_step(&mut self, now: Time) -> bool {
        let too_soon = !self.pause.is_zero() && self.last_step.is_some_and(|last| last + self.pause >= now);
        if too_soon || self.walks.len() >= self.window {
            return false;
        }
        self.last_step = Some(now);
        true
    }

    /// Where could be walked to and is not being walked to.
    pub(crate) fn available(&self, cx: &Context<'_>) -> Vec<SocketAddr> {
        let mut available = cx.walkable();
        available.retain(|address| self.walks.iter().all(|(walked, _)| walked != address));
        available
    }

    pub(crate) fn walk_to(&mut self, cx: &mut Context<'_>, address: SocketAddr) {
        cx.walk_to(address);
        self.walks.push((address, cx.now()));
    }
}
