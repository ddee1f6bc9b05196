//! Everything a node knows, behind one lock.

mod due;
mod receive;

use std::{
    any::TypeId,
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    net::{Ipv4Addr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::{Arc, Weak},
    time::Duration,
};

use ipv8_crypto::{Mid, PrivateKey, Signer};
use ipv8_wire::{CommunityId, PREFIX_LEN, Prefix};
use rand::rngs::StdRng;

use crate::{
    addresses::OwnAddresses,
    bootstrap::{Bootstrapper, Resolve},
    community::{Erased, MaxPeers, OverlayId},
    context::{Context, Received},
    defence::asked::Asked,
    defence::hardening::{DefenceTables, Hardening},
    defence::limits::Punctures,
    inbound::Inbound,
    network::{Network, NetworkEvent},
    node::{Clock, Shared},
    observe::{Observation, Observer},
    outbox::{Outbox, Transmit},
    request::{Caches, Passthrough, Requests},
    routes::RouteTable,
    schedule::{Callback, CallbackId, TaskRef},
    sorted::SortedMap,
    stats::{self, MessageStats, Queues, Stats, StatsReport, TaskStats, TaskTable, Traffic},
    strategy::Walkers,
    tasks::{Tasks, drop_quietly, panic_text},
    time::Time,
    timers::Timers,
    unload::{Closing, Registered},
    watch::Activity,
};

/// Names that may wait to be resolved; a bootstrapper asks for a handful.
const MOST_RESOLVES: usize = 256;

/// Rounds of hooks that a change of the network may set off before the rest waits for the next turn.
const HOOK_ROUNDS: usize = 16;

/// One overlay that is loaded.
pub(crate) struct OverlayState {
    pub(crate) id: OverlayId,
    pub(crate) community_id: CommunityId,
    pub(crate) prefix: Prefix,
    pub(crate) name: &'static str,
    pub(crate) type_id: TypeId,
    pub(crate) key: PrivateKey,
    pub(crate) max_peers: MaxPeers,
    pub(crate) own_network: Option<Network>,
    pub(crate) routes: Arc<RouteTable>,
    /// `None` while one of its methods runs.
    pub(crate) community: Option<Box<dyn Erased>>,
    pub(crate) bootstrappers: Vec<Box<dyn Bootstrapper>>,
    pub(crate) callbacks: BTreeMap<CallbackId, Callback>,
    pub(crate) next_callback: u64,
    pub(crate) names: HashMap<Arc<str>, TaskRef>,
    pub(crate) request_extra: Vec<u8>,
    pub(crate) response_extra: Vec<u8>,
    pub(crate) asked: Asked,
    /// Whose punctures it is told of.
    pub(crate) expected: BTreeSet<Mid>,
    /// What handlers store for a while; most overlays store nothing.
    pub(crate) caches: Option<Box<Caches>>,
    /// Timeouts that a test overrides.
    pub(crate) passthrough: Option<Box<Passthrough>>,
    /// It goes: no requests and caches are taken any more.
    pub(crate) over: bool,
    pub(crate) traffic: Traffic,
    /// What the tasks did that ended.
    pub(crate) ended: TaskTable,
    pub(crate) at_unload: Vec<Registered>,
    /// It is on its way out.
    pub(crate) closing: Option<Box<Closing>>,
}

/// A place for an overlay; places are used again, with another generation.
#[derive(Default)]
pub(crate) struct Place {
    generation: u32,
    pub(crate) overlay: Option<Box<OverlayState>>,
}

/// The state of a node.
pub(crate) struct State {
    pub(crate) now: Time,
    pub(crate) unix_origin: Duration,
    pub(crate) rng: StdRng,
    pub(crate) network: Network,
    pub(crate) own: OwnAddresses,
    pub(crate) hardening: Hardening,
    pub(crate) signer: Box<dyn Signer>,
    pub(crate) punctures: Punctures,
    pub(crate) outbox: Outbox,
    pub(crate) timers: Timers,
    pub(crate) walkers: Walkers,
    pub(crate) requests: Requests,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) activity: Arc<Activity>,
    pub(crate) stats: Stats,
    /// What the overlays counted that are no more.
    unloaded: MessageStats,
    /// The driver's clock, to measure with; the time of the node is that of its turn.
    clock: Option<Clock>,
    pub(crate) shared: Weak<Shared>,
    pub(crate) observer: Option<Observer>,
    /// The Lamport time of each key (`protocol.md` section 1).
    pub(crate) clocks: SortedMap<Mid, u64>,
    /// Community id and key of every overlay, for those that look at all of them.
    pub(crate) directory: BTreeMap<OverlayId, (CommunityId, PrivateKey)>,
    /// The overlays that want the packets of ids that no other has; the last one gets them.
    pub(crate) catch_all: Vec<OverlayId>,
    inbound: Inbound,
    places: Vec<Place>,
    prefixes: SortedMap<[u8; PREFIX_LEN], OverlayId>,
    resolves: VecDeque<Resolve>,
    /// Where beacons are sent, as the driver told.
    pub(crate) broadcasts: Vec<Ipv4Addr>,
}

