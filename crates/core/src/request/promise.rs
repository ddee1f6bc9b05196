//! A value that comes later: what futures of requests and caches wait for.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

/// Where a value arrives once and whoever waits for it is woken.
#[derive(Debug)]
pub(crate) struct Slot<T>(Mutex<Waiting<T>>);

#[derive(Debug)]
struct Waiting<T> {
    value: Option<T>,
    waker: Option<Waker>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(Mutex::new(Waiting { value: None, waker: None }))
    }
}

impl<T> Slot<T> {
    pub(crate) fn fill(&self, value: T) {
        let waker = {
            let mut waiting = self.0.lock();
            waiting.value = Some(value);
            waiting.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn poll(&self, waker: &Waker) -> Poll<T> {
        let mut waiting = self.0.lock();
        match waiting.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                match &mut waiting.waker {
                    Some(old) => old.clone_from(waker),
                    none => *none = Some(waker.clone()),
                }
                Poll::Pending
            }
        }
    }
}

/// Makes a value that others wait for: keep the [`Promise`] in a [`Cache`](super::Cache), and hand out the future.
///
/// The future then belongs to the cache: it gets what the promise is kept with, by the handler that takes the cache or in
/// [`Cache::timed_out`](super::Cache::timed_out), a value or an error as you choose; and it is [`Cancelled`] with the cache if
/// neither happens, because the community is unloaded for example.
///
/// ```
/// use ipv8_core::{Cancelled, promise};
/// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
/// # let mut poll = |future: ipv8_core::Promised<u32>| std::future::Future::poll(std::pin::pin!(future), &mut cx);
/// # use std::task::Poll;
///
/// let (kept, future) = promise();
/// kept.keep(42);
/// assert_eq!(poll(future), Poll::Ready(Ok(42)));
///
/// let (broken, future) = promise();
/// drop(broken);
/// assert_eq!(poll(future), Poll::Ready(Err(Cancelled)));
/// ```
pub fn promise<T>() -> (Promise<T>, Promised<T>) {
    let slot = Arc::new(Slot::default());
    (Promise { slot: Some(slot.clone()) }, Promised { slot })
}

/// The end of a [`promise`] that gives the value. Dropping it cancels the future.
#[derive(Debug)]
pub struct Promise<T> {
    slot: Option<Arc<Slot<Result<T, Cancelled>>>>,
}

impl<T> Promise<T> {
    /// Gives the value to whoever waits.
    pub fn keep(mut self, value: T) {
        if let Some(slot) = self.slot.take() {
            slot.fill(Ok(value));
        }
    }

    /// Whether the future is still there: if not, nobody will see the value.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.slot.as_ref().is_some_and(|slot| Arc::strong_count(slot) > 1)
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            slot.fill(Err(Cancelled));
        }
    }
}

/// The end of a [`promise`] that waits, in a task or outside of the node.
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Promised<T> {
    slot: Arc<Slot<Result<T, Cancelled>>>,
}

impl<T> Future for Promised<T> {
    type Output = Result<T, Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.slot.poll(cx.waker())
    }
}

/// The promise was dropped without being kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled: what was to give the value is gone")]
pub struct Cancelled;
