//! The node: communities, their peers and their tasks, without any I/O.

mod config;
mod shared;

use std::{
    cell::RefCell,
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Weak},
    task::Waker,
    time::Duration,
};

use ipv8_crypto::{PrivateKey, PublicKey};
use ipv8_wire::CommunityId;
use parking_lot::ReentrantMutex;
use rand::{SeedableRng, rngs::StdRng};
use smallvec::SmallVec;

pub use self::config::{Clock, NodeConfig};
use self::shared::Leftovers;
pub(crate) use self::shared::Shared;

use crate::{
    addresses::Interfaces,
    blocking::Places,
    bootstrap::Resolve,
    community::{Community, OverlayConfig, OverlayId},
    context::Context,
    defence::hardening::DefenceTables,
    driver_waker::DriverWaker,
    handle::{Handle, HandleError},
    inbound::Inbound,
    intro,
    network::{Network, PeersError},
    outbox::Transmit,
    request::Requests,
    routes::{RouteError, Routes},
    state::{OverlayState, Parts, State},
    stats::{self, DriverCounters, Stats, StatsReport, Traffic},
    strategy::Walkers,
    tasks::{POLLS_PER_TURN, Tasks},
    time::Time,
    unload::Unloading,
    watch::{Activity, Busy},
};

/// LANs to which is broadcast.
const MOST_BROADCASTS: usize = 4;

/// Rounds of handlers and tasks within one turn; what is ready beyond them waits for the next turn.
const ROUNDS_PER_TURN: usize = 32;

/// Why a community was not loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Its handlers contradict each other.
    #[error(transparent)]
    Routes(#[from] RouteError),
    /// One with the same id is there.
    #[error("cannot load {name}: {loaded} has its id {id} already, and a node can load an id once")]
    Loaded {
        /// The id.
        id: CommunityId,
        /// The one that was to be loaded.
        name: &'static str,
        /// The one that is there.
        loaded: &'static str,
    },
    /// Called from inside a handler.
    #[error("cannot load {name} while a handler of the node runs: load it from outside, or from a task")]
    Reentrant {
        /// The one that was to be loaded.
        name: &'static str,
    },
}

/// What is to come after a turn: see [`Node::advance`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Outlook {
    /// When the next turn is due if nothing arrives; `None` while there is nothing to wait for.
    pub deadline: Option<Time>,
    /// Whether a turn is due before that, at once.
    pub again: bool,
    /// Whether names wait for [`Node::poll_resolve`].
    pub resolves: bool,
}

/// A node of IPv8: it loads communities, takes in datagrams and time, and gives out datagrams and deadlines.
///
/// It performs no I/O and reads no clock. A driver calls, in a loop:
/// 1. [`Node::handle`] with what arrived, or [`Node::poll`] when a deadline passed or the [waker](Node::set_waker) was
///    called: one turn;
/// 2. [`Node::poll_transmit`] until nothing is left, sending each datagram;
/// 3. [`Node::poll_resolve`] until nothing is left, answering each with [`Node::resolved`] when it is known;
/// 4. [`Node::next_deadline`], to wait for.
///
/// Cloning gives another reference to the same node.
#[derive(Clone)]
pub struct Node {
    shared: Arc<Shared>,
    key: PrivateKey,
}

impl Node {
    /// A node without communities.
    #[must_use]
    pub fn new(config: NodeConfig) -> Self {
        let driver = Arc::new(DriverWaker::default());
        let activity = Activity::new(config.clock.clone());
        let tasks = Arc::new(Tasks::new(driver.clone(), activity.clone()));
        let shared = Arc::new_cyclic(|shared: &Weak<Shared>| Shared {
            state: ReentrantMutex::new(RefCell::new(State::new(Parts {
                rng: StdRng::from_seed(config.seed),
                unix_origin: config.unix_origin,
                network: Network::hardened(config.limits, &config.hardening),
                inbound: Inbound::new(config.verifier, config.keys, &config.hardening),
                hardening: config.hardening,
                requests: Requests::new(config.requests),
                signer: config.signer,
                walkers: Walkers::new(config.tick),
                tasks: tasks.clone(),
                activity: activity.clone(),
                shared: shared.clone(),
                clock: config.clock.clone(),
            }))),
            tasks,
            driver,
            clock: config.clock,
            counters: DriverCounters::default(),
            activity,
            blocking: Places::new(config.blocking, config.most_blocking),
            unload_limit: config.unload_limit,
            later: Leftovers::default(),
        });
        Self { shared, key: config.key }
    }

