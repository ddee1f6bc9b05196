//! `ipv8 demo`: a tracker and some peers in one process, on loopback UDP. They find each other, keep a Lamport clock, and store
//! and find a value and a peer in a DHT.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipv8::net::{Endpoint, Listen, Running};
use ipv8_core::{Handle, MaxPeers, NodeConfig, OverlayConfig, Target};
use ipv8_crypto::{Curve, Mid, PrivateKey};
use ipv8_dht::Dht;
use ipv8_discovery::{RandomWalk, TrackerBootstrapper};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, MissedTickBehavior};

mod dht;
mod events;
mod lamport;
mod report;

use crate::args::DemoOptions;
use crate::failure::Failure;
use crate::key::system_rng;
use crate::runtime::{self, Stop};
use crate::tracker;
use dht::Actor;
use events::{DhtEvent, Event, Summary};
use lamport::Lamport;
use report::Report;

/// How often is looked what happened in the meantime.
const LOOK: Duration = Duration::from_millis(50);

/// Without a time limit of the user's, the demo ends once all peers have found each other and the clock has come here.
const GOAL: u32 = 20;

/// Time between two steps of a walk: what all nodes take for a few peers, and less for many, so that these need not wait
/// for minutes.
const TICK: Duration = ipv8_core::strategy::DEFAULT_TICK;
const SHORTEST_TICK: Duration = Duration::from_millis(50);
const FEW_PEERS: u32 = 4;

/// Steps of the clock in a second, over all peers, at most.
const STEPS_PER_SECOND: u32 = 400;

/// Time between two steps that two peers make together, at least.
const PAUSE: Duration = Duration::from_millis(250);

/// How long the demo waits for its peers, and for each of them in addition, without a time limit of the user's.
const PATIENCE: Duration = Duration::from_secs(60);
const PATIENCE_PER_PEER: Duration = Duration::from_secs(2);

/// What happens in the DHT: three things.
const DHT_EVENTS: usize = 3;

/// Port 0 picks a free one, so that several demos can run at once.
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Runs a demo.
pub(crate) fn run(options: &DemoOptions) -> Result<(), Failure> {
    let mut report = report::report(options.json);
    runtime::block_on(async {
        let stop = Stop::new()?;
        let mut demo = Demo::new(options.peers)?;
        let result = demo.play(stop, options.seconds, report.as_mut()).await;
        runtime::goodbye(demo.end()).await;
        result
    })
}

/// A peer as the demo sees it from outside.
struct Player {
    number: usize,
    node: Running,
    lamport: Handle<Lamport>,
    dht: Dht,
    /// What was reported already.
    found: BTreeSet<Mid>,
    clock: u32,
}

struct Demo {
    start: Instant,
    keys: Vec<PrivateKey>,
    members: Arc<BTreeMap<Mid, usize>>,
    tracker: Option<tracker::Running>,
    players: Vec<Player>,
    /// What happens in the DHT, once it is used.
    dht: Option<Receiver<DhtEvent>>,
    dht_worked: bool,
}

impl Demo {
    fn new(peers: usize) -> Result<Self, Failure> {
        let mut rng = system_rng()?;
        let keys: Result<Vec<_>, _> = (0..peers).map(|_| PrivateKey::generate(Curve::Curve25519, &mut rng)).collect();
        let keys = keys.map_err(Failure::failed)?;
        let members = keys.iter().zip(1..).map(|(key, number)| (key.mid(), number)).collect();
        let start = Instant::now();
        Ok(Self {
            start,
            keys,
            members: Arc::new(members),
            tracker: None,
            players: Vec::new(),
            dht: None,
            dht_worked: false,
        })
    }

    async fn play(&mut self, mut stop: Stop, limit: Option<Duration>, report: &mut dyn Report) -> Result<(), Failure> {
        self.begin(report)?;
        let patience = PATIENCE + PATIENCE_PER_PEER * u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stopped = false;
        loop {
            self.look(report)?;
            let summary = self.summary();
            let goal = limit.is_none() && summary.is_success() && summary.clock >= GOAL;
            if stopped || goal || summary.seconds >= limit.unwrap_or(patience) {
                report.event(summary.seconds, &Event::Summary(summary))?;
                return verdict(&summary, stopped);
            }
            tokio::select! {
                () = stop.requested() => stopped = true,
                _ = looks.tick() => {}
            }
        }
    }

    /// Starts the tracker and the peers.
    fn begin(&mut self, report: &mut dyn Report) -> Result<(), Failure> {
        let key = PrivateKey::generate(Curve::Curve25519, &mut system_rng()?).map_err(Failure::failed)?;
        let tracker = tracker::start(Listen::exactly(ANY_PORT), key)?;
        let listen = tracker.address();
        report.event(self.start.elapsed(), &Event::Tracker { listen, mid: tracker.mid() })?;
        self.tracker = Some(tracker);
        for (key, number) in self.keys.iter().zip(1..) {
            let player = self.player(key, number, listen)?;
            let listen = player.node.local_addresses().first().copied().unwrap_or(ANY_PORT);
            report.event(self.start.elapsed(), &Event::Started { node: number, listen, mid: key.mid() })?;
            self.players.push(player);
        }
        Ok(())
    }

