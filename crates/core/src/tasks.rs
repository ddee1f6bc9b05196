//! The node's own executor: futures that belong to a community and are polled in the node's turn, on no thread of their
//! own and with no runtime.
//!
//! Futures are polled *without* the node's state locked, so that they reach it through a [`Handle`](crate::Handle) as
//! any other code does, and dropped likewise, since what they hold (sleeps, requests) takes the lock when it goes.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
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

use crate::{
    community::OverlayId,
    driver_waker::DriverWaker,
    join::{Join, JoinError},
    schedule::{Body, CallbackId},
    state::OverlayState,
    stats::Usage,
    strategy::Strategy,
    watch::{Activity, What},
};

/// A task's future.
pub(crate) type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Names a task of a node. Never used twice in one node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct TaskId(u64);

impl TaskId {
    pub(crate) const fn number(self) -> u64 {
        self.0
    }
}

/// The most polls that one turn makes; what is ready beyond them waits for the next turn, so that a task that always
/// wakes itself cannot keep datagrams and timers waiting.
pub(crate) const POLLS_PER_TURN: usize = 10_000;

/// What a task is called.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum TaskName {
    /// By its name.
    Given(Arc<str>),
    /// After the function that it was made of.
    Kind(&'static str),
}

impl TaskName {
    /// For a task without a name: the function or block in which its type was written.
    pub(crate) fn of<F>(given: Option<Arc<str>>) -> Self {
        given.map_or_else(|| Self::Kind(kind::<F>()), Self::Given)
    }

    pub(crate) fn given(&self) -> Option<&Arc<str>> {
        match self {
            Self::Given(name) => Some(name),
            Self::Kind(_) => None,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Given(name) => name,
            Self::Kind(name) => name,
        }
    }
}

/// The name of the function that a future or closure was written in: `overlay::started` for
/// `my_crate::overlay::started::{{closure}}`.
fn kind<F>() -> &'static str {
    let mut path = std::any::type_name::<F>();
    path = path.split('<').next().unwrap_or(path);
    while let Some(outer) = path.strip_suffix("::{{closure}}") {
        path = outer;
    }
    if ["core::", "alloc::", "std::"].iter().any(|library| path.starts_with(library)) {
        return "task";
    }
    let last = path.rfind("::").unwrap_or(0);
    let before = path.get(..last).and_then(|path| path.rfind("::")).map_or(0, |at| at + 2);
    path.get(before..).filter(|name| !name.is_empty()).unwrap_or("task")
}

/// A task in logs and reports: its name, and its number if it was given none.
#[derive(Clone, Debug)]
pub(crate) struct TaskLabel(pub(crate) TaskName, pub(crate) u64);

impl fmt::Display for TaskLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            TaskName::Given(name) => f.write_str(name),
            TaskName::Kind(kind) => write!(f, "{kind} {}", self.1),
        }
    }
}

/// A task that is to be.
pub(crate) struct NewTask {
    pub(crate) overlay: OverlayId,
    pub(crate) community: &'static str,
    pub(crate) name: TaskName,
    /// The scheduled function that made it.
    pub(crate) origin: Option<CallbackId>,
    /// Whoever may wait for it.
    pub(crate) join: Option<Arc<dyn Join>>,
    pub(crate) future: BoxFuture,
}

/// A task that ended.
pub(crate) struct Ended {
    pub(crate) overlay: OverlayId,
    pub(crate) id: TaskId,
    /// `None` if it was cancelled while it was polled: its name is free already.
    pub(crate) name: Option<TaskName>,
    pub(crate) origin: Option<CallbackId>,
    pub(crate) panicked: bool,
    pub(crate) usage: Usage,
}

/// What a task was that is cancelled.
pub(crate) struct Cancelled {
    pub(crate) name: TaskName,
    pub(crate) usage: Usage,
}

/// What can be told of a task that lives.
pub(crate) struct Alive {
    pub(crate) id: TaskId,
    pub(crate) name: TaskName,
    pub(crate) origin: Option<CallbackId>,
    pub(crate) usage: Usage,
}

struct Slot {
    future: Option<BoxFuture>,
    overlay: OverlayId,
    community: &'static str,
    name: TaskName,
    origin: Option<CallbackId>,
    join: Option<Arc<dyn Join>>,
    usage: Usage,
    signal: Arc<Signal>,
    waker: Waker,
    cancelled: bool,
    /// Woken while another thread polled it.
    again: bool,
}

impl Slot {
    fn label(&self, id: TaskId) -> TaskLabel {
        TaskLabel(self.name.clone(), id.0)
    }

