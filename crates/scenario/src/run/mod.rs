//! From a scenario to what came out of it.

mod act;
mod attackers;
mod build;
mod dht;
mod graph;
mod malice;
mod memory;
mod plan;
mod random;
mod sample;
mod tally;
mod workload;

use std::{collections::HashMap, fmt, io, ops::ControlFlow, sync::Arc, time::Duration};

use ipv8_core::{Node, Time, crypto::Mid};
use ipv8_core::{OverlayConfig, SettingsError, wire::CommunityId};
use ipv8_discovery::{Tracker, TrackerLimits};
use rand::RngExt;

use ipv8_sim::{CpuModel, NodeId, NodeOptions, World, capture::Sink, link::exponential, nat::Nats};

pub use self::memory::{available_memory, needed_memory};
use self::{
    act::part,
    build::{Placer, Setup},
    dht::DhtRun,
    malice::Colluders,
    plan::{Action, Plan},
    sample::Sampler,
    tally::SharedTally,
};
pub(crate) use self::{build::catalog, random::mix};
use crate::{
    outcome::{Ended, Graph, Histogram, Mark, Outcome},
    scenario::{Join, Malice, NatKind, Parts, Scenario},
};

/// How far a run goes at once, in virtual time: how often it is looked whether nodes came to know enough peers, and whether
/// the run is to be interrupted.
const STEP: Duration = Duration::from_millis(100);

/// Why a simulation does not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The scenario contradicts itself, or has values out of range.
    #[error(transparent)]
    Scenario(#[from] SettingsError),
    /// An attacker cannot be made.
    #[error("an attacker cannot be made: {0}")]
    Attacker(String),
    /// It would not fit into the memory that is free.
    #[error(
        "{nodes} nodes would take about {} MiB, and {} MiB are free: take fewer nodes, or run it anyway",
        .needed >> 20, .available >> 20
    )]
    Memory {
        /// How many nodes there would be, those of flash crowds included.
        nodes: u32,
        /// Bytes that they would take, see [`needed_memory`].
        needed: u64,
        /// Bytes that are free.
        available: u64,
    },
}

/// How far a run has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// The virtual time that passed.
    pub at: Duration,
    /// When it ends at the latest.
    pub end: Duration,
    /// Events so far.
    pub events: u64,
    /// Nodes that are up, trackers not counted.
    pub up: u32,
}

/// Loads more into a node; it gets the node's number, from 0.
type Extra = Arc<dyn Fn(&Node, u32) + Send + Sync>;

/// How a scenario is run: nothing of it changes what comes out, except [`Options::also`].
#[derive(Default)]
pub struct Options {
    force: bool,
    threads: usize,
    sink: Option<Box<dyn Sink>>,
    also: Option<Extra>,
}

impl Options {
    /// Runs even if the memory that is free would not do by estimate.
    #[must_use]
    pub fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// Runs the nodes in this many threads at once, by default in one. What comes out is the same with any number, see
    /// [`WorldBuilder::threads`](ipv8_sim::WorldBuilder::threads).
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Hands every datagram to this sink, see [`ipv8_sim::capture`].
    #[must_use]
    pub fn capture(mut self, sink: impl Sink + 'static) -> Self {
        self.sink = Some(Box::new(sink));
        self
    }

    /// Loads more into every node whenever it starts, after the scenario's overlay: communities of one's own.
    #[must_use]
    pub fn also(mut self, load: impl Fn(&Node, u32) + Send + Sync + 'static) -> Self {
        self.also = Some(Arc::new(load));
        self
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("force", &self.force)
            .field("threads", &self.threads)
            .field("captures", &self.sink.is_some())
            .field("also", &self.also.is_some())
            .finish()
    }
}

