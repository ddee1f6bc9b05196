//! A node that runs.

use std::{net::SocketAddr, time::Duration};

use ipv8_core::{Community, Handle, Node, Stats, stats::StatsReport};
use ipv8_crypto::{Mid, PublicKey};
use ipv8_net::{Running, StopReport};
use tokio::task::JoinHandle;

use crate::peer_file::PeerFile;

/// How long the disk may take when the service stops.
const LAST_SAVE: Duration = Duration::from_millis(500);

/// A running node, made by [`Builder::start`](crate::Builder::start).
///
/// Dropping it ends the node at once; [`Service::stop`] lets communities say goodbye, and saves the peers if there is a
/// [peer file](crate::Builder::peer_file).
#[derive(Debug)]
#[must_use = "the node ends when this is dropped"]
pub struct Service {
    running: Running,
    peers: Option<Peers>,
}

/// The peer file, and the task that saves to it.
#[derive(Debug)]
struct Peers {
    file: PeerFile,
    saving: JoinHandle<()>,
}

impl Drop for Peers {
    fn drop(&mut self) {
        self.saving.abort();
    }
}

impl Service {
    /// Must be made inside a tokio runtime.
    pub(crate) fn new(running: Running, peers: Option<(PeerFile, Duration)>) -> Self {
        let peers = peers.map(|(file, interval)| {
            let saving = tokio::spawn(file.keep_saved(running.node().clone(), interval));
            Peers { file, saving }
        });
        Self { running, peers }
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

    /// All numbers of the node, by overlay, message and task, with what the kernel dropped until now; see
    /// [`Running::report`]. ([`Node::report`] knows what it dropped ten seconds ago at most.)
    #[must_use]
    pub fn report(&self) -> StatsReport {
        self.running.report()
    }

    /// The node itself, to load and unload communities while it runs.
    #[must_use]
    pub const fn node(&self) -> &Node {
        self.running.node()
    }

    /// Saves the peers, unloads all communities, lets their last tasks ([`Context::at_unload`](ipv8_core::Context::at_unload))
    /// run, sends their last words and closes the sockets. Takes as long as the last tasks, at most
    /// [`Builder::unload_limit`](crate::Builder::unload_limit), and a second; the report names what did not end by then.
    pub async fn stop(self) -> StopReport {
        let Self { running, peers } = self;
        save(&running, peers).await;
        running.stop().await
    }

    /// The same with a limit of the caller's for the last tasks.
    ///
    /// It returns in time even if something in the node blocks, see [`Running::stop_within`].
    pub async fn stop_within(self, limit: Duration) -> StopReport {
        let Self { running, peers } = self;
        save(&running, peers).await;
        running.stop_within(limit).await
    }
}

/// Saves the peers one last time.
async fn save(running: &Running, peers: Option<Peers>) {
    if let Some(peers) = peers {
        let (file, node) = (peers.file.clone(), running.node().clone());
        let saved = tokio::task::spawn_blocking(move || file.save(&node));
        match tokio::time::timeout(LAST_SAVE, saved).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(%error, "the peers were not saved"),
            Ok(Err(error)) => tracing::warn!(%error, "the peers were not saved"),
            Err(_) => tracing::warn!("stopped before the peers were saved: the disk is slow"),
        }
    }
}
