//! A packet that was captured: from whom, to whom, its bytes, and what became of it.

use std::{fmt, net::SocketAddr};

use ipv8_core::{DropReason, Time};
use ipv8_crypto::PublicKey;
use ipv8_sim::Loss;
use ipv8_wire::{CommunityId, Message, Packet, Payload, read_auth, split_signature};

/// One end of a packet's way: an address, and the node that stands there.
///
/// It equals the number of its node, so that `packet.from == 0` says what one means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Party {
    /// The node's number; `None` if no node stands there.
    pub node: Option<usize>,
    /// The address: of a node behind a NAT, that on its side of the NAT if it sent the packet.
    pub address: SocketAddr,
}

impl PartialEq<usize> for Party {
    fn eq(&self, node: &usize) -> bool {
        self.node == Some(*node)
    }
}

/// What became of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It has not arrived yet.
    UnderWay,
    /// A handler took it.
    Delivered,
    /// It arrived, and the node or its handler dropped it.
    Dropped(DropReason),
    /// It was lost on the way.
    Lost(Loss),
    /// The test held it back ([`Net::intercept`](crate::Net::intercept)).
    Intercepted,
}

impl End {
    /// Whether a handler took the packet.
    #[must_use]
    pub fn is_delivered(self) -> bool {
        self == Self::Delivered
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnderWay => f.write_str("on its way"),
            Self::Delivered => f.write_str("delivered"),
            Self::Dropped(reason) => write!(f, "DROPPED: {}", reason.as_str()),
            Self::Lost(loss) => write!(f, "LOST: {}", loss.as_str()),
            Self::Intercepted => f.write_str("INTERCEPTED"),
        }
    }
}

/// A packet that a node sent, or that a test injected.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Captured {
    /// When it was sent, or injected.
    pub sent: Time,
    /// When it arrived at a node.
    pub arrived: Option<Time>,
    /// From where.
    pub from: Party,
    /// To where.
    pub to: Party,
    /// The whole datagram.
    pub bytes: Vec<u8>,
    /// What became of it.
    pub end: End,
    /// Whether a test made it: injected, or put in the place of another one.
    pub injected: bool,
    /// Whether it is the copy that a link made of another one.
    pub copy: bool,
    /// Its place among all packets that arrived.
    pub(crate) arrival: Option<u64>,
}

impl Captured {
    /// The community that it names; `None` if it is no packet of IPv8.
    #[must_use]
    pub fn community_id(&self) -> Option<CommunityId> {
        Packet::parse(&self.bytes).ok().map(|packet| packet.community_id())
    }

    /// The message id; `None` if it is no packet of IPv8.
    #[must_use]
    pub fn message_id(&self) -> Option<u8> {
        Packet::parse(&self.bytes).ok().map(|packet| packet.message_id())
    }

    /// The key that a packet with a signed message names, whether its signature holds or not.
    #[must_use]
    pub fn key<M: Message>(&self) -> Option<PublicKey> {
        (self.message_id() == Some(M::ID) && <M::Auth as ipv8_wire::Auth>::SIGNED)
            .then(|| PublicKey::from_bytes(read_auth(&self.bytes).ok()?.key()).ok())?
    }

    /// Reads it as a message of this type; `None` if its id is another one or it cannot be read. Its signature is not
    /// checked: the node did that, and [`Captured::end`] says with which result.
    #[must_use]
    pub fn read<M: Message>(&self) -> Option<M::Of<'_>> {
        read::<M>(&self.bytes)
    }

    /// Whether it can be read as a message of this type.
    #[must_use]
    pub fn is<M: Message>(&self) -> bool {
        self.read::<M>().is_some()
    }

    /// Its bytes with one bit turned, the lowest of the byte at `position`, counted from the end if negative: -1 breaks the
    /// signature, 0 the prefix.
    ///
    /// # Panics
    /// If it has no such byte.
    #[must_use]
    #[track_caller]
    pub fn corrupted(&self, position: isize) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let length = bytes.len();
        let at = if position < 0 { length.checked_sub(position.unsigned_abs()) } else { Some(position.unsigned_abs()) };
        match at.and_then(|at| bytes.get_mut(at)) {
            Some(byte) => *byte ^= 1,
            None => panic!("a packet of {length} bytes has no byte {position}"),
        }
        bytes
    }
}

/// Reads a datagram as a message, without checking its signature.
pub(crate) fn read<M: Message>(datagram: &[u8]) -> Option<M::Of<'_>> {
    let packet = Packet::parse(datagram).ok()?;
    if packet.message_id() != M::ID {
        return None;
    }
    let mut payload = packet.body();
    if <M::Auth as ipv8_wire::Auth>::SIGNED {
        let auth = read_auth(datagram).ok()?;
        let key = PublicKey::from_bytes(auth.key()).ok()?;
        let (signed, _) = split_signature(datagram, key.signature_len()).ok()?;
        payload = auth.rest(signed);
    }
    if M::GLOBAL_TIME {
        payload = payload.get(8..)?;
    }
    M::Of::decode(payload).ok()
}
