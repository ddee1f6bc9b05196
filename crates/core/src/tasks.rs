//! The node's own executor: futures that belong to a community and are polled in the node's turn, on no thread of their
//! own and with no runtime.
//!
//! Futures are polled *without* the node's state locked, so that they reach it through a [`Handle`](crate::Handle) as
//! any other code does, and dropped likewise, since what they hold (sleeps, requests) takes the lock when it goes.

use std::{
    cell::Cell,
    collections::VecDeque,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context as TaskContext, Poll, Wake, Waker},
};

use parking_lot::Mutex;

use crate::community::OverlayId;

/// A task's future.
pub(crate) type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Names a task of a node. Never used twice in one node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct TaskId(u64);

/// The most polls that one turn makes; what is ready beyond them waits for the next turn, so that a task that always
/// wakes itself cannot keep datagrams and timers waiting.
pub(crate) const POLLS_PER_TURN: usize = 10_000;

/// A task that ended.
pub(crate) struct Ended {
    pub(crate) overlay: OverlayId,
    pub(crate) id: TaskId,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) panicked: bool,
}

struct Slot {
    future: Option<BoxFuture>,
    overlay: OverlayId,
    name: Option<Arc<str>>,
    signal: Arc<Signal>,
    waker: Waker,
    cancelled: bool,
}

/// Puts its task into the queue of those that are ready, once until it is polled.
struct Signal {
    id: TaskId,
    queued: AtomicBool,
    ready: Arc<Ready>,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.ready.queue.lock().push_back(self.id);
            self.ready.driver.wake();
        }
    }
}

struct Ready {
    queue: Mutex<VecDeque<TaskId>>,
    driver: Arc<DriverWaker>,
}

/// How the node tells its driver that a turn is due before the next deadline.
#[derive(Default)]
pub(crate) struct DriverWaker {
    pending: AtomicBool,
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

    fn call(&self) {
        if let Some(waker) = self.waker.lock().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// Runs a turn of the node.
    pub(crate) fn turn(&self, run: impl FnOnce()) {
        let outer = IN_TURN.replace(self);
        run();
        IN_TURN.set(outer);
        if self.is_pending() {
            self.call();
        }
    }

    /// Whether this thread is in a turn of the node.
    pub(crate) fn is_in_turn(&self) -> bool {
        std::ptr::eq(IN_TURN.get(), self)
    }

    pub(crate) fn register(&self, waker: &Waker) {
        let mut slot = self.waker.lock();
        match slot.as_mut() {
            Some(old) => old.clone_from(waker),
            None => *slot = Some(waker.clone()),
        }
    }

    /// Takes the note that a turn is due.
    pub(crate) fn take(&self) -> bool {
        self.pending.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.pending.load(Ordering::Acquire)
    }
}

#[derive(Default)]
struct Inner {
    // Few tasks live at once, and ids only grow: an ordered map keeps every walk over them repeatable.
    slots: std::collections::BTreeMap<TaskId, Slot>,
    next: u64,
    graveyard: Vec<BoxFuture>,
}

/// All tasks of a node.
pub(crate) struct Tasks {
    inner: Mutex<Inner>,
    ready: Arc<Ready>,
}

impl Tasks {
    pub(crate) fn new(driver: Arc<DriverWaker>) -> Self {
        Self { inner: Mutex::default(), ready: Arc::new(Ready { queue: Mutex::default(), driver }) }
    }

    /// Adds a task; it is polled for the first time in the current turn, or in the next one.
    pub(crate) fn spawn(&self, overlay: OverlayId, name: Option<Arc<str>>, future: BoxFuture) -> TaskId {
        let mut inner = self.inner.lock();
        let id = TaskId(inner.next);
        inner.next += 1;
        let signal = Arc::new(Signal { id, queued: AtomicBool::new(false), ready: self.ready.clone() });
        let waker = Waker::from(signal.clone());
        inner
            .slots
            .insert(id, Slot { future: Some(future), overlay, name, signal: signal.clone(), waker, cancelled: false });
        drop(inner);
        signal.wake_by_ref();
        id
    }

