//! Parts of the world: where nodes are, and how far from each other.

use std::{collections::BTreeMap, time::Duration};

use super::{latency::Latency, one::Link};
use crate::{seed::mix, world::NodeId};

/// Names a region of [`Regions`], in the order in which they were added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RegionId(usize);

/// Regions, the nodes in them, and the links between them: what [`Links::set_regions`](super::Links::set_regions) takes.
///
/// A node is in the region that it was [assigned](Regions::assign) to, or else in one that is drawn from its number and the
/// [seed](Regions::seed), where each region has the chance of its weight.
///
/// ```
/// use std::time::Duration;
/// use ipv8_sim::{Latency, Link, Regions, World, link::Links};
///
/// let link = |millis| Link::default().latency(Latency::Constant(Duration::from_millis(millis)));
/// let mut regions = Regions::new(link(150));
/// let (near, far) = (regions.add("near", 3), regions.add("far", 1));
/// regions.connect(near, near, link(10));
/// regions.connect(near, far, link(90));
/// let mut world = World::builder(1).build();
/// world.fabric_mut().set_regions(regions);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Regions {
    /// Of pairs that were not connected.
    all: Link,
    seed: u64,
    regions: Vec<(String, u32)>,
    links: BTreeMap<(RegionId, RegionId), Link>,
    assigned: BTreeMap<NodeId, RegionId>,
}

impl Regions {
    /// No regions yet; those that are not connected are joined by this link.
    #[must_use]
    pub fn new(all: Link) -> Self {
        Self { all, ..Self::default() }
    }

    /// Six regions with the distances, the nodes and the uplinks of Bitcoin's network in 2019, as the simulator SimBlock has
    /// them (Aoki et al., "SimBlock: a blockchain network simulator", CryBlock 2019; `LATENCY_2019`, `UPLOAD_BANDWIDTH_2019`
    /// and `REGION_DISTRIBUTION_BITCOIN_2019` in its `NetworkConfiguration`).
    ///
    /// Its distances, 124 ms between North America and Europe for one, are those that a ping measures, so that half of them
    /// is taken for one way, with a standard deviation of a tenth. Before each uplink waits what it sends in a quarter of a
    /// second.
    #[must_use]
    pub fn internet() -> Self {
        let mut regions = Self::default();
        let ids = INTERNET.map(|(name, weight, _)| regions.add(name, weight));
        for ((from, pings), (_, _, bits)) in ids.into_iter().zip(PINGS).zip(INTERNET) {
            let bytes = bits / 8;
            for (to, ping) in ids.into_iter().zip(pings) {
                let mean = Duration::from_millis(ping) / 2;
                let latency = Latency::Normal { mean, deviation: mean / 10 };
                regions.connect_one_way(from, to, Link::default().latency(latency).bandwidth(bytes, bytes / 4));
            }
        }
        regions
    }

    /// Draws the regions of nodes by this seed, by default 0.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Adds a region, to which nodes are drawn by its weight: 3 gets three times as many as 1, 0 only those assigned to it.
    pub fn add(&mut self, name: impl Into<String>, weight: u32) -> RegionId {
        self.regions.push((name.into(), weight));
        RegionId(self.regions.len() - 1)
    }

    /// Joins two regions by a link in both directions, or the nodes within one.
    pub fn connect(&mut self, a: RegionId, b: RegionId, link: Link) {
        self.connect_one_way(a, b, link);
        self.connect_one_way(b, a, link);
    }

    /// Gives packets from one region to another a link of their own.
    pub fn connect_one_way(&mut self, from: RegionId, to: RegionId, link: Link) {
        self.links.insert((from, to), link);
    }

    /// Changes every link between regions, and the one of those that are not connected.
    pub fn change_links(&mut self, mut change: impl FnMut(Link) -> Link) {
        self.all = change(self.all);
        self.links.values_mut().for_each(|link| *link = change(*link));
    }

    /// Puts a node into a region.
    pub fn assign(&mut self, node: NodeId, region: RegionId) {
        self.assigned.insert(node, region);
    }

    /// The region of a node; none if there are no regions with a weight.
    #[must_use]
    pub fn of(&self, node: NodeId) -> Option<RegionId> {
        if let Some(region) = self.assigned.get(&node) {
            return Some(*region);
        }
        let total: u64 = self.regions.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let drawn = (u128::from(mix(mix(0, self.seed), u64::from(node.index()))) * u128::from(total)) >> 64;
        let mut below = 0;
        self.regions
            .iter()
            .position(|(_, weight)| {
                below += u128::from(*weight);
                drawn < below
            })
            .map(RegionId)
    }

    /// The regions, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (RegionId, &str)> {
        self.regions.iter().enumerate().map(|(index, (name, _))| (RegionId(index), name.as_str()))
    }

    /// The region of this name, the first if there are several.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<RegionId> {
        self.iter().find(|(_, other)| *other == name).map(|(id, _)| id)
    }

    /// The link from one node to another; none if one of them is in no region.
    pub(super) fn link(&self, from: NodeId, to: NodeId) -> Option<Link> {
        let pair = (self.of(from)?, self.of(to)?);
        Some(self.links.get(&pair).copied().unwrap_or(self.all))
    }

    /// The least time that a packet takes over any of the links.
    pub(super) fn least(&self) -> Duration {
        self.links.values().map(Link::least).fold(self.all.least(), Duration::min)
    }
}

/// Regions of the Internet: name, nodes of ten thousand, and bits a second of an uplink.
const INTERNET: [(&str, u32, u64); 6] = [
    ("North America", 3_316, 19_200_000),
    ("Europe", 4_998, 20_700_000),
    ("South America", 90, 5_800_000),
    ("Asia and Pacific", 1_177, 15_700_000),
    ("Japan", 224, 10_200_000),
    ("Australia", 195, 11_300_000),
];

/// Milliseconds there and back, between the regions in their order.
const PINGS: [[u64; 6]; 6] = [
    [32, 124, 184, 198, 151, 189],
    [124, 11, 227, 237, 252, 294],
    [184, 227, 88, 325, 301, 322],
    [198, 237, 325, 85, 58, 198],
    [151, 252, 301, 58, 12, 126],
    [189, 294, 322, 198, 126, 16],
];
