//! What a node, its tasks and its handles share: the state behind its lock, and what goes without.

use std::{cell::RefCell, sync::Arc, time::Duration};

use parking_lot::{Mutex, ReentrantMutex};

use super::Clock;
use crate::{
    blocking::Places, driver_waker::DriverWaker, state::State, stats::DriverCounters, tasks::Tasks, watch::Activity,
};

/// What the node and its handles share.
pub(crate) struct Shared {
    /// Re-entrant, so that a handle that is used from inside a handler gets an error instead of a deadlock.
    pub(super) state: ReentrantMutex<RefCell<State>>,
    pub(super) tasks: Arc<Tasks>,
    pub(crate) driver: Arc<DriverWaker>,
    pub(super) clock: Option<Clock>,
    pub(super) counters: DriverCounters,
    pub(super) activity: Arc<Activity>,
    pub(crate) blocking: Arc<Places>,
    pub(super) unload_limit: Duration,
    /// What destructors that ran while the state was in use have left to do.
    pub(super) later: Mutex<Vec<Later>>,
}

type Later = Box<dyn FnOnce(&mut State) + Send>;

impl Shared {
    /// Runs something with the state; `None` if this thread has it already.
    pub(crate) fn with<R>(&self, run: impl FnOnce(&mut State) -> R) -> Option<R> {
        let guard = self.state.lock();
        let mut state = guard.try_borrow_mut().ok()?;
        Some(run(&mut state))
    }

    /// Runs something with the state, in the next turn if somebody has the state: for destructors, which run anywhere and
    /// never wait.
    pub(crate) fn with_or_later(&self, run: impl FnOnce(&mut State) + Send + 'static) {
        let guard = self.state.try_lock();
        match guard.as_ref().and_then(|state| state.try_borrow_mut().ok()) {
            Some(mut state) => run(&mut state),
            None => {
                self.later.lock().push(Box::new(run));
                self.driver.wake();
            }
        }
    }

    /// Does what was left for later.
    pub(super) fn catch_up(&self) {
        for run in std::mem::take(&mut *self.later.lock()) {
            self.with(run);
        }
    }

    /// The same from outside a turn: brings the time up to date, and tells the driver that there may be something to do.
    pub(crate) fn with_now<R>(&self, run: impl FnOnce(&mut State) -> R) -> Option<R> {
        let result = self.with(|state| {
            // Inside a turn its own time holds, from the first handler to the last task.
            if let Some(clock) = self.clock.as_ref().filter(|_| !self.driver.is_in_turn()) {
                state.now = state.now.max(clock());
            }
            run(state)
        });
        self.driver.wake();
        result
    }
}
