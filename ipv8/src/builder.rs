//! From a few words to a running node.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use ipv8_core::{Community, LoadError, Node, OverlayConfig, Target};
use ipv8_crypto::{
    Curve, PrivateKey,
    keyfile::{self, KeyFileError},
};
use ipv8_discovery::{DEFAULT_TRACKERS, RandomWalk, TrackerBootstrapper};
use ipv8_net::{BindError, Endpoint, Listen};
use ipv8_wire::Address;
use rand::{SeedableRng, rngs::StdRng};

use crate::service::Service;

/// Where a node listens unless it is told otherwise; the next free port if it is busy, as in the reference.
pub const DEFAULT_PORT: u16 = 8090;

/// How many peers an overlay looks for unless it is told otherwise (the reference's default).
const DEFAULT_TARGET: usize = 20;

/// Why a node could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A key file could not be used.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// No key could be made.
    #[error("cannot make a key: {0}")]
    NewKey(#[from] ipv8_crypto::KeyError),
    /// No randomness.
    #[error("the operating system gives no randomness: {0}")]
    Randomness(String),
    /// A socket could not be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A community could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A bootstrap address cannot be read.
    #[error("`{0}` is no bootstrap address: write HOST:PORT, IP:PORT or [IPv6]:PORT")]
    Bootstrap(String),
}

enum Key {
    Fresh(Curve),
    Given(PrivateKey),
    File(PathBuf, Curve),
}

/// Loads one overlay into a node.
type Load = Box<dyn FnOnce(&Node, &[Address]) -> Result<(), LoadError> + Send>;

/// Says what a node is made of, and starts it.
///
/// ```no_run
/// # use ipv8::{Community, CommunityId, Routes, community_id};
/// # #[derive(Default)] struct Mine;
/// # impl Community for Mine {
/// #     const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");
/// #     fn routes(_: &mut Routes<Self>) {}
/// # }
/// use ipv8::Curve;
///
/// # async fn start() -> Result<(), ipv8::StartError> {
/// let service = ipv8::builder()
///     .key_file("mine.pem", Curve::Curve25519) // made if it is not there
///     .listen("0.0.0.0:8090".parse().unwrap())
///     .bootstrap("tracker.example.org:6421")
///     .overlay(Mine::default())
///     .start()
///     .await?;
/// # service.stop().await;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing happens until `start`"]
pub struct Builder {
    key: Key,
    listen: Vec<Listen>,
    bootstrap: Option<Vec<String>>,
    overlays: Vec<Load>,
}

/// Begins to describe a node: with a fresh key, the default port and the public bootstrap servers, but no overlays.
pub fn builder() -> Builder {
    Builder { key: Key::Fresh(Curve::Curve25519), listen: Vec::new(), bootstrap: None, overlays: Vec::new() }
}

impl Builder {
    /// Uses this key.
    pub fn key(mut self, key: PrivateKey) -> Self {
        self.key = Key::Given(key);
        self
    }

    /// Uses the key in this file, in the reference's own format; makes one of this curve if there is no such file.
    pub fn key_file(mut self, path: impl Into<PathBuf>, curve: Curve) -> Self {
        self.key = Key::File(path.into(), curve);
        self
    }

    /// Makes a fresh key of this curve instead of [`Curve::Curve25519`].
    pub fn fresh_key(mut self, curve: Curve) -> Self {
        self.key = Key::Fresh(curve);
        self
    }

    /// Listens at this address, and fails if the port is in use; port 0 picks a free one. Once for IPv4 and once for
    /// IPv6. Without it, the node listens at 0.0.0.0:8090, or at the next free port.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen.push(Listen::exactly(address));
        self
    }

    /// Finds first peers through the tracker at `HOST:PORT`. The first call replaces the public trackers; call it again
    /// for more.
    pub fn bootstrap(mut self, tracker: impl Into<String>) -> Self {
        self.bootstrap.get_or_insert_default().push(tracker.into());
        self
    }

    /// Leaves out the public trackers.
    pub fn no_default_bootstrap(mut self) -> Self {
        self.bootstrap.get_or_insert_default();
        self
    }

    /// Loads a community. One that names no strategy walks at random until it has 20 peers, and has its
    /// [`Community::default_strategies`] beside that; one that names no bootstrapper uses the trackers of this builder. One that is to do neither says so with
    /// [`OverlayConfig::no_strategies`] and [`OverlayConfig::no_bootstrappers`]. See [`OverlayConfig`] for what else can be
    /// said.
    pub fn overlay<C: Community>(mut self, config: impl Into<OverlayConfig<C>>) -> Self {
        let mut config = config.into();
        if config.takes_default_strategies() {
            config = config.strategy(RandomWalk::default(), Target::Peers(DEFAULT_TARGET));
            for (strategy, target) in C::default_strategies() {
                config = config.boxed_strategy(strategy, target);
            }
        }
        self.overlays.push(Box::new(move |node, trackers| {
            if config.takes_default_bootstrappers() && !trackers.is_empty() {
                config = config.bootstrapper(TrackerBootstrapper::new(trackers.iter().cloned()));
            }
            node.load(config).map(drop)
        }));
        self
    }

    /// Opens the sockets, loads the overlays and runs the node in the current tokio runtime.
    ///
    /// # Errors
    /// If a key file cannot be used, a socket cannot be opened, or a community cannot be loaded.
    #[allow(clippy::unused_async, reason = "must run inside a runtime, which an async function says")]
    pub async fn start(self) -> Result<Service, StartError> {
        let trackers = match self.bootstrap {
            None => DEFAULT_TRACKERS.iter().map(|tracker| parse(tracker)).collect::<Result<Vec<_>, _>>()?,
            Some(own) => own.iter().map(|tracker| parse(tracker)).collect::<Result<Vec<_>, _>>()?,
        };
        let key = match self.key {
            Key::Given(key) => key,
            Key::Fresh(curve) => PrivateKey::generate(curve, &mut system_rng()?)?,
            Key::File(path, curve) => keyfile::load_or_generate(path, curve, &mut system_rng()?)?,
        };
        let mut listen = self.listen;
        if listen.is_empty() {
            listen.push(Listen::or_next(SocketAddr::from((Ipv4Addr::UNSPECIFIED, DEFAULT_PORT))));
        }
        let endpoint = Endpoint::bind(&listen, key)?;
        for load in self.overlays {
            load(endpoint.node(), &trackers)?;
        }
        Ok(Service::new(endpoint.run()))
    }
}

fn parse(tracker: &str) -> Result<Address, StartError> {
    tracker.parse().map_err(|_| StartError::Bootstrap(tracker.to_owned()))
}

fn system_rng() -> Result<StdRng, StartError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| StartError::Randomness(error.to_string()))?;
    Ok(StdRng::from_seed(seed))
}