    pub(crate) fn is_alive(&self, id: TaskId) -> bool {
        self.inner.lock().slots.get(&id).is_some_and(|slot| !slot.cancelled)
    }

    pub(crate) fn len(&self) -> usize {
        self.inner.lock().slots.len()
    }

    /// Ends a task and says under which name it ran; `None` if it had ended. Its future is dropped in this turn, or in
    /// the next one, never under the caller.
    pub(crate) fn cancel(&self, id: TaskId) -> Option<Option<Arc<str>>> {
        let mut inner = self.inner.lock();
        let slot = inner.slots.get_mut(&id)?;
        match slot.future.take() {
            Some(future) => {
                let name = slot.name.take();
                inner.slots.remove(&id);
                inner.graveyard.push(future);
                self.ready.driver.wake();
                Some(name)
            }
            // Being polled right now: it ends when that poll returns.
            None if slot.cancelled => None,
            None => {
                slot.cancelled = true;
                Some(slot.name.take())
            }
        }
    }

    /// Ends all tasks of a community.
    pub(crate) fn cancel_overlay(&self, overlay: OverlayId) {
        let of_overlay: Vec<TaskId> = {
            let inner = self.inner.lock();
            inner.slots.iter().filter(|(_, slot)| slot.overlay == overlay).map(|(id, _)| *id).collect()
        };
        for id in of_overlay {
            self.cancel(id);
        }
    }

    /// Has a future dropped in this turn, or in the next one.
    pub(crate) fn bury_later(&self, future: BoxFuture) {
        self.inner.lock().graveyard.push(future);
        self.ready.driver.wake();
    }

    pub(crate) fn bury(&self) {
        // Dropping one may cancel others; the bound is only against a destructor that spawns without end.
        for _ in 0..POLLS_PER_TURN {
            let dead = std::mem::take(&mut self.inner.lock().graveyard);
            if dead.is_empty() {
                return;
            }
            for future in dead {
                if std::panic::catch_unwind(AssertUnwindSafe(|| drop(future))).is_err() {
                    tracing::error!("the destructor of a cancelled task panicked; the node goes on");
                }
            }
        }
    }

    /// Polls what is ready until nothing is or the turn's budget is used up. Call without the state locked. Notes the
    /// tasks that ended.
    pub(crate) fn run(&self, budget: &mut usize, ended: &mut Vec<Ended>) {
        loop {
            self.bury();
            if *budget == 0 {
                return;
            }
            let Some(id) = self.ready.queue.lock().pop_front() else {
                return;
            };
            *budget -= 1;
            let (mut future, waker, signal) = {
                let mut inner = self.inner.lock();
                let Some(slot) = inner.slots.get_mut(&id) else {
                    continue;
                };
                let Some(future) = slot.future.take() else {
                    continue;
                };
                (future, slot.waker.clone(), slot.signal.clone())
            };
            signal.queued.store(false, Ordering::Release);
            let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| {
                future.as_mut().poll(&mut TaskContext::from_waker(&waker))
            }));
            let mut inner = self.inner.lock();
            let cancelled = inner.slots.get(&id).is_none_or(|slot| slot.cancelled);
            if let (Ok(Poll::Pending), false) = (&outcome, cancelled) {
                if let Some(slot) = inner.slots.get_mut(&id) {
                    slot.future = Some(future);
                }
                continue;
            }
            inner.graveyard.push(future);
            if let Some(slot) = inner.slots.remove(&id) {
                if let Err(panic) = &outcome {
                    tracing::error!(
                        task = slot.name.as_deref().unwrap_or("anonymous"),
                        panic = panic_text(&**panic),
                        "a task panicked and ended; the node goes on"
                    );
                }
                ended.push(Ended { overlay: slot.overlay, id, name: slot.name, panicked: outcome.is_err() });
            }
        }
    }

    /// Whether a task waits to be polled or buried.
    pub(crate) fn has_work(&self) -> bool {
        !self.ready.queue.lock().is_empty() || !self.inner.lock().graveyard.is_empty()
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        // A future that is dropped with the node finds its node gone, which handles report as unloaded.
        let slots = std::mem::take(&mut self.inner.get_mut().slots);
        drop(slots);
        self.bury();
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
