//! The world: nodes, virtual time, and what happens next.

mod attackers;
mod nodes;
mod skew;
mod work;

use std::{
    fmt,
    future::Future,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Wake, Waker},
    time::Duration,
};

use ipv8_core::{Community, Handle, HandleError, Node, Resolve, Time, Transmit};
use ipv8_crypto::PrivateKey;
use rand::{Rng, SeedableRng, rngs::StdRng, rngs::Xoshiro256PlusPlus};

pub use self::attackers::AttackerId;
use self::{attackers::AttackerPlace, skew::Skew, work::Cpu};
use crate::{
    capture::{Fate, Tap},
    link::{Delivery, Fabric, Hosts, Link, Links, Packet},
    metrics::{Loss, Metrics, Spread},
    options::{MakeVerifier, NodeOptions, WorldBuilder},
    queue::Queue,
    seed::generator,
    trace::{Record, Trace},
};

/// Names a node of a world, in the order in which they were added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(u32);

impl NodeId {
    /// Its number, from 0.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.0)
    }
}

/// Why [`World::complete`] has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CompleteError {
    /// The task went on when the time was over.
    #[error("the task did not end within {0:?} of virtual time")]
    TimedOut(Duration),
    /// The task panicked, or was cancelled because its community was unloaded or its node crashed.
    #[error("the task ended without a result: it panicked, or its community is not loaded any more")]
    Ended,
    /// The task was not started.
    #[error("the task could not be started: {0}")]
    Handle(#[from] HandleError),
}

/// What happens at a point in time.
#[derive(Debug)]
enum Event {
    /// A datagram arrives.
    Deliver(Arrival),
    /// An attacker listens to a datagram.
    Overhear { attacker: AttackerId, arrival: Arrival },
    /// An attacker's time has come.
    Attack(AttackerId),
    /// A node's deadline passes.
    Wake(NodeId),
    /// A node ends a piece of work, unless it crashed since it began.
    Done { node: NodeId, life: u32 },
    /// A node starts, unless it did already.
    Start { node: NodeId, life: u32 },
    /// A node learns what a name stands for, unless it crashed since it asked.
    Resolved { node: NodeId, life: u32, resolve: Resolve },
}

/// A datagram that comes to its end.
#[derive(Debug)]
struct Arrival {
    delivery: Delivery,
    bytes: Vec<u8>,
    /// Whether an attacker sent it.
    hostile: bool,
}

/// Where a node stands: at one address, or at one of each family.
#[derive(Clone, Copy, Debug)]
struct Addresses {
    first: SocketAddr,
    second: Option<SocketAddr>,
}

impl Addresses {
    fn all(self) -> impl Iterator<Item = SocketAddr> {
        std::iter::once(self.first).chain(self.second)
    }

    /// From where a datagram to this address leaves.
    fn source(self, to: SocketAddr) -> Option<SocketAddr> {
        self.all().find(|own| own.is_ipv4() == to.is_ipv4())
    }
}

/// A node and where it stands.
struct Place {
    node: Node,
    key: PrivateKey,
    addresses: Addresses,
    options: NodeOptions,
    skew: Skew,
    /// None if its work takes no time.
    cpu: Option<Box<Cpu>>,
    waker: Waker,
    up: bool,
    /// How often it crashed.
    life: u32,
    /// When the wake-ups in the queue come, the next one at the end. A node whose deadline moves away keeps its wake-up,
    /// which then finds nothing to do and sets the next one.
    wakes: Vec<Time>,
}

/// Nodes that want a turn before their deadline.
type Woken = Arc<Mutex<Vec<NodeId>>>;

struct NodeWaker {
    node: NodeId,
    woken: Woken,
}

impl Place {
    /// When the node's next deadline is, in the world's time.
    fn next_deadline(&self) -> Option<Time> {
        self.node.next_deadline().map(|at| self.skew.world_time(at))
    }
}

impl Wake for NodeWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).push(self.node);
    }
}

/// The least time between two turns that a node wants without a reason from outside: one whose tasks are never done
/// still moves on in time.
const BETWEEN_TURNS: Duration = Duration::from_micros(100);

/// Domains of [`generator`].
const OF_PACKETS: u64 = 1;
const OF_KEY: u64 = 2;
const OF_NODE: u64 = 3;