/// What a [`State`] is made of.
pub(crate) struct Parts {
    pub(crate) rng: StdRng,
    pub(crate) unix_origin: Duration,
    pub(crate) network: Network,
    pub(crate) inbound: Inbound,
    pub(crate) hardening: Hardening,
    pub(crate) requests: Requests,
    pub(crate) signer: Box<dyn Signer>,
    pub(crate) walkers: Walkers,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) activity: Arc<Activity>,
    pub(crate) shared: Weak<Shared>,
    pub(crate) clock: Option<Clock>,
}

impl State {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            now: Time::ZERO,
            unix_origin: parts.unix_origin,
            rng: parts.rng,
            network: parts.network,
            own: OwnAddresses::default(),
            hardening: parts.hardening,
            signer: parts.signer,
            punctures: Punctures::default(),
            outbox: Outbox::default(),
            timers: Timers::default(),
            walkers: parts.walkers,
            requests: parts.requests,
            tasks: parts.tasks,
            activity: parts.activity,
            stats: Stats::default(),
            unloaded: MessageStats::default(),
            clock: parts.clock,
            shared: parts.shared,
            observer: None,
            clocks: SortedMap::default(),
            directory: BTreeMap::new(),
            catch_all: Vec::new(),
            inbound: parts.inbound,
            places: Vec::new(),
            prefixes: SortedMap::default(),
            resolves: VecDeque::new(),
            broadcasts: Vec::new(),
        }
    }

    // --- overlays ----------------------------------------------------------------------------------------------

    pub(crate) fn overlay_of(&self, community_id: CommunityId) -> Option<OverlayId> {
        self.prefixes.get(Prefix::new(community_id).as_bytes()).copied()
    }

    pub(crate) fn name_of(&mut self, id: OverlayId) -> Option<&'static str> {
        self.place(id)?.overlay.as_ref().map(|overlay| overlay.name)
    }

    /// Whether a timer is due.
    pub(crate) fn has_due(&self) -> bool {
        self.timers.next().is_some_and(|at| at <= self.now)
    }

    /// Whether communities are to be told of peers.
    pub(crate) fn has_events(&self) -> bool {
        let own = |place: &Place| place.overlay.as_ref()?.own_network.as_ref().map(Network::has_events);
        self.network.has_events() || self.places.iter().any(|place| own(place).unwrap_or(false))
    }

    pub(crate) fn overlay_of_type(&self, type_id: TypeId) -> Option<OverlayId> {
        self.places.iter().filter_map(|place| place.overlay.as_ref()).find(|o| o.type_id == type_id).map(|o| o.id)
    }

    /// Puts an overlay in place; `make` gets the id that it will have.
    pub(crate) fn insert_overlay(&mut self, make: impl FnOnce(OverlayId) -> OverlayState) -> OverlayId {
        let index = self.places.iter().position(|place| place.overlay.is_none()).unwrap_or_else(|| {
            self.places.push(Place::default());
            self.places.len() - 1
        });
        let generation = self.places.get(index).map_or(0, |place| place.generation);
        let id = OverlayId { index: u32::try_from(index).unwrap_or(u32::MAX), generation };
        let mut overlay = make(id);
        self.activity.loaded(id, overlay.name);
        self.prefixes.insert(*overlay.prefix.as_bytes(), id);
        self.directory.insert(id, (overlay.community_id, overlay.key.clone()));
        self.network.blacklist_mid(overlay.key.mid());
        match &mut overlay.own_network {
            None => self.network.serve(overlay.community_id),
            Some(own) => drop(own.remember_peers(&self.network.remembered_of(overlay.community_id))),
        }
        if let Some(place) = self.places.get_mut(index) {
            place.overlay = Some(Box::new(overlay));
        }
        id
    }

    /// Takes an overlay out with everything that is its, for the caller to drop without the lock.
    pub(crate) fn remove_overlay(&mut self, id: OverlayId) -> Option<Box<OverlayState>> {
        self.end_requests(id);
        let mut overlay = self.place(id).and_then(|place| {
            place.generation = place.generation.wrapping_add(1);
            place.overlay.take()
        })?;
        self.unloaded += &overlay.traffic.total();
        self.prefixes.remove(overlay.prefix.as_bytes());
        self.directory.remove(&id);
        if overlay.own_network.is_none() {
            self.network.stop_serving(overlay.community_id);
        }
        self.catch_all.retain(|other| *other != id);
        overlay.cancel_all(&mut self.timers, &self.tasks);
        Some(overlay)
    }

    pub(crate) fn overlays(&self) -> impl Iterator<Item = OverlayId> + use<> {
        let ids: Vec<_> = self.directory.keys().copied().collect();
        ids.into_iter()
    }

    pub(crate) fn is_loaded(&self, id: OverlayId) -> bool {
        self.directory.contains_key(&id)
    }

    /// The graphs that overlays have for themselves.
    pub(crate) fn own_networks(&mut self) -> impl Iterator<Item = (CommunityId, &mut Network)> {
        let overlays = self.places.iter_mut().filter_map(|place| place.overlay.as_mut());
        overlays.filter_map(|overlay| Some((overlay.community_id, overlay.own_network.as_mut()?)))
    }

    pub(crate) fn overlay_mut(&mut self, id: OverlayId) -> Option<&mut OverlayState> {
        self.place(id)?.overlay.as_deref_mut()
    }

    pub(crate) fn place(&mut self, id: OverlayId) -> Option<&mut Place> {
        let index = usize::try_from(id.index).ok()?;
        self.places.get_mut(index).filter(|place| place.generation == id.generation)
    }

    /// Runs something inside an overlay. A panic is logged and the overlay goes on. `None` if the overlay is not there,
    /// or panicked.
    pub(crate) fn enter<R>(
        &mut self,
        id: OverlayId,
        received: Option<&Received<'_>>,
        run: impl FnOnce(&mut dyn Erased, &mut Context<'_>) -> R,
    ) -> Option<R> {
        match self.try_enter(id, received, run)? {
            Ok(result) => Some(result),
            Err(panic) => {
                self.observe_panic(id, received, panic_text(&*panic));
                self.count_panic(id, received.map(Received::message_id));
                tracing::error!(
                    community = self.name_of(id),
                    message = received.map(Received::message_id),
                    panic = panic_text(&*panic),
                    "a handler panicked; the node goes on"
                );
                drop_quietly(panic);
                None
            }
        }
    }

    /// The same for those who want the panic themselves.
    pub(crate) fn try_enter<R>(
        &mut self,
        id: OverlayId,
        received: Option<&Received<'_>>,
        run: impl FnOnce(&mut dyn Erased, &mut Context<'_>) -> R,
    ) -> Option<std::thread::Result<R>> {
        let mut overlay = self.place(id)?.overlay.take()?;
        let outcome = overlay.community.take().map(|mut community| {
            if let Some(received) = received {
                self.activity.message_begins(id, received.message_id());
            }
            let mut cx = Context { state: self, overlay: &mut overlay, received };
            let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| run(community.as_mut(), &mut cx)));
            if received.is_some() {
                cx.state.activity.message_ends();
            }
            overlay.community = Some(community);
            outcome
        });
        if let Some(place) = self.place(id) {
            place.overlay = Some(overlay);
        }
        outcome
    }

    /// Tells communities of peers that came and went, until nothing is left to tell.
    pub(crate) fn run_hooks(&mut self) {
        for _ in 0..HOOK_ROUNDS {
            if !self.has_events() {
                return;
            }
            let mut events: Vec<(Option<OverlayId>, NetworkEvent)> = Vec::new();
            if self.network.has_events() {
                events.extend(self.network.take_events().into_iter().map(|event| (None, event)));
            }
            for place in &mut self.places {
                if let Some(overlay) = &mut place.overlay
                    && let Some(network) = &mut overlay.own_network
                    && network.has_events()
                {
                    events.extend(network.take_events().into_iter().map(|event| (Some(overlay.id), event)));
                }
            }
            for (owner, event) in events {
                let (peer, service, added) = match event {
                    NetworkEvent::Added { peer, service } => (peer, service, true),
                    NetworkEvent::Removed { peer, service } => (peer, service, false),
                };
                let Some(id) = owner.or_else(|| self.overlay_of(service)) else {
                    continue;
                };
                if !added {
                    self.peer_gone(id, &peer);
                }
                self.enter(id, None, |community, cx| {
                    // An overlay with a network of its own hears of that one only.
                    if cx.community_id() != service || (owner.is_none() && cx.overlay.own_network.is_some()) {
                    } else if added {
                        community.peer_added(cx, &peer);
                    } else {
                        community.peer_removed(cx, &peer);
                    }
                });
            }
        }
    }

    /// How full the tables of the defence are.
    pub(crate) fn defence_tables(&self) -> DefenceTables {
        let (hosts, peers) = self.inbound.budgets();
        let (puncture_targets, introducers) = self.punctures.len();
        let votes = self.own.votes();
        let mut tables =
            DefenceTables { votes, puncture_targets, introducers, hosts, peers, ..DefenceTables::default() };
        for overlay in self.places.iter().filter_map(|place| place.overlay.as_ref()) {
            let (asked, moves) = overlay.asked.len();
            tables.asked += asked;
            tables.moves += moves;
        }
        tables
    }

    /// Tells the observer, if there is one.
    pub(crate) fn observe(&mut self, observation: &Observation<'_>) {
        if let Some(observer) = &mut self.observer {
            observer(observation);
        }
    }

    fn observe_panic(&mut self, id: OverlayId, received: Option<&Received<'_>>, text: &str) {
        let community = self.name_of(id).unwrap_or_default();
        self.observe(&Observation::Panicked { community, message: received.map(Received::message_id), text });
    }

    // --- counting ----------------------------------------------------------------------------------------------

    fn traffic(&mut self, id: OverlayId) -> Option<&mut Traffic> {
        self.place(id)?.overlay.as_mut().map(|overlay| &mut overlay.traffic)
    }

    /// Counts a panic of an overlay's, in the handler of a message or elsewhere.
    pub(crate) fn count_panic(&mut self, id: OverlayId, message: Option<u8>) {
        self.stats.panics += 1;
        if let Some(traffic) = self.traffic(id) {
            traffic.panicked(message);
        }
    }

    /// What the tasks of an overlay did, those that live included.
    fn task_stats(&self, overlay: &OverlayState) -> Vec<TaskStats> {
        let functions = overlay.callbacks.values().map(|callback| (callback.name.clone(), callback.usage));
        let futures = self.tasks.of(overlay.id).into_iter().filter(|task| task.origin.is_none());
        overlay.ended.with_live(functions.chain(futures.map(|task| (task.name, task.usage))))
    }

    /// All numbers of this moment.
    pub(crate) fn report(&self, parts: stats::Parts) -> StatsReport {
        let overlays = self.places.iter().filter_map(|place| place.overlay.as_ref());
        let overlays = overlays.map(|overlay| {
            let OverlayState { id, community_id, name, traffic, routes, .. } = &**overlay;
            let peers = overlay.own_network.as_ref().unwrap_or(&self.network).count_serving(*community_id);
            let tasks = self.task_stats(overlay);
            stats::overlay_stats(*id, *community_id, name, peers, traffic, routes, tasks)
        });
        let caches = self.places.iter().filter_map(|place| place.overlay.as_ref()?.caches.as_ref());
        let (outbox, outbox_peak) = self.outbox.depth();
        StatsReport {
            at: self.now,
            unix_origin: self.unix_origin,
            totals: self.stats.clone(),
            overlays: overlays.collect(),
            unloaded: self.unloaded.clone(),
            queues: Queues {
                outbox,
                outbox_peak,
                resolves: self.resolves.len(),
                tasks: parts.tasks,
                requests: self.requests.len(),
                caches: caches.map(|caches| caches.len()).sum(),
                timers: self.timers.len(),
            },
            driver: parts.driver,
        }
    }

    // --- what leaves ---------------------------------------------------------------------------------------------

    /// Takes the next datagram for the driver.
    pub(crate) fn pop_transmit(&mut self) -> Option<Transmit> {
        let transmit = self.outbox.pop()?;
        self.stats.sent += 1;
        self.stats.sent_bytes += u64::try_from(transmit.bytes.len()).unwrap_or(u64::MAX);
        Some(transmit)
    }

    pub(crate) fn drain_transmits(&mut self, into: &mut Vec<Transmit>) {
        into.extend(std::iter::from_fn(|| self.pop_transmit()));
    }

    // --- tasks, names to resolve --------------------------------------------------------------------------------

    pub(crate) fn ask_to_resolve(&mut self, resolve: Resolve) {
        if self.resolves.len() < MOST_RESOLVES && !self.resolves.contains(&resolve) {
            self.resolves.push_back(resolve);
        }
    }

    pub(crate) fn has_resolves(&self) -> bool {
        !self.resolves.is_empty()
    }

    pub(crate) fn pop_resolve(&mut self) -> Option<Resolve> {
        self.resolves.pop_front()
    }

    pub(crate) fn resolved(&mut self, resolve: &Resolve, addresses: &[SocketAddr]) {
        self.enter(resolve.overlay, None, |_, cx| {
            cx.with_bootstrappers(|bootstrapper, cx| {
                bootstrapper.resolved(cx, &resolve.host, resolve.port, addresses);
            });
        });
        self.run_hooks();
    }
}
