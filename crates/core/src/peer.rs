//! A peer as handlers see it: a public key and the address to reach it at.

use std::{fmt, net::SocketAddr};

use ipv8_crypto::{Mid, PublicKey};

/// Somebody we can talk to: a public key and an address.
///
/// Handlers get one for every signed message: its signature held, so the key is who the message came from. Peers are
/// cheap to clone and equal when their keys are. The address is the preferred one (IPv6 before IPv4, never the address
/// in the peer's own LAN) at the moment the peer was handed out; sending to a peer that the node knows uses the
/// address of the moment of sending.
#[derive(Clone)]
pub struct Peer {
    key: PublicKey,
    address: SocketAddr,
}

impl Peer {
    /// A peer with this key at this address.
    #[must_use]
    pub const fn new(key: PublicKey, address: SocketAddr) -> Self {
        Self { key, address }
    }

    /// The public key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The member id: the SHA-1 of the public key, the short name of a peer (`protocol.md` section 2).
    #[must_use]
    pub fn mid(&self) -> Mid {
        self.key.mid()
    }

    /// Where the peer is reached.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl PartialEq for Peer {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Peer {}

impl std::hash::Hash for Peer {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peer<{}, {}>", self.address, self.mid())
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