/// A node of a scenario that is not a tracker.
#[derive(Debug)]
struct Member {
    id: NodeId,
    kind: NatKind,
    /// When it starts for the first time.
    start: Time,
    /// Whether it comes and goes, by the scenario's sessions.
    churns: bool,
    /// When it started last.
    since: Time,
    /// It spoils the DHT.
    malicious: bool,
    /// How many lengths were drawn for its sessions.
    drawn: u64,
    /// It crashed for good.
    gone: bool,
    /// The peers that it had when it went down.
    saved: Option<Vec<u8>>,
    /// After how long it knew so many peers as are measured.
    reached: Option<Duration>,
}

/// A scenario that runs.
///
/// [`Simulation::run`] does all of it. Those who want to look at the world in between call [`Simulation::step`] until it
/// says how the run ended, then [`Simulation::finish`].
pub struct Simulation {
    scenario: Scenario,
    options: Options,
    overlay: CommunityId,
    world: World<Nats>,
    trackers: Vec<NodeId>,
    members: Vec<Member>,
    /// Only looked up, never walked over.
    numbers: HashMap<Mid, u32>,
    placer: Placer,
    tally: SharedTally,
    dht: DhtRun,
    colluders: Colluders,
    plan: Plan,
    sampler: Sampler,
    marks: Vec<Mark>,
    graphs: Vec<Graph>,
    histograms: Vec<Histogram>,
}

impl Simulation {
    /// Makes the world of a scenario and its nodes, of which none has run yet.
    ///
    /// # Errors
    /// If the scenario cannot run, or would not fit into memory.
    pub fn new(scenario: &Scenario) -> Result<Self, StartError> {
        Self::with(scenario, Options::default())
    }

    /// The same with options.
    ///
    /// # Errors
    /// As [`Simulation::new`].
    pub fn with(scenario: &Scenario, mut options: Options) -> Result<Self, StartError> {
        let problems = scenario.problems();
        if !problems.is_empty() {
            return Err(SettingsError { problems }.into());
        }
        if let Some(available) = available_memory().filter(|_| !options.force) {
            let needed = needed_memory(scenario);
            if needed > available {
                return Err(StartError::Memory { nodes: scenario.nodes_in_all(), needed, available });
            }
        }
        let builder = World::builder(scenario.seed).fabric(Nats::new(scenario.link.link()));
        let builder = builder.threads(options.threads.max(1));
        let builder = if scenario.stamps { builder.stamps() } else { builder };
        let mut world = match options.sink.take() {
            Some(sink) => builder.capture(sink).build(),
            None => builder.build(),
        };
        if let Some(regions) = attackers::regions(scenario, &scenario.link) {
            world.fabric_mut().links_mut().set_regions(regions);
        }
        let mut simulation = Self {
            overlay: build::community_id(scenario.overlay.kind),
            world,
            trackers: Vec::new(),
            members: Vec::new(),
            numbers: HashMap::new(),
            placer: Placer::new(scenario.nat),
            tally: SharedTally::default(),
            dht: DhtRun::default(),
            colluders: Colluders::default(),
            plan: Plan::default(),
            sampler: Sampler::new(scenario),
            marks: Vec::new(),
            graphs: Vec::new(),
            histograms: Vec::new(),
            scenario: scenario.clone(),
            options,
        };
        if scenario.dht.as_ref().is_some_and(|dht| dht.malicious > 0.0) {
            simulation.colluders.invent(scenario.seed);
        }
        simulation.add_trackers();
        simulation.add_first_nodes();
        simulation.add_attackers()?;
        simulation.make_plan();
        Ok(simulation)
    }

    fn add_trackers(&mut self) {
        let limits = TrackerLimits { peers: self.scenario.trackers.peers, ..TrackerLimits::default() };
        for number in 0..self.scenario.trackers.count {
            let setup = move |node: &Node| {
                // A tracker's one overlay has no other one that it could contradict.
                if let Err(error) = node.load(OverlayConfig::new(Tracker::new(limits)).any_prefix()) {
                    tracing::error!(%error, "a tracker of a scenario runs without its overlay");
                }
            };
            let hardening = self.scenario.overlay.hardening.hardening();
            let options =
                NodeOptions::default().address(build::tracker_address(number)).hardening(hardening).setup(setup);
            self.trackers.push(self.world.add_node(options));
        }
    }