/// Nodes under virtual time, and the network between them.
///
/// Time stands still while code outside of the world runs, and jumps from event to event in [`World::run_for`] and its
/// like. The same seed and the same calls give the same run, to the last bit: see [`World::trace_hash`].
pub struct World<F: Fabric = Links> {
    seed: u64,
    now: Time,
    /// The same, for the nodes.
    clock: Arc<AtomicU64>,
    unix_origin: Duration,
    resolve_delay: Duration,
    verifier: MakeVerifier,
    rng: StdRng,
    places: Vec<Place>,
    attackers: Vec<AttackerPlace>,
    hosts: Hosts,
    fabric: F,
    queue: Queue<Event>,
    woken: Woken,
    metrics: Metrics,
    trace: Trace,
    tap: Tap,
    transmits: Vec<Transmit>,
}

impl World<Links> {
    /// A world without nodes, with links of 20 to 80 milliseconds that lose nothing.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::builder(seed).build()
    }

    /// Makes a world that differs.
    #[must_use]
    pub fn builder(seed: u64) -> WorldBuilder {
        WorldBuilder::new(seed)
    }

    /// Changes the link of all pairs that have none of their own, from now on.
    pub fn set_link(&mut self, link: Link) {
        self.fabric.set_all(link);
    }

    /// Gives two nodes a link of their own in both directions, from now on.
    pub fn set_pair(&mut self, a: NodeId, b: NodeId, link: Link) {
        self.fabric.set_pair(a, b, link);
    }

    /// Lets packets pass only where `passes(from, to)` holds, from now on; those on their way arrive.
    pub fn partition(&mut self, passes: impl Fn(NodeId, NodeId) -> bool + Send + 'static) {
        self.fabric.partition(passes);
    }

    /// Ends the partition.
    pub fn heal(&mut self) {
        self.fabric.heal();
    }
}

impl<F: Fabric> World<F> {
    pub(crate) fn from_builder(builder: WorldBuilder<F>) -> Self {
        let mut trace = Trace::default();
        trace.keep(builder.record);
        Self {
            seed: builder.seed,
            now: Time::ZERO,
            clock: Arc::default(),
            unix_origin: builder.unix_origin,
            resolve_delay: builder.resolve_delay,
            verifier: builder.verifier,
            rng: generator(builder.seed, &[OF_PACKETS]),
            places: Vec::new(),
            attackers: Vec::new(),
            hosts: Hosts::default(),
            fabric: builder.fabric,
            queue: Queue::default(),
            woken: Woken::default(),
            metrics: Metrics::default(),
            trace,
            tap: Tap::new(builder.sink, builder.unix_origin),
            transmits: Vec::new(),
        }
    }
}

/// Time.
impl<F: Fabric> World<F> {
    /// The virtual time, from zero.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// Runs all that happens up to a time, that time included. Afterwards it is that time.
    pub fn run_until(&mut self, end: Time) {
        while self.next_at().is_some_and(|at| at <= end) {
            self.step();
        }
        self.set_now(end);
    }

    /// Runs for a time.
    pub fn run_for(&mut self, duration: Duration) {
        self.run_until(self.now + duration);
    }

    /// Runs while a condition holds, but no longer than a time. True if the condition ended it; time then stands where
    /// it ended to hold. The condition is looked at after every event.
    pub fn run_while(&mut self, mut condition: impl FnMut(&Self) -> bool, limit: Duration) -> bool {
        let end = self.now + limit;
        loop {
            if !condition(self) {
                return true;
            }
            if self.next_at().is_none_or(|at| at > end) {
                self.set_now(end);
                return false;
            }
            self.step();
        }
    }

    /// Runs a future as a task of a community, in its node's turns, until it is done, but no longer than a time.
    ///
    /// # Errors
    /// If the time was over first, in which case the task goes on; if it ended without a result; or if the community is
    /// not loaded.
    pub fn complete<C: Community, T: Send + 'static>(
        &mut self,
        handle: &Handle<C>,
        limit: Duration,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, CompleteError> {
        let result = Arc::new(Mutex::new(None));
        let slot = result.clone();
        handle.with(|_, cx| {
            cx.spawn(async move {
                let value = task.await;
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
            })
        })?;
        // The task holds the other reference, and drops it with its future.
        let ended = self.run_while(|_| Arc::strong_count(&result) > 1, limit);
        let value = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        value.ok_or(if ended { CompleteError::Ended } else { CompleteError::TimedOut(limit) })
    }

