//! The way out of the node for work that takes long: on other threads under a driver with threads, at a virtual time in
//! the simulator, and nothing in a community's code tells which.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, Waker},
    time::Duration,
};

use parking_lot::Mutex;

use crate::{
    community::Community,
    handle::Handle,
    tasks::{drop_quietly, panic_text},
};

/// Work that one node lets run at once, unless it is told otherwise.
pub const DEFAULT_MOST_BLOCKING: usize = 8;

/// Work of one node that may wait for other work to end.
pub const MOST_WAITING: usize = 1_000;

/// Where work that takes long is done ([`Handle::blocking`]).
#[derive(Clone)]
pub enum Blocking {
    /// In the node's own turn, this long after it could begin: for tests and simulations, where it repeats.
    Inline(Duration),
    /// Where this function lets it run, soon and on another thread. A job that is dropped instead is lost, which its caller
    /// learns.
    Elsewhere(Arc<dyn Fn(BlockingJob) + Send + Sync>),
}

impl Default for Blocking {
    /// At once, in the node's own turn.
    fn default() -> Self {
        Self::Inline(Duration::ZERO)
    }
}

impl fmt::Debug for Blocking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(takes) => f.debug_tuple("Inline").field(takes).finish(),
            Self::Elsewhere(_) => f.write_str("Elsewhere"),
        }
    }
}

/// Work that is to be done.
pub struct BlockingJob(Box<dyn FnOnce() + Send>);

impl BlockingJob {
    /// Does it. Never panics: a panic of the work goes to its caller. Nothing is done if nobody waits any more.
    pub fn run(self) {
        (self.0)();
    }
}

impl fmt::Debug for BlockingJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlockingJob")
    }
}

/// Why work brought no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockingError {
    /// The work panicked.
    #[error("the work panicked: {0}")]
    Panicked(String),
    /// Too much work waits already.
    #[error("{0} pieces of work wait already: wait for some of them first")]
    TooMany(usize),
    /// The driver did not do it: no thread could be started, or the program ends.
    #[error("the work was not done: the driver could not start it, or is ending")]
    Lost,
    /// The community was unloaded, or the node is gone.
    #[error("the community is not loaded any more")]
    Unloaded,
}

impl<C: Community> Handle<C> {
    /// Does work that takes long, such as a large computation or reading a file, without holding up the node, and waits for
    /// its result.
    ///
    /// On sockets it runs on a thread of its own; in the simulator at a virtual time. At most
    /// [`NodeConfig::most_blocking`](crate::NodeConfig::most_blocking) pieces run at once for one node, the others wait
    /// their turn. If the future is dropped, work that has not begun is not done; what has begun goes on, counts until it
    /// ends, and its result is dropped.
    ///
    /// ```
    /// # use ipv8_core::{Community, Context, Routes, wire::{CommunityId, community_id}};
    /// # struct Hasher { sum: Option<u64> }
    /// # impl Community for Hasher {
    /// #     const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");
    /// #     fn routes(_: &mut Routes<Self>) {}
    /// # }
    /// # impl Hasher {
    /// fn begin(&mut self, cx: &mut Context<'_>, data: Vec<u8>) {
    ///     let Some(handle) = cx.handle::<Self>() else { return };
    ///     cx.spawn(async move {
    ///         let sum = handle.blocking(move || data.iter().map(|byte| u64::from(*byte)).sum()).await;
    ///         let _ = handle.with(|this, _| this.sum = sum.ok());
    ///     });
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the work panics, [`MOST_WAITING`] pieces wait already, the driver cannot do it, or the community is not loaded.
    pub async fn blocking<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, BlockingError> {
        if !self.is_loaded() {
            return Err(BlockingError::Unloaded);
        }
        let places = self.shared.upgrade().ok_or(BlockingError::Unloaded)?.blocking.clone();
        let permit = places.permit().await?;
        match &places.how {
            Blocking::Inline(takes) => {
                self.sleep(*takes).await;
                let result = guarded(work);
                drop(permit);
                result
            }
            Blocking::Elsewhere(run) => {
                let (answer, wait) = channel();
                run(BlockingJob(Box::new(move || {
                    let _counts_until_it_ends = permit;
                    if answer.is_wanted() {
                        answer.send(guarded(work));
                    }
                })));
                wait.await
            }
        }
    }
}

