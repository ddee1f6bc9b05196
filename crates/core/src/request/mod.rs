//! Requests that wait for their answer, and states that wait for more to come.
//!
//! The easy way: [`Handle::request`](crate::Handle::request) in a task, [`Context::request`](crate::Context::request) in a
//! handler. The identifier is drawn, set, checked and given free by the node, and so is everything else that a request leaves
//! behind. How long is waited and whether it is asked again is said with [`RequestOptions`].
//!
//! The hard way: a [`Cache`] is a value that a community stores under a prefix and a number, for a while
//! ([`Context::add_cache`](crate::Context::add_cache)). It is for exchanges that are no question with one answer: many parts
//! of one thing, one question to several peers, handlers that hand a state on. A [`promise`] has others wait for what comes
//! of it.
//!
//! Neither leaks: each request and each cache ends at its answer, its timeout, or with its community, whichever comes first;
//! and there are limits to how many wait ([`RequestLimits`]). What comes too late, twice, from the wrong peer or without a
//! question is dropped, and counted as [`DropReason::Late`](crate::DropReason), `WrongPeer` or `Unsolicited`.
//!
//! The semantics are those of the reference's `RequestCache` (`protocol.md` section 7), except where that leaks.

mod asking;
mod cache;
mod ended;
mod error;
mod limits;
mod options;
mod passthrough;
mod promise;
mod table;
mod turn;

pub use self::{
    asking::RequestId,
    cache::{Cache, CacheError, CacheNumber},
    error::{RequestError, RequestLimit},
    limits::RequestLimits,
    options::{DEFAULT_TIMEOUT, RequestOptions, Retry},
    passthrough::{Passthrough, PassthroughGuard},
    promise::{Cancelled, Promise, Promised, promise},
};
pub(crate) use self::{
    cache::{CacheKey, Caches},
    table::{RequestKey, Requests},
};