    /// Lets the next event happen; false if nothing will ever happen.
    pub fn step(&mut self) -> bool {
        self.collect_woken();
        let Some((at, event)) = self.queue.pop() else {
            return false;
        };
        self.set_now(at);
        self.metrics.events += 1;
        match event {
            Event::Deliver(arrival) => self.deliver(arrival),
            Event::Overhear { attacker, arrival } => self.overhear(attacker, &arrival),
            Event::Attack(id) => self.attack(id),
            Event::Done { node, life } => self.done(node, life),
            Event::Wake(id) => self.wake(id),
            Event::Start { node, life } => {
                let place = self.place(node);
                if place.life == life && !place.up {
                    self.start(node);
                }
            }
            Event::Resolved { node, life, resolve } => {
                if self.place(node).life == life {
                    let addresses = self.hosts.resolve(resolve.host(), resolve.port());
                    self.place(node).node.resolved(&resolve, &addresses);
                }
            }
        }
        true
    }

    fn next_at(&mut self) -> Option<Time> {
        self.collect_woken();
        self.queue.next_at()
    }

    fn set_now(&mut self, now: Time) {
        self.now = self.now.max(now);
        self.clock.store(self.now.as_nanos(), Ordering::Relaxed);
    }

    /// Lets nodes whose handles were used from outside have their turn.
    fn collect_woken(&mut self) {
        let woken = std::mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner));
        for id in woken {
            // Most woke themselves in a turn that is over.
            let place = self.place(id);
            if place.up && place.node.needs_turn() {
                self.arm(id, Some(self.now));
            }
        }
    }

    /// Makes sure that a node is woken at a time.
    fn arm(&mut self, id: NodeId, at: Option<Time>) {
        let Some(at) = at else { return };
        let place = self.place_mut(id);
        if place.wakes.last().is_none_or(|next| *next > at) {
            place.wakes.push(at);
            self.queue.push(at, id.0, Event::Wake(id));
        }
    }

    fn wake(&mut self, id: NodeId) {
        let now = self.now;
        let place = self.place_mut(id);
        place.wakes.pop();
        // One that is busy looks at its deadlines when it is done.
        if !place.up || place.cpu.as_ref().is_some_and(|cpu| cpu.is_busy()) {
            return;
        }
        match place.next_deadline() {
            _ if place.node.needs_turn() => {}
            Some(deadline) if deadline <= now => {}
            later => return self.arm(id, later),
        }
        place.node.poll(place.skew.node_time(now));
        self.after_turn(id, 0);
    }

    fn deliver(&mut self, arrival: Arrival) {
        let now = self.now;
        let Arrival { delivery, bytes, .. } = &arrival;
        let to = match self.fabric.arrive(delivery, bytes, &self.hosts) {
            Ok(to) => to,
            Err(loss) => return self.lose(loss, &arrival),
        };
        if let Some(attacker) = AttackerId::of(to) {
            return self.reach_attacker(attacker, &arrival);
        }
        let place = self.place(to);
        if !place.up {
            return self.lose(Loss::Down, &arrival);
        }
        if place.cpu.is_some() {
            return self.queue_up(to, arrival);
        }
        place.node.handle(place.skew.node_time(now), [(delivery.source, bytes.as_slice())]);
        self.count_delivery(&arrival);
        self.after_turn(to, 1);
    }

    fn lose(&mut self, loss: Loss, arrival: &Arrival) {
        let Arrival { delivery: Delivery { source, to, .. }, bytes, hostile } = arrival;
        tracing::trace!(%source, %to, size = bytes.len(), reason = loss.as_str(), "lost");
        self.metrics.lose(loss, *hostile);
        self.tap.packet(self.now, *source, *to, Fate::Lost(loss), bytes);
    }

    /// Takes out of a node what its turn made, with so many datagrams.
    fn after_turn(&mut self, id: NodeId, received: usize) {
        self.metrics.turns += 1;
        let mut transmits = std::mem::take(&mut self.transmits);
        let place = self.place(id);
        let (life, addresses) = (place.life, place.addresses);
        place.node.drain_transmits(&mut transmits);
        while let Some(resolve) = self.place(id).node.poll_resolve() {
            self.queue.push(self.now + self.resolve_delay, id.0, Event::Resolved { node: id, life, resolve });
        }
        // What it asked for in its own turn waits a little, see above.
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| *other != id);
        if self.place(id).cpu.is_some() {
            self.keep_busy(id, received, &mut transmits);
        } else {
            for transmit in transmits.drain(..) {
                self.send(id, addresses, transmit);
            }
            self.arm_next(id);
        }
        self.transmits = transmits;
    }

    /// Makes sure that a node that took its turn gets the next one.
    fn arm_next(&mut self, id: NodeId) {
        let next = self.now + BETWEEN_TURNS;
        let place = self.place(id);
        let deadline = if place.node.needs_turn() { Some(next) } else { place.next_deadline().map(|at| at.max(next)) };
        self.arm(id, deadline);
    }

    fn send(&mut self, from: NodeId, addresses: Addresses, transmit: Transmit) {
        let Transmit { to, bytes } = transmit;
        self.metrics.sent += 1;
        self.metrics.sent_bytes += length(&bytes);
        let Some(source) = addresses.source(to) else {
            self.tap.packet(self.now, addresses.first, to, Fate::Sent, &bytes);
            let delivery = Delivery { at: self.now, to, source: addresses.first };
            return self.lose(Loss::NoRoute, &Arrival { delivery, bytes, hostile: false });
        };
        self.listen_in(from, source, to, &bytes);
        let rng = Xoshiro256PlusPlus::seed_from_u64(self.rng.next_u64());
        self.dispatch(from, source, to, bytes, rng);
    }

    /// Puts a datagram of a node or an attacker on its way.
    fn dispatch(
        &mut self,
        from: NodeId,
        source: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
        mut rng: Xoshiro256PlusPlus,
    ) {
        let hostile = AttackerId::of(from).is_some();
        self.tap.packet(self.now, source, to, Fate::Sent, &bytes);
        let packet = Packet { now: self.now, from, source, to, bytes: &bytes };
        let mut deliveries = match self.fabric.route(&packet, &self.hosts, &mut rng) {
            Ok(deliveries) => deliveries,
            Err(loss) => {
                let delivery = Delivery { at: self.now, to, source };
                return self.lose(loss, &Arrival { delivery, bytes, hostile });
            }
        };
        let Some(last) = deliveries.pop() else { return };
        if !hostile {
            self.metrics.duplicated += u64::try_from(deliveries.len()).unwrap_or(u64::MAX);
        }
        for copy in deliveries {
            self.schedule(from, Arrival { delivery: copy, bytes: bytes.clone(), hostile });
        }
        self.schedule(from, Arrival { delivery: last, bytes, hostile });
    }

    fn schedule(&mut self, from: NodeId, mut arrival: Arrival) {
        arrival.delivery.at = arrival.delivery.at.max(self.now);
        self.queue.push(arrival.delivery.at, from.0, Event::Deliver(arrival));
    }
}

