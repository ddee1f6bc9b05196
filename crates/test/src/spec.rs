//! How a net and its nodes are made.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use ipv8_core::{Community, Node, OverlayConfig, Target};
use ipv8_crypto::{Curve, PrivateKey};
use ipv8_discovery::{RandomWalk, TrackerBootstrapper};
use ipv8_sim::{Fabric, Latency, Link, Links, NodeOptions, World};
use ipv8_wire::Address;

use crate::{log::SharedLog, net::Net, seeds, tap::Tap};

/// Where the tracker of a net is, see [`Net::add_tracker`].
pub(crate) const TRACKER: (&str, u16) = ("tracker.test", 6_421);

/// Loads one community of a node; the flag says whether it is to look for peers.
type Load = Arc<dyn Fn(&Node, bool) + Send + Sync>;

/// A node that is to be added to a [`Net`]: its communities, its name, its key.
///
/// ```
/// use ipv8_core::{Community, OverlayConfig, MaxPeers, Routes, wire::{CommunityId, community_id}};
/// use ipv8_test::{Net, NodeSpec};
///
/// struct Chat;
/// impl Community for Chat {
///     const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");
///     fn routes(_: &mut Routes<Self>) {}
/// }
/// # struct Files;
/// # impl Community for Files {
/// #     const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a6");
/// #     fn routes(_: &mut Routes<Self>) {}
/// # }
///
/// let mut net = Net::new();
/// let server = net.add(NodeSpec::new(|| OverlayConfig::new(Chat).max_peers(MaxPeers::Unlimited)).and(|| Files).named("server"));
/// let client = net.add(NodeSpec::new(|| Chat).named("client"));
/// net.introduce(server, client);
/// assert_eq!(net.peers::<Chat>(client), [server]);
/// ```
#[derive(Default)]
pub struct NodeSpec {
    pub(crate) name: Option<String>,
    pub(crate) walks: bool,
    pub(crate) options: NodeOptions,
    loads: Vec<Load>,
    key: Option<PrivateKey>,
    curve: Option<Curve>,
}

impl NodeSpec {
    /// A node without communities.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// A node with a community. `make` is called whenever the node starts: now, and after each crash.
    #[must_use]
    pub fn new<C: Community, O: Into<OverlayConfig<C>>>(make: impl Fn() -> O + Send + Sync + 'static) -> Self {
        Self::empty().and(make)
    }

    /// With another community too.
    #[must_use]
    pub fn and<C: Community, O: Into<OverlayConfig<C>>>(
        mut self,
        make: impl Fn() -> O + Send + Sync + 'static,
    ) -> Self {
        self.loads.push(Arc::new(move |node, walks| {
            let mut config: OverlayConfig<C> = make().into();
            if walks && config.takes_default_strategies() {
                config = config.strategy(RandomWalk::default(), Target::Peers(20));
            }
            if walks && config.takes_default_bootstrappers() {
                let tracker = Address::Domain(TRACKER.0.to_owned(), TRACKER.1);
                config = config.bootstrapper(TrackerBootstrapper::new([tracker]));
            }
            if let Err(error) = node.load(config) {
                panic!("ipv8-test: {error}");
            }
        }));
        self
    }

