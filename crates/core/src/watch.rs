//! What a node is doing right now, for those who watch it from outside of its turn.
//!
//! A task or a handler that blocks cannot be interrupted, and holds up its whole node. Nothing inside can tell of it, so
//! that what runs is noted where another thread reads it without the node's lock.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;

use crate::{community::OverlayId, node::Clock, tasks::TaskLabel, time::Time};

/// What keeps a node busy, see [`Node::busy`](crate::Node::busy).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Busy {
    /// The community, if one of its functions runs.
    pub community: Option<&'static str>,
    /// What runs, in words that name it: "the task `walk`", "the handler of message 7".
    pub what: String,
    /// For how long, by the driver's clock; zero for a node without one. For messages, since the batch began in which they
    /// came, and for strategies since the turn began in which they step.
    pub lasting: Duration,
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.community {
            Some(community) => write!(f, "{} of {community}, for {:.1?}", self.what, self.lasting),
            None => write!(f, "{}, for {:.1?}", self.what, self.lasting),
        }
    }
}

/// What runs.
pub(crate) enum What {
    Task(TaskLabel),
    Function(TaskLabel),
    Stopping,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(label) => write!(f, "the task `{label}`"),
            Self::Function(label) => write!(f, "the scheduled function `{label}`"),
            Self::Stopping => f.write_str("`Community::stopping`"),
        }
    }
}

struct Doing {
    community: &'static str,
    what: What,
    began: Option<Time>,
}

/// Something that runs now.
pub(crate) struct Begun {
    began: Option<Time>,
    /// What runs around it: the task that unloads a community, around that one's `stopping`.
    outer: Option<Doing>,
}

/// Written by the turn, read by others.
#[derive(Default)]
pub(crate) struct Activity {
    clock: Option<Clock>,
    doing: Mutex<Option<Doing>>,
    /// When the turn began, plus one; 0 while there is none.
    turn: AtomicU64,
    /// The handler or strategy that runs: [`Activity::MESSAGE`] or [`Activity::STRATEGY`], place of its overlay, message id or
    /// place of the strategy's name; 0 for none. Packed, since this is written for every message and every step.
    running: AtomicU64,
    /// The names of overlays by their place.
    communities: Mutex<Vec<&'static str>>,
    /// The names of strategies, each once.
    strategies: Mutex<Vec<&'static str>>,
}

/// The place of a strategy's name among those of its node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StrategyLabel(u8);

impl Activity {
    const MESSAGE: u64 = 1 << 63;
    const STRATEGY: u64 = 1 << 62;

    pub(crate) fn new(clock: Option<Clock>) -> Arc<Self> {
        Arc::new(Self { clock, ..Self::default() })
    }

    pub(crate) fn now(&self) -> Option<Time> {
        self.clock.as_ref().map(|clock| clock())
    }

    pub(crate) fn loaded(&self, overlay: OverlayId, name: &'static str) {
        let mut communities = self.communities.lock();
        let index = usize::try_from(overlay.index).unwrap_or(usize::MAX);
        if index >= communities.len() {
            communities.resize(index.saturating_add(1), "");
        }
        if let Some(slot) = communities.get_mut(index) {
            *slot = name;
        }
    }

    pub(crate) fn turn_begins(&self, now: Time) {
        self.turn.store(now.as_nanos().saturating_add(1), Relaxed);
    }

    pub(crate) fn turn_ends(&self) {
        self.turn.store(0, Relaxed);
    }

    pub(crate) fn message_begins(&self, overlay: OverlayId, id: u8) {
        self.running.store(Self::MESSAGE | u64::from(overlay.index) << 8 | u64::from(id), Relaxed);
    }

    pub(crate) fn message_ends(&self) {
        self.running.store(0, Relaxed);
    }

    /// What a strategy of this name is noted by. Names beyond 255 share the last place.
    pub(crate) fn strategy(&self, name: &'static str) -> StrategyLabel {
        let mut names = self.strategies.lock();
        let place = names.iter().position(|known| *known == name).unwrap_or_else(|| {
            names.push(name);
            names.len() - 1
        });
        StrategyLabel(u8::try_from(place).unwrap_or(u8::MAX))
    }

    pub(crate) fn step_begins(&self, overlay: OverlayId, strategy: StrategyLabel) {
        self.running.store(Self::STRATEGY | u64::from(overlay.index) << 8 | u64::from(strategy.0), Relaxed);
    }

    pub(crate) fn step_ends(&self) {
        self.running.store(0, Relaxed);
    }

    /// Notes what begins, until the result is given to [`Activity::ends`].
    pub(crate) fn begins(&self, community: &'static str, what: What) -> Begun {
        let began = self.now();
        let outer = self.doing.lock().replace(Doing { community, what, began });
        Begun { began, outer }
    }

    /// How long it took.
    pub(crate) fn ends(&self, begun: Begun) -> Duration {
        let Begun { began, outer } = begun;
        *self.doing.lock() = outer;
        match (self.now(), began) {
            (Some(now), Some(began)) => now.since(began),
            _ => Duration::ZERO,
        }
    }

    pub(crate) fn busy(&self) -> Option<Busy> {
        let now = self.now();
        let since = |began: Option<Time>| now.zip(began).map_or(Duration::ZERO, |(now, began)| now.since(began));
        if let Some(doing) = self.doing.lock().as_ref() {
            let Doing { community, what, began } = doing;
            return Some(Busy { community: Some(community), what: what.to_string(), lasting: since(*began) });
        }
        let turn = self.turn.load(Relaxed).checked_sub(1).map(Time::from_nanos)?;
        let lasting = since(Some(turn));
        let running = self.running.load(Relaxed);
        let [.., last] = running.to_be_bytes();
        let what = if running & Self::MESSAGE != 0 {
            format!("the handler of message {last}")
        } else if running & Self::STRATEGY != 0 {
            let name = self.strategies.lock().get(usize::from(last)).copied();
            format!("the strategy {}", name.unwrap_or_default())
        } else {
            let what = "something without a name, such as a closure of Handle::with".to_owned();
            return Some(Busy { community: None, what, lasting });
        };
        let place = (running & !(Self::MESSAGE | Self::STRATEGY)) >> 8;
        let community = self.communities.lock().get(usize::try_from(place).unwrap_or(usize::MAX)).copied();
        Some(Busy { community, what, lasting })
    }
}
