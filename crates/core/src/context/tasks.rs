//! Tasks of a community: futures and scheduled methods.

use std::{future::Future, sync::Arc};

use super::Context;
use crate::{
    community::Community,
    handle::Handle,
    join::{Ending, JoinError, Task},
    routes::{Outcome, Scheduled, erase_async, erase_callback},
    schedule::{Body, Callback, CallbackId, Schedule, TaskError, TaskInfo, TaskKind, TaskRef},
    stats::Usage,
    tasks::{Dead, NewTask, TaskLabel, TaskName},
    timers::Timer,
    unload::{MOST_LAST_TASKS, Registered},
};

/// Tasks. All of them end when the community is unloaded.
impl Context<'_> {
    /// Runs a future as a task of this community, in the node's own turns: no runtime is needed, and in the simulator it
    /// runs under virtual time. Inside, the community is reached through a [`Handle`], see [`Context::handle`].
    ///
    /// What is returned can be awaited, by another task or outside of the node. In reports the task has the name of the
    /// function in which it was written.
    pub fn spawn<T: Send + 'static>(&mut self, future: impl Future<Output = T> + Send + 'static) -> Task<T> {
        self.start(None, future)
    }

    /// The same under a name.
    ///
    /// # Errors
    /// If a task of this name is there, unless `replace` is set: then that one is cancelled. If the community is being
    /// unloaded.
    pub fn spawn_named<T: Send + 'static>(
        &mut self,
        name: impl Into<Arc<str>>,
        replace: bool,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<Task<T>, TaskError> {
        let name = name.into();
        if self.overlay.closing.is_some() {
            return Err(TaskError::Unloading(name));
        }
        self.claim_name(&name, replace)?;
        let task = self.start(Some(name.clone()), future);
        self.overlay.names.insert(name, task.task_ref());
        Ok(task)
    }

    fn start<T, F>(&mut self, name: Option<Arc<str>>, future: F) -> Task<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let outcome = Arc::new(Ending::new());
        let (overlay, shared, name) = (self.overlay.id, self.state.shared.clone(), TaskName::of::<F>(name));
        if self.overlay.closing.is_some() {
            let (community, task) = (self.overlay.name, name.as_str());
            tracing::warn!(community, task, "a task was not started: its community is being unloaded");
            outcome.fill(Err(JoinError::Refused { task: task.into() }));
            self.state.tasks.drop_later(Dead::Future(Box::pin(async { drop(future.await) })));
            return Task { shared, overlay, id: self.state.tasks.unused_id(), outcome };
        }
        let end = outcome.clone();
        let id = self.state.tasks.spawn(NewTask {
            overlay,
            community: self.overlay.name,
            name,
            origin: None,
            join: Some(outcome.clone()),
            future: Box::pin(async move { end.fill(Ok(future.await)) }),
        });
        Task { shared, overlay, id, outcome }
    }

    /// Calls a method of the community as the schedule says. If it panics it is called again when it is due the next time;
    /// the panic is logged with its name and counted. (In the reference an interval ends with the first exception.)
    ///
    /// # Errors
    /// If the schedule has a name that is taken, unless it says [`Schedule::replacing`]. If the community is being unloaded.
    pub fn schedule<C, R, F>(&mut self, schedule: Schedule, function: F) -> Result<TaskRef, TaskError>
    where
        C: Community,
        R: Outcome,
        F: FnMut(&mut C, &mut Context<'_>) -> R + Send + 'static,
    {
        let name = TaskName::of::<F>(schedule.name.clone());
        self.schedule_erased(Scheduled { schedule, name, body: Body::Function(erase_callback(function)) })
    }

    /// Runs what a function makes as the schedule says: the way to do at intervals what waits, for answers for example.
    ///
    /// Runs never overlap: a run that is due while the one before has not ended is left out and counted, and the next one
    /// is due on the next beat of the schedule. A run that panics is over; the next one takes place. Cancelling the task
    /// ends the run that is under way too.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ipv8_core::{Community, Context, Handle, Routes, Schedule, wire::{CommunityId, community_id}};
    /// # struct Gardener { beds: u32 }
    /// # impl Community for Gardener {
    /// #     const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");
    /// fn routes(r: &mut Routes<Self>) {
    ///     r.schedule_async(Schedule::every(Duration::from_secs(60)).named("water"), Self::water);
    /// }
    /// # }
    /// # impl Gardener {
    /// async fn water(garden: Handle<Self>) {
    ///     for bed in 0..10 {
    ///         garden.sleep(Duration::from_secs(1)).await;
    ///         let _ = garden.with(|this, _| this.beds = bed);
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Context::schedule`].
    pub fn schedule_async<C, Fut, F>(&mut self, schedule: Schedule, make: F) -> Result<TaskRef, TaskError>
    where
        C: Community,
        Fut: Future<Output = ()> + Send + 'static,
        F: FnMut(Handle<C>) -> Fut + Send + 'static,
    {
        let name = TaskName::of::<Fut>(schedule.name.clone());
        self.schedule_erased(Scheduled { schedule, name, body: erase_async(make) })
    }

    pub(crate) fn schedule_erased(&mut self, scheduled: Scheduled) -> Result<TaskRef, TaskError> {
        let Scheduled { schedule, name, body } = scheduled;
        if self.overlay.closing.is_some() {
            self.state.tasks.drop_later(Dead::Function(body));
            return Err(TaskError::Unloading(name.as_str().into()));
        }
        if let Some(name) = name.given()
            && let Err(error) = self.claim_name(name, schedule.replace)
        {
            self.state.tasks.drop_later(Dead::Function(body));
            return Err(error);
        }
        let id = CallbackId(self.overlay.next_callback);
        self.overlay.next_callback += 1;
        let due = self.state.now + schedule.first_delay();
        let timer = Some(self.state.timers.set(due, Timer::Callback(self.overlay.id, id)));
        let task = TaskRef(TaskKind::Callback(id));
        if let Some(name) = name.given() {
            self.overlay.names.insert(name.clone(), task);
        }
        let Schedule { period, .. } = schedule;
        let usage = Usage::default();
        let callback = Callback { name, period, body: Some(body), due, timer, running: None, usage };
        self.overlay.callbacks.insert(id, callback);
        Ok(task)
    }

    /// Registers a task for the community's end: to say goodbye to peers and wait for their answers, or to save something.
    /// May be called at any time, and in [`Community::stopping`]; a future does nothing until it is polled.
    ///
    /// When the community is unloaded, its other tasks are cancelled first. Then these run, side by side, begun in the order
    /// in which they were registered, and the community is there until they ended: it sends, receives and asks. They have
    /// [`NodeConfig::unload_limit`](crate::NodeConfig::unload_limit) together; what has not ended then is dropped and
    /// reported by name. (The reference runs them one after the other, without limit.)
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ipv8_core::{Community, Context, Routes, wire::{CommunityId, Message, community_id}};
    /// # #[derive(Message, Clone)] #[message(id = 1)] struct Goodbye { in_seconds: u8 }
    /// # struct Polite;
    /// impl Community for Polite {
    /// #     const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");
    /// #     fn routes(_: &mut Routes<Self>) {}
    ///     fn stopping(&mut self, cx: &mut Context<'_>) {
    ///         let Some(handle) = cx.handle::<Self>() else { return };
    ///         let goodbye = async move {
    ///             // Twice, since datagrams get lost.
    ///             for in_seconds in [1, 0] {
    ///                 let _ = handle.with(|_, cx| for peer in cx.peers() { cx.send(&peer, Goodbye { in_seconds }) });
    ///                 handle.sleep(Duration::from_secs(1)).await;
    ///             }
    ///         };
    ///         let _ = cx.at_unload("goodbye", goodbye);
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// If the last tasks run already, or 1,000 are registered.
    pub fn at_unload(
        &mut self,
        name: impl Into<Arc<str>>,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), TaskError> {
        let name = name.into();
        let refused = if self.overlay.closing.as_ref().is_some_and(|closing| closing.sealed) {
            TaskError::Unloading(name.clone())
        } else if self.overlay.at_unload.len() >= MOST_LAST_TASKS {
            TaskError::TooMany(name.clone())
        } else {
            self.overlay.at_unload.push(Registered { name, future: Box::pin(future) });
            return Ok(());
        };
        self.state.tasks.drop_later(Dead::Future(Box::pin(future)));
        Err(refused)
    }

    /// Whether the community is being unloaded, so that tasks are refused.
    #[must_use]
    pub fn is_unloading(&self) -> bool {
        self.overlay.closing.is_some()
    }

    /// The live task of this name.
    #[must_use]
    pub fn task(&self, name: &str) -> Option<TaskRef> {
        self.overlay.names.get(name).copied().filter(|task| self.is_alive(*task))
    }

    /// The tasks of this community that have not ended: scheduled functions, then futures, each in the order in which they
    /// were registered.
    #[must_use]
    pub fn tasks(&self) -> Vec<TaskInfo> {
        let label = |name: &TaskName, number| match name.given() {
            Some(given) => given.clone(),
            None => TaskLabel(name.clone(), number).to_string().into(),
        };
        let functions = self.overlay.callbacks.iter().map(|(id, callback)| TaskInfo {
            task: TaskRef(TaskKind::Callback(*id)),
            name: label(&callback.name, id.0),
            named: callback.name.given().is_some(),
            period: callback.period,
            due: callback.timer.map(|_| callback.due),
        });
        let futures = self.state.tasks.of(self.overlay.id).into_iter().filter(|task| task.origin.is_none());
        let futures = futures.map(|task| TaskInfo {
            task: TaskRef(TaskKind::Future(task.id)),
            name: label(&task.name, task.id.number()),
            named: task.name.given().is_some(),
            period: None,
            due: None,
        });
        functions.chain(futures).collect()
    }

    /// Whether a task has not ended yet.
    #[must_use]
    pub fn is_alive(&self, task: impl Into<TaskRef>) -> bool {
        self.overlay.is_alive(&self.state.tasks, task.into())
    }

    /// Ends a task; false if it had ended. A future is dropped where it waits, in this turn or the next one.
    pub fn cancel(&mut self, task: impl Into<TaskRef>) -> bool {
        self.overlay.cancel_task(&mut self.state.timers, &self.state.tasks, task.into())
    }

    /// Ends the task of this name; false if there is none.
    pub fn cancel_named(&mut self, name: &str) -> bool {
        self.overlay.names.remove(name).is_some_and(|task| self.cancel(task))
    }

    fn claim_name(&mut self, name: &Arc<str>, replace: bool) -> Result<(), TaskError> {
        match self.task(name) {
            Some(_) if !replace => Err(TaskError::NameTaken(name.clone())),
            Some(_) => {
                self.cancel_named(name);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A handle to this community for tasks; `None` if `C` is not its type.
    #[must_use]
    pub fn handle<C: Community>(&self) -> Option<Handle<C>> {
        (self.overlay.type_id == std::any::TypeId::of::<C>())
            .then(|| Handle::new(self.state.shared.clone(), self.overlay.id))
    }
}
