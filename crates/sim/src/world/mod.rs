//! The world: nodes, virtual time, and what happens next.

mod attackers;
mod log;
mod nodes;
mod run;
mod shard;
mod skew;
mod work;

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Wake,
    time::Duration,
};

use ipv8_core::{HandleError, KeyCache, Time};

pub use self::attackers::AttackerId;
use self::{attackers::Taps, shard::Shard};
use crate::{
    capture::Tap,
    link::{Fabric, Hosts, Link, Links},
    metrics::{Metrics, Spread},
    options::{MakeSigner, MakeVerifier, WorldBuilder},
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

/// Nodes that want a turn before their deadline.
#[derive(Default)]
struct Woken {
    /// False while there are none, for those who look after every event.
    any: AtomicBool,
    nodes: Mutex<Vec<NodeId>>,
}

impl Woken {
    fn push(&self, node: NodeId) {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).push(node);
        self.any.store(true, Ordering::Release);
    }

    fn take(&self) -> Vec<NodeId> {
        if !self.any.load(Ordering::Acquire) {
            return Vec::new();
        }
        self.any.store(false, Ordering::Release);
        std::mem::take(&mut *self.nodes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets what a node asked for.
    fn forget(&self, node: NodeId) {
        if self.any.load(Ordering::Acquire) {
            self.nodes.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| *other != node);
        }
    }
}

struct NodeWaker {
    node: NodeId,
    woken: Arc<Woken>,
}

impl Wake for NodeWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.push(self.node);
    }
}

/// The least time between two turns that a node wants without a reason from outside: one whose tasks are never done
/// still moves on in time.
const BETWEEN_TURNS: Duration = Duration::from_micros(100);

/// Keys that are kept parsed for all nodes; some 500 bytes each.
const MOST_KEYS: usize = 262_144;

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
    unix_origin: Duration,
    resolve_delay: Duration,
    verifier: MakeVerifier,
    signer: MakeSigner,
    /// What all nodes read of keys; what each of them knows is its own.
    keys: KeyCache,
    /// One for each thread.
    shards: Vec<Shard>,
    /// Which shard each node is in, by the nodes' numbers.
    homes: Vec<usize>,
    /// Which attackers listen to what a node sends.
    taps: Taps,
    hosts: Hosts,
    fabric: F,
    metrics: Metrics,
    trace: Trace,
    tap: Tap,
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
            unix_origin: builder.unix_origin,
            resolve_delay: builder.resolve_delay,
            verifier: builder.verifier,
            signer: builder.signer,
            keys: KeyCache::new(MOST_KEYS),
            shards: (0..builder.threads.max(1)).map(Shard::new).collect(),
            homes: Vec::new(),
            taps: Taps::new(),
            hosts: Hosts::default(),
            fabric: builder.fabric,
            metrics: Metrics::default(),
            trace,
            tap: Tap::new(builder.sink, builder.unix_origin),
        }
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
        self.shards.iter().map(|shard| shard.queue.len()).sum()
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
            let now = self.shards.iter().map(|shard| shard.now).fold(self.now, Time::max);
            let (seed, hash) = (self.seed, self.trace.hash());
            eprintln!("ipv8-sim: world of seed {seed} at {now:?}, trace {hash:016x}");
            for (shard, node) in self.shards.iter().filter_map(|shard| Some((shard, shard.turn?))) {
                eprintln!("  it was the turn of {node} at {:?}", shard.now);
            }
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
            .field("nodes", &self.homes.len())
            .field("trace", &format_args!("{:016x}", self.trace.hash()))
            .finish_non_exhaustive()
    }
}
