//! Requests that wait for their answer.

use std::{
    any::Any,
    collections::HashMap,
    sync::Arc,
    task::{Poll, Waker},
    time::Duration,
};

use ipv8_crypto::Mid;
use parking_lot::Mutex;
use rand::{Rng, RngExt};

use crate::{community::OverlayId, timers::TimerKey};

/// How long an answer is waited for unless the caller says otherwise (the reference's default, `protocol.md` section 7).
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Requests of one node that may wait at once.
const MOST_OUTSTANDING: usize = 10_000;

/// How often a free identifier is drawn for before giving up.
const DRAWS: usize = 1_000;

/// What an answer must match: the overlay, the id of the answering message and the identifier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct RequestKey {
    pub(crate) overlay: OverlayId,
    pub(crate) reply: u8,
    pub(crate) identifier: u64,
}

/// Why a request ended without an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// No answer came in time.
    #[error("no answer came within {0:?}")]
    TimedOut(Duration),
    /// The community was unloaded, or the node is gone.
    #[error("the community was unloaded before an answer came")]
    Unloaded,
    /// The question was not sent.
    #[error("the question could not be sent: {0}")]
    Send(#[from] crate::outbox::SendError),
    /// Too many requests wait already, or no identifier is free.
    #[error("too many requests wait for an answer ({0}): wait for some of them first")]
    TooMany(usize),
    /// The community does not register the answer.
    #[error("message {0} is no registered answer: say `r.reply::<{1}>()` in Community::routes")]
    NotRegistered(u8, &'static str),
    /// Called from inside a handler, where awaiting is not possible.
    #[error("requests cannot be made while a handler of the node runs: spawn a task")]
    Reentrant,
}

type Answer = Box<dyn Any + Send>;

/// Where an answer arrives and its caller waits.
#[derive(Default)]
pub(crate) struct Slot(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    answer: Option<Result<Answer, RequestError>>,
    waker: Option<Waker>,
}

impl Slot {
    pub(crate) fn fill(&self, answer: Result<Answer, RequestError>) {
        let waker = {
            let mut waiting = self.0.lock();
            waiting.answer = Some(answer);
            waiting.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Result<Answer, RequestError>> {
        let mut waiting = self.0.lock();
        match waiting.answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => {
                waiting.waker = Some(waker.clone());
                Poll::Pending
            }
        }
    }
}

pub(crate) struct Pending {
    pub(crate) peer: Mid,
    pub(crate) slot: Arc<Slot>,
    pub(crate) timer: TimerKey,
    pub(crate) timeout: Duration,
}

/// All requests of a node that wait.
#[derive(Default)]
pub(crate) struct Requests {
    waiting: HashMap<RequestKey, Pending>,
}

impl Requests {
    /// Draws an identifier that no other request of this kind uses: unpredictable, so that an answer cannot be guessed.
    pub(crate) fn draw(
        &self,
        overlay: OverlayId,
        reply: u8,
        largest: u64,
        rng: &mut impl Rng,
    ) -> Result<RequestKey, RequestError> {
        if self.waiting.len() >= MOST_OUTSTANDING {
            return Err(RequestError::TooMany(self.waiting.len()));
        }
        (0..DRAWS)
            .map(|_| RequestKey { overlay, reply, identifier: rng.random_range(0..=largest) })
            .find(|key| !self.waiting.contains_key(key))
            .ok_or(RequestError::TooMany(self.waiting.len()))
    }

    pub(crate) fn insert(&mut self, key: RequestKey, pending: Pending) {
        self.waiting.insert(key, pending);
    }

    pub(crate) fn take(&mut self, key: &RequestKey) -> Option<Pending> {
        self.waiting.remove(key)
    }

    /// Takes a request if it is still the one whose answer goes to this slot.
    pub(crate) fn take_own(&mut self, key: &RequestKey, slot: &Arc<Slot>) -> Option<Pending> {
        if Arc::ptr_eq(&self.waiting.get(key)?.slot, slot) { self.waiting.remove(key) } else { None }
    }

    /// Takes the request that this answer of `peer` is for.
    pub(crate) fn answered(&mut self, key: &RequestKey, peer: &Mid) -> Option<Pending> {
        if self.waiting.get(key)?.peer == *peer { self.waiting.remove(key) } else { None }
    }

    /// Takes all requests of an overlay, in the order of their keys.
    pub(crate) fn take_overlay(&mut self, overlay: OverlayId) -> Vec<Pending> {
        let mut keys: Vec<_> = self.waiting.keys().filter(|key| key.overlay == overlay).copied().collect();
        keys.sort_unstable();
        keys.iter().filter_map(|key| self.waiting.remove(key)).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        // The node goes: whoever waits outside of it must learn.
        for pending in self.waiting.values() {
            pending.slot.fill(Err(RequestError::Unloaded));
        }
    }
}
