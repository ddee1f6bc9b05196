//! What a launcher says.

use std::{path::Path, sync::Arc};

use indexmap::IndexMap;
use ipv8_core::{
    Bootstrapper, Community, Context, Handle, MaxPeers, Strategy, Target,
    settings::{Settings, SettingsError, Value},
};
use ipv8_crypto::{Curve, PrivateKey};
use ipv8_wire::CommunityId;

use crate::builder::StartError;

use super::prepare::{KeyChoice, Named, Overrides, Prepared};

/// Makes a community of its settings.
pub(super) type Make<C> = Arc<dyn Fn(&mut Settings) -> Result<C, SettingsError> + Send + Sync>;
/// Says whether the overlay is wanted.
pub(super) type Condition = Arc<dyn Fn() -> bool + Send + Sync>;
/// Is told that the community was loaded.
pub(super) type Loaded<C> = Arc<dyn Fn(&Handle<C>) + Send + Sync>;
/// Runs once the node runs.
pub(super) type Hook<C> = Arc<dyn Fn(&mut C, &mut Context<'_>) + Send + Sync>;
/// The same, with what the configuration says; gives the reason if it cannot.
pub(super) type Method<C> = Arc<dyn Fn(&mut C, &mut Context<'_>, &[Value]) -> Result<(), String> + Send + Sync>;

/// Has a community that was made keep what it has in a file, with what is there.
pub(super) type Keep<C> = fn(C, &Path) -> Result<C, StartError>;

/// A part that is made anew each time, or named and made by a catalogue.
pub(super) enum Part<T: ?Sized> {
    Made(Arc<dyn Fn() -> Box<T> + Send + Sync>),
    Named(Named),
}

impl<T: ?Sized> Clone for Part<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Made(make) => Self::Made(make.clone()),
            Self::Named(named) => Self::Named(named.clone()),
        }
    }
}

/// The declaration of one overlay, see the [module](crate::launcher).
///
/// A launcher that says nothing of strategies walks at random until the overlay has 20 peers, and has the community's
/// [`Community::default_strategies`] beside that; one that says nothing of bootstrappers uses the node's trackers. So does
/// [`Builder::overlay`](crate::Builder::overlay).
pub struct Launcher<C> {
    pub(super) name: String,
    pub(super) make: Make<C>,
    pub(super) id: CommunityId,
    pub(super) key: KeyChoice,
    pub(super) max_peers: Option<MaxPeers>,
    pub(super) own_network: bool,
    pub(super) only_if_named: bool,
    /// Set for overlays of the DHT, which take what a configuration says of it.
    pub(super) keep: Option<Keep<C>>,
    pub(super) strategies: Option<Vec<(Part<dyn Strategy>, Target)>>,
    pub(super) bootstrappers: Option<Vec<Part<dyn Bootstrapper>>>,
    pub(super) settings: IndexMap<String, Value>,
    pub(super) after: Vec<String>,
    pub(super) conditions: Vec<Condition>,
    pub(super) loaded: Vec<Loaded<C>>,
    pub(super) on_start: Vec<Hook<C>>,
    pub(super) methods: IndexMap<String, Method<C>>,
}

impl<C: Community> Launcher<C> {
    /// Declares an overlay whose community is made of settings. `make` takes out what it knows; whatever is left then is
    /// reported as unknown. It is called once for each node.
    pub fn new(make: impl Fn(&mut Settings) -> Result<C, SettingsError> + Send + Sync + 'static) -> Self {
        Self {
            name: C::name().to_owned(),
            make: Arc::new(make),
            id: C::ID,
            key: KeyChoice::Node,
            max_peers: None,
            own_network: false,
            only_if_named: false,
            keep: None,
            strategies: None,
            bootstrappers: None,
            settings: IndexMap::new(),
            after: Vec::new(),
            conditions: Vec::new(),
            loaded: Vec::new(),
            on_start: Vec::new(),
            methods: IndexMap::new(),
        }
    }