    fn text(&self, id: TaskId) -> Arc<str> {
        match &self.name {
            TaskName::Given(name) => name.clone(),
            TaskName::Kind(_) => self.label(id).to_string().into(),
        }
    }
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
            self.ready.push(self.id);
            self.ready.driver.wake();
        }
    }
}

struct Ready {
    queue: Mutex<VecDeque<TaskId>>,
    driver: Arc<DriverWaker>,
}

impl Ready {
    fn push(&self, id: TaskId) {
        self.queue.lock().push_back(id);
        self.driver.tasks_wait.store(true, Ordering::Release);
    }
}

/// Something of a user's whose destructor is run while nothing is locked, since it may use a handle.
pub(crate) enum Dead {
    Future(#[allow(dead_code, reason = "is here to be dropped")] BoxFuture),
    Function(#[allow(dead_code, reason = "is here to be dropped")] Body),
    Overlay(#[allow(dead_code, reason = "is here to be dropped")] Box<OverlayState>),
    Strategies(#[allow(dead_code, reason = "is here to be dropped")] Vec<Box<dyn Strategy>>),
}

#[derive(Default)]
struct Inner {
    // Few tasks live at once, and ids only grow: an ordered map keeps every walk over them repeatable.
    slots: BTreeMap<TaskId, Slot>,
    next: u64,
    graveyard: Vec<Dead>,
}

/// All tasks of a node.
pub(crate) struct Tasks {
    inner: Mutex<Inner>,
    ready: Arc<Ready>,
    activity: Arc<Activity>,
}

impl Tasks {
    pub(crate) fn new(driver: Arc<DriverWaker>, activity: Arc<Activity>) -> Self {
        let ready = Arc::new(Ready { queue: Mutex::default(), driver });
        Self { inner: Mutex::default(), ready, activity }
    }

    /// Adds a task; it is polled for the first time in the current turn, or in the next one.
    pub(crate) fn spawn(&self, task: NewTask) -> TaskId {
        let NewTask { overlay, community, name, origin, join, future } = task;
        let mut inner = self.inner.lock();
        let id = TaskId(inner.next);
        inner.next += 1;
        let signal = Arc::new(Signal { id, queued: AtomicBool::new(false), ready: self.ready.clone() });
        let waker = Waker::from(signal.clone());
        let slot = Slot {
            future: Some(future),
            overlay,
            community,
            name,
            origin,
            join,
            usage: Usage::begun(),
            signal: signal.clone(),
            waker,
            cancelled: false,
            again: false,
        };
        inner.slots.insert(id, slot);
        drop(inner);
        signal.wake_by_ref();
        id
    }

    /// The id of a task that is never started.
    pub(crate) fn unused_id(&self) -> TaskId {
        let mut inner = self.inner.lock();
        let id = TaskId(inner.next);
        inner.next += 1;
        id
    }

    pub(crate) fn is_alive(&self, id: TaskId) -> bool {
        self.inner.lock().slots.get(&id).is_some_and(|slot| !slot.cancelled)
    }

    pub(crate) fn len(&self) -> usize {
        self.inner.lock().slots.len()
    }

    /// The tasks of a community that live, in the order in which they were spawned.
    pub(crate) fn of(&self, overlay: OverlayId) -> Vec<Alive> {
        let inner = self.inner.lock();
        let slots = inner.slots.iter().filter(|(_, slot)| slot.overlay == overlay && !slot.cancelled);
        let alive =
            slots.map(|(id, slot)| Alive { id: *id, name: slot.name.clone(), origin: slot.origin, usage: slot.usage });
        alive.collect()
    }

    /// Ends a task and says what it was; `None` if it had ended. Its future is dropped in this turn, or in the next one,
    /// never under the caller.
    pub(crate) fn cancel(&self, id: TaskId) -> Option<Cancelled> {
        let mut inner = self.inner.lock();
        let slot = inner.slots.get_mut(&id)?;
        if slot.cancelled {
            return None;
        }
        let (join, task) = (slot.join.take(), slot.text(id));
        let cancelled = Cancelled { name: slot.name.clone(), usage: slot.usage };
        match slot.future.take() {
            Some(future) => {
                inner.slots.remove(&id);
                self.to_graveyard(&mut inner, Dead::Future(future));
                self.ready.driver.wake();
            }
            // Being polled right now: it ends when that poll returns.
            None => slot.cancelled = true,
        }
        drop(inner);
        if let Some(join) = join {
            join.failed(JoinError::Cancelled { task });
        }
        Some(cancelled)
    }

    /// Drops something of a user's in this turn, or in the next one, never under the caller.
    pub(crate) fn drop_later(&self, dead: Dead) {
        self.to_graveyard(&mut self.inner.lock(), dead);
        self.ready.driver.wake();
    }

    fn to_graveyard(&self, inner: &mut Inner, dead: Dead) {
        inner.graveyard.push(dead);
        self.ready.driver.tasks_wait.store(true, Ordering::Release);
    }

    pub(crate) fn bury(&self) {
        // Dropping one may cancel others; the bound is only against a destructor that spawns without end.
        for _ in 0..POLLS_PER_TURN {
            let dead = std::mem::take(&mut self.inner.lock().graveyard);
            if dead.is_empty() {
                return;
            }
            for dead in dead {
                bury(dead);
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
                // What comes from here on sets it again; what came just before is seen here.
                self.ready.driver.tasks_wait.store(false, Ordering::SeqCst);
                if self.is_idle() {
                    return;
                }
                self.ready.driver.tasks_wait.store(true, Ordering::SeqCst);
                continue;
            };
            *budget -= 1;
            ended.extend(self.poll(id));
        }
    }

    /// Polls a task once; what it was if it ended.
    fn poll(&self, id: TaskId) -> Option<Ended> {
        let (mut future, waker, signal, community, label) = {
            let mut inner = self.inner.lock();
            let slot = inner.slots.get_mut(&id)?;
            let Some(future) = slot.future.take() else {
                // Another turn is polling it, on another thread or around this one, and looks at it again for us.
                slot.again = true;
                return None;
            };
            (future, slot.waker.clone(), slot.signal.clone(), slot.community, slot.label(id))
        };
        signal.queued.store(false, Ordering::Release);
        let began = self.activity.begins(community, What::Task(label));
        let outcome =
            std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut TaskContext::from_waker(&waker))));
        let took = self.activity.ends(began);
        let mut inner = self.inner.lock();
        let slot = inner.slots.get_mut(&id)?;
        slot.usage.ran(took);
        if let (Ok(Poll::Pending), false) = (&outcome, slot.cancelled) {
            slot.future = Some(future);
            if std::mem::take(&mut slot.again) {
                signal.queued.store(true, Ordering::Release);
                self.ready.push(id);
            }
            return None;
        }
        self.to_graveyard(&mut inner, Dead::Future(future));
        let slot = inner.slots.remove(&id)?;
        drop(inner);
        let mut ended = Ended {
            overlay: slot.overlay,
            id,
            name: (!slot.cancelled).then(|| slot.name.clone()),
            origin: slot.origin,
            panicked: false,
            usage: slot.usage,
        };
        if let Err(panic) = outcome {
            let (task, message) = (slot.text(id), panic_text(&*panic).to_owned());
            tracing::error!(
                community,
                task = &*task,
                panic = message,
                "a task panicked and ended; its community goes on"
            );
            ended.panicked = true;
            ended.usage.panics += 1;
            if let Some(join) = slot.join {
                join.failed(JoinError::Panicked { task, message: message.into() });
            }
            drop_quietly(panic);
        }
        Some(ended)
    }

    /// Whether a task waits to be polled or buried.
    pub(crate) fn has_work(&self) -> bool {
        self.ready.driver.tasks_wait.load(Ordering::Acquire) && !self.is_idle()
    }

    fn is_idle(&self) -> bool {
        self.ready.queue.lock().is_empty() && self.inner.lock().graveyard.is_empty()
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        // A future that is dropped with the node finds its node gone, which handles report as unloaded.
        for (id, mut slot) in std::mem::take(&mut self.inner.get_mut().slots) {
            let task = slot.text(id);
            if let Some(future) = slot.future.take() {
                bury(Dead::Future(future));
            }
            if let Some(join) = slot.join {
                join.failed(JoinError::Cancelled { task });
            }
        }
        self.bury();
    }
}

fn bury(dead: Dead) {
    if std::panic::catch_unwind(AssertUnwindSafe(|| drop(dead))).is_err() {
        tracing::error!(
            "a destructor panicked, of a task that was cancelled or a community that was unloaded; the node goes on"
        );
    }
}

/// Drops what a panic carried, which may panic itself.
pub(crate) fn drop_quietly(panic: Box<dyn std::any::Any + Send>) {
    if let Err(again) = std::panic::catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        // It would go on for ever.
        std::mem::forget(again);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of<F>(_: F) -> &'static str {
        kind::<F>()
    }

    #[test]
    fn tasks_without_a_name_are_called_after_their_function() {
        async fn lookup() {}
        assert_eq!(kind_of(async {}), "tests::tasks_without_a_name_are_called_after_their_function");
        assert_eq!(
            kind_of(lookup()),
            "tasks_without_a_name_are_called_after_their_function::lookup",
            "the function that it was written in"
        );
        assert_eq!(kind_of(Box::pin(lookup())), "task");
        assert_eq!(kind_of(std::future::pending::<()>()), "task");
    }
}
