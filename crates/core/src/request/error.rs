//! Why a request ended without an answer.

use std::{fmt, time::Duration};

use ipv8_crypto::Mid;

use crate::outbox::SendError;

/// Why a request ended without an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// No answer came in time: what was waited for all tries together.
    #[error("no answer came within {0:?}")]
    TimedOut(Duration),
    /// The peer was removed from the graph while its answer was waited for: it was silent for too long, or its address is
    /// another peer's now.
    #[error("the peer {0} is gone: it was removed while its answer was waited for")]
    PeerGone(Mid),
    /// The community was unloaded, or the node is gone.
    #[error("the community was unloaded before an answer came")]
    Unloaded,
    /// The question was not sent.
    #[error("the question could not be sent: {0}")]
    Send(#[from] SendError),
    /// Too many requests wait already.
    #[error("{0}")]
    TooMany(RequestLimit),
    /// The community does not register the answer.
    #[error("message {0} is no registered answer: say `r.reply::<{1}>()` in Community::routes")]
    NotRegistered(u8, &'static str),
    /// [`Context::request`](crate::Context::request) was given a function of another community than the one that runs.
    #[error("the answer would go to a method of another community than {0}, which asks: give it a method of {0}")]
    OtherCommunity(&'static str),
    /// Called from inside a handler, where awaiting is not possible.
    #[error("requests cannot be awaited while a handler of the node runs: use Context::request, or spawn a task")]
    Reentrant,
}

/// The limit that a request met ([`RequestLimits`](super::RequestLimits)), with how many wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestLimit {
    /// This peer has as many requests to answer as one may have.
    PerPeer(usize),
    /// The node waits for as many answers as it may.
    InAll(usize),
    /// So many requests of this kind wait that no identifier is free: the message has few of them.
    Identifiers(usize),
}

impl fmt::Display for RequestLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerPeer(waiting) => write!(
                f,
                "{waiting} requests to this peer wait for an answer, which is the limit: wait for some of them first, \
                 or raise RequestLimits::per_peer"
            ),
            Self::InAll(waiting) => write!(
                f,
                "{waiting} requests of this node wait for an answer, which is the limit: wait for some of them first, \
                 or raise RequestLimits::in_all"
            ),
            Self::Identifiers(waiting) => write!(
                f,
                "no identifier is free while {waiting} requests wait for an answer: wait for some of them first, \
                 or give the messages a larger identifier"
            ),
        }
    }
}
