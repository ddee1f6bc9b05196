//! From what a launcher and a configuration say to an overlay that can be loaded.

use std::path::Path;

use indexmap::IndexMap;
use ipv8_core::{
    Bootstrapper, BootstrapperCatalog, Community, MaxPeers, Node, OverlayConfig, Strategy, StrategyCatalog, Target,
    catalog::{Catalog, MakeError},
    settings::{KeyPath, Problem, Settings, SettingsError, Value, closest},
};
use ipv8_crypto::{Curve, PrivateKey};
use ipv8_discovery::{RandomWalk, TrackerBootstrapper};
use ipv8_wire::{Address, CommunityId};

use crate::builder::StartError;

use super::{
    declare::{Condition, Erased, Hook, Launcher, Method, Part},
    order::Item,
};

/// How many peers an overlay looks for unless it is told otherwise (the reference's default).
pub(crate) const DEFAULT_TARGET: usize = 20;

/// Which key an overlay signs with.
#[derive(Clone)]
pub(crate) enum KeyChoice {
    /// The node's.
    Node,
    /// The one that has this alias.
    Alias(String),
    Given(PrivateKey),
    Fresh(Curve),
}

/// Something in a catalogue, with its settings.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    /// Where the name stands.
    pub(crate) name_path: KeyPath,
    pub(crate) settings: IndexMap<String, Value>,
    /// Where the settings stand.
    pub(crate) settings_path: KeyPath,
}

impl Named {
    pub(crate) fn new(name: impl Into<String>, settings: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let settings = settings.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Self { name: name.into(), name_path: KeyPath::default(), settings, settings_path: KeyPath::default() }
    }

    fn make<T: ?Sized>(&self, catalog: &Catalog<T>) -> Result<Box<T>, SettingsError> {
        let mut settings = Settings::new(self.settings.clone()).at(self.settings_path.clone());
        catalog.make(&self.name, &mut settings).map_err(|error| match error {
            MakeError::Settings(error) => error,
            MakeError::Unknown { name, known, suggestion } => {
                let what = format!("`{name}` is not known, there are {known}");
                let suggestion = suggestion.map(str::to_owned);
                Problem { path: self.name_path.clone(), what, suggestion }.into()
            }
        })
    }
}

/// A method to call at the start.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: KeyPath,
    pub(crate) arguments: Vec<Value>,
}

/// What a configuration says instead of a launcher.
#[derive(Default)]
pub(crate) struct Overrides {
    pub(crate) id: Option<CommunityId>,
    pub(crate) key: Option<String>,
    pub(crate) max_peers: Option<MaxPeers>,
    pub(crate) strategies: Option<Vec<(Named, Target)>>,
    pub(crate) bootstrappers: Option<Vec<Named>>,
    /// Whether the node's trackers are used although there are bootstrappers.
    pub(crate) node_trackers: bool,
    pub(crate) settings: IndexMap<String, Value>,
    pub(crate) settings_path: KeyPath,
    pub(crate) on_start: Vec<Call>,
}

/// What is known only when the node is there.
pub(crate) struct Loading<'a> {
    pub(crate) node: &'a Node,
    /// The overlay's key, if it is not the node's.
    pub(crate) key: Option<PrivateKey>,
    /// The node's trackers.
    pub(crate) trackers: &'a [Address],
    /// For overlays that say nothing themselves.
    pub(crate) max_peers: MaxPeers,
    /// Where the DHT is kept between two runs.
    pub(crate) dht_file: Option<&'a Path>,
}

/// What is to happen when the node runs. The error names the method and its reason.
pub(crate) type Start = Box<dyn FnOnce() -> Result<(), (String, String)> + Send>;

/// Loads an overlay, and gives what is left to do when the node runs.
pub(crate) type Load = Box<dyn FnOnce(Loading<'_>) -> Result<Start, StartError> + Send>;

/// An overlay that can be loaded.
pub(crate) struct Prepared {
    pub(crate) name: String,
    pub(crate) key: KeyChoice,
    pub(crate) after: Vec<String>,
    /// Whether the configuration wants it; if not, it counts as declared only.
    pub(crate) enabled: bool,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) load: Load,
}

impl Prepared {
    /// What it says of its order, with whether it would be loaded now.
    pub(crate) fn item(&self) -> Item<'_> {
        let launched = self.enabled && self.conditions.iter().all(|condition| condition());
        Item { name: &self.name, after: &self.after, launched }
    }
}

