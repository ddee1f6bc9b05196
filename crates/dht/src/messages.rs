//! The messages of the DHT (`protocol.md` section 4): all signed, without a global time, an identifier first that ties
//! answers to requests. The reference draws its identifiers below 65,536, although the field has 32 bits.

use std::net::SocketAddr;

use ipv8_crypto::PublicKey;
use ipv8_wire::{Message, ReadError, ReadErrorKind, Reader, Wire, WriteError, Writer};

/// A node of the DHT as messages name it: where it is reached, and its public key.
///
/// Format `node`: an `ip_address`, then the key with a `u16` length. A key that cannot be read spoils the whole packet, as
/// in the reference; without the feature `legacy` of `ipv8-crypto` that holds for all keys but those of curve25519.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// Where the node is reached.
    pub address: SocketAddr,
    /// Its public key.
    pub key: PublicKey,
}

impl<'a> Wire<'a> for Node {
    /// An address, and a key that must not be empty.
    const MIN_LEN: usize = 10;

    fn read(r: &mut Reader<'a>) -> Result<Self, ReadError> {
        let address = SocketAddr::read(r)?;
        let before = r.clone();
        let key = PublicKey::from_bytes(<&[u8]>::read(r)?)
            .map_err(|_| before.error(ReadErrorKind::Custom("a node's public key that can be read")))?;
        Ok(Self { address, key })
    }

    fn write(&self, w: &mut Writer) -> Result<(), WriteError> {
        self.address.write(w)?;
        self.key.as_bytes().write(w)
    }
}

/// 1: asks whether a node is there.
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 1, reply = PingResponse)]
pub struct PingRequest {
    /// Comes back in the answer.
    pub identifier: u32,
}

/// 2: answers a [`PingRequest`].
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 2)]
pub struct PingResponse {
    /// The request's.
    pub identifier: u32,
}

/// 3: asks a node to store values.
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 3, reply = StoreResponse)]
pub struct StoreRequest {
    /// Comes back in the answer.
    pub identifier: u32,
    /// What the node gave us in a [`FindResponse`]; it stores nothing for others.
    pub token: [u8; 20],
    /// The key of the values.
    pub target: [u8; 20],
    /// The values, each with its type byte; the reference takes at most 8 of at most 170 bytes.
    pub values: Vec<Vec<u8>>,
}

/// 4: answers a [`StoreRequest`].
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 4)]
pub struct StoreResponse {
    /// The request's.
    pub identifier: u32,
}

/// 5: asks for the values of a key, or for nodes that are closer to it.
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 5, reply = FindResponse)]
pub struct FindRequest {
    /// Comes back in the answer.
    pub identifier: u32,
    /// The sender's own address in its LAN.
    pub lan_address: SocketAddr,
    /// The key, or the id of a node.
    pub target: [u8; 20],
    /// How many values to leave out: those that an earlier answer held.
    pub offset: u32,
    /// Asks for nodes even if there are values.
    pub force_nodes: bool,
}

/// 6: answers a [`FindRequest`]; the reference sends at most 8 values, or else at most 8 nodes.
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 6)]
pub struct FindResponse {
    /// The request's.
    pub identifier: u32,
    /// Lets the asker store values here, for some minutes.
    pub token: [u8; 20],
    /// Values of the key, each with its type byte.
    pub values: Vec<Vec<u8>>,
    /// The closest nodes that the sender knows.
    pub nodes: Vec<Node>,
}

/// 7: asks a node to remember that the sender is there, under the sender's member id.
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 7, reply = StorePeerResponse)]
pub struct StorePeerRequest {
    /// Comes back in the answer.
    pub identifier: u32,
    /// What the node gave us in a [`FindResponse`].
    pub token: [u8; 20],
    /// The sender's member id.
    pub target: [u8; 20],
}

/// 8: answers a [`StorePeerRequest`].
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 8)]
pub struct StorePeerResponse {
    /// The request's.
    pub identifier: u32,
}

/// 9: asks to be connected to a peer that a node remembers.
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 9, reply = ConnectPeerResponse)]
pub struct ConnectPeerRequest {
    /// Comes back in the answer.
    pub identifier: u32,
    /// The sender's own address in its LAN.
    pub lan_address: SocketAddr,
    /// The member id of the peer.
    pub target: [u8; 20],
}

/// 10: answers a [`ConnectPeerRequest`].
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 10)]
pub struct ConnectPeerResponse {
    /// The request's.
    pub identifier: u32,
    /// Where the peer is; it was asked to open its NAT for the asker.
    pub nodes: Vec<Node>,
}