/// Looking in.
impl<F: Fabric> World<F> {
    /// What makes this run repeatable.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// What was counted.
    #[must_use]
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// A hash over every delivery so far, in order: its time, both addresses and its bytes. Equal hashes mean equal runs,
    /// as far as 64 bits can tell. It changes with every version of the protocol's code, so compare runs of one build.
    #[must_use]
    pub const fn trace_hash(&self) -> u64 {
        self.trace.hash()
    }

    /// The last packets that arrived, oldest first; none unless [`WorldBuilder::record`] says how many to keep.
    pub fn recent(&self) -> impl Iterator<Item = &Record> {
        self.trace.recent()
    }

    /// Whether the sink of [`WorldBuilder::capture`] wants no more: a comparison found a difference, or a file could not
    /// be written. The world goes on, but a run for the sake of the sink can end.
    #[must_use]
    pub const fn capture_over(&self) -> bool {
        self.tap.over()
    }

    /// Ends the capture. Without this, the end of a file may be missing.
    ///
    /// # Errors
    /// The first thing that went wrong with the sink since the world began.
    pub fn finish_capture(&mut self) -> io::Result<()> {
        self.tap.finish(self.now)
    }

    /// Events that are still to happen; a wake-up among them may find nothing to do.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// How many verified peers these nodes know, in the graph that their communities share; none if they are down.
    ///
    /// # Panics
    /// If one of them is a node of another world.
    #[must_use]
    pub fn peers_known(&self, nodes: impl IntoIterator<Item = NodeId>) -> Spread {
        nodes.into_iter().map(|id| self.node(id).network(|network| network.len()).unwrap_or_default()).collect()
    }
}

impl<F: Fabric> Drop for World<F> {
    #[allow(clippy::print_stderr, reason = "a test that failed is about to tell why; this says how to see it again")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (seed, now, hash) = (self.seed, self.now, self.trace.hash());
            eprintln!("ipv8-sim: world of seed {seed} at {now:?}, trace {hash:016x}");
            for record in self.trace.recent() {
                eprintln!("  {record}");
            }
        }
    }
}

impl<F: Fabric> fmt::Debug for World<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.seed)
            .field("now", &self.now)
            .field("nodes", &self.places.len())
            .field("trace", &format_args!("{:016x}", self.trace.hash()))
            .finish_non_exhaustive()
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