impl<C: Community> Erased for Launcher<C> {
    fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> CommunityId {
        self.id
    }

    fn only_if_named(&self) -> bool {
        self.only_if_named
    }

    fn takes_dht_keys(&self) -> bool {
        self.keep.is_some()
    }

    fn describe(&self) -> Vec<(&'static str, Value)> {
        let strategies = self.strategies.as_ref().map(|all| {
            let described = all.iter().map(|(part, target)| {
                part.describe("strategy", |strategy| strategy.name(), [("peers", describe_target(*target))])
            });
            described.collect::<Vec<_>>()
        });
        let default = || {
            let walk = table([("strategy", "RandomWalk".into()), ("peers", 20.into())]);
            let own = C::default_strategies().into_iter().map(|(strategy, target)| {
                table([("strategy", strategy.name().into()), ("peers", describe_target(target))])
            });
            std::iter::once(walk).chain(own).collect()
        };
        let mut described =
            vec![("id", Value::from(self.id.to_string())), ("walkers", strategies.unwrap_or_else(default).into())];
        if let Some(all) = &self.bootstrappers {
            let all = all.iter().map(|part| part.describe("class", |bootstrapper| bootstrapper.name(), []));
            described.push(("bootstrappers", all.collect::<Vec<_>>().into()));
        }
        if !self.settings.is_empty() {
            described.push(("settings", Value::Table(self.settings.clone())));
        }
        described
    }

    fn named_bootstrappers(&self) -> Option<Vec<Named>> {
        let named = |part: &Part<_>| match part {
            Part::Named(named) => Some(named.clone()),
            Part::Made(_) => None,
        };
        self.bootstrappers.as_ref()?.iter().map(named).collect()
    }

    fn prepare(&self, overrides: Overrides) -> Result<Prepared, SettingsError> {
        let mut problems = Vec::new();
        let community = self.community(&overrides, &mut problems);
        let strategies = self.strategies(overrides.strategies, &mut problems);
        let bootstrappers = self.bootstrappers(overrides.bootstrappers, &mut problems);
        let calls = self.calls(overrides.on_start, &mut problems);
        let Some(community) = community.filter(|_| problems.is_empty()) else {
            return Err(SettingsError { problems });
        };
        let id = overrides.id.unwrap_or(self.id);
        let (own_network, keep) = (self.own_network, self.keep);
        let takes_trackers = bootstrappers.is_none() || overrides.node_trackers;
        let own_max_peers = overrides.max_peers.or(self.max_peers);
        let (loaded, hooks) = (self.loaded.clone(), self.on_start.clone());
        let load = Box::new(move |loading: Loading<'_>| {
            let community = match (keep, loading.dht_file) {
                (Some(keep), Some(file)) => keep(community, file)?,
                _ => community,
            };
            let mut config = OverlayConfig::new(community).id(id).max_peers(own_max_peers.unwrap_or(loading.max_peers));
            if own_network {
                config = config.own_network();
            }
            config = match strategies {
                None => C::default_strategies().into_iter().fold(
                    config.strategy(RandomWalk::default(), Target::Peers(DEFAULT_TARGET)),
                    |config, (strategy, target)| config.boxed_strategy(strategy, target),
                ),
                Some(all) => all
                    .into_iter()
                    .fold(config.no_strategies(), |config, (strategy, target)| config.boxed_strategy(strategy, target)),
            };
            for bootstrapper in bootstrappers.into_iter().flatten() {
                config = config.boxed_bootstrapper(bootstrapper);
            }
            if let Some(key) = loading.key {
                config = config.key(key);
            }
            if takes_trackers && !loading.trackers.is_empty() {
                config = config.bootstrapper(TrackerBootstrapper::new(loading.trackers.iter().cloned()));
            }
            let handle = loading.node.load(config)?;
            loaded.iter().for_each(|hook| hook(&handle));
            let start: Start =
                Box::new(move || handle.with(|community, cx| run(community, cx, &hooks, calls)).unwrap_or(Ok(())));
            Ok(start)
        });
        Ok(Prepared {
            name: self.name.clone(),
            enabled: true,
            key: overrides.key.map_or_else(|| self.key.clone(), KeyChoice::Alias),
            after: self.after.clone(),
            conditions: self.conditions.clone(),
            load,
        })
    }
}