    // --- communities -------------------------------------------------------------------------------------------

    /// Loads a community and calls its `started`.
    ///
    /// # Errors
    /// If two of its handlers are for one message id, or a community with its id is loaded.
    pub fn load<C: Community>(&self, config: impl Into<OverlayConfig<C>>) -> Result<Handle<C>, LoadError> {
        let config = config.into();
        let mut routes = Routes::<C>::new();
        if !config.any_prefix {
            intro::base_routes(&mut routes);
        }
        C::routes(&mut routes);
        let (table, scheduled) = routes.finish()?;
        let OverlayConfig { community, id, key, max_peers, own_network, any_prefix, strategies, bootstrappers, .. } =
            config;
        let key = key.unwrap_or_else(|| self.key.clone());
        self.shared
            .with_now(|state| {
                if let Some(loaded) = state.overlay_of(id).and_then(|there| state.name_of(there)) {
                    return Err(LoadError::Loaded { id, name: C::name(), loaded });
                }
                let own_mid = key.mid();
                let own_network = own_network.then(|| Network::serving_only(id, &state.hardening));
                let overlay = state.insert_overlay(|overlay| OverlayState {
                    id: overlay,
                    community_id: id,
                    prefix: ipv8_wire::Prefix::new(id),
                    name: C::name(),
                    type_id: std::any::TypeId::of::<C>(),
                    key,
                    max_peers,
                    own_network,
                    routes: Arc::new(table),
                    community: Some(Box::new(community)),
                    bootstrappers: Vec::new(),
                    callbacks: std::collections::BTreeMap::new(),
                    next_callback: 0,
                    names: std::collections::HashMap::new(),
                    expected: BTreeSet::new(),
                    request_extra: Vec::new(),
                    response_extra: Vec::new(),
                    asked: crate::defence::asked::Asked::default(),
                    caches: None,
                    passthrough: None,
                    over: false,
                    traffic: Traffic::default(),
                    ended: stats::TaskTable::default(),
                    at_unload: Vec::new(),
                    closing: None,
                });
                if any_prefix {
                    state.catch_all.push(overlay);
                }
                state.enter(overlay, None, |community, cx| {
                    cx.network_mut().blacklist_mid(own_mid);
                    cx.overlay.bootstrappers = bootstrappers;
                    cx.with_bootstrappers(|bootstrapper, cx| bootstrapper.started(cx));
                    for scheduled in scheduled {
                        if let Err(error) = cx.schedule_erased(scheduled) {
                            tracing::error!(community = cx.name(), %error, "a task of Community::routes was left out");
                        }
                    }
                    community.started(cx);
                });
                for (strategy, target) in strategies {
                    state.add_strategy(overlay, strategy, target);
                }
                state.arm_walk();
                state.run_hooks();
                Ok(Handle::new(Arc::downgrade(&self.shared), overlay))
            })
            .unwrap_or(Err(LoadError::Reentrant { name: C::name() }))
    }

    /// A handle to a loaded community of this type, the first if there are several.
    #[must_use]
    pub fn find<C: Community>(&self) -> Option<Handle<C>> {
        let overlay = self.shared.with(|state| state.overlay_of_type(std::any::TypeId::of::<C>()))??;
        Some(Handle::new(Arc::downgrade(&self.shared), overlay))
    }

    /// The overlays that are loaded, in the order of their ids: for those who look at all of them.
    #[must_use]
    pub fn overlays(&self) -> Vec<OverlayId> {
        self.shared.with(|state| state.overlays().collect()).unwrap_or_default()
    }

