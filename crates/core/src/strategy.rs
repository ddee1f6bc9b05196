//! Strategies: what a community does to find or keep peers, one step at a time.

use std::time::Duration;

use crate::{community::OverlayId, context::Context, time::Time};

/// Looks for peers, or takes care of those that are there, in small steps.
///
/// The node calls its strategies one after the other and spreads them over the tick (half a second by default), so that
/// overlays never send all at once (the seeds' `DiscoveryStrategy`). A step is like a handler: it gets a [`Context`],
/// never blocks, and keeps its own state.
pub trait Strategy: Send {
    /// The name in logs and configurations.
    fn name(&self) -> &'static str;

    /// Takes one step.
    fn step(&mut self, cx: &mut Context<'_>);
}

/// Until when a strategy runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// While the community has fewer peers than this; it goes on when peers are lost.
    Peers(usize),
    /// Always (the reference's -1).
    Always,
}

impl Target {
    fn wants_more_than(self, peers: usize) -> bool {
        match self {
            Self::Peers(target) => peers < target,
            Self::Always => true,
        }
    }
}

/// The time in which every strategy takes one step, unless the node is told another (`protocol.md` section 5, "Tick").
pub const DEFAULT_TICK: Duration = Duration::from_millis(500);

struct Entry {
    overlay: OverlayId,
    target: Target,
    strategy: Option<Box<dyn Strategy>>,
}

/// All strategies of a node, and whose turn it is.
pub(crate) struct Walkers {
    tick: Duration,
    entries: Vec<Entry>,
    next: usize,
    /// A [`Timer::Walk`](crate::timers::Timer::Walk) is set.
    armed: bool,
}

/// A strategy that is taking its step.
pub(crate) struct Step {
    pub(crate) overlay: OverlayId,
    pub(crate) target: Target,
    pub(crate) strategy: Box<dyn Strategy>,
    index: usize,
}

impl Step {
    pub(crate) fn is_due(&self, peers: usize) -> bool {
        self.target.wants_more_than(peers)
    }
}

impl Walkers {
    pub(crate) fn new(tick: Duration) -> Self {
        Self { tick: tick.max(Duration::from_millis(1)), entries: Vec::new(), next: 0, armed: false }
    }

    pub(crate) fn add(&mut self, overlay: OverlayId, strategy: Box<dyn Strategy>, target: Target) {
        self.entries.push(Entry { overlay, target, strategy: Some(strategy) });
    }

    pub(crate) fn remove_overlay(&mut self, overlay: OverlayId) {
        let before = self.entries.iter().take(self.next).filter(|entry| entry.overlay == overlay).count();
        self.entries.retain(|entry| entry.overlay != overlay);
        self.next -= before;
    }

    /// Whether the timer is to be set now; true once until [`Walkers::disarm`].
    pub(crate) fn arm(&mut self) -> bool {
        !self.entries.is_empty() && !std::mem::replace(&mut self.armed, true)
    }

    pub(crate) fn disarm(&mut self) {
        self.armed = false;
    }

    /// Takes the strategy whose turn it is.
    pub(crate) fn begin(&mut self) -> Option<Step> {
        if self.next >= self.entries.len() {
            self.next = 0;
        }
        let index = self.next;
        self.next += 1;
        let entry = self.entries.get_mut(index)?;
        Some(Step { overlay: entry.overlay, target: entry.target, strategy: entry.strategy.take()?, index })
    }

    /// Puts a strategy back, unless its overlay was unloaded in the meantime.
    pub(crate) fn end(&mut self, step: Step) {
        let here =
            self.entries.get_mut(step.index).filter(|entry| entry.strategy.is_none() && entry.overlay == step.overlay);
        if let Some(entry) = here {
            entry.strategy = Some(step.strategy);
        }
    }

    /// When the next step is due: the tick is shared evenly among the strategies.
    pub(crate) fn after(&self, now: Time) -> Time {
        let share = u32::try_from(self.entries.len().max(1)).unwrap_or(u32::MAX);
        now + self.tick / share
    }
}