/// As a configuration says it.
fn describe_target(target: Target) -> Value {
    match target {
        Target::Always => Value::Integer(-1),
        Target::Peers(peers) => Value::Integer(i64::try_from(peers).unwrap_or(i64::MAX)),
    }
}

fn table<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::Table(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

impl<T: ?Sized> Part<T> {
    /// What stands in a configuration that says the same, as far as that can be said.
    fn describe<const N: usize>(
        &self,
        key: &'static str,
        name: impl Fn(&T) -> &'static str,
        more: [(&'static str, Value); N],
    ) -> Value {
        let (name, settings) = match self {
            Self::Made(make) => (name(&make()).to_owned(), IndexMap::new()),
            Self::Named(named) => (named.name.clone(), named.settings.clone()),
        };
        let mut described = IndexMap::from([(key.to_owned(), Value::from(name))]);
        described.extend(more.map(|(key, value)| (key.to_owned(), value)));
        if !settings.is_empty() {
            described.insert("init".to_owned(), Value::Table(settings));
        }
        Value::Table(described)
    }
}

/// A method with what it is to be called with.
type Ready<C> = (String, Method<C>, Vec<Value>);

fn run<C>(
    community: &mut C,
    cx: &mut ipv8_core::Context<'_>,
    hooks: &[Hook<C>],
    calls: Vec<Ready<C>>,
) -> Result<(), (String, String)> {
    hooks.iter().for_each(|hook| hook(community, cx));
    for (name, method, arguments) in calls {
        method(community, cx, &arguments).map_err(|reason| (name, reason))?;
    }
    Ok(())
}

impl<C: Community> Launcher<C> {
    fn community(&self, overrides: &Overrides, problems: &mut Vec<Problem>) -> Option<C> {
        let mut values = self.settings.clone();
        values.extend(overrides.settings.clone());
        let mut settings = Settings::new(values).at(overrides.settings_path.clone());
        let made = (self.make)(&mut settings);
        // What the maker did not ask for is unknown, whether or not it said so itself.
        if let Err(error) = settings.finish() {
            problems.extend(error.problems);
        }
        made.map_err(|error| problems.extend(error.problems)).ok()
    }

    fn strategies(
        &self,
        named: Option<Vec<(Named, Target)>>,
        problems: &mut Vec<Problem>,
    ) -> Option<Vec<(Box<dyn Strategy>, Target)>> {
        let catalog: StrategyCatalog = ipv8_discovery::strategies().and(C::available_strategies());
        let parts = match named {
            Some(named) => named.into_iter().map(|(named, target)| (Part::Named(named), target)).collect(),
            None => self.strategies.clone()?,
        };
        Some(parts.into_iter().filter_map(|(part, target)| Some((made(&part, &catalog, problems)?, target))).collect())
    }

    fn bootstrappers(
        &self,
        named: Option<Vec<Named>>,
        problems: &mut Vec<Problem>,
    ) -> Option<Vec<Box<dyn Bootstrapper>>> {
        let catalog: BootstrapperCatalog = ipv8_discovery::bootstrappers();
        let parts = match named {
            Some(named) => named.into_iter().map(Part::Named).collect(),
            None => self.bootstrappers.clone()?,
        };
        Some(parts.iter().filter_map(|part| made(part, &catalog, problems)).collect())
    }

    fn calls(&self, calls: Vec<Call>, problems: &mut Vec<Problem>) -> Vec<Ready<C>> {
        let mut ready = Vec::with_capacity(calls.len());
        for Call { method: name, path, arguments } in calls {
            match self.methods.get(&name) {
                Some(method) => ready.push((name, method.clone(), arguments)),
                None => {
                    let known = match self.methods.is_empty() {
                        true => "there are none".to_owned(),
                        false => {
                            let names: Vec<_> = self.methods.keys().map(String::as_str).collect();
                            format!("there are {}", names.join(", "))
                        }
                    };
                    let what = format!("{} has no method `{name}` to call at the start, {known}", self.name);
                    let suggestion = closest(&name, self.methods.keys().map(String::as_str)).map(str::to_owned);
                    problems.push(Problem { path, what, suggestion });
                }
            }
        }
        ready
    }
}

fn made<T: ?Sized>(part: &Part<T>, catalog: &Catalog<T>, problems: &mut Vec<Problem>) -> Option<Box<T>> {
    match part {
        Part::Made(make) => Some(make()),
        Part::Named(named) => named.make(catalog).map_err(|error| problems.extend(error.problems)).ok(),
    }
}
