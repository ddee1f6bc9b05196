//! How a community is unloaded: in order, within a time, and with the names of what did not end.
//!
//! 1. [`Community::stopping`](crate::Community::stopping) is called; from here on tasks are refused, but for those of
//!    [`Context::at_unload`](crate::Context::at_unload).
//! 2. All tasks and scheduled functions are cancelled, and strategies take no more steps.
//! 3. The last tasks run, side by side, begun in the order in which they were registered. The community still takes part
//!    in the network: they can send, wait and ask.
//! 4. When all of them ended, or the time is over, the community goes, and with it requests that wait and what is left of
//!    the last tasks.
//!
//! Without last tasks all of it happens at once. (The reference runs its shutdown tasks one after the other and waits for
//! each without limit, `protocol.md` section 7: one that hangs takes the others' time, and the program's.)

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, Waker},
    time::Duration,
};

use parking_lot::Mutex;

use crate::{
    community::OverlayId,
    state::State,
    tasks::{BoxFuture, Dead, Ended, NewTask, TaskId, TaskName},
    time::Time,
    timers::{Timer, TimerKey},
    watch::What,
};

/// How long the last tasks of a community may take, unless the node is told another time.
pub const DEFAULT_UNLOAD_LIMIT: Duration = Duration::from_secs(5);

/// Tasks that one community may register for its end.
pub(crate) const MOST_LAST_TASKS: usize = 1_000;

/// One of the last tasks of a community.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastTask {
    /// The community.
    pub community: &'static str,
    /// The task.
    pub task: Arc<str>,
}