    /// Its name in traces and failures; by default `node 0` and so on.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Its key; by default one of curve25519 drawn from the net's seed.
    #[must_use]
    pub fn key(mut self, key: PrivateKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Draws its key on this curve. Keys of other curves than [`Curve::Curve25519`] come from OpenSSL (feature `legacy`),
    /// whose randomness does not repeat.
    #[must_use]
    pub fn curve(mut self, curve: Curve) -> Self {
        self.curve = Some(curve);
        self
    }

    /// Lets it look for peers at random, with the net's [tracker](Net::add_tracker) as its first contact: those of its
    /// communities that bring neither strategies nor bootstrappers of their own.
    #[must_use]
    pub fn walking(mut self) -> Self {
        self.walks = true;
        self
    }

    /// Everything else that the simulator knows of nodes: addresses, limits, hardening, a late start. A key or a set-up in it
    /// gives way to those of the spec.
    #[must_use]
    pub fn options(mut self, options: NodeOptions) -> Self {
        self.options = options;
        self
    }

    /// What the world needs to make the node of this number.
    pub(crate) fn into_options(self, number: usize, seed: u64, log: SharedLog) -> NodeOptions {
        let Self { walks, options, loads, key, curve, .. } = self;
        let key = key.or_else(|| {
            let key = PrivateKey::generate(curve?, &mut seeds::generator(seed, number));
            Some(key.unwrap_or_else(|error| panic!("ipv8-test: no key of this curve: {error}")))
        });
        let options = match key {
            Some(key) => options.key(key),
            None => options,
        };
        options.setup(move |node| {
            let log = log.clone();
            node.set_observer(Some(Box::new(move |observation| log.lock().observe(number, observation))));
            for load in &loads {
                load(node, walks);
            }
        })
    }
}

/// Makes a [`Net`] that differs from the usual one.
pub struct NetBuilder<F = Links> {
    pub(crate) seed: u64,
    pub(crate) fabric: F,
    pub(crate) keep: usize,
    pub(crate) packet_limit: usize,
    pub(crate) run_limit: Duration,
    pub(crate) panics: bool,
}

/// Nothing is lost, and everything takes as good as no time: a little, so that what was sent first arrives first, whoever
/// sent it.
pub(crate) fn ideal() -> Link {
    Link::default().latency(Latency::Constant(Duration::from_micros(1)))
}

impl NetBuilder<Links> {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            fabric: Links::new(ideal()),
            keep: 100_000,
            packet_limit: 10_000,
            run_limit: Duration::from_secs(60),
            panics: false,
        }
    }

    /// Joins all nodes by this link, instead of one that loses nothing and takes a microsecond.
    #[must_use]
    pub fn link(mut self, link: Link) -> Self {
        self.fabric.set_all(link);
        self
    }
}

impl<F: Fabric> NetBuilder<F> {
    /// Joins all nodes by another network: one with NATs, for example ([`ipv8_sim::nat`]).
    #[must_use]
    pub fn fabric<G: Fabric>(self, fabric: G) -> NetBuilder<G> {
        let Self { seed, fabric: _, keep, packet_limit, run_limit, panics } = self;
        NetBuilder { seed, fabric, keep, packet_limit, run_limit, panics }
    }

    /// Draws everything from this seed, unless `IPV8_TEST_SEED` says another one.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seeds::from_environment().unwrap_or(seed);
        self
    }

    /// Keeps so many packets, by default 100,000; when there are more, the oldest are forgotten.
    #[must_use]
    pub fn capture(mut self, packets: usize) -> Self {
        self.keep = packets.max(1);
        self
    }

    /// Takes a net for one that never falls silent when so many packets arrived in one [`Net::deliver`], or within one
    /// virtual second; by default 10,000.
    #[must_use]
    pub fn packet_limit(mut self, packets: usize) -> Self {
        self.packet_limit = packets;
        self
    }

    /// Gives futures so much virtual time in [`Net::run`], by default a minute.
    #[must_use]
    pub fn run_limit(mut self, limit: Duration) -> Self {
        self.run_limit = limit;
        self
    }

    /// Lets handlers and tasks panic without failing the test, as they may outside of tests.
    #[must_use]
    pub fn allow_panics(mut self) -> Self {
        self.panics = true;
        self
    }

    /// The net, without nodes.
    #[must_use]
    pub fn build(self) -> Net<F> {
        let Self { seed, fabric, keep, packet_limit, run_limit, panics } = self;
        let log = SharedLog::default();
        log.lock().keep = keep;
        let tap = Tap { inner: fabric, log: log.clone(), rules: Vec::new(), replaced: Vec::new() };
        Net {
            world: World::builder(seed).fabric(tap).build(),
            log,
            seed,
            nodes: Vec::new(),
            packet_limit,
            run_limit,
            panics,
            injected: VecDeque::new(),
            ignored: Vec::new(),
        }
        .with_known_messages()
    }

    /// The net with so many nodes of one community, which know each other. `make` is given each node's number.
    #[must_use]
    pub fn of<C: Community, O: Into<OverlayConfig<C>>>(
        self,
        nodes: usize,
        make: impl Fn(usize) -> O + Send + Sync + Clone + 'static,
    ) -> Net<F> {
        let mut net = self.build();
        net.add_all(nodes, make);
        net.introduce_all();
        net
    }
}
