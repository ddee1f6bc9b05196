//! States that a community stores for a while, under a prefix and a number.

use std::{any::Any, any::TypeId, collections::BTreeMap, time::Duration};

use super::{ended::Ended, options::DEFAULT_TIMEOUT};
use crate::{
    community::Community, context::Context, peer::Peer, stats::DropReason, time::Time, timers::Timer, timers::TimerKey,
};

/// How often a number is drawn for that was not used lately, before one that was will do.
const FRESH_DRAWS: usize = 16;

/// How often a free number is drawn for before giving up (as often as the reference draws).
const DRAWS: usize = 1_000;

/// A state that a community stores while it waits for more to come (the reference's `NumberCache`).
///
/// It is stored under its prefix and a number, which is drawn ([`Context::add_cache`]) or chosen
/// ([`Context::add_cache_at`]), until it is taken out ([`Context::pop_cache`],
/// [`Routes::retrieve`](crate::Routes::retrieve)), its time is over, or the community is unloaded.
///
/// ```
/// use std::time::Duration;
/// use ipv8_core::{Cache, Context};
/// # use ipv8_core::{Community, Routes, wire::{CommunityId, community_id}};
/// # struct Downloads { failed: usize }
/// # impl Community for Downloads {
/// #     const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");
/// #     fn routes(_: &mut Routes<Self>) {}
/// # }
///
/// /// The parts of a file that came so far.
/// struct Parts(Vec<Vec<u8>>);
///
/// impl Cache for Parts {
///     type Community = Downloads;
///     const PREFIX: &'static str = "parts";
///
///     fn timeout(&self) -> Duration {
///         Duration::from_secs(3)
///     }
///
///     fn timed_out(self, downloads: &mut Downloads, _: &mut Context<'_>, _: u64) {
///         downloads.failed += 1;
///     }
/// }
/// ```
pub trait Cache: Sized + Send + 'static {
    /// The community that stores it.
    type Community: Community;

    /// Its numbers are unique among the caches of one community with this prefix. It is seen in errors.
    const PREFIX: &'static str;

    /// How long it is kept: ten seconds unless overridden. Asked for when it is added.
    fn timeout(&self) -> Duration {
        DEFAULT_TIMEOUT
    }

    /// Its time is over, and it is not stored any more (the reference's `on_timeout`). Nothing happens unless overridden.
    fn timed_out(self, community: &mut Self::Community, cx: &mut Context<'_>, number: u64) {
        let _ = (community, cx, number);
    }

    /// Whether a message of this peer may take it out by [`Routes::retrieve`](crate::Routes::retrieve); `None` if the message
    /// is unsigned. Everybody may unless overridden, as in the reference: whoever learns the number, or guesses it, may then
    /// answer in the place of the peer that was asked.
    fn accepts(&self, peer: Option<&Peer>) -> bool {
        let _ = peer;
        true
    }
}

/// What the number of a cache is written as: `u16`, `u32` or `u64`.
pub trait CacheNumber: Into<u64> + sealed::Drawn {}

mod sealed {
    use rand::{Rng, RngExt};

    /// A number that can be drawn from all of its kind.
    pub trait Drawn: Copy {
        fn draw(rng: &mut impl Rng) -> Self;
    }

    macro_rules! drawn {
        ($($int:ident)*) => { $(
            impl Drawn for $int {
                fn draw(rng: &mut impl Rng) -> Self {
                    rng.random()
                }
            }

            impl super::CacheNumber for $int {}
        )* };
    }

    drawn!(u16 u32 u64);
}

/// Why a cache was not stored. It is dropped then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CacheError {
    /// Its number is taken.
    #[error("the cache {prefix}:{number} is there already: pop it first, or let Context::add_cache draw a number")]
    Taken {
        /// The prefix.
        prefix: &'static str,
        /// The number.
        number: u64,
    },
    /// As many caches are stored as may be, or no number is free.
    #[error(
        "{0} caches are stored, so that there is no room or no free number: pop some first, or raise RequestLimits::caches"
    )]
    TooMany(usize),
    /// The community is being unloaded.
    #[error("the community is being unloaded, and stores no more caches")]
    Unloaded,
    /// It is a cache of another community than the one that runs.
    #[error("the cache `{prefix}` is one of another community than {community}")]
    OtherCommunity {
        /// The cache's prefix.
        prefix: &'static str,
        /// The community that runs.
        community: &'static str,
    },
}