impl fmt::Display for LastTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` of {}", self.task, self.community)
    }
}

/// How the end of one or more communities went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnloadReport {
    /// The last tasks that had not ended when the time was over, and were dropped.
    pub unfinished: Vec<LastTask>,
    /// Those that panicked.
    pub panicked: Vec<LastTask>,
    /// The time from beginning to end, by the node's own time; of several communities, the longest.
    pub took: Duration,
}

impl UnloadReport {
    /// Whether all last tasks did what they were to do.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.unfinished.is_empty() && self.panicked.is_empty()
    }

    fn add(&mut self, other: Self) {
        self.unfinished.extend(other.unfinished);
        self.panicked.extend(other.panicked);
        self.took = self.took.max(other.took);
    }
}

/// Where the report of one community arrives.
#[derive(Default)]
pub(crate) struct Told(Mutex<(Option<UnloadReport>, Option<Waker>)>);

impl Told {
    fn fill(&self, report: UnloadReport) {
        let waker = {
            let mut told = self.0.lock();
            told.0 = Some(report);
            told.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll(&self, waker: &Waker) -> Option<UnloadReport> {
        let mut told = self.0.lock();
        let report = told.0.take();
        if report.is_none() {
            told.1 = Some(waker.clone());
        }
        report
    }
}

/// Communities on their way out, see [`Node::unload_within`](crate::Node::unload_within). As a future it is ready when they
/// are gone. Dropping it changes nothing.
#[derive(Default)]
pub struct Unloading {
    waits: Vec<Arc<Told>>,
    report: UnloadReport,
}

impl Unloading {
    pub(crate) fn add(&mut self) -> Arc<Told> {
        let told = Arc::<Told>::default();
        self.waits.push(told.clone());
        told
    }

    /// Forgets what was added last, which is not there.
    pub(crate) fn forget(&mut self) {
        self.waits.pop();
    }
}

impl Future for Unloading {
    type Output = UnloadReport;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<UnloadReport> {
        let this = &mut *self;
        let report = &mut this.report;
        this.waits.retain(|told| match told.poll(cx.waker()) {
            Some(one) => {
                report.add(one);
                false
            }
            None => true,
        });
        if this.waits.is_empty() { Poll::Ready(std::mem::take(report)) } else { Poll::Pending }
    }
}

impl fmt::Debug for Unloading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unloading").field("waits", &self.waits.len()).finish_non_exhaustive()
    }
}

/// What is to be done at the end.
pub(crate) struct Registered {
    pub(crate) name: Arc<str>,
    pub(crate) future: BoxFuture,
}

/// A community on its way out.
pub(crate) struct Closing {
    began: Time,
    deadline: Time,
    timer: Option<TimerKey>,
    /// Registering is over.
    pub(crate) sealed: bool,
    left: Vec<(TaskId, Arc<str>)>,
    panicked: Vec<Arc<str>>,
    told: Vec<Arc<Told>>,
}

impl State {
    /// Begins to unload an overlay, which may be done at once; false if it is not there. One that is on its way out already
    /// gets the earlier of both limits.
    pub(crate) fn unload(&mut self, id: OverlayId, limit: Duration, told: Arc<Told>) -> bool {
        let (now, deadline) = (self.now, self.now + limit);
        let Some(overlay) = self.overlay_mut(id) else { return false };
        if let Some(closing) = &mut overlay.closing {
            closing.told.push(told);
            if limit.is_zero() {
                self.finish_unload(id);
            } else if deadline < closing.deadline {
                closing.deadline = deadline;
                let old = closing.timer.take();
                self.limit_unload(id, old, deadline);
            }
            return true;
        }
        overlay.closing = Some(Box::new(Closing {
            began: now,
            deadline,
            timer: None,
            sealed: false,
            left: Vec::new(),
            panicked: Vec::new(),
            told: vec![told],
        }));
        let community = overlay.name;
        let began = self.activity.begins(community, What::Stopping);
        self.enter(id, None, |community, cx| community.stopping(cx));
        self.activity.ends(began);
        self.wake_walkers();
        let strategies = self.walkers.remove_overlay(id);
        self.tasks.drop_later(Dead::Strategies(strategies));
        let Some(mut overlay) = self.place(id).and_then(|place| place.overlay.take()) else { return false };
        overlay.cancel_all(&mut self.timers, &self.tasks);
        let last = std::mem::take(&mut overlay.at_unload);
        if let Some(closing) = &mut overlay.closing {
            closing.sealed = true;
            for Registered { name, future } in last {
                let task_name = TaskName::Given(name.clone());
                let task = NewTask { overlay: id, community, name: task_name, origin: None, join: None, future };
                closing.left.push((self.tasks.spawn(task), name));
            }
        }
        let done = overlay.closing.as_ref().is_none_or(|closing| closing.left.is_empty());
        if let Some(place) = self.place(id) {
            place.overlay = Some(overlay);
        }
        if done || limit.is_zero() {
            self.finish_unload(id);
        } else {
            self.limit_unload(id, None, deadline);
        }
        true
    }

    fn limit_unload(&mut self, id: OverlayId, old: Option<TimerKey>, deadline: Time) {
        if let Some(old) = old {
            self.timers.cancel(old);
        }
        let timer = self.timers.set(deadline, Timer::UnloadLimit(id));
        if let Some(closing) = self.overlay_mut(id).and_then(|overlay| overlay.closing.as_mut()) {
            closing.timer = Some(timer);
        }
    }

    /// One of the tasks of an overlay ended, maybe the last one that its end waits for.
    pub(crate) fn last_task_ended(&mut self, ended: &Ended) {
        let overlay = self.overlay_mut(ended.overlay);
        let Some(closing) = overlay.and_then(|overlay| overlay.closing.as_mut()) else { return };
        let Some(place) = closing.left.iter().position(|(id, _)| *id == ended.id) else { return };
        let (_, name) = closing.left.remove(place);
        if ended.panicked {
            closing.panicked.push(name);
        }
        if closing.left.is_empty() {
            self.finish_unload(ended.overlay);
        }
    }

    /// Takes an overlay out with everything that is left of it.
    pub(crate) fn finish_unload(&mut self, id: OverlayId) {
        let Some(mut overlay) = self.remove_overlay(id) else { return };
        let Some(closing) = overlay.closing.take() else { return };
        if let Some(timer) = closing.timer {
            self.timers.cancel(timer);
        }
        let community = overlay.name;
        self.tasks.drop_later(Dead::Overlay(overlay));
        let name = |task| LastTask { community, task };
        let report = UnloadReport {
            unfinished: closing.left.into_iter().map(|(_, task)| name(task)).collect(),
            panicked: closing.panicked.into_iter().map(name).collect(),
            took: self.now.since(closing.began),
        };
        if !report.unfinished.is_empty() {
            let tasks: Vec<_> = report.unfinished.iter().map(|last| &*last.task).collect();
            tracing::warn!(community, ?tasks, "unloaded, but these last tasks did not end in time and were dropped");
        }
        for told in closing.told {
            told.fill(report.clone());
        }
    }
}
