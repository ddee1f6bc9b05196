//! How a world and its nodes are made.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ipv8_core::{Blocking, Hardening, Limits, Node};
use ipv8_crypto::{Memoised, PrivateKey, Sequential, Signer, Signing, Stamps, Verifier};
use rand::RngExt;

use crate::{
    capture::Sink,
    cpu::CpuModel,
    link::{Fabric, Link, Links},
    seed::generator,
    world::World,
};

/// Domain of [`generator`]; those of the world's are counted from 1.
const OF_STAMPS: u64 = 16;

/// Seconds since 1970 at a world's beginning: 2026-01-01, 00:00 UTC.
const UNIX_ORIGIN: Duration = Duration::from_secs(1_767_225_600);

/// How long a name takes to resolve.
const RESOLVE_DELAY: Duration = Duration::from_millis(50);

/// Makes the verifier of one node.
pub(crate) type MakeVerifier = Box<dyn Fn() -> Box<dyn Verifier> + Send>;

/// Makes the signer of one node.
pub(crate) type MakeSigner = Box<dyn Fn() -> Box<dyn Signer> + Send>;

/// Makes a [`World`].
pub struct WorldBuilder<F = Links> {
    pub(crate) seed: u64,
    pub(crate) fabric: F,
    pub(crate) unix_origin: Duration,
    pub(crate) resolve_delay: Duration,
    pub(crate) record: usize,
    pub(crate) verifier: MakeVerifier,
    pub(crate) signer: MakeSigner,
    pub(crate) sink: Option<Box<dyn Sink>>,
    pub(crate) threads: usize,
}

impl WorldBuilder<Links> {
    pub(crate) fn new(seed: u64) -> Self {
        let memoised = Memoised::default();
        let signer = memoised.clone();
        Self {
            seed,
            fabric: Links::default(),
            unix_origin: UNIX_ORIGIN,
            resolve_delay: RESOLVE_DELAY,
            record: 0,
            verifier: Box::new(move || Box::new(memoised.clone())),
            signer: Box::new(move || Box::new(signer.clone())),
            sink: None,
            threads: 1,
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
        let Self { seed, fabric: _, unix_origin, resolve_delay, record, verifier, signer, sink, threads } = self;
        WorldBuilder { seed, fabric, unix_origin, resolve_delay, record, verifier, signer, sink, threads }
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

    /// Runs nodes in this many threads at once, by default in one; no threads are taken for one.
    ///
    /// The run is the same with any number, to the last bit. Threads meet once in every [lookahead](Fabric::lookahead) of
    /// virtual time, so that they pay where many packets arrive within one, and cost where there are few; a network
    /// without a lookahead is run by one thread, and so are [`World::run_while`] and [`World::step`].
    ///
    /// What nodes do in their turns must stay within themselves: one that reaches another by a handle, or a variable that
    /// several of them change, finds it at a time that no seed decides.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Hands every datagram to this sink, see [`capture`](crate::capture). [`World::finish_capture`] says whether all went
    /// well.
    #[must_use]
    pub fn capture(mut self, sink: impl Sink + 'static) -> Self {
        self.sink = Some(Box::new(sink));
        self
    }

    /// Verifies every signature anew. By default each is made for real, and its verdict is remembered from then on
    /// ([`Memoised`]): the same bytes and the same verdicts, for a third of the time.
    #[must_use]
    pub fn real_signatures(self) -> Self {
        self.verifier(|| Box::new(Sequential))
    }

    /// Puts stamps in place of signatures ([`Stamps`]), which cost nearly nothing to make and to check.
    ///
    /// Packets have the sizes that they would have, forged ones are found out, and signatures that something else made hold:
    /// all happens as it would, at the same times, and all counters are the same. But the bytes of signatures are others,
    /// and so is the [trace's hash](World::trace_hash).
    #[must_use]
    pub fn stamps(mut self) -> Self {
        let mut secret = [0; 32];
        generator(self.seed, &[OF_STAMPS]).fill(&mut secret);
        let stamps = Stamps::new(secret);
        let signer = stamps.clone();
        self.verifier = Box::new(move || Box::new(stamps.clone()));
        self.signer = Box::new(move || Box::new(signer.clone()));
        self
    }

    /// Makes every node's verifier with this function. Signatures are then made without being remembered.
    #[must_use]
    pub fn verifier(mut self, make: impl Fn() -> Box<dyn Verifier> + Send + 'static) -> Self {
        self.verifier = Box::new(make);
        self.signer = Box::new(|| Box::new(Signing));
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
    pub(crate) blocking: Blocking,
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

    /// How long work takes that is given to [`Handle::blocking`](ipv8_core::Handle::blocking), by the world's time; none by
    /// default. It is done in the node's own turn, when that time has passed.
    #[must_use]
    pub fn blocking_takes(mut self, duration: Duration) -> Self {
        self.blocking = Blocking::Inline(duration);
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
