//! The requests of a node that wait.

use std::{
    any::Any,
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use ipv8_crypto::Mid;
use rand::{Rng, RngExt};

use super::{
    ended::Ended,
    error::{RequestError, RequestLimit},
    limits::RequestLimits,
    promise::Slot,
};
use crate::{community::OverlayId, context::Context, stats::DropReason, time::Time, timers::TimerKey};

/// How often an identifier is drawn for that was not used lately, before one that was will do.
const FRESH_DRAWS: usize = 16;

/// How often a free identifier is drawn for before giving up (as often as the reference draws).
const DRAWS: usize = 1_000;

/// What an answer must match: the overlay, the id of the answering message and the identifier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct RequestKey {
    pub(crate) overlay: OverlayId,
    pub(crate) reply: u8,
    pub(crate) identifier: u64,
}

/// An answer whose type is forgotten.
pub(crate) type Answer = Box<dyn Any + Send>;

/// A function of a community that is told how a request ended.
pub(crate) type ThenFn = Box<dyn FnOnce(&mut dyn Any, &mut Context<'_>, Result<Answer, RequestError>) + Send>;

/// Whom the end of a request is told.
pub(crate) enum Then {
    /// A future.
    Fill(Arc<Slot<Result<Answer, RequestError>>>),
    /// A function of the community.
    Call(ThenFn),
}

/// What is sent when no answer came.
pub(crate) struct Again {
    /// Tries that are left.
    pub(crate) left: u32,
    /// How many times longer each waits.
    pub(crate) factor: u32,
    /// Where to, if the peer is not known any more.
    pub(crate) to: SocketAddr,
    /// There in any case.
    pub(crate) fixed: bool,
    /// The question up to its signature.
    pub(crate) packet: Vec<u8>,
    pub(crate) signed: bool,
}

/// A request that waits.
pub(crate) struct Pending {
    /// Tells it from others that had its identifier before.
    pub(crate) serial: u64,
    pub(crate) peer: Mid,
    pub(crate) timer: TimerKey,
    /// How long this try waits, and how long all of them did when it is over.
    pub(crate) wait: Duration,
    pub(crate) waited: Duration,
    pub(crate) again: Option<Box<Again>>,
    pub(crate) then: Then,
}

/// All requests of a node that wait.
pub(crate) struct Requests {
    waiting: HashMap<RequestKey, Pending>,
    by_peer: HashMap<Mid, BTreeSet<RequestKey>>,
    /// Whom those were for that ended.
    ended: Ended<RequestKey, Mid>,
    limits: RequestLimits,
    serial: u64,
}

impl Requests {
    pub(crate) fn new(limits: RequestLimits) -> Self {
        Self { waiting: HashMap::new(), by_peer: HashMap::new(), ended: Ended::default(), limits, serial: 0 }
    }

    pub(crate) const fn limits(&self) -> RequestLimits {
        self.limits
    }

    /// Draws an identifier that no other request of this kind uses, or used lately if that can be avoided: unpredictable, so
    /// that an answer cannot be guessed. Fails if there is no room for another request.
    pub(crate) fn draw(
        &self,
        (overlay, reply): (OverlayId, u8),
        peer: &Mid,
        largest: u64,
        now: Time,
        rng: &mut impl Rng,
    ) -> Result<RequestKey, RequestError> {
        let in_all = self.waiting.len();
        if in_all >= self.limits.in_all {
            return Err(RequestError::TooMany(RequestLimit::InAll(in_all)));
        }
        let of_peer = self.by_peer.get(peer).map_or(0, BTreeSet::len);
        if of_peer >= self.limits.per_peer {
            return Err(RequestError::TooMany(RequestLimit::PerPeer(of_peer)));
        }
        let mut draw = || RequestKey { overlay, reply, identifier: rng.random_range(0..=largest) };
        for tries in 0..FRESH_DRAWS + DRAWS {
            let key = draw();
            let fresh = tries >= FRESH_DRAWS || self.ended.get(&key, now).is_none();
            if fresh && !self.waiting.contains_key(&key) {
                return Ok(key);
            }
        }
        Err(RequestError::TooMany(RequestLimit::Identifiers(in_all)))
    }

    /// The number of the next request.
    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    pub(crate) fn insert(&mut self, key: RequestKey, pending: Pending) {
        self.ended.forget(&key);
        self.by_peer.entry(pending.peer).or_default().insert(key);
        self.waiting.insert(key, pending);
    }

    pub(crate) fn get_mut(&mut self, key: &RequestKey) -> Option<&mut Pending> {
        self.waiting.get_mut(key)
    }

    /// Whether a request of this number waits under this key.
    pub(crate) fn is_waiting(&self, key: &RequestKey, serial: u64) -> bool {
        self.waiting.get(key).is_some_and(|pending| pending.serial == serial)
    }

    /// Takes a request, which is remembered for a while.
    pub(crate) fn take(&mut self, key: &RequestKey, now: Time) -> Option<Pending> {
        let pending = self.waiting.remove(key)?;
        if let Some(of_peer) = self.by_peer.get_mut(&pending.peer) {
            of_peer.remove(key);
            if of_peer.is_empty() {
                self.by_peer.remove(&pending.peer);
            }
        }
        self.ended.remember(*key, pending.peer, now);
        Some(pending)
    }

    /// Takes the request that this answer of `peer` is for, or says why there is none.
    pub(crate) fn answered(&mut self, key: &RequestKey, peer: &Mid, now: Time) -> Result<Pending, DropReason> {
        let (asked, over) = match self.waiting.get(key) {
            Some(pending) => (pending.peer, false),
            None => (*self.ended.get(key, now).ok_or(DropReason::Unsolicited)?, true),
        };
        if asked != *peer {
            return Err(DropReason::WrongPeer);
        }
        self.take(key, now).filter(|_| !over).ok_or(DropReason::Late)
    }

    /// Takes the requests of an overlay to a peer, in the order of their keys.
    pub(crate) fn take_peer(&mut self, overlay: OverlayId, peer: &Mid, now: Time) -> Vec<(RequestKey, Pending)> {
        let of_peer = self.by_peer.get(peer).into_iter().flatten();
        let keys: Vec<_> = of_peer.filter(|key| key.overlay == overlay).copied().collect();
        keys.into_iter().filter_map(|key| Some((key, self.take(&key, now)?))).collect()
    }

    /// Takes all requests of an overlay, in the order of their keys.
    pub(crate) fn take_overlay(&mut self, overlay: OverlayId, now: Time) -> Vec<(RequestKey, Pending)> {
        let mut keys: Vec<_> = self.waiting.keys().filter(|key| key.overlay == overlay).copied().collect();
        keys.sort_unstable();
        keys.into_iter().filter_map(|key| Some((key, self.take(&key, now)?))).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        // The node goes: whoever waits outside of it must learn, in the same order in every run.
        let mut waiting: Vec<_> = self.waiting.drain().collect();
        waiting.sort_unstable_by_key(|(key, _)| *key);
        for (_, pending) in waiting {
            if let Then::Fill(slot) = pending.then {
                slot.fill(Err(RequestError::Unloaded));
            }
        }
    }
}
