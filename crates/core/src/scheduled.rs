//! The tasks of overlays as the state knows them: functions that are due, and what becomes of tasks that ended.

use crate::{
    community::OverlayId,
    schedule::{Body, CallbackId, TaskKind, TaskRef, beat_after},
    state::{OverlayState, State},
    tasks::{Dead, Ended, NewTask, TaskLabel, TaskName, Tasks, drop_quietly, panic_text},
    timers::{Timer, Timers},
    watch::What,
};

impl OverlayState {
    /// Whether a task has not ended.
    pub(crate) fn is_alive(&self, tasks: &Tasks, task: TaskRef) -> bool {
        match task.0 {
            TaskKind::Callback(id) => self.callbacks.contains_key(&id),
            TaskKind::Future(id) => tasks.is_alive(id),
        }
    }

    /// Ends a task; false if it had ended.
    pub(crate) fn cancel_task(&mut self, timers: &mut Timers, tasks: &Tasks, task: TaskRef) -> bool {
        let (name, mut usage) = match task.0 {
            TaskKind::Callback(id) => {
                let Some(callback) = self.callbacks.remove(&id) else { return false };
                if let Some(timer) = callback.timer {
                    timers.cancel(timer);
                }
                if let Some(body) = callback.body {
                    tasks.drop_later(Dead::Function(body));
                }
                let mut usage = callback.usage;
                if let Some(run) = callback.running.and_then(|run| tasks.cancel(run)) {
                    usage.ran(run.usage.longest);
                }
                (callback.name, usage)
            }
            TaskKind::Future(id) => {
                let Some(cancelled) = tasks.cancel(id) else { return false };
                (cancelled.name, cancelled.usage)
            }
        };
        self.forget_name(&name, task);
        self.ended.add(&name, std::mem::take(&mut usage));
        true
    }

    /// Ends all tasks.
    pub(crate) fn cancel_all(&mut self, timers: &mut Timers, tasks: &Tasks) {
        let callbacks: Vec<_> = self.callbacks.keys().copied().collect();
        for id in callbacks {
            self.cancel_task(timers, tasks, TaskRef(TaskKind::Callback(id)));
        }
        for task in tasks.of(self.id) {
            self.cancel_task(timers, tasks, TaskRef(TaskKind::Future(task.id)));
        }
    }

    /// Frees the name of a task, if it is that task's.
    fn forget_name(&mut self, name: &TaskName, task: TaskRef) {
        if let Some(name) = name.given()
            && self.names.get(name) == Some(&task)
        {
            self.names.remove(name);
        }
    }

    /// Notes the end of the future of a scheduled function.
    fn run_ended(&mut self, id: CallbackId, ended: &Ended) {
        let Some(callback) = self.callbacks.get_mut(&id).filter(|callback| callback.running == Some(ended.id)) else {
            return;
        };
        callback.running = None;
        callback.usage.ran(ended.usage.longest);
        callback.usage.panics += ended.usage.panics;
        if callback.period.is_none()
            && let Some(callback) = self.callbacks.remove(&id)
        {
            self.forget_name(&callback.name, TaskRef(TaskKind::Callback(id)));
            self.ended.add(&callback.name, callback.usage);
        }
    }
}

impl State {
    /// Ends a task of an overlay; false if it had ended.
    pub(crate) fn cancel_task(&mut self, overlay: OverlayId, task: TaskRef) -> bool {
        let Some(mut state) = self.place(overlay).and_then(|place| place.overlay.take()) else {
            return false;
        };
        let cancelled = state.cancel_task(&mut self.timers, &self.tasks, task);
        if let Some(place) = self.place(overlay) {
            place.overlay = Some(state);
        }
        cancelled
    }

    /// Runs a function that is due, or starts its future.
    pub(crate) fn run_callback(&mut self, overlay: OverlayId, id: CallbackId) {
        let tasks = self.tasks.clone();
        let Some(state) = self.overlay_mut(overlay) else { return };
        let community = state.name;
        let Some(callback) = state.callbacks.get_mut(&id) else { return };
        callback.timer = None;
        if callback.running.is_some_and(|run| tasks.is_alive(run)) {
            callback.usage.skipped += 1;
            return self.arm_callback(overlay, id);
        }
        let (Some(mut body), name) = (callback.body.take(), callback.name.clone()) else { return };
        let began = self.activity.begins(community, What::Function(TaskLabel(name.clone(), id.0)));
        let outcome = self.try_enter(overlay, None, |community, cx| match &mut body {
            Body::Function(function) => {
                function(community.as_any_mut(), cx);
                None
            }
            Body::Future(make) => make(cx),
        });
        let took = self.activity.ends(began);
        let mut panics = 0;
        let future = match outcome {
            Some(Ok(future)) => future,
            Some(Err(panic)) => {
                panics = 1;
                self.count_panic(overlay, None);
                let task = TaskLabel(name.clone(), id.0).to_string();
                let panic_said = panic_text(&*panic);
                tracing::error!(
                    community,
                    task,
                    panic = panic_said,
                    "a scheduled function panicked; its community goes on"
                );
                drop_quietly(panic);
                None
            }
            None => None,
        };
        let callback = self.overlay_mut(overlay).and_then(|state| state.callbacks.get_mut(&id));
        let Some(callback) = callback else {
            // It cancelled itself.
            tasks.drop_later(Dead::Function(body));
            if let Some(future) = future {
                tasks.drop_later(Dead::Future(future));
            }
            return;
        };
        callback.usage.runs += 1;
        callback.usage.panics += panics;
        callback.usage.ran(took);
        if let Some(future) = future {
            let task = NewTask { overlay, community, name, origin: Some(id), join: None, future };
            callback.running = Some(tasks.spawn(task));
        }
        if callback.period.is_some() {
            callback.body = Some(body);
            self.arm_callback(overlay, id);
        } else {
            tasks.drop_later(Dead::Function(body));
            if callback.running.is_none() {
                self.cancel_task(overlay, TaskRef(TaskKind::Callback(id)));
            }
        }
    }

    /// Sets the timer of the next run, on the beat that was set; beats that were missed are skipped.
    fn arm_callback(&mut self, overlay: OverlayId, id: CallbackId) {
        let now = self.now;
        let callback = self.overlay_mut(overlay).and_then(|state| state.callbacks.get_mut(&id));
        let Some(callback) = callback else { return };
        let Some(due) = callback.period.and_then(|period| beat_after(callback.due, period, now)) else { return };
        callback.due = due;
        let timer = self.timers.set(due, Timer::Callback(overlay, id));
        if let Some(callback) = self.overlay_mut(overlay).and_then(|state| state.callbacks.get_mut(&id)) {
            callback.timer = Some(timer);
        }
    }

    /// Frees the names of tasks that ended, and counts them.
    pub(crate) fn tasks_ended(&mut self, ended: &[Ended]) {
        for task in ended {
            if task.panicked {
                self.count_panic(task.overlay, None);
            }
            let Some(overlay) = self.overlay_mut(task.overlay) else { continue };
            match (task.origin, &task.name) {
                (Some(callback), _) => overlay.run_ended(callback, task),
                (None, Some(name)) => {
                    overlay.forget_name(name, TaskRef(TaskKind::Future(task.id)));
                    overlay.ended.add(name, task.usage);
                }
                // It was counted when it was cancelled.
                (None, None) => {}
            }
            self.last_task_ended(task);
        }
    }
}
