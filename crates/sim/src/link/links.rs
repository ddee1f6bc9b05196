//! Links between all nodes.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use rand::rngs::Xoshiro256PlusPlus;
use smallvec::SmallVec;

use super::{Delivery, Fabric, Hosts, Packet, one::Link, regions::Regions, sender::Sender};
use crate::{metrics::Loss, world::NodeId};

/// Says whether a packet from the first node may reach the second.
type Passes = Box<dyn Fn(NodeId, NodeId) -> bool + Send>;

/// Links between all nodes: one for all pairs, others between [`Regions`] or for some pairs, and partitions.
#[derive(Default)]
pub struct Links {
    all: Link,
    regions: Option<Regions>,
    pairs: BTreeMap<(NodeId, NodeId), Link>,
    passes: Option<Passes>,
    // Only looked up, never walked over; one for each node at most that sends over a link with a memory.
    senders: HashMap<NodeId, Sender>,
}

impl Links {
    /// The same link between all nodes.
    #[must_use]
    pub fn new(all: Link) -> Self {
        Self { all, ..Self::default() }
    }

    /// Changes the link of all pairs that have none of their own and are not in regions.
    pub fn set_all(&mut self, link: Link) {
        self.all = link;
    }

    /// Lets the regions of two nodes choose their link, if the pair has none of its own.
    pub fn set_regions(&mut self, regions: Regions) {
        self.regions = Some(regions);
    }

    /// The regions, if there are any.
    #[must_use]
    pub const fn regions(&self) -> Option<&Regions> {
        self.regions.as_ref()
    }

    /// The regions, to change them.
    pub const fn regions_mut(&mut self) -> Option<&mut Regions> {
        self.regions.as_mut()
    }

    /// Gives two nodes a link of their own, in both directions.
    pub fn set_pair(&mut self, a: NodeId, b: NodeId, link: Link) {
        self.set_one_way(a, b, link);
        self.set_one_way(b, a, link);
    }

    /// Gives packets from one node to another a link of their own.
    pub fn set_one_way(&mut self, from: NodeId, to: NodeId, link: Link) {
        self.pairs.insert((from, to), link);
    }

    /// Lets packets pass only where `passes(from, to)` holds, when they are sent; those on their way arrive.
    pub fn partition(&mut self, passes: impl Fn(NodeId, NodeId) -> bool + Send + 'static) {
        self.passes = Some(Box::new(passes));
    }

    /// Lets all packets pass again.
    pub fn heal(&mut self) {
        self.passes = None;
    }

    /// The least time that any packet takes, over any of the links.
    #[must_use]
    pub fn least(&self) -> Duration {
        let regions = self.regions.as_ref().map(Regions::least);
        self.pairs.values().map(Link::least).chain(regions).fold(self.all.least(), Duration::min)
    }

    /// The link from one node to another. One whose receiver is not known yet takes the link of its region, or of all.
    /// Whether it makes a difference to whom a packet goes.
    pub(crate) fn tells_receivers_apart(&self) -> bool {
        self.regions.is_some() || self.passes.is_some() || !self.pairs.is_empty()
    }

    fn link(&self, from: NodeId, to: Option<NodeId>) -> Link {
        let own = to.filter(|_| !self.pairs.is_empty()).and_then(|to| self.pairs.get(&(from, to)));
        let regional = || self.regions.as_ref()?.link(from, to.unwrap_or(from));
        own.copied().or_else(regional).unwrap_or(self.all)
    }

    /// How long a packet takes, once for each copy.
    pub(crate) fn carry(
        &mut self,
        packet: &Packet<'_>,
        to: Option<NodeId>,
        rng: &mut Xoshiro256PlusPlus,
    ) -> Result<SmallVec<[Duration; 1]>, Loss> {
        if let (Some(passes), Some(to)) = (&self.passes, to)
            && !passes(packet.from, to)
        {
            return Err(Loss::Partition);
        }
        let link = self.link(packet.from, to);
        let sender = link.has_memory().then(|| self.senders.entry(packet.from).or_default());
        link.carry(packet, sender, rng)
    }
}

impl Fabric for Links {
    fn route(
        &mut self,
        packet: &Packet<'_>,
        hosts: &Hosts,
        rng: &mut Xoshiro256PlusPlus,
    ) -> Result<SmallVec<[Delivery; 1]>, Loss> {
        let to = hosts.at(packet.to).ok_or(Loss::NoHost)?;
        let transits = self.carry(packet, Some(to), rng)?;
        let arrival = |transit| Delivery { at: packet.now + transit, to: packet.to, source: packet.source };
        Ok(transits.into_iter().map(arrival).collect())
    }

    fn lookahead(&self) -> Duration {
        self.least()
    }
}

impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Links")
            .field("all", &self.all)
            .field("regions", &self.regions)
            .field("pairs", &self.pairs)
            .field("partitioned", &self.passes.is_some())
            .finish_non_exhaustive()
    }
}
