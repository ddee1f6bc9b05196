//! A node that runs.

use std::net::SocketAddr;

use ipv8_core::{Community, Handle, Node, Stats};
use ipv8_crypto::{Mid, PublicKey};
use ipv8_net::Running;

/// A running node, made by [`Builder::start`](crate::Builder::start).
///
/// Dropping it ends the node at once; [`Service::stop`] lets communities say goodbye.
#[derive(Debug)]
#[must_use = "the node ends when this is dropped"]
pub struct Service {
    running: Running,
}

impl Service {
    pub(crate) const fn new(running: Running) -> Self {
        Self { running }
    }

    /// A handle to the loaded community of this type, `None` if there is none. It gives access to the community's state,
    /// sleeps, and requests.
    #[must_use]
    pub fn handle<C: Community>(&self) -> Option<Handle<C>> {
        self.running.node().find()
    }

    /// Where the node listens.
    #[must_use]
    pub fn local_addresses(&self) -> &[SocketAddr] {
        self.running.local_addresses()
    }

    /// The node's public key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        self.running.node().key()
    }

    /// The node's member id.
    #[must_use]
    pub fn mid(&self) -> Mid {
        self.key().mid()
    }

    /// What the node counted.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.running.node().stats()
    }

    /// The node itself, to load and unload communities while it runs.
    #[must_use]
    pub const fn node(&self) -> &Node {
        self.running.node()
    }

    /// Unloads all communities, sends their last words and closes the sockets; takes half a second at most.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}