    /// Runs a closure in an overlay whose type is not known, to list its strategies for example; [`Handle::with`] is the
    /// same for a known type. A panic in the closure is the caller's.
    ///
    /// # Errors
    /// If the overlay is not loaded, or a handler of the node is running on this thread.
    pub fn in_overlay<R>(&self, overlay: OverlayId, run: impl FnOnce(&mut Context<'_>) -> R) -> Result<R, HandleError> {
        let outcome = self.shared.with_now(|state| {
            let outcome = state.try_enter(overlay, None, |_, cx| run(cx));
            state.run_hooks();
            outcome
        });
        match outcome.ok_or(HandleError::Reentrant)?.ok_or(HandleError::Unloaded)? {
            Ok(result) => Ok(result),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Unloads a community while others go on: its tasks end, its requests fail, its messages are dropped as unknown.
    ///
    /// If it has [last tasks](Context::at_unload), they run in the turns that follow, for [`NodeConfig::unload_limit`] at
    /// most, and it is unloaded after them; otherwise it is gone when this returns. [`Node::unload_within`] tells how it
    /// went.
    ///
    /// # Errors
    /// If it is not loaded, or a handler is running on this thread.
    pub fn unload<C: Community>(&self, handle: &Handle<C>) -> Result<(), HandleError> {
        self.unload_within(handle, self.shared.unload_limit).map(drop)
    }

    /// The same with a time limit of the caller's: zero drops the last tasks at once. What is returned can be awaited, and
    /// says which of them did not end in time. A community that is being unloaded already gets the earlier of both limits.
    ///
    /// # Errors
    /// As [`Node::unload`].
    pub fn unload_within<C: Community>(&self, handle: &Handle<C>, limit: Duration) -> Result<Unloading, HandleError> {
        let mut unloading = Unloading::default();
        self.unload_id(handle.overlay_id(), limit, &mut unloading)?;
        Ok(unloading)
    }

    /// Unloads all communities, side by side. The driver should go on until they are gone and their last words are sent.
    pub fn unload_all(&self) {
        drop(self.unload_all_within(self.shared.unload_limit));
    }

    /// The same with a time limit of the caller's, and a report.
    pub fn unload_all_within(&self, limit: Duration) -> Unloading {
        let mut unloading = Unloading::default();
        for overlay in self.shared.with(|state| state.overlays()).into_iter().flatten() {
            // It may have been unloaded by another one's last words.
            let _ = self.unload_id(overlay, limit, &mut unloading);
        }
        unloading
    }

    fn unload_id(&self, overlay: OverlayId, limit: Duration, unloading: &mut Unloading) -> Result<(), HandleError> {
        let told = unloading.add();
        let outcome = match self.shared.with_now(|state| state.unload(overlay, limit, told)) {
            None => Err(HandleError::Reentrant),
            Some(false) => Err(HandleError::Unloaded),
            Some(true) => {
                self.shared.tasks.bury();
                self.shared.catch_up();
                Ok(())
            }
        };
        if outcome.is_err() {
            unloading.forget();
        }
        outcome
    }

    /// The public key of communities that bring none of their own.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        self.key.public()
    }

    // --- the driver's side -------------------------------------------------------------------------------------

    /// Tells the node what was bound and which addresses the machine has.
    pub fn set_interfaces(&self, interfaces: Interfaces) {
        self.shared.with_now(|state| state.own.set(interfaces));
    }

    /// Tells the node at which addresses it reaches all machines of its LANs at once; none, as at first, if it should not.
    /// Further ones than four are ignored: everything that is broadcast goes to each.
    pub fn set_broadcast_addresses(&self, addresses: impl IntoIterator<Item = Ipv4Addr>) {
        let addresses = addresses.into_iter().take(MOST_BROADCASTS).collect();
        self.shared.with_now(|state| state.broadcasts = addresses);
    }

    /// Registers what to wake when a turn is due before the next deadline, because a handle was used from outside.
    pub fn set_waker(&self, waker: &Waker) {
        self.shared.driver.register(waker);
        if self.shared.driver.is_pending() {
            waker.wake_by_ref();
        }
    }

    /// Whether a turn is due before the next deadline.
    #[must_use]
    pub fn needs_turn(&self) -> bool {
        self.shared.driver.is_pending()
    }

    /// One turn: takes in datagrams, in order, serves what is due, and polls tasks until none is ready.
    pub fn handle<'a>(&self, now: Time, datagrams: impl IntoIterator<Item = (SocketAddr, &'a [u8])>) {
        let batch: SmallVec<[_; 2]> = datagrams.into_iter().collect();
        self.turn_and_call(now, &batch);
    }