/// Caches: states that wait for more to come. See [`Cache`].
impl Context<'_> {
    /// Stores a cache under a random number that no cache with its prefix has, and returns the number.
    ///
    /// The number is drawn from all that its type holds, so that nobody can guess it: let the type be that of the field that
    /// it is sent in, `let identifier: u32 = cx.add_cache(cache)?`. (The reference draws from 16 bits only, and
    /// predictably.)
    ///
    /// # Errors
    /// If there is no room or no number, the community is being unloaded, or the cache is not one of this community.
    pub fn add_cache<K: Cache, N: CacheNumber>(&mut self, cache: K) -> Result<N, CacheError> {
        let now = self.state.now;
        for tries in 0..FRESH_DRAWS + DRAWS {
            let number = N::draw(&mut self.state.rng);
            let key = CacheKey::of::<K>(number.into());
            let free = self.overlay.caches.as_ref().is_none_or(|caches| {
                !caches.entries.contains_key(&key) && (tries >= FRESH_DRAWS || !caches.has_ended(&key, now))
            });
            if free {
                self.add_cache_at(number, cache)?;
                return Ok(number);
            }
        }
        Err(CacheError::TooMany(self.cache_count()))
    }

    /// Stores a cache under a number of the caller's.
    ///
    /// # Errors
    /// As [`Context::add_cache`], or if a cache with this prefix has the number.
    pub fn add_cache_at<K: Cache>(&mut self, number: impl Into<u64>, cache: K) -> Result<(), CacheError> {
        if self.overlay.type_id != TypeId::of::<K::Community>() {
            return Err(CacheError::OtherCommunity { prefix: K::PREFIX, community: self.overlay.name });
        }
        if self.overlay.over {
            return Err(CacheError::Unloaded);
        }
        let key = CacheKey::of::<K>(number.into());
        let passthrough = self.overlay.passthrough.as_ref().and_then(|other| other.timeout_of::<K>());
        let caches = self.overlay.caches.get_or_insert_default();
        if caches.entries.contains_key(&key) {
            return Err(CacheError::Taken { prefix: key.prefix, number: key.number });
        }
        if caches.entries.len() >= self.state.requests.limits().caches {
            return Err(CacheError::TooMany(caches.entries.len()));
        }
        let due = self.state.now + passthrough.unwrap_or_else(|| cache.timeout());
        let timer = self.state.timers.set(due, Timer::CacheTimeout(self.overlay.id, key));
        caches.ended.forget(&key);
        caches.entries.insert(key, Entry { cache: Box::new(cache), timer });
        Ok(())
    }

    /// Whether a cache of this type is stored under this number.
    #[must_use]
    pub fn has_cache<K: Cache>(&self, number: impl Into<u64>) -> bool {
        self.cache::<K>(number).is_some()
    }

    /// The cache of this type with this number, to look at.
    #[must_use]
    pub fn cache<K: Cache>(&self, number: impl Into<u64>) -> Option<&K> {
        self.overlay.caches.as_ref()?.entries.get(&CacheKey::of::<K>(number.into()))?.cache.as_any().downcast_ref()
    }

    /// The cache of this type with this number, to change it. Its time goes on.
    pub fn cache_mut<K: Cache>(&mut self, number: impl Into<u64>) -> Option<&mut K> {
        let caches = self.overlay.caches.as_mut()?;
        caches.entries.get_mut(&CacheKey::of::<K>(number.into()))?.cache.as_any_mut().downcast_mut()
    }

    /// Takes the cache of this type with this number out: it does not time out any more.
    pub fn pop_cache<K: Cache>(&mut self, number: impl Into<u64>) -> Option<K> {
        let number = number.into();
        if !self.has_cache::<K>(number) {
            return None;
        }
        let entry = self.overlay.caches.as_mut()?.take(&CacheKey::of::<K>(number), self.state.now)?;
        self.state.timers.cancel(entry.timer);
        entry.cache.into_any().downcast().ok().map(|cache| *cache)
    }

    /// How many caches of all kinds this community stores.
    #[must_use]
    pub fn cache_count(&self) -> usize {
        self.overlay.caches.as_ref().map_or(0, |caches| caches.entries.len())
    }

    /// Takes out the cache that a message of this peer is for, or says why there is none.
    pub(crate) fn retrieve_cache<K: Cache>(&mut self, number: u64, peer: Option<&Peer>) -> Result<K, DropReason> {
        match self.cache::<K>(number) {
            Some(cache) if !cache.accepts(peer) => return Err(DropReason::WrongPeer),
            Some(_) => {}
            None => {
                let caches = self.overlay.caches.as_ref();
                let over = caches.is_some_and(|caches| caches.has_ended(&CacheKey::of::<K>(number), self.state.now));
                return Err(if over { DropReason::Late } else { DropReason::Unsolicited });
            }
        }
        self.pop_cache(number).ok_or(DropReason::Unsolicited)
    }
}

/// Names a cache within its overlay.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct CacheKey {
    pub(crate) prefix: &'static str,
    pub(crate) number: u64,
}

impl CacheKey {
    const fn of<K: Cache>(number: u64) -> Self {
        Self { prefix: K::PREFIX, number }
    }
}

/// A cache whose type is forgotten.
pub(crate) trait AnyCache: Send {
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
    fn timed_out(self: Box<Self>, community: &mut dyn Any, cx: &mut Context<'_>, number: u64);
}

impl<K: Cache> AnyCache for K {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }

    fn timed_out(self: Box<Self>, community: &mut dyn Any, cx: &mut Context<'_>, number: u64) {
        if let Some(community) = community.downcast_mut() {
            Cache::timed_out(*self, community, cx, number);
        }
    }
}

/// A cache that is stored.
pub(crate) struct Entry {
    pub(crate) cache: Box<dyn AnyCache>,
    timer: TimerKey,
}

/// The caches of an overlay.
#[derive(Default)]
pub(crate) struct Caches {
    entries: BTreeMap<CacheKey, Entry>,
    ended: Ended<CacheKey, ()>,
}

impl Caches {
    /// Takes a cache out, which is remembered for a while.
    pub(crate) fn take(&mut self, key: &CacheKey, now: Time) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        self.ended.remember(*key, (), now);
        Some(entry)
    }

    fn has_ended(&self, key: &CacheKey, now: Time) -> bool {
        self.ended.get(key, now).is_some()
    }

    pub(crate) fn timers(&self) -> impl Iterator<Item = TimerKey> {
        self.entries.values().map(|entry| entry.timer)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}
