//! The network: trackers, links, regions, NATs, and what runs on the machines.

use std::time::Duration;

use ipv8_sim::{Latency, Link, nat::Nat};

/// Where nodes find their first peers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trackers {
    /// How many there are, at least one. All nodes know all of them.
    pub count: u32,
    /// How many peers of a community each of them keeps (the reference's 100).
    pub peers: usize,
}

impl Default for Trackers {
    fn default() -> Self {
        Self { count: 1, peers: 100 }
    }
}

/// Which part of the nodes is behind which kind of NAT; the others are open. Kinds are spread evenly over all nodes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NatMix {
    /// The part behind a full cone.
    pub full_cone: f64,
    /// The part behind an address-restricted cone.
    pub address_restricted: f64,
    /// The part behind a port-restricted cone.
    pub port_restricted: f64,
    /// The part behind a symmetric NAT.
    pub symmetric: f64,
    /// How many nodes share a NAT.
    pub behind_each: u32,
}

impl Default for NatMix {
    /// No NATs.
    fn default() -> Self {
        Self { full_cone: 0.0, address_restricted: 0.0, port_restricted: 0.0, symmetric: 0.0, behind_each: 1 }
    }
}

impl NatMix {
    /// The parts by kind; the first are the open ones.
    #[must_use]
    pub fn shares(&self) -> [(NatKind, f64); 5] {
        let behind = [
            (NatKind::FullCone, self.full_cone),
            (NatKind::AddressRestricted, self.address_restricted),
            (NatKind::PortRestricted, self.port_restricted),
            (NatKind::Symmetric, self.symmetric),
        ];
        let open = behind.iter().fold(1.0, |open, (_, share)| open - share);
        let [a, b, c, d] = behind;
        [(NatKind::Open, open.max(0.0)), a, b, c, d]
    }

    /// The part that is behind any NAT.
    #[must_use]
    pub fn behind(&self) -> f64 {
        self.full_cone + self.address_restricted + self.port_restricted + self.symmetric
    }
}

/// How a node is connected. Kinds of NATs are named as in RFC 3489.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum NatKind {
    /// Directly.
    Open,
    /// Behind a full cone.
    FullCone,
    /// Behind an address-restricted cone.
    AddressRestricted,
    /// Behind a port-restricted cone.
    PortRestricted,
    /// Behind a symmetric NAT.
    Symmetric,
}

impl NatKind {
    /// Its name in files and results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::FullCone => "full_cone",
            Self::AddressRestricted => "address_restricted",
            Self::PortRestricted => "port_restricted",
            Self::Symmetric => "symmetric",
        }
    }

    /// The NAT, if there is one.
    #[must_use]
    pub const fn nat(self) -> Option<Nat> {
        match self {
            Self::Open => None,
            Self::FullCone => Some(Nat::full_cone()),
            Self::AddressRestricted => Some(Nat::address_restricted()),
            Self::PortRestricted => Some(Nat::port_restricted()),
            Self::Symmetric => Some(Nat::symmetric()),
        }
    }
}

/// How packets fare between two nodes. See [`Link`] for what each of them does, and in which order.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LinkModel {
    /// How long a packet takes. Between regions, it is theirs.
    pub latency: Latency,
    /// Up to how much longer it takes, evenly.
    pub jitter: Duration,
    /// The part of all packets that is lost.
    pub loss: f64,
    /// The part of all packets that comes twice.
    pub duplication: f64,
    /// The part of all packets that is held up, and for how long.
    pub reordering: Option<(f64, Duration)>,
    /// Bytes a second of each sender's uplink, and bytes that wait before it; without limit, if it is `None`.
    pub bandwidth: Option<(u64, u64)>,
    /// How long a good time lasts on average, and a bad one, and the part of packets that is lost in it.
    pub bursts: Option<(Duration, Duration, f64)>,
}

impl Default for LinkModel {
    /// 20 to 80 milliseconds, evenly; nothing is lost.
    fn default() -> Self {
        Self {
            latency: Latency::Uniform(Duration::from_millis(20), Duration::from_millis(80)),
            jitter: Duration::ZERO,
            loss: 0.0,
            duplication: 0.0,
            reordering: None,
            bandwidth: None,
            bursts: None,
        }
    }
}

impl LinkModel {
    /// The link.
    #[must_use]
    pub fn link(&self) -> Link {
        self.upon(Link::default().latency(self.latency))
    }

    /// A link with all but the latency from here.
    #[must_use]
    pub fn upon(&self, link: Link) -> Link {
        let mut link = link.jitter(self.jitter).loss(self.loss).duplication(self.duplication);
        if let Some((share, by)) = self.reordering {
            link = link.reordering(share, by);
        }
        if let Some((bytes, queue)) = self.bandwidth {
            link = link.bandwidth(bytes, queue);
        }
        if let Some((every, lasts, loss)) = self.bursts {
            link = link.bursts(every, lasts, loss);
        }
        link
    }
}

/// Where nodes are, and how far from each other. Each is drawn, from the seed.
#[derive(Clone, PartialEq, Debug)]
pub enum RegionMap {
    /// Six regions of the Internet, with distances, uplinks and numbers of nodes that were measured: see
    /// [`Regions::internet`](ipv8_sim::Regions::internet).
    Internet,
    /// One's own.
    Own(Vec<Region>),
}

/// A region of one's own.
#[derive(Clone, PartialEq, Debug)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// How many nodes it gets compared to the others: 3 gets three times as many as 1.
    pub weight: u32,
    /// How long a packet takes to each region, in their order, this one included; with a deviation of a tenth.
    pub latency: Vec<Duration>,
}

/// What the work of nodes costs in virtual time. Without it, work takes none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cpu {
    /// How many times as long everything takes as on the machine of [`CpuModel`](ipv8_sim::CpuModel): 10 is a small board
    /// computer.
    pub slower: u32,
    /// Bytes of the socket's receive buffer.
    pub buffer: usize,
}

impl Default for Cpu {
    /// A server, with the buffer that Linux grants.
    fn default() -> Self {
        Self { slower: 1, buffer: 425_984 }
    }
}

/// How wrong the clocks of nodes are. Each is drawn evenly, from the seed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Clocks {
    /// By how many millionths they run too fast or too slow at most.
    pub skew: u32,
    /// By how much their time since 1970 is wrong at most, in either direction.
    pub off: Duration,
}
