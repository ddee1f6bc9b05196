//! How the node tells its driver that a turn is due before the next deadline.

use std::{
    cell::Cell,
    sync::atomic::{AtomicBool, Ordering},
    task::Waker,
};

use parking_lot::Mutex;

/// How the node tells its driver that a turn is due before the next deadline.
#[derive(Default)]
pub(crate) struct DriverWaker {
    pending: AtomicBool,
    /// False while no task waits to be polled or buried; here, since every turn looks at both.
    pub(crate) tasks_wait: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

thread_local! {
    /// The node whose turn runs on this thread: what its own tasks ask for, that turn does.
    static IN_TURN: Cell<*const DriverWaker> = const { Cell::new(std::ptr::null()) };
}

impl DriverWaker {
    /// Notes that a turn is due, and tells the driver unless this thread is in a turn of the node.
    pub(crate) fn wake(&self) {
        if !self.pending.swap(true, Ordering::AcqRel) && !self.is_in_turn() {
            self.call();
        }
    }

    /// Tells the driver that a turn is due.
    pub(crate) fn call(&self) {
        // Not under the lock: whoever is woken may register another one.
        let waker = self.waker.lock().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Runs a turn of the node, and says whether another one is due.
    pub(crate) fn turn(&self, run: impl FnOnce()) -> bool {
        let outer = IN_TURN.replace(self);
        run();
        IN_TURN.set(outer);
        self.is_pending()
    }

    /// Whether this thread is in a turn of the node.
    pub(crate) fn is_in_turn(&self) -> bool {
        std::ptr::eq(IN_TURN.get(), self)
    }

    pub(crate) fn register(&self, waker: &Waker) {
        let old = self.waker.lock().replace(waker.clone());
        drop(old);
    }

    /// Takes the note that a turn is due.
    pub(crate) fn take(&self) -> bool {
        self.pending.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.pending.load(Ordering::Acquire)
    }
}
