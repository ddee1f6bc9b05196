//! How a node is made.

use std::{sync::Arc, time::Duration};

use ipv8_crypto::{Batched, PrivateKey, Signer, Signing, Verifier};

use crate::{
    blocking::{Blocking, DEFAULT_MOST_BLOCKING},
    defence::hardening::Hardening,
    keys::KeyCache,
    network::Limits,
    request::RequestLimits,
    strategy::DEFAULT_TICK,
    time::Time,
    unload::DEFAULT_UNLOAD_LIMIT,
};

/// Tells the time between turns, for handles that are used from outside. A driver hands it in; inside a turn the node
/// uses the turn's own time.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// How a node is made.
pub struct NodeConfig {
    /// The key of communities that bring none of their own.
    pub key: PrivateKey,
    /// Where all randomness of the node comes from. A node on real sockets needs a secret one from the operating system.
    pub seed: [u8; 32],
    /// The time since 1970 at [`Time::ZERO`].
    pub unix_origin: Duration,
    /// The time between turns; without it, handles use the time of the last turn.
    pub clock: Option<Clock>,
    /// What checks signatures: [`Batched`] by default. [`Sequential`](ipv8_crypto::Sequential) is exact whatever the owner of a
    /// key does.
    pub verifier: Box<dyn Verifier>,
    /// What makes signatures.
    pub signer: Box<dyn Signer>,
    /// The keys of recent senders. Give the same to all nodes of a process that know the same peers; the driver on tokio
    /// does.
    pub keys: KeyCache,
    /// How large the tables of peers may become.
    pub limits: Limits,
    /// How much the node trusts what it is told.
    pub hardening: Hardening,
    /// How many requests and caches may wait.
    pub requests: RequestLimits,
    /// The time in which every strategy takes one step.
    pub tick: Duration,
    /// How long the last tasks of a community may take when it is unloaded ([`Context::at_unload`](crate::Context::at_unload)).
    pub unload_limit: Duration,
    /// Where work that takes long is done ([`Handle::blocking`](crate::Handle::blocking)).
    pub blocking: Blocking,
    /// How much of it at once, at least one.
    pub most_blocking: usize,
}

impl NodeConfig {
    /// A node with this key and seed, and defaults for the rest.
    #[must_use]
    pub fn new(key: PrivateKey, seed: [u8; 32]) -> Self {
        Self {
            key,
            seed,
            unix_origin: Duration::ZERO,
            clock: None,
            verifier: Box::new(Batched::default()),
            signer: Box::new(Signing),
            keys: KeyCache::default(),
            limits: Limits::default(),
            hardening: Hardening::default(),
            requests: RequestLimits::default(),
            tick: DEFAULT_TICK,
            unload_limit: DEFAULT_UNLOAD_LIMIT,
            blocking: Blocking::default(),
            most_blocking: DEFAULT_MOST_BLOCKING,
        }
    }
}
