//! Seeing what becomes of every datagram, for tests and for tools that show packets.

use std::net::SocketAddr;

use crate::{node::Node, outbox::SendError, stats::DropReason};

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
    /// A handler, a scheduled function, a strategy or a task panicked.
    Panicked {
        /// The community that it belongs to, as in logs.
        community: &'static str,
        /// The id of the message that was being handled.
        message: Option<u8>,
        /// What the panic said; of a task, only that it panicked.
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
}
