//! How a world and its nodes are made.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ipv8_core::{Hardening, Limits, Node};
use ipv8_crypto::{Memoised, PrivateKey, Sequential, Verifier};

use crate::{
    capture::Sink,
    cpu::CpuModel,
    link::{Fabric, Link, Links},
    world::World,
};

/// Seconds since 1970 at a world's beginning: 2026-01-01, 00:00 UTC.
const UNIX_ORIGIN: Duration = Duration::from_secs(1_767_225_600);

/// How long a name takes to resolve.
const RESOLVE_DELAY: Duration = Duration::from_millis(50);

/// Makes the verifier of one node.
pub(crate) type MakeVerifier = Box<dyn Fn() -> Box<dyn Verifier> + Send>;

/// Makes a [`World`].
pub struct WorldBuilder<F = Links> {
    pub(crate) seed: u64,
    pub(crate) fabric: F,
    pub(crate) unix_origin: Duration,
    pub(crate) resolve_delay: Duration,
    pub(crate) record: usize,
    pub(crate) verifier: MakeVerifier,
    pub(crate) sink: Option<Box<dyn Sink>>,
}

impl WorldBuilder<Links> {
    pub(crate) fn new(seed: u64) -> Self {
        let memoised = Memoised::default();
        Self {
            seed,
            fabric: Links::default(),
            unix_origin: UNIX_ORIGIN,
            resolve_delay: RESOLVE_DELAY,
            record: 0,
            verifier: Box::new(move || Box::new(memoised.clone())),
            sink: None,
        }
    }

    /// Joins all nodes by this link; by default 20 to 80 milliseconds without loss.
    #[must_use]
    pub fn link(mut self, link: Link) -> Self {
        self.fabric.set_all(link);
        self
    }
}

impl<F: Fabric> WorldBuilder<F> {
    /// Joins all nodes by another network.
    #[must_use]
    pub fn fabric<G: Fabric>(self, fabric: G) -> WorldBuilder<G> {
        let Self { seed, fabric: _, unix_origin, resolve_delay, record, verifier, sink } = self;
        WorldBuilder { seed, fabric, unix_origin, resolve_delay, record, verifier, sink }
    }

    /// Begins at this time since 1970, by default on 2026-01-01.
    #[must_use]
    pub fn unix_origin(mut self, unix_origin: Duration) -> Self {
        self.unix_origin = unix_origin;
        self
    }

    /// Takes this long to resolve a name, by default 50 milliseconds.
    #[must_use]
    pub fn resolve_delay(mut self, delay: Duration) -> Self {
        self.resolve_delay = delay;
        self
    }

    /// Keeps the last packets that arrived, to be printed when a test fails.
    #[must_use]
    pub fn record(mut self, packets: usize) -> Self {
        self.record = packets;
        self
    }

    /// Hands every datagram to this sink, see [`capture`](crate::capture). [`World::finish_capture`] says whether all went
    /// well.
    #[must_use]
    pub fn capture(mut self, sink: impl Sink + 'static) -> Self {
        self.sink = Some(Box::new(sink));
        self
    }

    /// Verifies every signature anew, instead of one verdict for all copies of a packet.
    #[must_use]
    pub fn real_signatures(self) -> Self {
        self.verifier(|| Box::new(Sequential))
    }

    /// Makes every node's verifier with this function.
    #[must_use]
    pub fn verifier(mut self, make: impl Fn() -> Box<dyn Verifier> + Send + 'static) -> Self {
        self.verifier = Box::new(make);
        self
    }

    /// The world, without nodes.
    #[must_use]
    pub fn build(self) -> World<F> {
        World::from_builder(self)
    }
}

/// What loads the communities of a node.
pub(crate) type Setup = Box<dyn Fn(&Node) + Send>;

/// How a node is made. By default it starts at once, at an address of its own, without communities.
#[derive(Default)]
pub struct NodeOptions {
    pub(crate) key: Option<PrivateKey>,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) second: Option<SocketAddr>,
    pub(crate) machine: Option<Vec<IpAddr>>,
    pub(crate) start_after: Duration,
    pub(crate) limits: Limits,
    pub(crate) hardening: Hardening,
    pub(crate) tick: Option<Duration>,
    pub(crate) cpu: Option<CpuModel>,
    pub(crate) skew: i32,
    pub(crate) ahead: Duration,
    pub(crate) behind: Duration,
    pub(crate) setup: Option<Setup>,
}

impl NodeOptions {
    /// Uses this key instead of one drawn from the world's seed.
    #[must_use]
    pub fn key(mut self, key: PrivateKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Stands at this address; by default at 10.x.y.z, port 8090, where everybody reaches it.
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// Stands at another address of the other family too: dual stack. What it sends leaves from the address of the family
    /// that it is sent to; the first address is the one in its LAN.
    #[must_use]
    pub fn second_address(mut self, address: SocketAddr) -> Self {
        self.second = Some(address);
        self
    }

    /// The addresses of the machine that it runs on; by default just those of the node.
    #[must_use]
    pub fn machine(mut self, machine: Vec<IpAddr>) -> Self {
        self.machine = Some(machine);
        self
    }

    /// Starts later: until then it takes no turn, and what is sent to it is lost.
    #[must_use]
    pub fn start_after(mut self, delay: Duration) -> Self {
        self.start_after = delay;
        self
    }

    /// How large its tables of peers may become.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How much it trusts what it is told.
    #[must_use]
    pub fn hardening(mut self, hardening: Hardening) -> Self {
        self.hardening = hardening;
        self
    }

    /// The time in which every strategy takes one step.
    #[must_use]
    pub fn tick(mut self, tick: Duration) -> Self {
        self.tick = Some(tick);
        self
    }

    /// Its work takes time; by default it takes none, and everything that arrives is taken in.
    #[must_use]
    pub const fn cpu(mut self, model: CpuModel) -> Self {
        self.cpu = Some(model);
        self
    }

    /// Its clock runs so many millionths too fast, or too slow if negative, and all its timers with it. Quartz is off by up
    /// to 50 or so. What is beyond half a million (half speed, or half as fast again) is taken for that.
    #[must_use]
    pub const fn clock_skew(mut self, ppm: i32) -> Self {
        self.skew = ppm;
        self
    }

    /// Takes the time since 1970 for so much later than it is.
    #[must_use]
    pub const fn clock_ahead(mut self, ahead: Duration) -> Self {
        self.ahead = ahead;
        self
    }

    /// Takes the time since 1970 for so much earlier than it is.
    #[must_use]
    pub const fn clock_behind(mut self, behind: Duration) -> Self {
        self.behind = behind;
        self
    }

    /// Loads its communities, whenever the node starts: the first time and after every crash.
    #[must_use]
    pub fn setup(mut self, setup: impl Fn(&Node) + Send + 'static) -> Self {
        self.setup = Some(Box::new(setup));
        self
    }
}