fn guarded<R>(work: impl FnOnce() -> R) -> Result<R, BlockingError> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let error = BlockingError::Panicked(panic_text(&*panic).to_owned());
        drop_quietly(panic);
        error
    })
}

// --- the result --------------------------------------------------------------------------------------------------

type Answered<R> = Mutex<(Option<Result<R, BlockingError>>, Option<Waker>)>;

struct Answer<R>(Arc<Answered<R>>);

struct Wait<R>(Arc<Answered<R>>);

fn channel<R>() -> (Answer<R>, Wait<R>) {
    let answered = Arc::new(Mutex::new((None, None)));
    (Answer(answered.clone()), Wait(answered))
}

impl<R> Answer<R> {
    fn is_wanted(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    fn send(self, result: Result<R, BlockingError>) {
        self.0.lock().0 = Some(result);
        // Dropping it wakes.
    }
}

impl<R> Drop for Answer<R> {
    fn drop(&mut self) {
        let waker = {
            let mut answered = self.0.lock();
            answered.0.get_or_insert(Err(BlockingError::Lost));
            answered.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<R> Future for Wait<R> {
    type Output = Result<R, BlockingError>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let mut answered = self.0.lock();
        match answered.0.take() {
            Some(result) => Poll::Ready(result),
            None => {
                answered.1 = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

// --- how much at once --------------------------------------------------------------------------------------------

/// How work is done, and how much of it at once.
pub(crate) struct Places {
    how: Blocking,
    most: usize,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    busy: usize,
    next: u64,
    /// In the order in which they came.
    waiting: BTreeMap<u64, Waker>,
}

impl Queue {
    /// Whoever may go on now.
    fn first(&self, most: usize) -> Option<Waker> {
        if self.busy < most { self.waiting.values().next().cloned() } else { None }
    }
}

impl Places {
    pub(crate) fn new(how: Blocking, most: usize) -> Arc<Self> {
        Arc::new(Self { how, most: most.max(1), queue: Mutex::default() })
    }

    fn permit(self: &Arc<Self>) -> Turn {
        Turn { places: self.clone(), number: None }
    }

    fn change(&self, change: impl FnOnce(&mut Queue)) {
        let first = {
            let mut queue = self.queue.lock();
            change(&mut queue);
            queue.first(self.most)
        };
        if let Some(first) = first {
            first.wake();
        }
    }
}

/// Work runs while this is there.
struct Permit(Arc<Places>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.change(|queue| queue.busy -= 1);
    }
}

/// Waits for a permit.
struct Turn {
    places: Arc<Places>,
    number: Option<u64>,
}

impl Future for Turn {
    type Output = Result<Permit, BlockingError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut queue = this.places.queue.lock();
        let is_first = queue.waiting.keys().next().copied() == this.number;
        if queue.busy < this.places.most && is_first {
            if let Some(number) = this.number.take() {
                queue.waiting.remove(&number);
            }
            queue.busy += 1;
            let next = queue.first(this.places.most);
            drop(queue);
            if let Some(next) = next {
                next.wake();
            }
            return Poll::Ready(Ok(Permit(this.places.clone())));
        }
        let number = match this.number {
            Some(number) => number,
            None if queue.waiting.len() >= MOST_WAITING => {
                return Poll::Ready(Err(BlockingError::TooMany(queue.waiting.len())));
            }
            None => {
                queue.next += 1;
                queue.next
            }
        };
        this.number = Some(number);
        queue.waiting.insert(number, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.places.change(|queue| drop(queue.waiting.remove(&number)));
        }
    }
}
