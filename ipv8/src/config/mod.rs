//! Configurations: a file, the environment and flags, read into what a node is made of.
//!
//! A [`Config`] comes from [`Layers`]: defaults, a TOML file, environment variables, flags, each over the one before. Every
//! value remembers [where it comes from](Origin), and everything that is wrong is [reported at once](ConfigError), each
//! problem with its line and column. The reference's configuration dictionary is read as well, as JSON.
//!
//! ```no_run
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! use ipv8::{Launchers, config::Layers};
//!
//! let launchers = Launchers::standard(); // `.with(...)` adds your own
//! let layers = Layers::new().file("ipv8.toml").environment(ipv8::config::environment());
//! let service = layers.read(&launchers)?.into_builder().start().await?;
//! # service.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! What can be written is in [`KEYS`]: [`default_file`] writes a commented file of it, and [`reference`](reference()) the
//! table of all keys that is `docs/configuration.md`.
//!
//! # The reference's dictionary
//!
//! `json.dumps(configuration)` of a py-ipv8 program can be used as it is. Its names differ from those of the TOML file:
//! `interfaces`, `keys`, `generation`, `bin`, `logger`, `overlays` and `initialize` are `listen`, `[[key]]`, `curve`,
//! `private`, `[log]`, `[[overlay]]` and `settings` here; those of [`KEYS`] that the dictionary has no word for may be added
//! to it. Three things are read differently than elsewhere:
//! - a port of 8090 counts as the default, which gives way if it is in use;
//! - paths of keys start from the directory in which the program was started, whatever the working directory is;
//! - overlays of the reference that this library does not have (the `HiddenTunnelCommunity` of its default configuration, for
//!   one) are left out with a [warning](Config::warnings). In a TOML file they are a problem.

mod hardening;
mod json;
pub mod keys;
mod layers;
mod origin;
mod overlays;
mod problem;
mod read;
mod show;
mod template;
mod toml;
mod trackers;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use ipv8_core::{Hardening, MaxPeers, Node};
use ipv8_net::Listen;
use ipv8_wire::Address;

pub use self::{
    keys::{FILE_VARIABLE, KEYS, Key, Kind},
    layers::Layers,
    origin::Origin,
    problem::{ConfigError, Problem},
    show::Shown,
    template::{default_file, reference},
};
use crate::{
    builder::{Builder, StartError, builder},
    keys::{KeySource, Keys},
    launcher::Prepared,
    load::{in_order, load_all, run_all, with_keys},
};

/// The shortest and the longest `walker_interval`.
pub(crate) const WALKER_INTERVALS: [Duration; 2] = [Duration::from_millis(1), Duration::from_secs(3_600)];

/// How a program is to log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    /// What: a level, or levels for parts of the program, separated by commas.
    pub level: String,
    /// How.
    pub format: LogFormat,
}

/// The form of logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object a line.
    Json,
}

/// A configuration without problems. What it says of each key is in [`Config::all`].
pub struct Config {
    /// Where to listen.
    pub listen: Vec<Listen>,
    /// The time in which every strategy takes one step.
    pub walker_interval: Duration,
    /// How many peers an overlay takes that does not say so itself.
    pub max_peers: MaxPeers,
    /// How much the node trusts what it is told.
    pub hardening: Hardening,
    /// The trackers of overlays that name no bootstrappers.
    pub trackers: Vec<Address>,
    /// Where the REST interface is to listen; whoever uses the configuration sees to it.
    pub api: Option<SocketAddr>,
    /// How to log; whoever uses the configuration sees to it.
    pub log: Log,
    /// Where relative paths start, if that was said.
    pub working_directory: Option<PathBuf>,
    /// Where peers are kept, and how often they are saved.
    pub peer_file: Option<(PathBuf, Duration)>,
    /// Where the DHT is kept between two runs.
    pub dht_file: Option<PathBuf>,
    /// How often the DHT stores the values of its own again, unless an overlay says so itself.
    pub republish: Option<Duration>,
    /// The node's key.
    pub key: KeySource,
    keys: Vec<(String, KeySource)>,
    overlays: Vec<Prepared>,
    shown: Vec<Shown>,
    warnings: Vec<String>,
}

impl Config {
    /// The value of each key, with where it comes from; in the order of [`KEYS`].
    #[must_use]
    pub fn all(&self) -> &[Shown] {
        &self.shown
    }

    /// The value of one key, by its name: `log.level`, `overlay[0].walkers[1].peers`.
    #[must_use]
    pub fn shown(&self, key: &str) -> Option<&Shown> {
        self.shown.iter().find(|shown| shown.key == key)
    }

    /// What the user should know, although it is no problem.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The names of the overlays, in the order of the configuration; without those that are not enabled.
    pub fn overlays(&self) -> impl Iterator<Item = &str> {
        self.overlays.iter().filter(|overlay| overlay.enabled).map(|overlay| overlay.name.as_str())
    }

    /// Loads the overlays into a node that is there already: into one of a simulation, for instance. They get their
    /// trackers, keys and limits from here; what the configuration says of the node itself is left alone.
    ///
    /// # Errors
    /// If a key cannot be used, a community cannot be loaded, or what is to be called at the start fails.
    pub fn load(self, node: &Node) -> Result<(), StartError> {
        let planned = self.overlays.into_iter().map(Ok).collect();
        let overlays = with_keys(in_order(planned)?, &mut Keys::new(self.keys.into_iter().collect()))?;
        run_all(load_all(overlays, node, &self.trackers, self.max_peers, None)?)
    }

    /// A builder of the node that is described here, for more to be added.
    pub fn into_builder(self) -> Builder {
        let mut builder = builder()
            .key_source(self.key)
            .walker_interval(self.walker_interval)
            .max_peers(self.max_peers)
            .hardening(self.hardening)
            .trackers(self.trackers);
        for (alias, source) in self.keys {
            builder = builder.key_as(alias, source);
        }
        for listen in self.listen {
            builder = builder.listen_at(listen);
        }
        if let Some((path, interval)) = self.peer_file {
            builder = builder.peer_file(path, interval);
        }
        if let Some(file) = self.dht_file {
            builder = builder.dht_file(file);
        }
        self.overlays.into_iter().fold(builder, Builder::prepared)
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("overlays", &self.overlays().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// The environment of this process, for [`Layers::environment`]; what is no text in UTF-8 is left out.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
