//! When a task runs: once, later, again and again; and under which name.

use std::{any::Any, sync::Arc, time::Duration};

use crate::{
    context::Context,
    stats::Usage,
    tasks::{BoxFuture, TaskId, TaskName},
    time::Time,
    timers::TimerKey,
};

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

/// What can be told of a task that has not ended, see [`Context::tasks`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskInfo {
    /// The task.
    pub task: TaskRef,
    /// Its name, or else the function that it was written in and a number.
    pub name: Arc<str>,
    /// Whether it was given its name: another one cannot have it meanwhile.
    pub named: bool,
    /// The time between its runs, if it runs again and again.
    pub period: Option<Duration>,
    /// When its next run is due; `None` for a future that runs.
    pub due: Option<Time>,
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

    /// Again and again; for the first time after one period unless [`Schedule::after`] says otherwise. A period below a
    /// millisecond is a millisecond.
    ///
    /// Runs are due on a grid: at the first time plus whole periods, so that they do not drift. Those that were missed,
    /// because the machine slept or the node was busy, are made up for by one run at once, never by several, and the grid
    /// goes on. The reference waits one interval after the end of a run instead; nobody else can tell.
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
#[non_exhaustive]
pub enum TaskError {
    /// The community has a task of this name: cancel it first, or say [`Schedule::replacing`].
    #[error("a task named `{0}` is already there: cancel it first, or replace it with Schedule::replacing()")]
    NameTaken(Arc<str>),
    /// The community is being unloaded.
    #[error(
        "the task `{0}` comes too late, its community is being unloaded: what is to be done then is registered before, or \
         in Community::stopping, with Context::at_unload"
    )]
    Unloading(Arc<str>),
    /// The community registered 1,000 tasks for its end already.
    #[error("the task `{0}` is one too many for the end of its community: 1,000 are registered, do more in each")]
    TooMany(Arc<str>),
}

/// A function of a community, its type forgotten.
pub(crate) type CallbackFn = Box<dyn FnMut(&mut dyn Any, &mut Context<'_>) + Send>;

/// What makes the future of one run; none if there is no handle to give it.
pub(crate) type MakeFuture = Box<dyn FnMut(&mut Context<'_>) -> Option<BoxFuture> + Send>;

/// What a task of a schedule does when it is due.
pub(crate) enum Body {
    /// Calls a function of the community.
    Function(CallbackFn),
    /// Makes a future, which then runs.
    Future(MakeFuture),
}

/// A scheduled function of a community.
pub(crate) struct Callback {
    pub(crate) name: TaskName,
    pub(crate) period: Option<Duration>,
    /// `None` while it runs, and for good once the future of one that is to run once was made.
    pub(crate) body: Option<Body>,
    pub(crate) due: Time,
    pub(crate) timer: Option<TimerKey>,
    /// The future that it made and that has not ended.
    pub(crate) running: Option<TaskId>,
    pub(crate) usage: Usage,
}

/// The first beat after `now` of the grid that `due` is on; `None` at the end of time.
pub(crate) fn beat_after(due: Time, period: Duration, now: Time) -> Option<Time> {
    let period = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX).max(1);
    let missed = now.as_nanos().saturating_sub(due.as_nanos()) / period;
    let ahead = period.checked_mul(missed.checked_add(1)?)?;
    due.as_nanos().checked_add(ahead).map(Time::from_nanos)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_next_beat_is_on_the_grid_and_the_first_one_to_come(
            due in 0..u64::MAX / 4, period in 1..u64::MAX / 8, late in 0..u64::MAX / 4,
        ) {
            let now = due + late;
            let beat = beat_after(Time::from_nanos(due), Duration::from_nanos(period), Time::from_nanos(now)).unwrap();
            prop_assert_eq!((beat.as_nanos() - due) % period, 0);
            prop_assert!(beat.as_nanos() > now && beat.as_nanos() - now <= period);
        }
    }

    #[test]
    fn nothing_is_due_after_the_end_of_time() {
        assert_eq!(beat_after(Time::MAX, Duration::from_secs(1), Time::MAX), None);
        assert_eq!(beat_after(Time::ZERO, Duration::MAX, Time::from_nanos(1)), Some(Time::MAX));
    }
}