    /// One turn without datagrams: after a deadline passed or the waker was called.
    pub fn poll(&self, now: Time) {
        self.turn_and_call(now, &[]);
    }

    /// A turn and all that a driver asks after it, in one go: for drivers of many nodes, which would otherwise spend as much
    /// time on asking as on turns.
    ///
    /// As [`Node::handle`] with these datagrams, [`Node::drain_transmits`] and [`Node::next_deadline`]. The
    /// [waker](Node::set_waker) is not called for what [`Outlook::again`] says.
    pub fn advance(&self, now: Time, datagrams: &[(SocketAddr, &[u8])], transmits: &mut Vec<Transmit>) -> Outlook {
        let mut outlook = Outlook::default();
        outlook.again = self.turn(now, datagrams, |state| {
            state.drain_transmits(transmits);
            outlook.deadline = state.timers.next();
            outlook.resolves = state.has_resolves();
        });
        outlook
    }

    /// A turn after which the waker is called if another one is due.
    fn turn_and_call(&self, now: Time, batch: &[(SocketAddr, &[u8])]) {
        if self.turn(now, batch, |_| ()) {
            self.shared.driver.call();
        }
    }

    /// Takes a turn, with `finish` at its end, and says whether another one is due.
    fn turn(&self, now: Time, batch: &[(SocketAddr, &[u8])], finish: impl FnMut(&mut State)) -> bool {
        self.shared.activity.turn_begins(now);
        let again = self.shared.driver.turn(|| self.run_turn(now, batch, finish));
        self.shared.activity.turn_ends();
        again
    }

    /// Runs a turn, and `finish` with the state when it is over.
    fn run_turn(&self, now: Time, batch: &[(SocketAddr, &[u8])], mut finish: impl FnMut(&mut State)) {
        let shared = &*self.shared;
        // Most turns have no task to poll, and get by with locking the state once.
        let begun = shared.with(|state| {
            state.now = state.now.max(now);
            state.stats.turns += 1;
            if !batch.is_empty() {
                state.receive(batch);
            }
            shared.driver.take();
            let over = shared.go_on_with(state);
            if over {
                shared.end_turn(state);
                finish(state);
            }
            over
        });
        match begun {
            Some(true) => {}
            Some(false) => {
                self.run_tasks();
                shared.with(|state| {
                    shared.end_turn(state);
                    finish(state);
                });
            }
            // Inside a handler, where nothing can be done.
            None => shared.driver.wake(),
        }
    }

    /// The rest of a turn in which tasks are to be polled, with the state unlocked.
    fn run_tasks(&self) {
        let shared = &*self.shared;
        let mut ended = Vec::new();
        let mut budget = POLLS_PER_TURN;
        for _ in 0..ROUNDS_PER_TURN {
            shared.catch_up();
            shared.with(State::run_timers);
            if shared.tasks.has_work() {
                shared.tasks.run(&mut budget, &mut ended);
                shared.with(|state| state.tasks_ended(&ended));
                ended.clear();
            }
            shared.with(State::run_hooks);
            // A handle that a task used asked for a turn, which this is.
            let more = shared.driver.take()
                || shared.tasks.has_work()
                || shared.with(|state| state.has_due()).unwrap_or(false);
            if !more {
                break;
            }
        }
    }

    /// The next datagram to send.
    #[must_use]
    pub fn poll_transmit(&self) -> Option<Transmit> {
        self.shared.with(State::pop_transmit)?
    }

    /// Takes all datagrams that wait, in order; cheaper than one [`Node::poll_transmit`] for each.
    pub fn drain_transmits(&self, into: &mut Vec<Transmit>) {
        self.shared.with(|state| state.drain_transmits(into));
    }

