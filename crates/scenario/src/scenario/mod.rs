//! What a scenario says: plain data, which a file and Rust code make alike.

mod attack;
mod check;
mod dht;
mod event;
mod measure;
mod network;
mod population;

use std::time::Duration;

use ipv8_core::settings::Problem;

pub use self::{
    attack::{Attack, AttackKind},
    dht::{Dht, Malice},
    event::{Count, Event, Happening, Parts},
    measure::{Goal, Measure, Metric, Stop},
    network::{Clocks, Cpu, LinkModel, NatKind, NatMix, Region, RegionMap, Trackers},
    population::{HardeningLevel, Join, Length, Overlay, OverlayKind, Requests, Sessions, Walker},
};

/// The most nodes of a scenario, those that join in a flash crowd included: as many as have an address.
pub const MOST_NODES: u32 = 4_000_000;

/// A network, what happens to it, and what of it is measured.
///
/// All fields are public: begin with [`Scenario::new`] and change what differs. [`Scenario::from_toml`] makes one of a
/// file. Both are checked by [`Scenario::problems`] before they run.
///
/// ```
/// use std::time::Duration;
/// use ipv8_scenario::{Event, Happening, Parts, Scenario, Simulation, Stop};
///
/// let scenario = Scenario {
///     nodes: 20,
///     events: vec![Event::new(Duration::from_secs(5), Happening::Partition(Parts::Equal(2)))],
///     stop: Stop { after: Duration::from_secs(10), goal: None },
///     ..Scenario::new("split")
/// };
/// let outcome = Simulation::new(&scenario)?.run();
/// assert_eq!(outcome.marks.len(), 1);
/// # Ok::<(), ipv8_scenario::StartError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name, in lower case with hyphens.
    pub name: String,
    /// What it shows, in a sentence.
    pub about: String,
    /// What all randomness comes from.
    pub seed: u64,
    /// How many nodes there are, trackers and those of flash crowds not counted.
    pub nodes: u32,
    /// Whether stamps stand in for the signatures of packets, see [`WorldBuilder::stamps`](ipv8_sim::WorldBuilder::stamps): what comes
    /// out is the same but for the hash of the trace, for a fraction of the time.
    pub stamps: bool,
    /// Where nodes find their first peers.
    pub trackers: Trackers,
    /// What the nodes run.
    pub overlay: Overlay,
    /// When the nodes start.
    pub join: Join,
    /// How nodes come and go; by default all stay.
    pub sessions: Option<Sessions>,
    /// How packets fare between nodes.
    pub link: LinkModel,
    /// Where nodes are; by default nowhere in particular.
    pub regions: Option<RegionMap>,
    /// How many nodes are behind NATs.
    pub nat: NatMix,
    /// Questions that nodes ask each other; by default none.
    pub requests: Option<Requests>,
    /// What nodes store in the DHT and look for; by default nothing.
    pub dht: Option<Dht>,
    /// What the work of nodes costs; by default it takes no time.
    pub cpu: Option<Cpu>,
    /// How wrong the clocks of nodes are.
    pub clocks: Clocks,
    /// Who attacks the nodes.
    pub attackers: Vec<Attack>,
    /// What happens when; events of the same time happen in this order.
    pub events: Vec<Event>,
    /// What is measured.
    pub measure: Measure,
    /// When the run ends.
    pub stop: Stop,
}

impl Scenario {
    /// A hundred nodes of the default discovery overlay, which start within ten seconds, with one tracker and links of 20 to
    /// 80 milliseconds that lose nothing, for a minute; seed 1.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            about: String::new(),
            seed: 1,
            nodes: 100,
            stamps: false,
            trackers: Trackers::default(),
            overlay: Overlay::default(),
            join: Join::default(),
            sessions: None,
            link: LinkModel::default(),
            regions: None,
            nat: NatMix::default(),
            requests: None,
            dht: None,
            cpu: None,
            clocks: Clocks::default(),
            attackers: Vec::new(),
            events: Vec::new(),
            measure: Measure::default(),
            stop: Stop::default(),
        }
    }

    /// What contradicts itself or is out of range, with the paths that these values have in a file; none if it can run.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        check::problems(self)
    }

    /// All nodes that there will ever be, those of flash crowds included, trackers not counted.
    #[must_use]
    pub fn nodes_in_all(&self) -> u32 {
        self.events.iter().fold(self.nodes, |sum, event| match &event.what {
            Happening::FlashCrowd { count, .. } => sum.saturating_add(count.of(self.nodes)),
            _ => sum,
        })
    }

    /// The same scenario over another time: events and moments of measurement after it are left out.
    #[must_use]
    pub fn until(mut self, end: Duration) -> Self {
        self.stop.after = end;
        self.events.retain(|event| event.at <= end);
        self.attackers.retain(|attack| attack.from <= end);
        if let Some(dht) = &mut self.dht {
            dht.find_at.retain(|at| *at <= end);
            dht.store_at = dht.store_at.min(end);
        }
        self.measure.graphs.retain(|at| *at <= end);
        self.measure.histograms.retain(|at| *at <= end);
        self.measure.every = self.measure.every.min(end).max(Measure::SHORTEST);
        self
    }
}
