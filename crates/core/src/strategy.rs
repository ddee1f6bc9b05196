//! Strategies: what a community does to find or keep peers, one step at a time.

use std::time::Duration;

use rand::{RngExt, rngs::StdRng};

use crate::{community::OverlayId, context::Context, time::Time};

/// Looks for peers, or takes care of those that are there, in small steps.
///
/// The node calls its strategies one after the other and spreads them over the tick (half a second by default), so that
/// overlays never send all at once (the seeds' `DiscoveryStrategy`). A step is like a handler: it gets a [`Context`],
/// never blocks, and keeps its own state. Steps never overlap, so nothing needs a lock; a step that panics is logged, and
/// the strategy goes on with its next one.
///
/// ```
/// use ipv8_core::{Context, Strategy};
///
/// /// Asks one random peer a step for an introduction.
/// struct AskAround;
///
/// impl Strategy for AskAround {
///     fn name(&self) -> &'static str {
///         "AskAround"
///     }
///
///     fn step(&mut self, cx: &mut Context<'_>) {
///         if let Some(peer) = cx.random_peer() {
///             cx.request_introduction(&peer);
///         }
///     }
/// }
/// ```
///
/// A strategy that needs its community, to call its methods, gets it from [`Context::with_community`].
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

/// What can be told of a strategy that is registered in a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StrategyInfo {
    /// Its name, see [`Strategy::name`].
    pub name: &'static str,
    /// Until when it runs.
    pub target: Target,
}

struct Entry {
    /// Never used twice in one node.
    id: u64,
    overlay: OverlayId,
    info: StrategyInfo,
    /// `None` while it takes its step.
    strategy: Option<Box<dyn Strategy>>,
}

/// All strategies of a node, and whose turn it is.
pub(crate) struct Walkers {
    tick: Duration,
    entries: Vec<Entry>,
    next: usize,
    next_id: u64,
    /// A [`Timer::Walk`](crate::timers::Timer::Walk) is set.
    armed: bool,
    /// A step was taken.
    begun: bool,
}

/// A strategy that is taking its step.
pub(crate) struct Step {
    pub(crate) overlay: OverlayId,
    pub(crate) target: Target,
    pub(crate) strategy: Box<dyn Strategy>,
    id: u64,
}

impl Step {
    pub(crate) fn name(&self) -> &'static str {
        self.strategy.name()
    }

    pub(crate) fn is_due(&self, peers: usize) -> bool {
        self.target.wants_more_than(peers)
    }
}

impl Walkers {
    pub(crate) fn new(tick: Duration) -> Self {
        Self {
            tick: tick.max(Duration::from_millis(1)),
            entries: Vec::new(),
            next: 0,
            next_id: 0,
            armed: false,
            begun: false,
        }
    }

    pub(crate) fn add(&mut self, overlay: OverlayId, strategy: Box<dyn Strategy>, target: Target) {
        let (id, info) = (self.next_id, StrategyInfo { name: strategy.name(), target });
        self.next_id = self.next_id.wrapping_add(1);
        self.entries.push(Entry { id, overlay, info, strategy: Some(strategy) });
    }

    /// Takes the strategies of an overlay out, for the caller to drop.
    pub(crate) fn remove_overlay(&mut self, overlay: OverlayId) -> Vec<Box<dyn Strategy>> {
        self.take_out(|entry| entry.overlay == overlay).into_iter().filter_map(|entry| entry.strategy).collect()
    }

    /// Removes the strategies of this name from an overlay, and returns how many there were. One that takes its step
    /// goes when the step ends.
    pub(crate) fn remove(&mut self, overlay: OverlayId, name: &str) -> usize {
        self.take_out(|entry| entry.overlay == overlay && entry.info.name == name).len()
    }

    /// Takes entries out; whose turn is next does not change.
    fn take_out(&mut self, chosen: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let before = self.entries.iter().take(self.next).filter(|entry| chosen(entry)).count();
        self.next -= before;
        self.entries.extract_if(.., |entry| chosen(entry)).collect()
    }

    /// The strategies of an overlay, in the order in which they were added.
    pub(crate) fn of(&self, overlay: OverlayId) -> impl Iterator<Item = StrategyInfo> {
        self.entries.iter().filter(move |entry| entry.overlay == overlay).map(|entry| entry.info)
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
        let entry = self.entries.get_mut(self.next)?;
        self.next += 1;
        Some(Step { overlay: entry.overlay, target: entry.info.target, strategy: entry.strategy.take()?, id: entry.id })
    }

    /// Puts a strategy back, unless it was removed in the meantime.
    pub(crate) fn end(&mut self, step: Step) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == step.id) {
            entry.strategy = Some(step.strategy);
        }
    }

    /// When the next step is due: the tick is shared evenly among the strategies. The first step is taken at once, and the
    /// second after a random part of the tick, so that nodes that start together do not keep in step.
    pub(crate) fn after(&mut self, now: Time, rng: &mut StdRng) -> Time {
        let share = u32::try_from(self.entries.len().max(1)).unwrap_or(u32::MAX);
        let pause = self.tick / share;
        if std::mem::replace(&mut self.begun, true) { now + pause } else { now + pause.mul_f64(rng.random()) }
    }
}
