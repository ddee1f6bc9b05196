//! Seeing what becomes of every datagram, and hurrying what waits: for tests and for tools that show packets.

use std::net::SocketAddr;

use crate::{node::Node, outbox::SendError, state::State, stats::DropReason};

/// What an [`Observer`] is told. Each datagram that comes in ends in one of the first two.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Observation<'a> {
    /// A handler took a message, or the bootstrappers a beacon.
    Delivered {
        /// Where the datagram came from.
        source: SocketAddr,
        /// All of its bytes.
        datagram: &'a [u8],
        /// The name of the message that it was read as: `raw` for a handler of raw packets, `beacon` for a beacon.
        message: &'static str,
    },
    /// A datagram was dropped, by the node or by the handler that was to take it.
    Dropped {
        /// Where the datagram came from.
        source: SocketAddr,
        /// All of its bytes.
        datagram: &'a [u8],
        /// Why.
        reason: DropReason,
    },
    /// A message was not sent.
    NotSent {
        /// The community that wanted to send it, as in logs.
        community: &'static str,
        /// The id of the message, if it is known.
        message: Option<u8>,
        /// Why not.
        error: &'a SendError,
    },
    /// A handler, another method of a community, or a strategy panicked. Tasks are not told of: they panic on their own, and
    /// are counted in [`Stats::panics`](crate::Stats) as all are.
    Panicked {
        /// The community that it belongs to, as in logs.
        community: &'static str,
        /// The id of the message that was being handled.
        message: Option<u8>,
        /// What the panic said.
        text: &'a str,
    },
}

/// Told of every [`Observation`] as it is made. It runs inside the node's turn: the node cannot be reached from there, and
/// what it does changes nothing that the node does.
pub type Observer = Box<dyn FnMut(&Observation<'_>) + Send>;

impl Node {
    /// Tells an observer of what becomes of datagrams from now on; it takes the place of the one before. Ignored inside a
    /// handler of the node.
    pub fn set_observer(&self, observer: Option<Observer>) {
        self.shared().with(|state| state.observer = observer);
    }

    /// Lets every request that waits for an answer, and every cache, time out now, in the order of their time limits;
    /// for tests. One that is to be asked again is asked again. Says how many there were; none inside a handler.
    pub fn expire_requests(&self) -> usize {
        self.shared().with_now(State::expire_requests).unwrap_or_default()
    }
}