    /// Starts a peer.
    fn player(&self, key: &PrivateKey, number: usize, tracker: SocketAddr) -> Result<Player, Failure> {
        let peers = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        let pairs = u32::try_from(self.pairs()).unwrap_or(u32::MAX);
        let pause = PAUSE.max(Duration::from_secs(1).saturating_mul(pairs) / STEPS_PER_SECOND);
        let tick = (TICK.saturating_mul(FEW_PEERS) / peers.max(FEW_PEERS)).max(SHORTEST_TICK);
        let config = |seed| NodeConfig { tick, ..NodeConfig::new(key.clone(), seed) };
        let endpoint = Endpoint::bind_with(&[Listen::exactly(ANY_PORT)], config).map_err(Failure::failed)?;
        let overlay = OverlayConfig::new(Lamport::new(self.members.clone(), pause))
            .strategy(RandomWalk::default(), Target::Peers(self.keys.len()))
            .bootstrapper(TrackerBootstrapper::new([tracker.into()]))
            .max_peers(MaxPeers::Unlimited);
        let lamport = endpoint.node().load(overlay).map_err(Failure::failed)?;
        let dht = endpoint.node().load(dht::overlay(self.keys.len(), tracker.into())).map_err(Failure::failed)?;
        Ok(Player { number, node: endpoint.run(), lamport, dht: dht.into(), found: BTreeSet::new(), clock: 0 })
    }

    /// Reports what happened since the last look.
    fn look(&mut self, report: &mut dyn Report) -> Result<(), Failure> {
        let at = self.start.elapsed();
        for player in &mut self.players {
            let (found, clock) = player
                .lamport
                .with(|lamport, _| {
                    let new = lamport.found.iter().filter(|(mid, _)| !player.found.contains(mid));
                    (new.map(|(mid, address)| (*mid, *address)).collect::<Vec<_>>(), lamport.clock)
                })
                .map_err(Failure::failed)?;
            for (mid, address) in found {
                player.found.insert(mid);
                let found = self.members.get(&mid).copied().unwrap_or_default();
                report.event(at, &Event::Peer { node: player.number, mid, address, found })?;
            }
            if clock != player.clock {
                player.clock = clock;
                report.event(at, &Event::Clock { node: player.number, clock })?;
            }
        }
        self.use_dht();
        while let Some(event) = self.dht.as_mut().and_then(|events| events.try_recv().ok()) {
            self.dht_worked |= matches!(event, DhtEvent::Connected { .. });
            report.event(at, &Event::Dht(event))?;
        }
        Ok(())
    }

    /// Once all peers have found each other, the first stores a value, which the last one finds, and then the first.
    fn use_dht(&mut self) {
        let found: usize = self.players.iter().map(|player| player.found.len()).sum();
        if self.dht.is_some() || found < self.pairs() {
            return;
        }
        let (Some(first), Some(last)) = (self.players.first(), self.players.last()) else { return };
        let actor = |player: &Player| Actor { node: player.number, dht: player.dht.clone() };
        let (sender, receiver) = tokio::sync::mpsc::channel(DHT_EVENTS);
        self.dht = Some(receiver);
        // It ends with its nodes.
        drop(tokio::spawn(dht::play(actor(first), first.node.node().key().mid(), actor(last), sender)));
    }

    /// How many times there is somebody to be found: each peer finds every other one.
    fn pairs(&self) -> usize {
        self.keys.len() * self.keys.len().saturating_sub(1)
    }

    fn summary(&self) -> Summary {
        Summary {
            peers: self.keys.len(),
            pairs_found: self.players.iter().map(|player| player.found.len()).sum(),
            pairs: self.pairs(),
            clock: self.players.iter().map(|player| player.clock).max().unwrap_or_default(),
            dht: self.dht_worked,
            seconds: self.start.elapsed(),
            all_clocks_moved: self.players.iter().all(|player| player.clock > 0),
        }
    }

    /// Ends all nodes.
    async fn end(&mut self) {
        for player in self.players.drain(..) {
            player.node.stop_within(runtime::LAST_TASKS).await;
        }
        if let Some(tracker) = self.tracker.take() {
            tracker.stop().await;
        }
    }
}

/// What the program's exit status is to say.
fn verdict(summary: &Summary, stopped: bool) -> Result<(), Failure> {
    if summary.is_success() {
        return Ok(());
    }
    let advice = if stopped { "the demo was stopped too early" } else { "give it more --seconds" };
    let Summary { pairs_found, pairs, all_clocks_moved, .. } = summary;
    Err(Failure::Failed(if pairs_found != pairs {
        format!("only {pairs_found} of {pairs} times a peer found another: {advice}")
    } else if !all_clocks_moved {
        format!("the clock of some peer did not move: {advice}")
    } else {
        format!("the value in the DHT, or the peer that stored it, was not found: {advice}")
    }))
}
