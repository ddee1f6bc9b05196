//! The async view of a community: what tasks of the node and code outside of it use.

use std::{
    future::Future,
    marker::PhantomData,
    pin::{Pin, pin},
    sync::Weak,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use crate::{
    community::{Community, OverlayId},
    context::Context,
    join::Task,
    node::Shared,
    time::Time,
    timers::{Timer, TimerKey},
};

/// Why a handle could not reach its community.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    /// The community was unloaded, or the node is gone.
    #[error("the community is not loaded any more")]
    Unloaded,
    /// A handler of the same node is running on this thread.
    #[error("a handle cannot be used inside a handler: use the Context there, or spawn a task")]
    Reentrant,
}

/// A reference to a community of type `C` in a running node, for tasks and for code outside the node.
///
/// It does not keep the node alive. Nothing is held across an `.await`: [`Handle::with`] takes a synchronous closure.
pub struct Handle<C> {
    pub(crate) shared: Weak<Shared>,
    pub(crate) overlay: OverlayId,
    community: PhantomData<fn() -> C>,
}

impl<C> Clone for Handle<C> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), overlay: self.overlay, community: PhantomData }
    }
}

impl<C> std::fmt::Debug for Handle<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Handle").field(&self.overlay).finish()
    }
}

impl<C: Community> Handle<C> {
    pub(crate) const fn new(shared: Weak<Shared>, overlay: OverlayId) -> Self {
        Self { shared, overlay, community: PhantomData }
    }

    /// The node.
    pub(crate) const fn shared(&self) -> &Weak<Shared> {
        &self.shared
    }

    /// The overlay's id in its node.
    #[must_use]
    pub const fn overlay_id(&self) -> OverlayId {
        self.overlay
    }

    /// Runs a closure with the community, as a handler would run. A panic in the closure is the caller's.
    ///
    /// Do not call it in a handler of another node that runs on another thread: two nodes that wait for each other wait
    /// forever. Spawn a task for that.
    ///
    /// # Errors
    /// If the community is unloaded, or a handler of the node is running on this thread.
    pub fn with<R>(&self, run: impl FnOnce(&mut C, &mut Context<'_>) -> R) -> Result<R, HandleError> {
        let shared = self.shared.upgrade().ok_or(HandleError::Unloaded)?;
        let result = shared
            .with_now(|state| {
                let result = state.try_enter(self.overlay, None, |community, cx| {
                    community.as_any_mut().downcast_mut().map(|community| run(community, cx))
                });
                state.run_hooks();
                result
            })
            .ok_or(HandleError::Reentrant)?;
        match result.ok_or(HandleError::Unloaded)? {
            Ok(result) => result.ok_or(HandleError::Unloaded),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Whether the community is still loaded.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.shared.upgrade().is_some_and(|shared| shared.with(|state| state.is_loaded(self.overlay)).unwrap_or(true))
    }

    /// Runs a future as a task of the community, from outside of its handlers: see [`Context::spawn`].
    ///
    /// # Errors
    /// As [`Handle::with`]. While the community is being unloaded the task is refused, which its result tells.
    pub fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<Task<T>, HandleError> {
        self.with(|_, cx| cx.spawn(future))
    }

    /// Waits for a time, measured from the first poll. Under the simulator this is virtual time.
    #[must_use = "a future does nothing unless it is awaited"]
    pub fn sleep(&self, duration: Duration) -> Sleep {
        Sleep { shared: self.shared.clone(), duration, deadline: None, timer: None }
    }

    /// Waits for a future, but no longer than a time.
    ///
    /// # Errors
    /// If the time passed first; the future is dropped.
    pub async fn timeout<F: Future>(&self, duration: Duration, future: F) -> Result<F::Output, Elapsed> {
        let mut future = pin!(future);
        let mut sleep = self.sleep(duration);
        std::future::poll_fn(move |cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => Pin::new(&mut sleep).poll(cx).map(|()| Err(Elapsed)),
        })
        .await
    }
}

/// The time given to [`Handle::timeout`] passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time limit passed")]
pub struct Elapsed;

/// A future that is ready after a time, see [`Handle::sleep`].
#[derive(Debug)]
pub struct Sleep {
    shared: Weak<Shared>,
    duration: Duration,
    deadline: Option<Time>,
    timer: Option<TimerKey>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        // With its node gone nothing will ever wake it; whoever waits finds the node gone at the next step.
        let Some(shared) = self.shared.upgrade() else {
            return Poll::Ready(());
        };
        let this = &mut *self;
        let first = this.deadline.is_none();
        let poll = |state: &mut crate::state::State| {
            let deadline = *this.deadline.get_or_insert(state.now + this.duration);
            if state.now >= deadline {
                return Poll::Ready(());
            }
            let armed = this.timer.is_some_and(|timer| state.timers.set_waker(timer, cx.waker()));
            if !armed {
                this.timer = Some(state.timers.set(deadline, Timer::Wake(cx.waker().clone())));
            }
            Poll::Pending
        };
        // A new timer may be the first that is due, which the driver must learn.
        let polled = if first { shared.with_now(poll) } else { shared.with(poll) };
        polled.unwrap_or_else(|| {
            // Polled inside a handler, where the state cannot be reached: try again in the next turn.
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let (Some(timer), Some(shared)) = (self.timer, self.shared.upgrade()) {
            shared.with_or_later(move |state| state.timers.cancel(timer));
        }
    }
}
