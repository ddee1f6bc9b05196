//! From a few words to a running node.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use indexmap::IndexMap;
use ipv8_core::{
    Community, DEFAULT_UNLOAD_LIMIT, Hardening, LoadError, MaxPeers, NodeConfig, OverlayConfig, RequestLimits, Target,
    settings::SettingsError, strategy::DEFAULT_TICK,
};
use ipv8_crypto::{Curve, PrivateKey, keyfile::KeyFileError};
use ipv8_discovery::{DEFAULT_TRACKERS, RandomWalk, TrackerBootstrapper};
use ipv8_net::{BindError, Endpoint, Listen};
use ipv8_wire::Address;

use crate::{
    keys::{KeySource, Keys},
    launcher::{DEFAULT_TARGET, KeyChoice, Launcher, Launchers, Loading, OrderError, Prepared, Start},
    load::{Planned, in_order, load_all, plan, run_all, with_keys},
    peer_file::{PeerFile, PeerFileError},
    service::Service,
};

/// Where a node listens unless it is told otherwise; the next free port if it is busy, as in the reference.
pub const DEFAULT_PORT: u16 = 8090;

/// How often known peers are saved, unless the builder is told otherwise.
pub const DEFAULT_SAVE_INTERVAL: Duration = Duration::from_secs(300);

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
    /// A launcher wants a key that nobody gave.
    #[error("{launcher} signs with the key `{alias}`, which is not there: add it with `key_as`")]
    UnknownKey {
        /// The launcher.
        launcher: String,
        /// The alias.
        alias: String,
    },
    /// What a launcher was told is wrong.
    #[error("{launcher} cannot be made: {source}")]
    Settings {
        /// The launcher.
        launcher: String,
        /// What is wrong.
        source: SettingsError,
    },
    /// Launchers wait for what is not there, or for each other.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// What was to be called at the start failed.
    #[error("{launcher} does not start: {method}: {reason}")]
    Method {
        /// The launcher.
        launcher: String,
        /// The method.
        method: String,
        /// Why, in its own words.
        reason: String,
    },
    /// The file of the DHT could not be used.
    #[cfg(feature = "dht-file")]
    #[error(transparent)]
    DhtFile(#[from] ipv8_dht_sqlite::OpenError),
    /// The library was built without files for the DHT.
    #[error("the DHT cannot be kept in {}: build with the feature `dht-file`, or leave the file out", .0.display())]
    NoDhtFile(PathBuf),
    /// The peer file could not be used.
    #[error(transparent)]
    Peers(#[from] PeerFileError),
}

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
///
/// A configuration file gives one too: see [`Config::into_builder`](crate::config::Config::into_builder).
#[must_use = "nothing happens until `start`"]
pub struct Builder {
    key: KeySource,
    keys: IndexMap<String, KeySource>,
    listen: Vec<Listen>,
    bootstrap: Option<Vec<String>>,
    trackers: Option<Vec<Address>>,
    tick: Duration,
    max_peers: MaxPeers,
    hardening: Hardening,
    unload_limit: Duration,
    requests: RequestLimits,
    peer_file: Option<(PeerFile, Duration)>,
    dht_file: Option<PathBuf>,
    overlays: Vec<Planned>,
}

/// Begins to describe a node: with a fresh key, the default port and the public bootstrap servers, but no overlays.
pub fn builder() -> Builder {
    Builder {
        key: KeySource::Fresh(Curve::Curve25519),
        keys: IndexMap::new(),
        listen: Vec::new(),
        bootstrap: None,
        trackers: None,
        tick: DEFAULT_TICK,
        max_peers: MaxPeers::default(),
        hardening: Hardening::default(),
        unload_limit: DEFAULT_UNLOAD_LIMIT,
        requests: RequestLimits::default(),
        peer_file: None,
        dht_file: None,
        overlays: Vec::new(),
    }
}

impl Builder {
    /// Uses this key.
    pub fn key(self, key: PrivateKey) -> Self {
        self.key_source(KeySource::Given(key))
    }

    /// Uses the key in this file, in the reference's own format; makes one of this curve if there is no such file.
    pub fn key_file(self, path: impl Into<PathBuf>, curve: Curve) -> Self {
        self.key_source(KeySource::File(path.into(), curve))
    }

    /// Makes a fresh key of this curve instead of [`Curve::Curve25519`].
    pub fn fresh_key(self, curve: Curve) -> Self {
        self.key_source(KeySource::Fresh(curve))
    }

    /// Uses a key from wherever it comes.
    pub fn key_source(mut self, source: KeySource) -> Self {
        self.key = source;
        self
    }

    /// Has another key, under an alias: for [`Launcher::key_alias`], and for the overlays of a configuration file. It is
    /// read or made only if an overlay uses it.
    pub fn key_as(mut self, alias: impl Into<String>, source: KeySource) -> Self {
        self.keys.insert(alias.into(), source);
        self
    }

    /// Listens at this address, and fails if the port is in use; port 0 picks a free one. Once for IPv4 and once for
    /// IPv6. Without it, the node listens at 0.0.0.0:8090, or at the next free port.
    pub fn listen(self, address: SocketAddr) -> Self {
        self.listen_at(Listen::exactly(address))
    }

    /// Listens at this address, or at the next free port if the port is in use.
    pub fn listen_or_next(self, address: SocketAddr) -> Self {
        self.listen_at(Listen::or_next(address))
    }

    pub(crate) fn listen_at(mut self, listen: Listen) -> Self {
        self.listen.push(listen);
        self
    }

    /// Finds first peers through the tracker at `HOST:PORT`. The first call replaces the public trackers; call it again
    /// for more. (In a configuration, `bootstrap` and `--bootstrap` leave the public ones beside it unless
    /// `default_bootstrap` is false.)
    pub fn bootstrap(mut self, tracker: impl Into<String>) -> Self {
        self.bootstrap.get_or_insert_default().push(tracker.into());
        self
    }

    /// Leaves out the public trackers.
    pub fn no_default_bootstrap(mut self) -> Self {
        self.bootstrap.get_or_insert_default();
        self
    }

    /// Uses exactly these trackers, and those that are added with [`Builder::bootstrap`].
    pub(crate) fn trackers(mut self, trackers: Vec<Address>) -> Self {
        self.trackers = Some(trackers);
        self
    }

    /// The time in which every strategy takes one step, half a second by default; at least a millisecond (the reference's
    /// `walker_interval`).
    pub fn walker_interval(mut self, interval: Duration) -> Self {
        self.tick = interval;
        self
    }

    /// How many peers launched overlays take that do not say so themselves; 30 by default. An overlay that is given to
    /// [`Builder::overlay`] says it in its [`OverlayConfig`].
    pub fn max_peers(mut self, max_peers: MaxPeers) -> Self {
        self.max_peers = max_peers;
        self
    }

    /// How many requests and caches may wait at once: [`RequestLimits::default`] unless this is called.
    pub fn request_limits(mut self, limits: RequestLimits) -> Self {
        self.requests = limits;
        self
    }

    /// Trusts what it is told as much as this says: [`Hardening::default`] unless this is called.
    pub fn hardening(mut self, hardening: Hardening) -> Self {
        self.hardening = hardening;
        self
    }

    /// How long the last tasks of communities ([`Context::at_unload`](ipv8_core::Context::at_unload)) may take when the node
    /// stops; five seconds unless said otherwise.
    pub fn unload_limit(mut self, limit: Duration) -> Self {
        self.unload_limit = limit;
        self
    }

    /// Keeps the peers that were found in this file: they are loaded at the start, and saved when the service is stopped
    /// and at intervals of a second or more ([`DEFAULT_SAVE_INTERVAL`] is a good choice). See [`PeerFile`].
    pub fn peer_file(mut self, path: impl Into<PathBuf>, interval: Duration) -> Self {
        self.peer_file = Some((PeerFile::new(path), interval));
        self
    }

    /// Keeps what the DHT has in this file, with the feature `dht-file`: values of others, its routing table, and what this node
    /// has stored and stores again. It holds for the launchers of the DHT that [`Launchers::standard`] has; a
    /// [`DhtCommunity`](ipv8_dht::DhtCommunity) that is given to [`Builder::overlay`] is made by `ipv8_dht_sqlite::open`.
    pub fn dht_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.dht_file = Some(path.into());
        self
    }

    /// Loads a community. One that names no strategy walks at random until it has 20 peers, and has its
    /// [`Community::default_strategies`] beside that; one that names no bootstrapper uses the trackers of this builder. One
    /// that is to do neither says so with
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
        let load = Box::new(move |loading: Loading<'_>| {
            if config.takes_default_bootstrappers() && !loading.trackers.is_empty() {
                config = config.bootstrapper(TrackerBootstrapper::new(loading.trackers.iter().cloned()));
            }
            loading.node.load(config)?;
            let nothing: Start = Box::new(|| Ok(()));
            Ok(nothing)
        });
        self.overlays.push(Ok(Prepared {
            name: C::name().to_owned(),
            key: KeyChoice::Node,
            after: Vec::new(),
            enabled: true,
            conditions: Vec::new(),
            load,
        }));
        self
    }

    /// Loads the overlay that a launcher declares. See [`launcher`](crate::launcher).
    pub fn launch<C: Community>(mut self, launcher: &Launcher<C>) -> Self {
        self.overlays.push(plan(launcher));
        self
    }

    /// Loads the overlays of all these launchers.
    pub fn launchers(mut self, launchers: &Launchers) -> Self {
        self.overlays.extend(launchers.iter().map(|launcher| plan(launcher.as_ref())));
        self
    }

    /// Loads what a configuration made of a launcher.
    pub(crate) fn prepared(mut self, prepared: Prepared) -> Self {
        self.overlays.push(Ok(prepared));
        self
    }

    /// Opens the sockets, loads the overlays and runs the node in the current tokio runtime.
    ///
    /// Overlays are loaded in the order in which they were given, each after those that its launcher names. When all are
    /// there, peers of the peer file are loaded, the node begins to run, and then what launchers want to do at the start is
    /// done in the same order.
    ///
    /// # Errors
    /// If a key file cannot be used, a socket cannot be opened, a community cannot be made or loaded, launchers wait for
    /// each other, or what is to be called at the start fails.
    #[allow(clippy::unused_async, reason = "must run inside a runtime, which an async function says")]
    pub async fn start(self) -> Result<Service, StartError> {
        let has_trackers = self.trackers.is_some();
        let mut trackers = self.trackers.unwrap_or_default();
        trackers.extend(match self.bootstrap {
            None if has_trackers => Vec::new(),
            None => DEFAULT_TRACKERS.iter().map(|tracker| parse(tracker)).collect::<Result<Vec<_>, _>>()?,
            Some(own) => own.iter().map(|tracker| parse(tracker)).collect::<Result<Vec<_>, _>>()?,
        });
        let mut keys = Keys::new(self.keys);
        let key = self.key.load()?;
        // All keys before the sockets are opened: what is wrong with them is found without doing anything.
        let overlays = with_keys(in_order(self.overlays)?, &mut keys)?;
        let mut listen = self.listen;
        if listen.is_empty() {
            listen.push(Listen::or_next(SocketAddr::from((Ipv4Addr::UNSPECIFIED, DEFAULT_PORT))));
        }
        let (tick, hardening, requests, unload_limit) = (self.tick, self.hardening, self.requests, self.unload_limit);
        let config = |seed| NodeConfig { tick, hardening, requests, unload_limit, ..NodeConfig::new(key, seed) };
        let endpoint = Endpoint::bind_with(&listen, config)?;
        let starts = load_all(overlays, endpoint.node(), &trackers, self.max_peers, self.dht_file.as_deref())?;
        if let Some((file, _)) = &self.peer_file {
            file.load(endpoint.node())?;
        }
        let service = Service::new(endpoint.run(), self.peer_file);
        run_all(starts)?;
        Ok(service)
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.overlays.iter().map(|overlay| match overlay {
            Ok(overlay) => overlay.name.as_str(),
            Err((name, _)) => name.as_str(),
        });
        f.debug_struct("Builder").field("overlays", &names.collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

fn parse(tracker: &str) -> Result<Address, StartError> {
    tracker.parse().map_err(|_| StartError::Bootstrap(tracker.to_owned()))
}