    /// Declares an overlay whose community has no settings.
    pub fn of(make: impl Fn() -> C + Send + Sync + 'static) -> Self {
        Self::new(move |_| Ok(make()))
    }

    /// The name for configuration files and for the order; the community's own without it.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Uses this community id instead of [`Community::ID`].
    #[must_use]
    pub fn id(mut self, id: CommunityId) -> Self {
        self.id = id;
        self
    }

    /// Signs with this key instead of the node's.
    #[must_use]
    pub fn key(mut self, key: PrivateKey) -> Self {
        self.key = KeyChoice::Given(key);
        self
    }

    /// Signs with the key that the builder or the configuration file has under this alias.
    #[must_use]
    pub fn key_alias(mut self, alias: impl Into<String>) -> Self {
        self.key = KeyChoice::Alias(alias.into());
        self
    }

    /// Signs with a key that is drawn at each start (what the reference's launchers do unless they say otherwise).
    #[must_use]
    pub fn fresh_key(mut self, curve: Curve) -> Self {
        self.key = KeyChoice::Fresh(curve);
        self
    }

    /// Takes this many peers.
    #[must_use]
    pub fn max_peers(mut self, max_peers: MaxPeers) -> Self {
        self.max_peers = Some(max_peers);
        self
    }

    /// Keeps the overlay's peers apart from those of the node's other overlays.
    #[must_use]
    pub fn own_network(mut self) -> Self {
        self.own_network = true;
        self
    }

    /// Leaves the overlay out where all launchers of a list are loaded: a configuration has to name it.
    #[must_use]
    pub fn only_if_named(mut self) -> Self {
        self.only_if_named = true;
        self
    }

    /// Has what a configuration says of the DHT among its settings, and its file.
    pub(super) fn of_the_dht(mut self, keep: Keep<C>) -> Self {
        self.keep = Some(keep);
        self
    }

    /// Gives the community a setting; one in a configuration file takes its place.
    #[must_use]
    pub fn setting(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.settings.insert(key.into(), value.into());
        self
    }

