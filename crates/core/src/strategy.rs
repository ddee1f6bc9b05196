//! Strategies: what a community does to find or keep peers, one step at a time.

use std::time::Duration;

use rand::{RngExt, rngs::StdRng};

use crate::{community::OverlayId, context::Context, time::Time, timers::TimerKey, watch::StrategyLabel};

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

    /// Until when steps would do nothing, whatever happens in the meantime. The node then leaves them out, and sleeps if no
    /// other strategy has anything to do. `None`, as by default, if that is not known. Asked after each step.
    fn rests_until(&self) -> Option<Time> {
        None
    }
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
    pub(crate) fn wants_more_than(self, peers: usize) -> bool {
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
    label: StrategyLabel,
    /// What [`Strategy::rests_until`] said after its last step.
    rests_until: Option<Time>,
    /// `None` while it takes its step.
    strategy: Option<Box<dyn Strategy>>,
}

/// All strategies of a node, and whose turn it is.
pub(crate) struct Walkers {
    tick: Duration,
    entries: Vec<Entry>,
    next: usize,
    next_id: u64,
    /// A [`Timer::Walk`](crate::timers::Timer::Walk) is set, or all rest.
    armed: bool,
    /// Steps that were left out since the last one, if any were.
    rest: Option<Rest>,
    /// A step was taken.
    begun: bool,
}

/// Beats at which nothing would be done, so that the node is not woken for them.
#[derive(Clone, Copy)]
struct Rest {
    /// The first of them.
    first: Time,
    /// Whose it was.
    index: usize,
    /// What is set for the beat after the last of them, and when that is; `None` if they go on until a peer is lost.
    timer: Option<(Time, TimerKey)>,
    /// How many peers had been lost when they began: with another one lost, a strategy may want more.
    lost: u64,
}

/// The next beat at which a strategy steps.
pub(crate) struct Beat {
    pub(crate) at: Time,
    index: usize,
    /// Whether it never comes unless a peer is lost.
    pub(crate) never: bool,
}

/// A strategy that is taking its step.
pub(crate) struct Step {
    pub(crate) overlay: OverlayId,
    pub(crate) target: Target,
    pub(crate) strategy: Box<dyn Strategy>,
    pub(crate) rests_until: Option<Time>,
    pub(crate) label: StrategyLabel,
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
            rest: None,
            begun: false,
        }
    }

    pub(crate) fn add(
        &mut self,
        overlay: OverlayId,
        strategy: Box<dyn Strategy>,
        target: Target,
        label: StrategyLabel,
    ) {
        let (id, info) = (self.next_id, StrategyInfo { name: strategy.name(), target });
        self.next_id = self.next_id.wrapping_add(1);
        self.entries.push(Entry { id, overlay, info, label, rests_until: None, strategy: Some(strategy) });
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
        let Entry { id, overlay, info, label, rests_until, strategy } = entry;
        let (strategy, rests_until) = (strategy.take()?, rests_until.take());
        Some(Step { overlay: *overlay, target: info.target, strategy, rests_until, label: *label, id: *id })
    }

    /// Puts a strategy back, unless it was removed in the meantime.
    pub(crate) fn end(&mut self, step: Step) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == step.id) {
            entry.strategy = Some(step.strategy);
            entry.rests_until = step.rests_until;
        }
    }

    /// When the next step is due: the tick is shared evenly among the strategies. The first step is taken at once, and the
    /// second after a random part of the tick, so that nodes that start together do not keep in step.
    pub(crate) fn after(&mut self, now: Time, rng: &mut StdRng) -> Time {
        let pause = self.pause();
        if std::mem::replace(&mut self.begun, true) { now + pause } else { now + pause.mul_f64(rng.random()) }
    }

    fn pause(&self) -> Duration {
        self.tick / u32::try_from(self.entries.len().max(1)).unwrap_or(u32::MAX)
    }

    /// The first beat, from the next strategy's at a time on, at which one has something to do. `wants` says whether an overlay
    /// has fewer peers than a target. Beats are looked at two ticks ahead at most.
    pub(crate) fn next_beat(&self, from: Time, mut wants: impl FnMut(OverlayId, Target) -> bool) -> Beat {
        let (pause, count) = (self.pause(), self.entries.len());
        let mut beat = Beat { at: from, index: self.next % count.max(1), never: true };
        for _ in 0..2 * count {
            let Some(entry) = self.entries.get(beat.index) else { break };
            if wants(entry.overlay, entry.info.target) {
                beat.never = false;
                if entry.rests_until.is_none_or(|until| until <= beat.at) {
                    break;
                }
            }
            beat.at = beat.at + pause;
            beat.index = (beat.index + 1) % count;
        }
        beat
    }

    /// Leaves out the beats from the next strategy's at a time on, up to one for which a timer is set.
    pub(crate) fn rest(&mut self, first: Time, beat: &Beat, timer: Option<TimerKey>, lost: u64) {
        if beat.at != first || beat.never {
            let timer = timer.map(|timer| (beat.at, timer));
            self.rest = Some(Rest { first, index: self.next % self.entries.len().max(1), timer, lost });
            self.next = beat.index;
        }
    }

    pub(crate) fn is_resting(&self) -> bool {
        self.rest.is_some()
    }

    /// Whether beats are left out that might have something to do, now that so many peers were lost.
    pub(crate) fn may_wake(&self, lost: u64) -> bool {
        self.rest.is_some_and(|rest| rest.lost != lost)
    }

    /// Goes back to the first beat that was left out and is not over yet: when it is, and the timer that was set for a later
    /// one. `None` if there is none.
    pub(crate) fn wake(&mut self, now: Time) -> Option<(Time, Option<TimerKey>)> {
        let Rest { first, index, timer, .. } = self.rest.take()?;
        if timer.is_some_and(|(at, _)| at <= now) {
            return None;
        }
        let (pause, count) = (self.pause(), self.entries.len().max(1));
        let over = now.since(first).as_nanos().div_ceil(pause.as_nanos().max(1));
        let over = u32::try_from(over).unwrap_or(u32::MAX);
        self.next = index.saturating_add(usize::try_from(over).unwrap_or(usize::MAX)) % count;
        Some((first + pause.saturating_mul(over), timer.map(|(_, timer)| timer)))
    }

    /// The timer was served, and nothing is left out any more.
    pub(crate) fn woken(&mut self) {
        self.rest = None;
    }
}