    fn add_first_nodes(&mut self) {
        let nodes = self.scenario.nodes;
        let mut rng = random::generator(self.scenario.seed, random::For::Join, 0);
        let mut start = Duration::ZERO;
        for number in 0..nodes {
            start = match self.scenario.join {
                Join::AtOnce => Duration::ZERO,
                Join::Evenly(over) => part_of(over, number, nodes),
                Join::Poisson(rate) => start + exponential(Duration::from_secs(1).div_f64(rate), &mut rng),
            };
            self.add_node(start);
        }
    }

    /// Adds a node that starts after a time.
    fn add_node(&mut self, start_after: Duration) {
        let number = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        let (kind, address) = self.placer.next(self.world.fabric_mut());
        let malice = self.malice_of(number);
        let setup = Setup {
            dht: dht::config(self.scenario.dht.as_ref()),
            malice,
            colluders: self.colluders.clone(),
            overlay: self.scenario.overlay.clone(),
            trackers: (0..self.scenario.trackers.count).map(build::tracker_address).collect(),
            requests: self.scenario.requests,
            tally: self.tally.clone(),
        };
        let also = self.options.also.clone();
        let overlay = &self.scenario.overlay;
        let mut options = NodeOptions::default()
            .address(address)
            .start_after(start_after)
            .hardening(overlay.hardening.hardening())
            .tick(overlay.tick)
            .setup(move |node| {
                setup.load(node);
                if let Some(also) = &also {
                    also(node, number);
                }
            });
        if let Some(cpu) = &self.scenario.cpu {
            options = options.cpu(CpuModel::default().slower(cpu.slower).buffer(cpu.buffer));
        }
        let id = self.world.add_node(self.with_clock(options, number));
        self.numbers.insert(self.world.node(id).key().mid(), number);
        if malice.is_some() {
            self.colluders.add(address, self.world.node(id).key().clone());
        }
        let start = self.world.now() + start_after;
        let (since, malicious) = (start, malice.is_some());
        let member = Member {
            id,
            kind,
            start,
            since,
            malicious,
            churns: false,
            drawn: 0,
            gone: false,
            saved: None,
            reached: None,
        };
        self.members.push(member);
        self.begin_sessions(number);
    }

    /// What a node does to the DHT. Malicious ones are spread evenly over all but those that stay.
    fn malice_of(&self, number: u32) -> Option<Malice> {
        let plan = self.scenario.dht.as_ref()?;
        let place = number.checked_sub(plan.staying)?;
        (part(&Parts::Share(plan.malicious), place) == 1).then_some(plan.malice)
    }

    /// Makes the clock of a node wrong.
    fn with_clock(&self, options: NodeOptions, number: u32) -> NodeOptions {
        let clocks = self.scenario.clocks;
        let mut rng = random::generator(self.scenario.seed, random::For::Clock, u64::from(number));
        let most = i32::try_from(clocks.skew).unwrap_or(i32::MAX);
        let (skew, is_ahead) = (rng.random_range(-most..=most), rng.random());
        let off = rng.random_range(Duration::ZERO..=clocks.off);
        let options = options.clock_skew(skew);
        if is_ahead { options.clock_ahead(off) } else { options.clock_behind(off) }
    }

    fn make_plan(&mut self) {
        for index in 0..self.scenario.events.len() {
            if let Some(event) = self.scenario.events.get(index) {
                self.plan.add(Time::ZERO + event.at, Action::Event(index));
            }
        }
        for at in &self.scenario.measure.graphs {
            self.plan.add(Time::ZERO + *at, Action::Graph);
        }
        for at in &self.scenario.measure.histograms {
            self.plan.add(Time::ZERO + *at, Action::Histograms);
        }
        self.plan_dht();
        self.plan.add(Time::ZERO + self.scenario.measure.every, Action::Sample);
    }

