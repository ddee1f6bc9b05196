//! Tasks of a community: futures and scheduled methods.

use std::{future::Future, sync::Arc};

use super::Context;
use crate::{
    community::Community,
    handle::Handle,
    routes::{Outcome, erase_callback},
    schedule::{Callback, CallbackId, Schedule, TaskError, TaskKind, TaskRef},
    timers::Timer,
};

/// Tasks. All of them end when the community is unloaded.
impl Context<'_> {
    /// Runs a future as a task of this community, in the node's own turns: no runtime is needed, and in the simulator it
    /// runs under virtual time. Inside, the community is reached through a [`Handle`], see [`Context::handle`].
    pub fn spawn(&mut self, future: impl Future<Output = ()> + Send + 'static) -> TaskRef {
        TaskRef(TaskKind::Future(self.state.tasks.spawn(self.overlay.id, None, Box::pin(future))))
    }

    /// The same under a name.
    ///
    /// # Errors
    /// If a task of this name is there, unless `replace` is set: then that one is cancelled.
    pub fn spawn_named(
        &mut self,
        name: impl Into<Arc<str>>,
        replace: bool,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> Result<TaskRef, TaskError> {
        let name = name.into();
        self.claim_name(&name, replace)?;
        let task =
            TaskRef(TaskKind::Future(self.state.tasks.spawn(self.overlay.id, Some(name.clone()), Box::pin(future))));
        self.overlay.names.insert(name, task);
        Ok(task)
    }

    /// Calls a method of the community as the schedule says.
    ///
    /// # Errors
    /// If the schedule has a name that is taken, unless it says [`Schedule::replacing`].
    pub fn schedule<C, R, F>(&mut self, schedule: Schedule, function: F) -> Result<TaskRef, TaskError>
    where
        C: Community,
        R: Outcome,
        F: FnMut(&mut C, &mut Context<'_>) -> R + Send + 'static,
    {
        self.schedule_erased(schedule, erase_callback(function))
    }

    pub(crate) fn schedule_erased(
        &mut self,
        schedule: Schedule,
        function: crate::schedule::CallbackFn,
    ) -> Result<TaskRef, TaskError> {
        if let Some(name) = &schedule.name {
            self.claim_name(name, schedule.replace)?;
        }
        let id = CallbackId(self.overlay.next_callback);
        self.overlay.next_callback += 1;
        let due = self.state.now + schedule.first_delay();
        let timer = self.state.timers.set(due, Timer::Callback(self.overlay.id, id));
        let task = TaskRef(TaskKind::Callback(id));
        if let Some(name) = &schedule.name {
            self.overlay.names.insert(name.clone(), task);
        }
        self.overlay.callbacks.insert(
            id,
            Callback {
                name: schedule.name,
                period: schedule.period,
                function: Some(function),
                due,
                timer: Some(timer),
            },
        );
        Ok(task)
    }

    /// The live task of this name.
    #[must_use]
    pub fn task(&self, name: &str) -> Option<TaskRef> {
        self.overlay.names.get(name).copied().filter(|task| self.is_alive(*task))
    }

    /// Whether a task has not ended yet.
    #[must_use]
    pub fn is_alive(&self, task: TaskRef) -> bool {
        match task.0 {
            TaskKind::Callback(id) => self.overlay.callbacks.contains_key(&id),
            TaskKind::Future(id) => self.state.tasks.is_alive(id),
        }
    }

    /// Ends a task; false if it had ended.
    pub fn cancel(&mut self, task: TaskRef) -> bool {
        match task.0 {
            TaskKind::Callback(id) => {
                let Some(callback) = self.overlay.callbacks.remove(&id) else {
                    return false;
                };
                if let Some(timer) = callback.timer {
                    self.state.timers.cancel(timer);
                }
                self.forget_name(callback.name.as_deref(), task);
                true
            }
            TaskKind::Future(id) => {
                let Some(name) = self.state.tasks.cancel(id) else {
                    return false;
                };
                self.forget_name(name.as_deref(), task);
                true
            }
        }
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

    pub(crate) fn forget_name(&mut self, name: Option<&str>, task: TaskRef) {
        if let Some(name) = name
            && self.overlay.names.get(name) == Some(&task)
        {
            self.overlay.names.remove(name);
        }
    }

    /// A handle to this community for tasks; `None` if `C` is not its type.
    #[must_use]
    pub fn handle<C: Community>(&self) -> Option<Handle<C>> {
        (self.overlay.type_id == std::any::TypeId::of::<C>())
            .then(|| Handle::new(self.state.shared.clone(), self.overlay.id))
    }
}