    /// Looks for peers with this strategy, made anew for each node: `RandomWalk::default`, or a closure.
    #[must_use]
    pub fn strategy<S: Strategy + 'static>(
        mut self,
        make: impl Fn() -> S + Send + Sync + 'static,
        target: Target,
    ) -> Self {
        let part = Part::Made(Arc::new(move || Box::new(make()) as Box<dyn Strategy>));
        self.strategies.get_or_insert_default().push((part, target));
        self
    }

    /// Looks for peers with the strategy of this name, which is one of the community's
    /// ([`Community::available_strategies`]) or a built-in one ([`ipv8_discovery::strategies`]).
    #[must_use]
    pub fn named_strategy(
        mut self,
        name: impl Into<String>,
        target: Target,
        settings: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Self {
        self.strategies.get_or_insert_default().push((Part::Named(Named::new(name, settings)), target));
        self
    }

    /// Goes without strategies.
    #[must_use]
    pub fn no_strategies(mut self) -> Self {
        self.strategies = Some(Vec::new());
        self
    }

    /// Finds first peers with this bootstrapper, made anew for each node, instead of the node's trackers.
    #[must_use]
    pub fn bootstrapper<B: Bootstrapper + 'static>(mut self, make: impl Fn() -> B + Send + Sync + 'static) -> Self {
        let part = Part::Made(Arc::new(move || Box::new(make()) as Box<dyn Bootstrapper>));
        self.bootstrappers.get_or_insert_default().push(part);
        self
    }

    /// Finds first peers with the bootstrapper of this name ([`ipv8_discovery::bootstrappers`]).
    #[must_use]
    pub fn named_bootstrapper(
        mut self,
        name: impl Into<String>,
        settings: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Self {
        self.bootstrappers.get_or_insert_default().push(Part::Named(Named::new(name, settings)));
        self
    }

    /// Goes without bootstrappers.
    #[must_use]
    pub fn no_bootstrappers(mut self) -> Self {
        self.bootstrappers = Some(Vec::new());
        self
    }

    /// Loads the overlay after the one of this name. That one must be declared; if its own condition keeps it from being
    /// loaded, nobody waits for it.
    #[must_use]
    pub fn after(mut self, name: impl Into<String>) -> Self {
        self.after.push(name.into());
        self
    }

    /// Loads the overlay only if this holds when the node starts. Of several conditions all must hold.
    #[must_use]
    pub fn only_if(mut self, condition: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.conditions.push(Arc::new(condition));
        self
    }

    /// Calls this when the community was loaded, before the node runs: the place to keep the handle.
    #[must_use]
    pub fn loaded(mut self, hook: impl Fn(&Handle<C>) + Send + Sync + 'static) -> Self {
        self.loaded.push(Arc::new(hook));
        self
    }

    /// Calls this once all overlays are loaded and the node runs. Like a handler it must not block; what takes long is a
    /// task ([`Context::spawn`]).
    #[must_use]
    pub fn on_start(mut self, hook: impl Fn(&mut C, &mut Context<'_>) + Send + Sync + 'static) -> Self {
        self.on_start.push(Arc::new(hook));
        self
    }

    /// Gives a configuration file something to call at the start, with values: `on_start = [["name", 1, "two"]]`. An error
    /// keeps the node from starting and is shown to the user.
    #[must_use]
    pub fn method(
        mut self,
        name: impl Into<String>,
        method: impl Fn(&mut C, &mut Context<'_>, &[Value]) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.methods.insert(name.into(), Arc::new(method));
        self
    }
}

impl<C> Clone for Launcher<C> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            make: self.make.clone(),
            id: self.id,
            key: self.key.clone(),
            max_peers: self.max_peers,
            own_network: self.own_network,
            only_if_named: self.only_if_named,
            keep: self.keep,
            strategies: self.strategies.clone(),
            bootstrappers: self.bootstrappers.clone(),
            settings: self.settings.clone(),
            after: self.after.clone(),
            conditions: self.conditions.clone(),
            loaded: self.loaded.clone(),
            on_start: self.on_start.clone(),
            methods: self.methods.clone(),
        }
    }
}

impl<C> std::fmt::Debug for Launcher<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Launcher").field("name", &self.name).field("id", &self.id).finish_non_exhaustive()
    }
}

/// A launcher whose community's type is forgotten.
pub(crate) trait Erased: Send + Sync {
    fn name(&self) -> &str;
    fn id(&self) -> CommunityId;
    /// Whether it is left out unless a configuration names it.
    fn only_if_named(&self) -> bool;
    /// Whether what a configuration says of the DHT is for it.
    fn takes_dht_keys(&self) -> bool;
    /// What it says itself, by the names of a configuration.
    fn describe(&self) -> Vec<(&'static str, Value)>;
    /// Its own bootstrappers, if it has some and all of them go by names.
    fn named_bootstrappers(&self) -> Option<Vec<Named>>;
    /// Makes what can be made without a node.
    fn prepare(&self, overrides: Overrides) -> Result<Prepared, SettingsError>;
}

/// Launchers by name, in the order in which they were added: what a program offers to its configuration file.
#[derive(Clone, Default)]
pub struct Launchers {
    all: IndexMap<String, Arc<dyn Erased>>,
}

impl Launchers {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a launcher. One of the same name is replaced, in its place.
    #[must_use]
    pub fn with<C: Community>(mut self, launcher: Launcher<C>) -> Self {
        self.all.insert(launcher.name.clone(), Arc::new(launcher));
        self
    }

    /// Takes a launcher away, if there is one of this name.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.all.shift_remove(name);
        self
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.keys().map(String::as_str)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<dyn Erased>> {
        self.all.get(name)
    }

    /// Those that are loaded where nobody chooses.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<dyn Erased>> {
        self.all.values().filter(|launcher| !launcher.only_if_named())
    }
}

impl std::fmt::Debug for Launchers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