    /// Runs to the end.
    #[must_use]
    pub fn run(self) -> Outcome {
        self.run_with(|_| ControlFlow::Continue(()))
    }

    /// Runs to the end, and says every tenth of a virtual second how far it has come. If it is told to break, the run ends
    /// there, with what happened so far.
    #[must_use]
    pub fn run_with(mut self, mut progress: impl FnMut(Progress) -> ControlFlow<()>) -> Outcome {
        loop {
            if let Some(ended) = self.step() {
                return self.finish(ended);
            }
            if progress(self.progress()).is_break() {
                return self.finish(Ended::Interrupted);
            }
        }
    }

    /// Runs for a tenth of a virtual second, or until the end, and then says what ended it.
    pub fn step(&mut self) -> Option<Ended> {
        let end = Time::ZERO + self.scenario.stop.after;
        let stop = (self.world.now() + STEP).min(end);
        while let Some((at, action)) = self.plan.next_until(stop) {
            self.world.run_until(at);
            self.act(action);
        }
        self.world.run_until(stop);
        self.look_at_peers();
        if self.is_goal_reached() {
            return Some(Ended::Goal);
        }
        (stop >= end).then_some(Ended::TimeLimit)
    }

    /// Whether the sink of [`Options::capture`] wants no more: a comparison found a difference, or a file could not be
    /// written. The simulation goes on.
    #[must_use]
    pub const fn capture_over(&self) -> bool {
        self.world.capture_over()
    }

    /// Ends the capture, before [`Simulation::finish`]. Without this, the end of a file may be missing.
    ///
    /// # Errors
    /// The first thing that went wrong with the sink.
    pub fn finish_capture(&mut self) -> io::Result<()> {
        self.world.finish_capture()
    }

    /// How far it has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let up = self.members.iter().filter(|member| self.world.is_up(member.id)).count();
        Progress {
            at: self.world.now().since(Time::ZERO),
            end: self.scenario.stop.after,
            events: self.world.metrics().events,
            up: u32::try_from(up).unwrap_or(u32::MAX),
        }
    }

    /// The scenario.
    #[must_use]
    pub const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The world, to look at.
    #[must_use]
    pub const fn world(&self) -> &World<Nats> {
        &self.world
    }

    /// The nodes by number, trackers not among them.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.members.iter().map(|member| member.id)
    }

    /// How many peers of the scenario's overlay a node knows.
    fn peers_of(&self, member: &Member) -> usize {
        self.world.node(member.id).network(|network| network.count_serving(self.overlay)).unwrap_or_default()
    }

    /// Takes down who knows enough peers by now.
    fn look_at_peers(&mut self) {
        let wanted = usize::try_from(self.scenario.measure.peers).unwrap_or(usize::MAX);
        let now = self.world.now();
        for index in 0..self.members.len() {
            let Some(member) = self.members.get(index) else { continue };
            if member.reached.is_none() && self.world.is_up(member.id) && self.peers_of(member) >= wanted {
                let after = now.since(member.start);
                if let Some(member) = self.members.get_mut(index) {
                    member.reached = Some(after);
                }
            }
        }
    }

    fn is_goal_reached(&self) -> bool {
        let Some(goal) = self.scenario.stop.goal else { return false };
        let now = self.world.now();
        if self.members.iter().any(|member| member.start > now) {
            return false;
        }
        let wanted = usize::try_from(goal.peers).unwrap_or(usize::MAX);
        let up = self.members.iter().filter(|member| self.world.is_up(member.id));
        let (mut all, mut done) = (0_u32, 0_u32);
        for member in up {
            all += 1;
            done += u32::from(self.peers_of(member) >= wanted);
        }
        all > 0 && f64::from(done) >= goal.share * f64::from(all)
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation").field("scenario", &self.scenario.name).field("progress", &self.progress()).finish()
    }
}

/// A time divided evenly: the part before the number's turn.
fn part_of(time: Duration, number: u32, of: u32) -> Duration {
    let nanos = time.as_nanos() * u128::from(number) / u128::from(of.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
