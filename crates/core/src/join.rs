//! A task that was spawned, as seen by whoever waits for its result.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context as TaskContext, Poll, Waker},
};

use parking_lot::Mutex;

use crate::{
    community::OverlayId,
    node::Shared,
    schedule::{TaskKind, TaskRef},
    tasks::TaskId,
};

/// Why a task has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// It panicked. Its community goes on.
    #[error("the task `{task}` panicked: {message}")]
    Panicked {
        /// Its name.
        task: Arc<str>,
        /// What the panic said.
        message: Arc<str>,
    },
    /// It was cancelled or replaced, or its community was unloaded.
    #[error("the task `{task}` was cancelled, or its community was unloaded, before it ended")]
    Cancelled {
        /// Its name.
        task: Arc<str>,
    },
    /// It was never started: its community was being unloaded.
    #[error("the task `{task}` was not started: its community is being unloaded; Context::at_unload is for last tasks")]
    Refused {
        /// Its name.
        task: Arc<str>,
    },
}

/// Where a task's result arrives and whoever wants it waits.
pub(crate) struct Ending<T>(Mutex<Waiting<T>>);

struct Waiting<T> {
    result: Option<Result<T, JoinError>>,
    waker: Option<Waker>,
}

impl<T> Ending<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Waiting { result: None, waker: None }))
    }

    /// The first result counts.
    pub(crate) fn fill(&self, result: Result<T, JoinError>) {
        let (waker, late) = {
            let mut waiting = self.0.lock();
            if waiting.result.is_some() {
                (None, Some(result))
            } else {
                waiting.result = Some(result);
                (waiting.waker.take(), None)
            }
        };
        // What a user gave is dropped without the lock.
        drop(late);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Result<T, JoinError>> {
        let mut waiting = self.0.lock();
        if let Some(result) = waiting.result.take() {
            return Poll::Ready(result);
        }
        let old = waiting.waker.replace(waker.clone());
        drop(waiting);
        drop(old);
        Poll::Pending
    }
}

/// What the executor tells of a task whose type it does not know.
pub(crate) trait Join: Send + Sync {
    fn failed(&self, error: JoinError);
}

impl<T: Send> Join for Ending<T> {
    fn failed(&self, error: JoinError) {
        self.fill(Err(error));
    }
}

/// A task that was spawned with [`Context::spawn`](crate::Context::spawn) or [`Handle::spawn`](crate::Handle::spawn).
///
/// As a future it is ready when the task ended, with its result: in another task, or outside of the node. Whoever is not
/// interested drops it; the task goes on.
pub struct Task<T> {
    pub(crate) shared: Weak<Shared>,
    pub(crate) overlay: OverlayId,
    pub(crate) id: TaskId,
    pub(crate) outcome: Arc<Ending<T>>,
}

impl<T> Task<T> {
    /// What names it in its community, to [cancel](crate::Context::cancel) it for example.
    #[must_use]
    pub const fn task_ref(&self) -> TaskRef {
        TaskRef(TaskKind::Future(self.id))
    }

    /// Ends the task where it waits. Its result, if anybody awaits it, is [`JoinError::Cancelled`]. Nothing happens if it
    /// has ended.
    pub fn cancel(&self) {
        if let Some(shared) = self.shared.upgrade() {
            let (overlay, task) = (self.overlay, self.task_ref());
            shared.with_or_later(move |state| {
                state.cancel_task(overlay, task);
            });
        }
    }
}

impl<T> From<&Task<T>> for TaskRef {
    fn from(task: &Task<T>) -> Self {
        task.task_ref()
    }
}

impl<T> From<Task<T>> for TaskRef {
    fn from(task: Task<T>) -> Self {
        task.task_ref()
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        self.outcome.poll(cx.waker())
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Task").field(&self.id).finish()
    }
}