    /// The same for a driver that sends again and again: what is in `transmits` was sent, and its buffers are used for the
    /// next messages, so that sending need not allocate. 64 buffers of 2 KiB at most are kept.
    pub fn exchange_transmits(&self, transmits: &mut Vec<Transmit>) {
        self.shared.with(|state| state.outbox.take_back(transmits.drain(..)));
        self.drain_transmits(transmits);
    }

    /// The next host name to resolve.
    #[must_use]
    pub fn poll_resolve(&self) -> Option<Resolve> {
        self.shared.with(State::pop_resolve)?
    }

    /// Answers a [`Resolve`]; no addresses if the name could not be resolved.
    pub fn resolved(&self, resolve: &Resolve, addresses: &[SocketAddr]) {
        self.shared.with_now(|state| state.resolved(resolve, addresses));
    }

    /// When the next turn is due if nothing arrives; `None` while there is nothing to wait for.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.shared.with(|state| state.timers.next())?
    }

    /// Where the driver writes what it counts itself, for [`Node::report`].
    #[must_use]
    pub fn driver_counters(&self) -> &DriverCounters {
        &self.shared.counters
    }

    // --- peers that outlive the node ---------------------------------------------------------------------------

    /// The known peers as bytes, to be [loaded](Node::load_peers) at another start: keys, addresses, communities and when
    /// each was heard last. Those of all overlays are in it, whether they share a network or have one of their own; and those
    /// that were loaded and not met again yet, so that a node that could reach nobody does not forget everybody. At most
    /// 1,000, the ones heard of last.
    ///
    /// Empty if called while a handler of the node runs on this thread; a snapshot never is.
    #[must_use]
    pub fn save_peers(&self) -> Vec<u8> {
        self.shared.with_now(|state| state.save_peers()).unwrap_or_default()
    }

    /// Takes in peers that [`Node::save_peers`] wrote, or the addresses in a snapshot of the reference's
    /// (`Network.snapshot`), and returns how many there was room for.
    ///
    /// They become addresses to walk to, each for the communities that the peer served (those of the reference's snapshots
    /// for every community of the shared network), and verified peers only once they answer. Call it before or after the
    /// overlays are loaded.
    ///
    /// # Errors
    /// If the bytes are no snapshot, were damaged, or are of a version that is not read. They may come from anywhere: nothing in
    /// them makes the node panic, or take in more than 1,000 peers.
    pub fn load_peers(&self, snapshot: &[u8]) -> Result<usize, PeersError> {
        self.shared.with_now(|state| state.load_peers(snapshot)).unwrap_or(Err(PeersError::Reentrant))
    }

    // --- looking in --------------------------------------------------------------------------------------------

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// What the node counted.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.with(|state| state.stats.clone()).unwrap_or_default()
    }

    /// All numbers of the node: its totals, those of each overlay and message, the lengths of its queues, and what the
    /// driver counted. `println!("{}", node.report())` prints a table. Empty inside a handler.
    #[must_use]
    pub fn report(&self) -> StatsReport {
        let parts = stats::Parts { tasks: self.shared.tasks.len(), driver: self.shared.counters.read() };
        self.shared.with(|state| state.report(parts)).unwrap_or_default()
    }

    /// Looks at the graph that communities share.
    pub fn network<R>(&self, look: impl FnOnce(&Network) -> R) -> Option<R> {
        self.shared.with(|state| look(&state.network))
    }

    /// How full the tables are that the node keeps for its defence ([`Hardening`](crate::Hardening)).
    #[must_use]
    pub fn defence_tables(&self) -> DefenceTables {
        self.shared.with(|state| state.defence_tables()).unwrap_or_default()
    }

    /// What the node is doing right now, without waiting for it; `None` between its turns.
    ///
    /// For whoever watches it from another thread: something that has lasted for a second blocks, and holds up everything
    /// else in the node. The driver on tokio looks by itself, and warns.
    #[must_use]
    pub fn busy(&self) -> Option<Busy> {
        self.shared.activity.busy()
    }

    /// Tasks and requests that are under way.
    #[must_use]
    pub fn pending(&self) -> (usize, usize) {
        (self.shared.tasks.len(), self.shared.with(|state| state.requests.len()).unwrap_or(0))
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("mid", &self.key.mid()).finish_non_exhaustive()
    }
}
