//! What is measured, and when a run ends.

use std::time::Duration;

use crate::outcome::Unit;

/// What is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measure {
    /// How often the metrics are looked at, in virtual time.
    pub every: Duration,
    /// Which metrics; those that the scenario has no values for (requests, without any) are left out.
    pub metrics: Vec<Metric>,
    /// For which number of peers is measured how long nodes take to know as many.
    pub peers: u32,
    /// When the distributions of peers and of in-degrees are taken, beside the end.
    pub histograms: Vec<Duration>,
    /// When the graph of who knows whom is taken.
    pub graphs: Vec<Duration>,
}

impl Measure {
    /// The shortest interval.
    pub const SHORTEST: Duration = Duration::from_millis(100);
}

impl Default for Measure {
    /// All metrics every five seconds, ten peers, and no moments but the end.
    fn default() -> Self {
        Self {
            every: Duration::from_secs(5),
            metrics: Metric::ALL.to_vec(),
            peers: 10,
            histograms: Vec::new(),
            graphs: Vec::new(),
        }
    }
}

/// What can be measured over time. Rates are those since the last look.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Metric {
    /// Nodes that are up.
    Up,
    /// Peers that a node knows.
    Peers,
    /// Datagrams that a node sends in a second.
    Messages,
    /// Bytes that a node sends in a second.
    Bytes,
    /// The part of all datagrams that is lost, whatever the reason.
    Losses,
    /// The part of the peers that nodes know which are down.
    Stale,
    /// The part of the nodes in the largest group that is connected: by who knows whom, in whichever direction.
    Connected,
    /// How long answers take, of the questions that were answered.
    Latency,
    /// The part of the questions that ended which had no answer.
    Failures,
    /// The part of the searches in the DHT that ended which found what was stored.
    Found,
    /// How long searches in the DHT take to find it.
    FindLatency,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Up,
        Self::Peers,
        Self::Messages,
        Self::Bytes,
        Self::Losses,
        Self::Stale,
        Self::Connected,
        Self::Latency,
        Self::Failures,
        Self::Found,
        Self::FindLatency,
    ];

    /// Its name in files and results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "nodes_up",
            Self::Peers => "peers",
            Self::Messages => "messages",
            Self::Bytes => "bytes",
            Self::Losses => "losses",
            Self::Stale => "stale_peers",
            Self::Connected => "connected",
            Self::Latency => "request_latency",
            Self::Failures => "request_failures",
            Self::Found => "dht_found",
            Self::FindLatency => "dht_latency",
        }
    }

    /// What it is, for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Up => "nodes that are up",
            Self::Peers => "peers known to a node",
            Self::Messages => "datagrams sent by a node",
            Self::Bytes => "bytes sent by a node",
            Self::Losses => "part of datagrams lost",
            Self::Stale => "part of known peers that are down",
            Self::Connected => "part of nodes in the largest connected group",
            Self::Latency => "time to an answer",
            Self::Failures => "part of requests without answer",
            Self::Found => "part of values in the DHT that are found",
            Self::FindLatency => "time until a value is found",
        }
    }

    /// What its values are.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::Up | Self::Peers => Unit::Count,
            Self::Messages => Unit::PerSecond,
            Self::Bytes => Unit::BytesPerSecond,
            Self::Losses | Self::Stale | Self::Connected | Self::Failures | Self::Found => Unit::Share,
            Self::Latency | Self::FindLatency => Unit::Seconds,
        }
    }

    /// Whether it has values only if nodes ask each other something.
    #[must_use]
    pub const fn needs_requests(self) -> bool {
        matches!(self, Self::Latency | Self::Failures)
    }

    /// Whether it has values only if nodes use the DHT.
    #[must_use]
    pub const fn needs_dht(self) -> bool {
        matches!(self, Self::Found | Self::FindLatency)
    }
}

/// When a run ends.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Stop {
    /// After this virtual time at the latest.
    pub after: Duration,
    /// When this is reached, if it is given.
    pub goal: Option<Goal>,
}

impl Default for Stop {
    /// After a minute.
    fn default() -> Self {
        Self { after: Duration::from_secs(60), goal: None }
    }
}

/// What a run may stop for: enough nodes know enough peers. It counts once all nodes have started for the first time.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Goal {
    /// The part of the nodes that are up.
    pub share: f64,
    /// How many peers each of them has to know.
    pub peers: u32,
}
