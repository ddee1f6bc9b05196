//! The nodes: what they run, when they start, how they come and go, and what they ask each other.

use std::time::Duration;

use indexmap::IndexMap;
use ipv8_core::{Hardening, Target, settings::Value, strategy::DEFAULT_TICK};

/// What the nodes run.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlay {
    /// The community.
    pub kind: OverlayKind,
    /// The strategies by name, as in the configuration of a node. None stands for those that a node has by default: a
    /// `RandomWalk` until 20 peers are known, and what the community adds.
    pub walkers: Vec<Walker>,
    /// How many peers it takes; `None` for any number.
    pub max_peers: Option<usize>,
    /// How much the nodes trust what they are told.
    pub hardening: HardeningLevel,
    /// The time in which every strategy takes one step.
    pub tick: Duration,
}

impl Default for Overlay {
    /// The discovery overlay with its default strategies, 30 peers and a tick of half a second.
    fn default() -> Self {
        Self {
            kind: OverlayKind::default(),
            walkers: Vec::new(),
            max_peers: Some(30),
            hardening: HardeningLevel::default(),
            tick: DEFAULT_TICK,
        }
    }
}

/// A community that nodes of a scenario can run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OverlayKind {
    /// [`DiscoveryCommunity`](ipv8_discovery::DiscoveryCommunity), which every IPv8 network has.
    #[default]
    Discovery,
    /// A community without messages of its own: what every community of a user has by itself, and no more.
    Plain,
    /// [`DhtCommunity`](ipv8_dht::DhtCommunity), the distributed hash table.
    Dht,
}

impl OverlayKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Discovery, Self::Plain, Self::Dht];

    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Discovery => "DiscoveryCommunity",
            Self::Plain => "Plain",
            Self::Dht => "DhtCommunity",
        }
    }
}

/// A strategy by name, see [`ipv8_discovery::strategies`].
#[derive(Clone, Debug, PartialEq)]
pub struct Walker {
    /// The name.
    pub strategy: String,
    /// Until when it runs.
    pub target: Target,
    /// Its settings, as the catalogue knows them.
    pub settings: IndexMap<String, Value>,
}

impl Walker {
    /// One without settings.
    #[must_use]
    pub fn new(strategy: impl Into<String>, target: Target) -> Self {
        Self { strategy: strategy.into(), target, settings: IndexMap::new() }
    }
}

/// How much nodes trust what they are told: the ready ones of [`Hardening`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum HardeningLevel {
    /// As much as the reference does.
    Reference,
    /// Safe wherever no honest peer can tell: the default of every node.
    #[default]
    Compatible,
    /// As little as the protocol allows.
    Hardened,
}

impl HardeningLevel {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Reference, Self::Compatible, Self::Hardened];

    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Compatible => "compatible",
            Self::Hardened => "hardened",
        }
    }

    /// What it stands for.
    #[must_use]
    pub fn hardening(self) -> Hardening {
        match self {
            Self::Reference => Hardening::reference(),
            Self::Compatible => Hardening::default(),
            Self::Hardened => Hardening::hardened(),
        }
    }
}

/// When nodes start.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Join {
    /// All at the beginning.
    AtOnce,
    /// One after the other, evenly over a time.
    Evenly(Duration),
    /// Independently of each other, so many a second on average (a Poisson process).
    Poisson(f64),
}

impl Default for Join {
    /// Evenly over ten seconds.
    fn default() -> Self {
        Self::Evenly(Duration::from_secs(10))
    }
}

/// How long something lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Length {
    /// Always as long.
    Fixed(Duration),
    /// By an exponential distribution with this mean: how long it has lasted says nothing about how long it will.
    Exponential(Duration),
    /// By a Weibull distribution of shape one half with this median: most are short and a few are long, and how long it has lasted
    /// says how long it will. So are the sessions of peers in Kad and BitTorrent (Stutzbach and Rejaie, "Understanding churn in
    /// peer-to-peer networks", 2006; Steiner and others, "Analyzing peer behavior in KAD", 2007). The mean is 4.16 medians.
    Weibull(Duration),
}

/// How nodes come and go. They go without a word, as a program does that is ended or a machine that is switched off.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sessions {
    /// How long a node is there.
    pub length: Length,
    /// How long it is gone.
    pub pause: Length,
    /// Which part of the nodes comes and goes; the others stay. 1 is all.
    pub share: f64,
    /// Whether a node that comes back knows the peers that it had, as from a peer file.
    pub keep_peers: bool,
}

impl Default for Sessions {
    /// All nodes, five minutes there and one minute away on average, without a memory.
    fn default() -> Self {
        Self {
            length: Length::Exponential(Duration::from_secs(300)),
            pause: Length::Exponential(Duration::from_secs(60)),
            share: 1.0,
            keep_peers: false,
        }
    }
}

/// Questions that nodes ask random peers of their overlay, who answer at once: for latency and success.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Requests {
    /// How many a node asks in a second, on average; independently of each other.
    pub rate: f64,
    /// Bytes in the body of a question, and of its answer.
    pub size: usize,
    /// How long an answer is waited for.
    pub timeout: Duration,
}

impl Default for Requests {
    /// One in five seconds, of 64 bytes, with ten seconds for an answer.
    fn default() -> Self {
        Self { rate: 0.2, size: 64, timeout: Duration::from_secs(10) }
    }
}
