//! When a task runs: once, later, again and again; and under which name.

use std::{any::Any, sync::Arc, time::Duration};

use crate::{context::Context, tasks::TaskId, timers::TimerKey};

/// Names a scheduled function of a community.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct CallbackId(pub(crate) u64);

/// A task of a community, for cancelling it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TaskRef(pub(crate) TaskKind);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum TaskKind {
    Callback(CallbackId),
    Future(TaskId),
}

/// When a task runs, and under which name.
///
/// ```
/// use std::time::Duration;
/// use ipv8_core::Schedule;
///
/// let at_once_then_every_five_seconds = Schedule::every(Duration::from_secs(5)).after(Duration::ZERO).named("greet");
/// let in_a_minute = Schedule::once().after(Duration::from_secs(60));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    pub(crate) delay: Option<Duration>,
    pub(crate) period: Option<Duration>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) replace: bool,
}

impl Schedule {
    /// Once, in the current turn unless [`Schedule::after`] says otherwise.
    #[must_use]
    pub fn once() -> Self {
        Self::default()
    }

    /// Again and again; for the first time after one period unless [`Schedule::after`] says otherwise. Runs that were
    /// missed are skipped, never made up for, and the times do not drift. A period below a millisecond is a millisecond.
    #[must_use]
    pub fn every(period: Duration) -> Self {
        Self { period: Some(period.max(Duration::from_millis(1))), ..Self::default() }
    }

    /// For the first time after this delay.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// Under a name, of which one community has at most one task at a time.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// If a task of this name exists, cancels it first instead of failing.
    #[must_use]
    pub fn replacing(mut self) -> Self {
        self.replace = true;
        self
    }

    pub(crate) fn first_delay(&self) -> Duration {
        self.delay.or(self.period).unwrap_or_default()
    }
}

/// Why a task could not be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// The community has a task of this name: cancel it first, or say [`Schedule::replacing`].
    #[error("a task named `{0}` is already there: cancel it first, or replace it with Schedule::replacing()")]
    NameTaken(Arc<str>),
}

/// A function of a community, its type forgotten.
pub(crate) type CallbackFn = Box<dyn FnMut(&mut dyn Any, &mut Context<'_>) + Send>;

/// A scheduled function of a community.
pub(crate) struct Callback {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) period: Option<Duration>,
    /// `None` while it runs.
    pub(crate) function: Option<CallbackFn>,
    pub(crate) due: crate::time::Time,
    pub(crate) timer: Option<TimerKey>,
}
