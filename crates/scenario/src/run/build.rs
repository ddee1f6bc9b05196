//! From a scenario to a world: addresses, NATs, and what nodes load.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use ipv8_core::{Community, MaxPeers, Node, OverlayConfig, StrategyCatalog, Target, wire::CommunityId};
use ipv8_core::{Settings, wire::Address};
use ipv8_dht::{DHT_COMMUNITY, DhtCommunity, DhtConfig};
use ipv8_discovery::{DISCOVERY_COMMUNITY, DiscoveryCommunity, RandomWalk, TrackerBootstrapper, strategies};
use ipv8_sim::nat::{NatId, Nats};

use super::{
    malice::{Colluders, Forgetful, Malicious},
    tally::SharedTally,
    workload::{PLAIN, Plain, Workload},
};
use crate::scenario::{Malice, NatKind, NatMix, Overlay, OverlayKind, Requests};

/// The port of trackers.
const TRACKER_PORT: u16 = 6_421;

/// The port of open nodes.
const NODE_PORT: u16 = 8_090;

/// Peers until which a node walks by default, as the reference's.
const DEFAULT_PEERS: usize = 20;

/// The strategies that nodes of this kind can have.
pub(crate) fn catalog(kind: OverlayKind) -> StrategyCatalog {
    match kind {
        OverlayKind::Discovery => strategies().and(DiscoveryCommunity::available_strategies()),
        OverlayKind::Plain => strategies(),
        OverlayKind::Dht => strategies().and(DhtCommunity::available_strategies()),
    }
}

/// The community that is looked at.
pub(crate) const fn community_id(kind: OverlayKind) -> CommunityId {
    match kind {
        OverlayKind::Discovery => DISCOVERY_COMMUNITY,
        OverlayKind::Plain => PLAIN,
        OverlayKind::Dht => DHT_COMMUNITY,
    }
}

/// Where a tracker is.
pub(crate) fn tracker_address(number: u32) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::from_bits(0x5a00_0001 | number << 16), TRACKER_PORT))
}

/// Where an open node is. Nodes are in as many networks as possible, since a hardened node believes several networks
/// rather than one: the first 8,192 are each in a /16 of their own, from 46.0.0.0/16 to 77.255.0.0/16.
fn open_address(number: u32) -> SocketAddr {
    let (first, rest) = (46 + number % 32, number / 32);
    let (second, rest) = (rest % 256, rest / 256);
    let ip = first << 24 | second << 16 | (rest % 256) << 8 | (1 + rest / 256);
    SocketAddr::from((Ipv4Addr::from_bits(ip), NODE_PORT))
}

/// Gives out addresses: to each node the kind of connection that lags most behind its share.
#[derive(Debug)]
pub(crate) struct Placer {
    mix: NatMix,
    /// How many nodes have each kind, and how many have one at all.
    given: [(NatKind, u32); 5],
    nodes: u32,
    /// The last NAT of each kind, with how many nodes are behind it.
    last: Vec<(NatKind, NatId, u32)>,
}

impl Placer {
    pub(crate) fn new(mix: NatMix) -> Self {
        Self { mix, given: mix.shares().map(|(kind, _)| (kind, 0)), nodes: 0, last: Vec::new() }
    }

    /// The next node's connection.
    pub(crate) fn next(&mut self, nats: &mut Nats) -> (NatKind, SocketAddr) {
        let number = self.nodes;
        self.nodes += 1;
        let mut most = (NatKind::Open, f64::MIN);
        for ((kind, given), (_, share)) in self.given.iter().zip(self.mix.shares()) {
            let lag = share * f64::from(self.nodes) - f64::from(*given);
            if share > 0.0 && lag > most.1 {
                most = (*kind, lag);
            }
        }
        let kind = most.0;
        if let Some((_, given)) = self.given.iter_mut().find(|(other, _)| *other == kind) {
            *given += 1;
        }
        let Some(nat) = kind.nat() else { return (kind, open_address(number)) };
        let behind_each = self.mix.behind_each;
        let place = self.last.iter_mut().find(|(other, _, _)| *other == kind);
        let id = match place {
            Some((_, id, behind)) if *behind < behind_each => {
                *behind += 1;
                *id
            }
            Some((_, id, behind)) => {
                (*id, *behind) = (nats.add(nat), 1);
                *id
            }
            None => {
                let id = nats.add(nat);
                self.last.push((kind, id, 1));
                id
            }
        };
        (kind, nats.lease(id))
    }
}

/// What a node loads when it starts.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) overlay: Overlay,
    pub(crate) trackers: Vec<SocketAddr>,
    pub(crate) requests: Option<Requests>,
    pub(crate) tally: SharedTally,
    pub(crate) dht: DhtConfig,
    pub(crate) malice: Option<Malice>,
    pub(crate) colluders: Colluders,
}

impl Setup {
    pub(crate) fn load(&self, node: &Node) {
        let loaded = match self.overlay.kind {
            OverlayKind::Discovery => self.load_overlay(node, DiscoveryCommunity::default()),
            OverlayKind::Plain => self.load_overlay(node, Plain),
            OverlayKind::Dht => match self.malice {
                None => self.load_overlay(node, DhtCommunity::new(self.dht.clone())),
                Some(Malice::Forgetful) => {
                    let honest_else =
                        DhtCommunity::with_stores(self.dht.clone(), Box::new(Forgetful), Box::new(Forgetful));
                    self.load_overlay(node, honest_else)
                }
                Some(malice) => {
                    let malicious = Malicious::new(malice == Malice::Liar, self.colluders.clone());
                    self.load_overlay(node, malicious)
                }
            },
        };
        let loaded = loaded.and_then(|()| {
            let Some(requests) = self.requests else { return Ok(()) };
            let workload = Workload::new(requests, community_id(self.overlay.kind), self.tally.clone());
            node.load(OverlayConfig::new(workload)).map(|_| ())
        });
        // One node has each of them once, which is all that could be refused.
        if let Err(error) = loaded {
            tracing::error!(%error, "a node of a scenario runs without its overlay");
        }
    }

    fn load_overlay<C: Community>(&self, node: &Node, community: C) -> Result<(), ipv8_core::LoadError> {
        let max_peers = self.overlay.max_peers.map_or(MaxPeers::Unlimited, MaxPeers::Limit);
        let trackers = self.trackers.iter().copied().map(Address::from);
        let mut config = OverlayConfig::new(community)
            .max_peers(max_peers)
            .bootstrapper(TrackerBootstrapper::new(trackers).timeout(Duration::from_secs(30)));
        if self.overlay.walkers.is_empty() {
            config = config.strategy(RandomWalk::default(), Target::Peers(DEFAULT_PEERS));
            for (strategy, target) in C::default_strategies() {
                config = config.boxed_strategy(strategy, target);
            }
        }
        let catalog = catalog(self.overlay.kind);
        for walker in &self.overlay.walkers {
            let mut settings = Settings::new(walker.settings.clone());
            // The scenario was checked, so each of them can be made.
            match catalog.make(&walker.strategy, &mut settings) {
                Ok(strategy) => config = config.boxed_strategy(strategy, walker.target),
                Err(error) => tracing::error!(%error, "a node of a scenario runs without a strategy"),
            }
        }
        node.load(config).map(|_| ())
    }
}
