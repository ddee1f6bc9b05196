//! What a node, its tasks and its handles share: the state behind its lock, and what goes without.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::{Mutex, ReentrantMutex};

use super::{Clock, ROUNDS_PER_TURN};
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
    pub(super) later: Leftovers,
}

type Later = Box<dyn FnOnce(&mut State) + Send>;

/// What destructors that ran while the state was in use have left to do.
#[derive(Default)]
pub(super) struct Leftovers {
    /// False while there is nothing, for those who look in every turn.
    any: AtomicBool,
    left: Mutex<Vec<Later>>,
}

impl Leftovers {
    fn push(&self, later: Later) {
        self.left.lock().push(later);
        self.any.store(true, Ordering::Release);
    }

    fn take(&self) -> Vec<Later> {
        self.any.store(false, Ordering::Release);
        std::mem::take(&mut *self.left.lock())
    }

    pub(super) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }
}

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
                self.later.push(Box::new(run));
                self.driver.wake();
            }
        }
    }

    /// Does what was left for later.
    pub(super) fn catch_up(&self) {
        if self.later.any() {
            for run in self.later.take() {
                self.with(run);
            }
        }
    }

    /// Serves what is due and tells communities of peers, as far as that goes without polling tasks; true if nothing is left
    /// to be done in this turn.
    pub(super) fn go_on_with(&self, state: &mut State) -> bool {
        for _ in 0..ROUNDS_PER_TURN {
            if self.later.any() {
                return false;
            }
            state.run_timers();
            if self.tasks.has_work() {
                return false;
            }
            state.run_hooks();
            let more = self.driver.take() || self.tasks.has_work() || state.has_due();
            if !more {
                return true;
            }
        }
        true
    }

    /// Signs what is to be sent. What did not fit into the turn needs another one.
    pub(super) fn end_turn(&self, state: &mut State) {
        state.look_after_walkers();
        let State { outbox, stats, signer, .. } = &mut *state;
        outbox.flush(&**signer, stats);
        if state.has_due() || state.has_events() || self.tasks.has_work() || self.later.any() {
            self.driver.wake();
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
